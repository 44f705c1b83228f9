//! Copying a file: each byte read once, checksummed on the way, written once; holes stay holes.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::atomic::Ordering::Relaxed;

use super::Monitor;
use super::checksum::Checksum;
use crate::error::{Code, Error, Result};
use crate::sys::file;

/// The size of a thread's one buffer.
pub const BUFFER: usize = 256 << 10;

/// How much is written before its writeback is started.
const WRITEBACK: u64 = 8 << 20;

/// No file system has smaller holes, so a range that is no larger is read as it is.
const SMALLEST_HOLE: u64 = 4 << 10;

/// A file with the path that its errors name.
#[derive(Clone, Copy)]
pub struct Named<'a> {
    /// The open file.
    pub file: &'a File,
    /// Where it is.
    pub path: &'a Path,
}

/// How a range of a file is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    /// Within the rate limit.
    Limited,
    /// As fast as can be: the host's writes are stopped.
    Full,
}

/// Copies `range` of `from` to the same place in `to`, and takes it into the checksum. A source
/// that ends earlier is [`Code::SourceChanged`].
pub fn copy_range(
    from: Named<'_>,
    to: Named<'_>,
    range: Range<u64>,
    pace: Pace,
    checksum: &mut Checksum,
    buffer: &mut [u8],
    monitor: &Monitor,
) -> Result<()> {
    let counters = &monitor.counters;
    let mut unsynced = range.start;
    let mut written_to = 0;
    read_range(from, range.clone(), pace, buffer, monitor, |piece| match piece {
        Piece::Hole(length) => {
            checksum.zeros(length);
            counters.bytes_holes.fetch_add(length, Relaxed);
            monitor.copied(length);
            Ok(())
        }
        Piece::Data(bytes, at) => {
            checksum.update(bytes);
            to.file.write_all_at(bytes, at).map_err(|error| Error::io("writing", to.path, error))?;
            let length = bytes.len() as u64;
            written_to = at + length;
            counters.bytes_copied.fetch_add(length, Relaxed);
            monitor.copied(length);
            if at + length - unsynced >= WRITEBACK {
                file::start_writeback(to.file, unsynced..at + length);
                unsynced = at + length;
            }
            Ok(())
        }
    })?;
    // A hole at the end, or nothing at all.
    if written_to < range.end {
        to.file.set_len(range.end).map_err(|error| Error::io("extending", to.path, error))?;
    }
    Ok(())
}

/// The checksum of the first `length` bytes of a file; `done` is told of each piece.
pub fn checksum(
    from: Named<'_>,
    length: u64,
    buffer: &mut [u8],
    monitor: &Monitor,
    done: impl Fn(u64),
) -> Result<u32> {
    let mut checksum = Checksum::default();
    read_range(from, 0..length, Pace::Limited, buffer, monitor, |piece| {
        match piece {
            Piece::Hole(length) => {
                checksum.zeros(length);
                done(length);
            }
            Piece::Data(bytes, _) => {
                checksum.update(bytes);
                done(bytes.len() as u64);
            }
        }
        Ok(())
    })?;
    Ok(checksum.value())
}

enum Piece<'a> {
    Hole(u64),
    Data(&'a [u8], u64),
}

