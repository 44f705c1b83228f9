//! What cannot wait until the window is closed: mutable files, the heads of pinned ones, the
//! lengths of logs.

use std::collections::HashMap;
use std::fs::File;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering::Relaxed;

use crate::sync::Mutex;

use super::Backup;
use super::list::Listed;
use super::look::Look;
use super::reserve::Reserve;
use crate::error::{Code, Error, Result};
use crate::io::checksum::Checksum;
use crate::io::copy::{Named, Pace, copy_range};
use crate::io::pool;
use crate::layout::FileClass;
use crate::sys::dir::Stat;
use crate::sys::file;

/// The first bytes of a `pinned` file, which hold every meta page.
pub const HEAD: u64 = 256 << 10;

/// How much of an `append_only` file is compared at both ends of what was captured.
pub const BLOCK: u64 = 4 << 10;

/// A clone costs about as much as copying so many bytes.
const CLONE_FROM: u64 = 64 << 10;

/// How much is worth a second thread inside the window.
const A_LOT: u64 = 4 << 20;

/// What the window caught of one file.
pub enum Early {
    /// All of a mutable file is staged.
    Copied { length: u64, checksum: Checksum },
    /// It shares its blocks with the source, and its checksum is still to be read.
    Cloned { length: u64 },
    /// The head of a pinned file is staged; the rest follows, up to this length.
    Head { length: u64, checksum: Checksum },
    /// The length of a log, and the blocks at both ends of it.
    Prefix { length: u64, first: Vec<u8>, last: Vec<u8> },
}

