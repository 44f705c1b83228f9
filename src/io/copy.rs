//! Copying a file: each byte read once, checksummed on the way, written once; holes stay holes.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use super::checksum::Checksum;
use super::parts::for_each_part;
use crate::error::{Code, Error, Result};
use crate::monitor::Monitor;
use crate::sys::file;

/// How much is written before its writeback is started. The one before is waited for then, so that a disk
/// never has more than two such stretches of a thread before it: all that it has there, a host's own sync
/// waits for (docs/performance.md).
const WRITEBACK: u64 = 1 << 20;

/// With a rate limit what is at least so long goes to the disk as it comes, and not in stretches: a host's own
/// sync waits for the stretch that is under way (docs/performance.md). For the same reason no more of it is read
/// than is asked for. Shorter files are better left to the kernel, which writes many at once.
const STEADY: u64 = 1 << 20;

/// No file system has smaller holes, so a range that is no larger is read as it is.
const SMALLEST_HOLE: u64 = 4 << 10;

/// A file with the path that its errors name, which is made of two only for them.
#[derive(Clone, Copy)]
pub struct Named<'a> {
    /// The open file.
    pub file: &'a File,
    /// The directory beneath which it is.
    pub top: &'a Path,
    /// Where it is there.
    pub relative: &'a Path,
}

impl Named<'_> {
    /// The whole path.
    pub fn path(&self) -> PathBuf {
        self.top.join(self.relative)
    }
}

/// How a range of a file is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    /// Within the rate limit.
    Limited,
    /// As fast as can be: the host's writes are stopped.
    Full,
}

/// How far the disk is behind a copy.
struct Behind {
    /// The last stretch whose writeback was started.
    writes_back: Range<u64>,
    /// From where on none was.
    unsynced: u64,
}

/// Bytes on their way from one file to the same place in another.
pub struct Transfer<'a> {
    /// Where they come from.
    pub from: Named<'a>,
    /// Where they go.
    pub to: Named<'a>,
    /// How fast.
    pub pace: Pace,
    /// Who is told, and may stop it.
    pub monitor: &'a Monitor,
}

impl Transfer<'_> {
    /// Copies `range` and takes it into the checksum. A source that ends earlier is
    /// [`Code::SourceChanged`].
    pub fn copy(&self, range: Range<u64>, checksum: &mut Checksum, buffer: &mut [u8]) -> Result<()> {
        let written_to = AtomicU64::new(0);
        for_each_part(
            (self.from.file, range.clone()),
            self.monitor,
            checksum,
            buffer,
            |part, sum, buffer| {
                written_to.fetch_max(self.copy_part(part, sum, buffer)?, Relaxed);
                Ok(())
            },
        )?;
        // A hole at the end, or nothing at all.
        if written_to.into_inner() < range.end {
            let to = self.to;
            to.file.set_len(range.end).map_err(|error| Error::io("extending", &to.path(), error))?;
        }
        Ok(())
    }

    /// Returns the end of the last data in it.
    fn copy_part(&self, range: Range<u64>, checksum: &mut Checksum, buffer: &mut [u8]) -> Result<u64> {
        let monitor = self.monitor;
        let mut written_to = 0;
        let mut behind = Behind { writes_back: 0..0, unsynced: range.start };
        let reader = Reader { from: self.from, pace: self.pace, monitor };
        let mut is_steady = reader.is_limited() && range.end - range.start >= STEADY;
        reader.read(range, buffer, |piece| match piece {
            Piece::Hole(length) => {
                checksum.zeros(length);
                monitor.found_hole(length);
                Ok(())
            }
            Piece::Data(bytes, at) => {
                checksum.update(bytes);
                self.write(bytes, at, &mut is_steady)?;
                written_to = at + bytes.len() as u64;
                monitor.copied(bytes.len() as u64);
                if is_steady { Ok(()) } else { self.keep_up(&mut behind, written_to) }
            }
        })?;
        Ok(written_to)
    }

    /// Starts the writeback of what was written, once that is much. In the window nothing is waited for.
    fn keep_up(&self, behind: &mut Behind, written_to: u64) -> Result<()> {
        if written_to - behind.unsynced < WRITEBACK {
            return Ok(());
        }
        let stretch = behind.unsynced..written_to;
        file::start_writeback(self.to.file, stretch.clone());
        behind.unsynced = written_to;
        let before = std::mem::replace(&mut behind.writes_back, stretch);
        if self.pace == Pace::Full || before.is_empty() {
            return Ok(());
        }
        file::wait_for_writeback(self.to.file, before)
            .map_err(|error| Error::io("writing", &self.to.path(), error))
    }

    /// Steadily where that is wished and the file system does it.
    fn write(&self, bytes: &[u8], at: u64, is_steady: &mut bool) -> Result<()> {
        let file = self.to.file;
        let written = match *is_steady {
            true => file::write_uncached(file, bytes, at),
            false => Ok(false),
        };
        written
            .and_then(|written| {
                *is_steady = written;
                if written { Ok(()) } else { file.write_all_at(bytes, at) }
            })
            .map_err(|error| Error::io("writing", &self.to.path(), error))
    }
}