/// Gives each piece of a range in its order.
fn read_range(
    from: Named<'_>,
    range: Range<u64>,
    pace: Pace,
    buffer: &mut [u8],
    monitor: &Monitor,
    mut take: impl FnMut(Piece<'_>) -> Result<()>,
) -> Result<()> {
    let failed = |error: io::Error| Error::io("reading", from.path, error);
    let sparse =
        range.end - range.start > SMALLEST_HOLE && file::may_have_holes(from.file).map_err(failed)?;
    let mut at = range.start;
    while at < range.end {
        let data = match sparse {
            true => file::next_data(from.file, at, range.end).map_err(failed)?,
            false => Some(at..range.end),
        };
        let Some(data) = data else { break };
        if data.start > at {
            take(Piece::Hole(data.start - at))?;
        }
        at = data.start;
        while at < data.end {
            monitor.check()?;
            let mut want = buffer.len().min(usize::try_from(data.end - at).unwrap_or(usize::MAX));
            if pace == Pace::Limited {
                want = monitor.throttle.piece(want);
                monitor.throttle.take(want, || monitor.is_stopped());
                monitor.check()?;
            }
            let read = file::read_at(from.file, &mut buffer[..want], at).map_err(failed)?;
            if read == 0 {
                return Err(shorter(from.path, range.end, at));
            }
            take(Piece::Data(&buffer[..read], at))?;
            at += read as u64;
        }
    }
    if at < range.end {
        // A hole up to the end, unless the file has shrunk.
        let length = from.file.metadata().map_err(failed)?.len();
        if length < range.end {
            return Err(shorter(from.path, range.end, length));
        }
        take(Piece::Hole(range.end - at))?;
    }
    Ok(())
}

fn shorter(path: &Path, expected: u64, found: u64) -> Error {
    let why = format!("it ends after {found} bytes, where it had {expected}");
    Error::at(Code::SourceChanged, "reading", path, why)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::io::Effort;

    fn copied(content: impl FnOnce(&File), length: u64) -> (tempfile::TempDir, u32, Monitor) {
        let dir = tempfile::tempdir().unwrap();
        let (from, to) = (dir.path().join("from"), dir.path().join("to"));
        let open =
            |path| File::options().read(true).write(true).create(true).truncate(true).open(path).unwrap();
        let (source, copy) = (open(&from), open(&to));
        content(&source);
        let monitor = Monitor::new(0, Effort::CopyAndVerify);
        let mut checksum = Checksum::default();
        copy_range(
            Named { file: &source, path: &from },
            Named { file: &copy, path: &to },
            0..length,
            Pace::Limited,
            &mut checksum,
            &mut vec![0; BUFFER],
            &monitor,
        )
        .unwrap();
        (dir, checksum.value(), monitor)
    }

    #[test]
    fn a_copy_has_the_same_bytes_and_their_checksum() {
        let bytes: Vec<u8> = (0..3 * BUFFER + 17).map(|i| (i % 251) as u8).collect();
        let (dir, crc, _) = copied(|file| file.write_all_at(&bytes, 0).unwrap(), bytes.len() as u64);
        assert_eq!(std::fs::read(dir.path().join("to")).unwrap(), bytes);
        assert_eq!(crc, super::super::checksum::of(&bytes));
    }

    #[test]
    fn holes_stay_holes_and_count_as_zeros() {
        use std::os::unix::fs::MetadataExt;
        let length = 64 << 20;
        let (dir, crc, monitor) = copied(
            |file| {
                file.write_all_at(b"head", 0).unwrap();
                file.write_all_at(b"middle", 20 << 20).unwrap();
                file.set_len(length).unwrap();
            },
            length,
        );
        let copy = dir.path().join("to");
        assert!(copy.metadata().unwrap().blocks() * 512 < 1 << 20);
        assert_eq!(std::fs::read(&copy).unwrap(), std::fs::read(dir.path().join("from")).unwrap());
        assert_eq!(crc, super::super::checksum::of(&std::fs::read(copy).unwrap()));
        assert!(monitor.counters.bytes_holes.load(Relaxed) > 60 << 20);
    }

    #[test]
    fn a_source_that_ends_early_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("short");
        std::fs::write(&path, b"abc").unwrap();
        let file = File::open(&path).unwrap();
        let from = Named { file: &file, path: &path };
        let monitor = Monitor::new(0, Effort::CopyAndVerify);
        let error = super::checksum(from, 10, &mut [0; 16], &monitor, |_| {}).unwrap_err();
        assert_eq!((error.code(), error.path()), (Code::SourceChanged, Some(path.as_path())));
    }
}
