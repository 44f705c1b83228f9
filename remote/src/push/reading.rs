//! Reading a snapshot's files: each byte is summed up for its piece's name and for its file's checksum, and what the
//! store lacks is sealed and sent. Long files are read by several threads.

use std::fs::File;
use std::io::ErrorKind;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};

use hotbackup::extension::Stored;
use hotbackup::{Code, Error, Result};

use super::work::Work;
use crate::format::{BlobKind, Id, Sealer, seal_blob};
use crate::repository::Packer;

/// What one thread reads of a file at a time, unless a piece is longer. Little, so that a pack holds what follows each
/// other in a file, and whoever brings the file back needs few packs at once; more where the list of them would be long.
const SHORTEST: u64 = 1 << 20;
const LONGEST: u64 = 16 << 20;
const STRETCHES: u64 = 1 << 16;

/// What is read at once under a limit.
const EVEN: usize = 64 << 10;

/// A file that is to be read.
pub struct ToRead<'a> {
    /// Its place in the snapshot.
    pub path: &'a Path,
    /// Its length by the manifest.
    pub size: u64,
    /// Its checksum by the manifest; `None`: it is a live one of a checkpoint.
    pub crc32: Option<u32>,
    /// How it is cut.
    pub piece: u64,
}

/// A stretch of a file.
struct Stretch {
    file: usize,
    range: Range<u64>,
}

/// What a stretch was found to be.
struct Read {
    ids: Vec<Id>,
    sum: crc32fast::Hasher,
}

