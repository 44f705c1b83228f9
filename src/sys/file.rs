//! What a copy needs of an open file beyond reading and writing.

use std::fs::File;
use std::io::{self, IoSlice};
use std::num::NonZeroU64;
use std::ops::Range;
use std::os::fd::AsFd;
use std::os::unix::fs::FileExt;

use rustix::fs::{self as rfs, Advice, SeekFrom};
use rustix::io::{Errno, ReadWriteFlags};

use super::{is_refused, is_unsupported, retry};

/// How often a stretch is looked for that changes while it is looked for.
const LOOKS: usize = 8;

/// How much is read as data where no look comes to an end: a hole that is read costs time alone.
const STRETCH: u64 = 1 << 20;

/// The next stretch of data at or after `offset`, below `end`; `None`: only a hole is left.
/// A file system that knows no holes answers with all the rest.
///
/// It takes two calls, and the host may punch in between what the first one found: a hole that
/// begins where the data should says to look again, never that nothing is left.
pub fn next_data(file: &File, offset: u64, end: u64) -> io::Result<Option<Range<u64>>> {
    if offset >= end {
        return Ok(None);
    }
    for _ in 0..LOOKS {
        let start = match retry(|| rfs::seek(file, SeekFrom::Data(offset))) {
            Ok(start) if start >= end => return Ok(None),
            Ok(start) => start,
            Err(error) if is(&error, Errno::NXIO) => return Ok(None),
            Err(error) if is(&error, Errno::INVAL) => offset,
            Err(error) => return Err(error),
        };
        match retry(|| rfs::seek(file, SeekFrom::Hole(start))) {
            Ok(hole) if hole > start => return Ok(Some(start..hole.min(end))),
            Ok(_) => {}
            Err(error) if is(&error, Errno::INVAL) => return Ok(Some(start..end)),
            // It shrank: the next look says so.
            Err(error) if is(&error, Errno::NXIO) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(Some(offset..end.min(offset.saturating_add(STRETCH))))
}

/// Whether a file may have holes: it has fewer blocks than bytes, or its file system tells blocks
/// that were allocated ahead and never written to from data (elsewhere asking is not worth the risk
/// of a wrong answer).
pub fn may_have_holes(file: &File) -> io::Result<bool> {
    use std::os::unix::fs::MetadataExt;
    let metadata = file.metadata()?;
    Ok(metadata.blocks().saturating_mul(512) < metadata.len() || is_of_the_kernels_own(file))
}

/// How many bytes a file has blocks for.
pub fn allocated(file: &File) -> io::Result<u64> {
    use std::os::unix::fs::MetadataExt;
    Ok(file.metadata()?.blocks().saturating_mul(512))
}

/// How many of the first bytes of a file are data. `None`: its file system tells no holes.
pub fn data_in(file: &File, length: u64) -> io::Result<Option<u64>> {
    if !may_have_holes(file)? {
        return Ok(None);
    }
    let (mut at, mut held) = (0, 0);
    while let Some(data) = next_data(file, at, length)? {
        held += data.end - data.start;
        at = data.end;
    }
    Ok(Some(held))
}

fn is(error: &io::Error, errno: Errno) -> bool {
    error.raw_os_error() == Some(errno.raw_os_error())
}

/// Waits until no `write` to this file is under way that began before this call.
///
/// Removing an attribute that is not there takes the inode's lock alone, on each file system, before it
/// finds that there is nothing to do, so it waits for whoever holds that lock to write: tried with a
/// `write` of seconds, buffered and direct, on ext4, xfs, btrfs, tmpfs, FUSE and overlays. Looking
/// for a hole takes the lock too on most (not on xfs, where a buffered read waits instead), and is
/// what is left where the mount is read-only. No answer matters, an error neither.
pub fn wait_for_writes(file: &File) {
    let _ = retry(|| rfs::fremovexattr(file, c"user.hotbackup.none"));
    let _ = retry(|| rfs::seek(file, SeekFrom::Hole(0)));
}

/// Reads until the buffer is full or the file ends; a read that a signal cut is repeated.
pub fn read_at(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match file.read_at(&mut buffer[filled..], offset + filled as u64) {
            Ok(0) => break,
            Ok(n) => filled += n,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

/// Shares the source's blocks with the new file; `false`: this file system does not do that.
pub fn clone(source: &File, copy: &File) -> io::Result<bool> {
    match retry(|| rfs::ioctl_ficlone(copy, source)) {
        Ok(()) => Ok(true),
        Err(error) => match error.raw_os_error().map(Errno::from_raw_os_error) {
            Some(
                Errno::OPNOTSUPP
                | Errno::XDEV
                | Errno::INVAL
                | Errno::NOTTY
                | Errno::NOSYS
                | Errno::PERM
                | Errno::TXTBSY,
            ) => Ok(false),
            _ => Err(error),
        },
    }
}

/// Writes all of the bytes so that they go to the disk at once and leave the cache (`RWF_DONTCACHE`, since
/// Linux 6.14). `false`: that is refused here, and they are to be written in the usual way.
pub fn write_uncached(file: &File, mut bytes: &[u8], mut offset: u64) -> io::Result<bool> {
    const DONTCACHE: ReadWriteFlags = ReadWriteFlags::from_bits_retain(0x80);
    while !bytes.is_empty() {
        match retry(|| rustix::io::pwritev2(file, &[IoSlice::new(bytes)], offset, DONTCACHE)) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => {
                bytes = &bytes[written..];
                offset += written as u64;
            }
            Err(error) if is_refused(&error) => return Ok(false),
            Err(error) => return Err(error),
        }
    }
    Ok(true)
}

/// Starts writing a stretch back, so that the sync at the end finds little left to do. It is a hint: what it
/// could not write, the sync reports.
pub fn start_writeback(file: &File, range: Range<u64>) {
    let _ = sync_range(file, range, libc::SYNC_FILE_RANGE_WRITE);
}

/// Waits until what was started of a stretch is written. An error is final: the sync at the end does not
/// tell it again.
pub fn wait_for_writeback(file: &File, range: Range<u64>) -> io::Result<()> {
    match sync_range(file, range, libc::SYNC_FILE_RANGE_WAIT_BEFORE) {
        Err(error) if is_refused(&error) => Ok(()),
        other => other,
    }
}

/// Writes back what of a file is dirty, and waits. From then on a store through a mapping faults and so moves
/// the file's stamps, which one into a dirty page does not (on tmpfs no page is ever clean: tried). No commit of
/// a journal and no flush of the disk, of which a sync would make one a file. What could not be written is for
/// whoever wrote it to know.
pub fn write_back(file: &File) {
    const AND_WAIT: u32 =
        libc::SYNC_FILE_RANGE_WAIT_BEFORE | libc::SYNC_FILE_RANGE_WRITE | libc::SYNC_FILE_RANGE_WAIT_AFTER;
    if sync_range(file, 0..0, AND_WAIT).is_err() {
        let _ = file.sync_data();
    }
}

/// A stretch of no length is all of the file.
fn sync_range(file: &File, range: Range<u64>, what: u32) -> io::Result<()> {
    use std::os::fd::AsRawFd;
    let (offset, length) = (range.start as i64, (range.end - range.start) as i64);
    // SAFETY: it takes a descriptor that `file` keeps open, and numbers.
    match unsafe { libc::sync_file_range(file.as_raw_fd(), offset, length, what) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Tells the kernel that the file will be read from start to end.
pub fn will_read_in_order(file: &File) {
    let _ = rfs::fadvise(file, 0, None, Advice::Sequential);
}

/// Tells the kernel to read no more than it is asked for. What it reads ahead comes in bursts of megabytes, for which
/// whoever else needs the disk waits.
pub fn will_read_by_pieces(file: &File) {
    let _ = rfs::fadvise(file, 0, None, Advice::Random);
}

/// Drops the file's clean pages from the cache, so that the next read comes from the disk.
pub fn evict(file: &File) -> io::Result<()> {
    retry(|| rfs::fadvise(file, 0, None::<NonZeroU64>, Advice::DontNeed))
}

/// Fails unless the disk gives these bytes back, and no more: a write that was lost without an error
/// would be found otherwise by whoever needs the file.
pub fn require_content(file: &File, bytes: &[u8]) -> io::Result<()> {
    // Where that is refused, what is in the cache is compared.
    let _ = evict(file);
    let mut found = vec![0; bytes.len() + 1];
    let length = read_at(file, &mut found, 0)?;
    if found[..length] == *bytes {
        return Ok(());
    }
    Err(io::Error::new(io::ErrorKind::InvalidData, "what was written to it does not come back"))
}

/// Makes a file durable. An error is final; that the file system knows no sync is none: there is nothing
/// more to be done there.
pub fn sync(file: &File) -> io::Result<()> {
    match retry(|| rfs::fsync(file)) {
        Err(error) if is_unsupported(&error) => Ok(()),
        other => other,
    }
}

/// Closes a file and says whether the file system accepted all that was written (NFS may not).
pub fn close(file: File) -> io::Result<()> {
    use std::os::fd::IntoRawFd;
    // SAFETY: `into_raw_fd` gives up ownership, so the descriptor is closed once, here. After an
    // error it is closed too.
    match unsafe { libc::close(file.into_raw_fd()) } {
        0 => Ok(()),
        _ => match io::Error::last_os_error() {
            error if error.kind() == io::ErrorKind::Interrupted => Ok(()),
            error => Err(error),
        },
    }
}

/// Whether a `syncfs` of that file system writes all of it and tells of writes that failed: since
/// Linux 5.8, on file systems of the kernel's own. FUSE and overlays need not pass it on.
pub fn syncfs_reports_errors(directory: impl AsFd) -> bool {
    let system = rustix::system::uname();
    let release = system.release().to_string_lossy();
    let mut numbers = release.split(|c: char| !c.is_ascii_digit()).map(|n| n.parse::<u32>().unwrap_or(0));
    let recent = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0)) >= (5, 8);
    recent && is_of_the_kernels_own(directory)
}

/// Whether a file lies on one of the kernel's own file systems for disks, whose answers are known.
pub fn is_of_the_kernels_own(file: impl AsFd) -> bool {
    const EXT4: i64 = 0xef53;
    const XFS: i64 = 0x5846_5342;
    const BTRFS: i64 = 0x9123_683e;
    const F2FS: i64 = 0xf2f5_2010;
    const TMPFS: i64 = 0x0102_1994;
    #[allow(clippy::unnecessary_cast)] // its type differs between architectures
    let kind = rfs::fstatfs(file).map(|stat| stat.f_type as i64);
    kind.is_ok_and(|kind| [EXT4, XFS, BTRFS, F2FS, TMPFS].contains(&kind))
}

/// How many descriptors a table may hold.
pub fn descriptor_limit() -> usize {
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
    limit.map_or(usize::MAX, |limit| usize::try_from(limit).unwrap_or(usize::MAX))
}
