//! The one way for a file to come into a staging: copied, cloned or written.

use std::fs::File;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::Path;

use super::Staging;
use crate::error::{Code, Error, Result};
use crate::io::buffer::BUFFER;
use crate::io::checksum::Checksum;
use crate::io::copy::{Named, Pace, Transfer, checksum};
use crate::snapshot::{Attributes, Imprint};
use crate::sys::dir::Stat;
use crate::sys::file;

/// A clone costs about as much as copying so many bytes.
pub const CLONE_FROM: u64 = 64 << 10;

/// A file that is being filled, and its checksum so far.
pub struct Incoming<'s> {
    staging: &'s Staging,
    path: &'s Path,
    file: File,
    checksum: Checksum,
}

/// A file that comes from elsewhere, from its beginning. What it gives is compared with the manifest's CRC-32.
pub trait SupplyReader {
    /// The bytes that come next, lent until it is asked again; none: the file has ended.
    fn next(&mut self) -> Result<&[u8]>;
}

/// A file that is complete.
pub struct Arrived {
    /// CRC-32/ISO-HDLC of its logical bytes.
    pub crc32: u32,
    /// What the staging's file system keeps of its attributes.
    pub imprint: Imprint,
}

impl<'s> Incoming<'s> {
    pub(super) fn new(staging: &'s Staging, path: &'s Path, file: File, checksum: Checksum) -> Self {
        Self { staging, path, file, checksum }
    }

    fn named(&self) -> Named<'_> {
        Named { file: &self.file, top: self.staging.dir.path(), relative: self.path }
    }

    /// The file itself, for what is written as it is made.
    pub fn file(&self) -> &File {
        &self.file
    }

    /// Copies a range of a source to the same place, right behind what came before.
    pub fn copy(&mut self, from: Named<'_>, range: Range<u64>, pace: Pace, buffer: &mut [u8]) -> Result<()> {
        let mut checksum = self.checksum.clone();
        let transfer = Transfer { from, to: self.named(), pace, monitor: &self.staging.monitor };
        transfer.copy(range, &mut checksum, buffer)?;
        self.checksum = checksum;
        Ok(())
    }

    /// Shares the blocks of a source of this length. `false`: it is not worth it, or its file system does
    /// not do that, and then is not asked again. The checksum is still to be read.
    pub fn clone_of(&mut self, from: Named<'_>, length: u64) -> Result<bool> {
        if length < CLONE_FROM || !self.staging.clones() {
            return Ok(false);
        }
        let done = self.share(from, length)?;
        match done {
            true => self.staging.monitor.cloned(length),
            false => self.staging.set_clones(false),
        }
        Ok(done)
    }

    /// The same, asked for each time and not counted.
    pub fn share(&mut self, from: Named<'_>, length: u64) -> Result<bool> {
        let failed = |doing, error| Error::io(doing, &from.path(), error);
        if !file::clone(from.file, &self.file).map_err(|error| failed("cloning", error))? {
            return Ok(false);
        }
        let cloned = Stat::of(&self.file).map_err(|error| failed("looking at", error))?;
        if cloned.size != length {
            return Err(Error::at(Code::SourceChanged, "cloning", &from.path(), "its size changed"));
        }
        Ok(true)
    }

    /// Fills it with bytes that the host gave, all of them.
    pub fn fill(&mut self, bytes: &[u8]) -> Result<()> {
        self.file
            .write_all_at(bytes, 0)
            .map_err(|error| Error::io("writing", &self.named().path(), error))?;
        self.checksum.update(bytes);
        self.staging.monitor.dealt_with(bytes.len() as u64);
        Ok(())
    }

    /// Takes its bytes as they are brought, in their order, `length` of them. Stretches of zeros become holes.
    pub fn bring(&mut self, length: u64, reader: &mut dyn SupplyReader) -> Result<()> {
        let failed = |error| Error::io("writing", &self.staging.dir.full(self.path), error);
        let monitor = &self.staging.monitor;
        let (mut at, mut written_to, mut unsynced) = (0, 0, 0);
        while at < length {
            let lent = reader.next()?;
            if lent.is_empty() {
                let why = format!("it ends after {at} bytes, where it had {length}");
                return Err(Error::at(Code::Corrupt, "bringing", self.path, why));
            }
            let wanted = lent.len().min(usize::try_from(length - at).unwrap_or(usize::MAX));
            for bytes in lent[..wanted].chunks(BUFFER) {
                self.checksum.update(bytes);
                let (count, end) = (bytes.len() as u64, at + bytes.len() as u64);
                if is_zero(bytes) && count >= CLONE_FROM {
                    monitor.found_hole(count);
                } else {
                    self.file.write_all_at(bytes, at).map_err(failed)?;
                    written_to = end;
                    monitor.copied(count);
                }
                // However little is lent at a time, the disk is not asked for less.
                if end - unsynced >= BUFFER as u64 {
                    file::start_writeback(&self.file, unsynced..end);
                    unsynced = end;
                }
                at = end;
                monitor.check()?;
            }
        }
        if written_to < length {
            self.file.set_len(length).map_err(failed)?;
        }
        Ok(())
    }

    /// Lets go of the file: it is gone on with later, from this checksum.
    pub fn suspend(self) -> Result<Checksum> {
        self.staging.close(self.file, self.path)?;
        Ok(self.checksum)
    }

    /// The checksum of its first bytes as they are there, each told to `done`.
    pub fn read_back(&self, length: u64, buffer: &mut [u8], done: impl Fn(u64) + Sync) -> Result<u32> {
        checksum(self.named(), length, buffer, &self.staging.monitor, done)
    }

    /// A clone is complete once its checksum is read.
    pub fn finish_clone(self, length: u64, attributes: &Attributes, buffer: &mut [u8]) -> Result<Arrived> {
        let crc32 = self.read_back(length, buffer, |bytes| self.staging.monitor.dealt_with(bytes))?;
        Ok(Arrived { crc32, ..self.finish(attributes)? })
    }

    /// The file is complete: it gets its attributes, and becomes durable now or with the others.
    pub fn finish(self, attributes: &Attributes) -> Result<Arrived> {
        let full = || self.staging.dir.full(self.path);
        attributes
            .apply(&self.file)
            .map_err(|error| Error::io("setting the attributes of", &full(), error))?;
        let stat = Stat::of(&self.file).map_err(|error| Error::io("looking at", &full(), error))?;
        let crc32 = self.checksum.value();
        self.staging.make_durable(self.path, self.file, stat.size)?;
        Ok(Arrived { crc32, imprint: Imprint::of(&stat) })
    }
}

fn is_zero(bytes: &[u8]) -> bool {
    bytes.iter().all(|byte| *byte == 0)
}