/// Reads all of them, and returns the pieces and the checksum of each.
pub fn read_all(
    stored: &Stored,
    files: &[ToRead<'_>],
    packer: &Packer<'_>,
    work: &Work<'_>,
) -> Result<Vec<(Vec<Id>, u32)>> {
    let stretches = stretches(files);
    let done: Vec<Mutex<Option<Read>>> = stretches.iter().map(|_| Mutex::new(None)).collect();
    let next = AtomicUsize::new(0);
    let first: Mutex<Option<Error>> = Mutex::default();
    let share = || {
        let mut reader = match Reader::new(stored, files, packer, work) {
            Ok(reader) => reader,
            Err(error) => return fail(&first, &next, stretches.len(), error),
        };
        loop {
            let number = next.fetch_add(1, Relaxed);
            let Some(stretch) = stretches.get(number) else { return };
            match reader.read(stretch) {
                Ok(read) => *done[number].lock().unwrap_or_else(PoisonError::into_inner) = Some(read),
                Err(error) => return fail(&first, &next, stretches.len(), error),
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 1..work.threads {
            // One that cannot be made only means that the others do its share.
            let _ = std::thread::Builder::new().name("hotbackup-io".into()).spawn_scoped(scope, share);
        }
        share();
    });
    if let Some(error) = first.into_inner().unwrap_or_else(PoisonError::into_inner) {
        return Err(error);
    }
    let done = done.into_iter().map(|read| read.into_inner().unwrap_or_else(PoisonError::into_inner));
    joined(files, &stretches, done)
}

/// Sends what is in memory, and returns its pieces.
pub fn send_bytes(bytes: &[u8], packer: &Packer<'_>, work: &Work<'_>) -> Result<Vec<Id>> {
    let mut sealer = Sealer::new(&work.repository.key, work.level)?;
    let sent = bytes.chunks(SHORTEST as usize).map(|piece| {
        work.check()?;
        send(piece, &mut sealer, packer, work)
    });
    sent.collect()
}

/// Sends a piece, unless the store has it or is being sent it.
fn send(piece: &[u8], sealer: &mut Sealer, packer: &Packer<'_>, work: &Work<'_>) -> Result<Id> {
    let (id, length) = (Id::of(piece), piece.len() as u64);
    match packer.claims(&id) {
        true => {
            packer.add(seal_blob(sealer, BlobKind::Data, id, piece)?)?;
            work.watch.copied(length);
        }
        false => work.watch.linked(length),
    }
    Ok(id)
}

fn fail(first: &Mutex<Option<Error>>, next: &AtomicUsize, end: usize, error: Error) {
    next.store(end, Relaxed);
    first.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
}

fn stretches(files: &[ToRead<'_>]) -> Vec<Stretch> {
    let all: u64 = files.iter().map(|file| file.size).sum();
    let length = (all / STRETCHES).clamp(SHORTEST, LONGEST);
    let mut stretches = Vec::new();
    for (number, file) in files.iter().enumerate() {
        let step = (length / file.piece).max(1) * file.piece;
        let mut start = 0;
        while start < file.size {
            let end = (start + step).min(file.size);
            stretches.push(Stretch { file: number, range: start..end });
            start = end;
        }
    }
    stretches
}

/// The pieces of each file, whose checksum must be the manifest's where that has one.
fn joined(
    files: &[ToRead<'_>],
    stretches: &[Stretch],
    done: impl Iterator<Item = Option<Read>>,
) -> Result<Vec<(Vec<Id>, u32)>> {
    let mut all: Vec<(Vec<Id>, crc32fast::Hasher)> = files.iter().map(|_| Default::default()).collect();
    for (stretch, read) in stretches.iter().zip(done) {
        let Some(read) = read else { continue };
        let (ids, sum) = &mut all[stretch.file];
        ids.extend(read.ids);
        sum.combine(&read.sum);
    }
    let checked = files.iter().zip(all).map(|(file, (ids, sum))| match sum.finalize() {
        sum if file.crc32.is_none_or(|crc32| crc32 == sum) => Ok((ids, sum)),
        sum => {
            let expected = file.crc32.unwrap_or_default();
            let why = format!("its checksum is {sum:08x} where the manifest has {expected:08x}");
            Err(Error::at(Code::Corrupt, "reading", file.path, why))
        }
    });
    checked.collect()
}

/// One thread, with what it keeps from one stretch to the next.
struct Reader<'a> {
    stored: &'a Stored,
    files: &'a [ToRead<'a>],
    packer: &'a Packer<'a>,
    work: &'a Work<'a>,
    sealer: Sealer,
    buffer: Vec<u8>,
    open: Option<(usize, File)>,
}

impl<'a> Reader<'a> {
    fn new(
        stored: &'a Stored,
        files: &'a [ToRead<'a>],
        packer: &'a Packer<'a>,
        work: &'a Work<'a>,
    ) -> Result<Self> {
        let sealer = Sealer::new(&work.repository.key, work.level)?;
        Ok(Self { stored, files, packer, work, sealer, buffer: Vec::new(), open: None })
    }

    fn read(&mut self, stretch: &Stretch) -> Result<Read> {
        let file = &self.files[stretch.file];
        if self.open.as_ref().is_none_or(|(number, _)| *number != stretch.file) {
            let opened = self.stored.open_file(file.path)?;
            if self.work.watch.is_paced() {
                // What the kernel reads ahead comes in bursts, for which a host that needs the disk waits.
                let _ = rustix::fs::fadvise(&opened, 0, None, rustix::fs::Advice::Random);
            }
            self.open = Some((stretch.file, opened));
        }
        let mut read = Read { ids: Vec::new(), sum: crc32fast::Hasher::new() };
        let mut at = stretch.range.start;
        while at < stretch.range.end {
            self.work.check()?;
            let length = file.piece.min(stretch.range.end - at);
            self.fill(file, at, length as usize)?;
            read.sum.update(&self.buffer);
            read.ids.push(send(&self.buffer, &mut self.sealer, self.packer, self.work)?);
            at += length;
        }
        if let (None, Some((_, open))) = (file.crc32, &self.open) {
            self.stored.require_unchanged(file.path, open)?;
        }
        if stretch.range.end == file.size {
            self.work.watch.file_done();
        }
        Ok(read)
    }

    fn fill(&mut self, file: &ToRead<'_>, at: u64, length: usize) -> Result<()> {
        let Some((_, open)) = &self.open else { return Ok(()) };
        self.buffer.resize(length, 0);
        let failed = |error: std::io::Error| match error.kind() {
            ErrorKind::UnexpectedEof => {
                let why = format!("it is shorter than the {} bytes that the manifest has", file.size);
                Error::at(Code::Corrupt, "reading", file.path, why)
            }
            _ => Error::io("reading", file.path, error),
        };
        if !self.work.watch.is_paced() {
            return open.read_exact_at(&mut self.buffer, at).map_err(failed);
        }
        for (number, part) in self.buffer.chunks_mut(EVEN).enumerate() {
            self.work.watch.pace_reading(part.len())?;
            open.read_exact_at(part, at + (number * EVEN) as u64).map_err(failed)?;
        }
        Ok(())
    }
}