impl Backup<'_> {
    /// Copies what cannot wait. A file that changes meanwhile tears the look.
    pub(super) fn copy_early(&self, look: &mut Look) -> Result<HashMap<PathBuf, Early>> {
        let files: Vec<&Listed> =
            look.listing.files.iter().filter(|file| look.stats.contains_key(&file.path)).collect();
        let caught = Mutex::new(HashMap::new());
        let torn = Mutex::new(None);
        // Copied anew in each round: counted anew too.
        self.monitor.counters.bytes_done.store(0, Relaxed);
        self.monitor.counters.bytes_copied.store(0, Relaxed);
        self.monitor.counters.bytes_cloned.store(0, Relaxed);
        self.monitor.counters.bytes_holes.store(0, Relaxed);
        let bytes: u64 = files.iter().map(|file| look.stats[&file.path].size).fold(0, u64::saturating_add);
        // A second thread costs more than it helps with little to copy.
        let threads = if bytes < A_LOT { 1 } else { self.threads };
        let reserve = Reserve::default();
        pool::for_each(threads, &files, |file, buffer| {
            reserve.keep(self)?;
            let source = self.sources[file.source].dir.full(&file.relative);
            self.monitor.doing(|| format!("copying {}", crate::error::show(&source)));
            match self.copy_one_early(file, &source, look.stats[&file.path], buffer) {
                Ok(Some(early)) => {
                    caught.lock().insert(file.path.clone(), early);
                    Ok(())
                }
                Ok(None) => {
                    torn.lock().get_or_insert_with(|| file.path.clone());
                    Ok(())
                }
                // It shrank under the copy.
                Err(error) if error.code() == Code::SourceChanged => {
                    torn.lock().get_or_insert_with(|| file.path.clone());
                    Ok(())
                }
                Err(error) => Err(error),
            }
        })?;
        if let Some(path) = torn.into_inner() {
            look.tear(&path);
        }
        Ok(caught.into_inner())
    }

    /// `None`: another file has the name now.
    fn copy_one_early(
        &self,
        file: &Listed,
        source: &Path,
        stat: Stat,
        buffer: &mut [u8],
    ) -> Result<Option<Early>> {
        let length = file.limit.unwrap_or(stat.size);
        match file.class {
            FileClass::AppendOnly | FileClass::Pinned if !self.pins_the_same(file, &stat) => Ok(None),
            FileClass::AppendOnly => {
                let pinned = self.open_pinned(file)?;
                let first = block(&pinned, source, 0..length.min(BLOCK))?;
                let last = block(&pinned, source, length.saturating_sub(BLOCK)..length)?;
                Ok(Some(Early::Prefix { length, first, last }))
            }
            FileClass::Pinned => {
                let pinned = self.open_pinned(file)?;
                let checksum = self.stage(&pinned, source, &file.path, length.min(HEAD), buffer)?;
                Ok(Some(Early::Head { length, checksum }))
            }
            _ => self.copy_mutable(file, source, stat, length, buffer),
        }
    }

    /// Whether the pin is of the file that the look saw: the name may have been another's when it
    /// was pinned.
    fn pins_the_same(&self, file: &Listed, stat: &Stat) -> bool {
        let pin = self.sources[file.source].pins.get(&file.relative);
        pin.is_some_and(|pin| (pin.stat.device, pin.stat.inode) == (stat.device, stat.inode))
    }

    fn copy_mutable(
        &self,
        file: &Listed,
        source: &Path,
        stat: Stat,
        length: u64,
        buffer: &mut [u8],
    ) -> Result<Option<Early>> {
        let opened = match self.sources[file.source].dir.open_file(&file.relative) {
            Err(error) if is_gone(&error) => return Ok(None),
            other => other.map_err(|error| Error::io("opening", source, error))?,
        };
        let now = Stat::of(&opened).map_err(|error| Error::io("looking at", source, error))?;
        if (now.device, now.inode, now.kind) != (stat.device, stat.inode, stat.kind) {
            return Ok(None);
        }
        // A clone is of all that the file has at that instant.
        let may_clone = self.clones.load(Relaxed) && length >= CLONE_FROM && length == stat.size;
        if may_clone && self.clone_one(&opened, source, file, length)? {
            return Ok(Some(Early::Cloned { length }));
        }
        let checksum = self.stage(&opened, source, &file.path, length, buffer)?;
        Ok(Some(Early::Copied { length, checksum }))
    }

    fn clone_one(&self, opened: &File, source: &Path, file: &Listed, length: u64) -> Result<bool> {
        let staged = self.staging.create(&file.path, 0o600)?;
        if !file::clone(opened, &staged).map_err(|error| Error::io("cloning", source, error))? {
            self.clones.store(false, Relaxed);
            return Ok(false);
        }
        let cloned = Stat::of(&staged).map_err(|error| Error::io("looking at", source, error))?;
        if cloned.size != length {
            return Err(Error::at(Code::SourceChanged, "cloning", source, "its size changed"));
        }
        self.staging.close(staged, &file.path)?;
        self.monitor.counters.bytes_cloned.fetch_add(length, Relaxed);
        Ok(true)
    }

    /// Copies the first bytes of an open file to its place in the staging.
    fn stage(
        &self,
        from: &File,
        source: &Path,
        path: &Path,
        length: u64,
        buffer: &mut [u8],
    ) -> Result<Checksum> {
        let pace = if self.host.has_freeze() { Pace::Full } else { Pace::Limited };
        let staged = self.staging.create(path, 0o600)?;
        let to = self.staging.dir.full(path);
        let mut checksum = Checksum::default();
        let (from, to) = (Named { file: from, path: source }, Named { file: &staged, path: &to });
        copy_range(from, to, 0..length, pace, &mut checksum, buffer, self.monitor)?;
        self.staging.close(staged, path)?;
        Ok(checksum)
    }

    /// A clone first flushes the source's dirty pages: better ahead of the window than in it.
    pub(super) fn write_back_what_will_be_cloned(&self, look: &Look) {
        let mutable = look.listing.files.iter().filter(|file| file.class == FileClass::Mutable);
        let large =
            mutable.filter(|file| look.stats.get(&file.path).is_some_and(|stat| stat.size >= CLONE_FROM));
        for (index, file) in large.enumerate() {
            let Ok(opened) = self.sources[file.source].dir.open_file(&file.relative) else { continue };
            // Whether this file system clones is known after the first.
            if index == 0 {
                self.clones.store(self.try_to_clone(&opened, file), Relaxed);
            }
            if !self.clones.load(Relaxed) {
                return;
            }
            // A hint: the clone itself reports what cannot be written.
            let _ = opened.sync_data();
        }
    }

    fn try_to_clone(&self, opened: &File, file: &Listed) -> bool {
        let probe = self.staging.create(&file.path, 0o600);
        let works = probe.is_ok_and(|staged| file::clone(opened, &staged).unwrap_or(false));
        let _ = self.staging.forget(&file.path);
        works
    }
}

/// The bytes of a range that must be there.
pub fn block(file: &File, path: &Path, range: Range<u64>) -> Result<Vec<u8>> {
    let mut bytes = vec![0; (range.end - range.start) as usize];
    let read =
        file::read_at(file, &mut bytes, range.start).map_err(|error| Error::io("reading", path, error))?;
    if read < bytes.len() {
        let why = format!("it ends before byte {}, though it was that long", range.end);
        return Err(Error::at(Code::SourceChanged, "reading", path, why));
    }
    Ok(bytes)
}

/// The name is gone, or something else has taken it.
fn is_gone(error: &std::io::Error) -> bool {
    crate::sys::dir::is_absent(error) || matches!(error.raw_os_error(), Some(libc::ELOOP | libc::ENXIO))
}