/// The checksum of the first `length` bytes of a file; `done` is told of each piece.
pub fn checksum(
    from: Named<'_>,
    length: u64,
    buffer: &mut [u8],
    monitor: &Monitor,
    done: impl Fn(u64) + Sync,
) -> Result<u32> {
    let mut checksum = Checksum::default();
    let reader = Reader { from, pace: Pace::Limited, monitor };
    for_each_part((from.file, 0..length), monitor, &mut checksum, buffer, |part, checksum, buffer| {
        reader.read(part, buffer, |piece| {
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
        })
    })?;
    Ok(checksum.value())
}

enum Piece<'a> {
    Hole(u64),
    Data(&'a [u8], u64),
}

/// A file that is read piece by piece.
struct Reader<'a> {
    from: Named<'a>,
    pace: Pace,
    monitor: &'a Monitor,
}

impl Reader<'_> {
    /// Gives each piece of a range in its order.
    fn read(
        &self,
        range: Range<u64>,
        buffer: &mut [u8],
        mut take: impl FnMut(Piece<'_>) -> Result<()>,
    ) -> Result<()> {
        let file = self.from.file;
        if range.end - range.start >= STEADY {
            match self.is_limited() {
                true => file::will_read_by_pieces(file),
                false => file::will_read_in_order(file),
            }
        }
        let sparse = range.end - range.start > SMALLEST_HOLE
            && file::may_have_holes(file).map_err(|error| self.failed(error))?;
        let mut at = range.start;
        while at < range.end {
            let data = match sparse {
                true => file::next_data(file, at, range.end).map_err(|error| self.failed(error))?,
                false => Some(at..range.end),
            };
            let Some(data) = data else { break };
            if data.start > at {
                take(Piece::Hole(data.start - at))?;
            }
            at = data.start;
            while at < data.end {
                let read = self.next(at..data.end, buffer)?;
                if read == 0 {
                    return Err(shorter(&self.from.path(), range.end, at));
                }
                take(Piece::Data(&buffer[..read], at))?;
                at += read as u64;
            }
        }
        if at < range.end {
            // A hole up to the end, unless the file has shrunk.
            let length = file.metadata().map_err(|error| self.failed(error))?.len();
            if length < range.end {
                return Err(shorter(&self.from.path(), range.end, length));
            }
            take(Piece::Hole(range.end - at))?;
        }
        Ok(())
    }

    fn is_limited(&self) -> bool {
        self.pace == Pace::Limited && self.monitor.throttle.is_limited()
    }

    /// Reads as much of the start of a range as the buffer and the pace allow.
    fn next(&self, range: Range<u64>, buffer: &mut [u8]) -> Result<usize> {
        self.monitor.check()?;
        let mut want = buffer.len().min(usize::try_from(range.end - range.start).unwrap_or(usize::MAX));
        if self.pace == Pace::Limited {
            want = self.monitor.throttle.piece(want);
            self.monitor.throttle.take(want, || self.monitor.is_stopped());
            self.monitor.check()?;
        }
        file::read_at(self.from.file, &mut buffer[..want], range.start).map_err(|error| self.failed(error))
    }

    fn failed(&self, error: io::Error) -> Error {
        Error::io("reading", &self.from.path(), error)
    }
}

fn shorter(path: &Path, expected: u64, found: u64) -> Error {
    let why = format!("it ends after {found} bytes, where it had {expected}");
    Error::at(Code::SourceChanged, "reading", path, why)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::io::buffer::BUFFER;
    use crate::monitor::Effort;

    fn copied(content: impl FnOnce(&File), length: u64) -> (tempfile::TempDir, u32, Monitor) {
        copied_in(tempfile::tempdir().unwrap(), 0, content, length)
    }

    fn copied_in(
        dir: tempfile::TempDir,
        rate_limit: u64,
        content: impl FnOnce(&File),
        length: u64,
    ) -> (tempfile::TempDir, u32, Monitor) {
        let (from, to) = (dir.path().join("from"), dir.path().join("to"));
        let open =
            |path| File::options().read(true).write(true).create(true).truncate(true).open(path).unwrap();
        let (source, copy) = (open(&from), open(&to));
        content(&source);
        let monitor = Monitor::new(rate_limit, Effort::CopyAndVerify);
        let mut checksum = Checksum::default();
        let from = Named { file: &source, top: dir.path(), relative: Path::new("from") };
        let to = Named { file: &copy, top: dir.path(), relative: Path::new("to") };
        let transfer = Transfer { from, to, pace: Pace::Limited, monitor: &monitor };
        transfer.copy(0..length, &mut checksum, &mut vec![0; BUFFER]).unwrap();
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
        assert!(monitor.counts().bytes_holes > 60 << 20);
    }

    /// Where writes may leave the cache at once, and on tmpfs, which refuses that.
    #[test]
    fn a_limited_copy_has_the_same_bytes_and_holes_on_each_file_system() {
        use std::os::unix::fs::MetadataExt;
        let length = (9 << 20) + 17;
        let data: Vec<u8> = (0..(3 << 20) + 5).map(|at| (at % 251) as u8).collect();
        for place in [Path::new(env!("CARGO_MANIFEST_DIR")).join("target"), "/dev/shm".into()] {
            let fill = |file: &File| {
                file.write_all_at(&data, 4096).unwrap();
                file.write_all_at(&data[..100_001], (8 << 20) + 3).unwrap();
                file.set_len(length).unwrap();
            };
            let dir = tempfile::tempdir_in(&place).unwrap();
            let (dir, crc, monitor) = copied_in(dir, 500_000_000, fill, length);
            let (copy, from) = (dir.path().join("to"), dir.path().join("from"));
            let found = std::fs::read(&copy).unwrap();
            assert!(found == std::fs::read(from).unwrap(), "{place:?}");
            assert_eq!(crc, super::super::checksum::of(&found), "{place:?}");
            assert!(copy.metadata().unwrap().blocks() * 512 < 5 << 20, "{place:?}: holes were filled");
            assert!(monitor.counts().bytes_holes > 4 << 20, "{place:?}");
        }
    }

    #[test]
    fn a_source_that_ends_early_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("short");
        std::fs::write(&path, b"abc").unwrap();
        let file = File::open(&path).unwrap();
        let from = Named { file: &file, top: dir.path(), relative: Path::new("short") };
        let monitor = Monitor::new(0, Effort::CopyAndVerify);
        let error = super::checksum(from, 10, &mut [0; 16], &monitor, |_| {}).unwrap_err();
        assert_eq!((error.code(), error.path()), (Code::SourceChanged, Some(path.as_path())));
    }
}
