//! What the file system says of a file.

use std::io;
use std::os::fd::AsFd;
use std::path::Path;

use rustix::fs::{self as rfs, AtFlags, FileType, Statx, StatxFlags};

use super::retry;

/// Nanoseconds a second.
pub(super) const NS: i128 = 1_000_000_000;

/// What an entry of a directory is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// A regular file.
    File,
    /// A directory.
    Directory,
    /// A symbolic link.
    Symlink,
    /// A FIFO, a socket or a device.
    Other,
}

/// What `stat` says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Stat {
    pub kind: Kind,
    pub device: u64,
    pub inode: u64,
    pub size: u64,
    pub allocated: u64,
    pub links: u64,
    pub mode: u32,
    pub uid: u32,
    pub gid: u32,
    /// In nanoseconds since 1970. 64 bits would end in 2262, which files need not.
    pub mtime_ns: i128,
    pub ctime_ns: i128,
}

impl Stat {
    /// The stat of an open file.
    pub fn of(file: impl AsFd) -> io::Result<Self> {
        retry(|| rfs::fstat(&file)).map(|stat| Self::from_raw(&stat))
    }

    /// The stat of a name in a directory, itself if it is a link, and when that was made, in nanoseconds since
    /// 1970, where its file system tells. An empty name: the directory.
    pub fn with_birth(directory: impl AsFd, name: &Path) -> io::Result<(Self, Option<i64>)> {
        let wanted = StatxFlags::BASIC_STATS | StatxFlags::BTIME;
        let flags = AtFlags::SYMLINK_NOFOLLOW | AtFlags::EMPTY_PATH;
        match retry(|| rfs::statx(&directory, name, flags, wanted)) {
            Ok(found) => Ok((Self::from_statx(&found), born_ns(&found))),
            // A container that answers to no call newer than itself.
            Err(error) if matches!(error.raw_os_error(), Some(libc::ENOSYS | libc::EPERM)) => {
                retry(|| rfs::statat(&directory, name, flags)).map(|stat| (Self::from_raw(&stat), None))
            }
            Err(error) => Err(error),
        }
    }

    fn from_statx(found: &Statx) -> Self {
        let ns = |time: rfs::StatxTimestamp| i128::from(time.tv_sec) * NS + i128::from(time.tv_nsec);
        Self {
            kind: kind_of(FileType::from_raw_mode(found.stx_mode.into())),
            device: rfs::makedev(found.stx_dev_major, found.stx_dev_minor),
            inode: found.stx_ino,
            size: found.stx_size,
            allocated: found.stx_blocks.saturating_mul(512),
            links: found.stx_nlink.into(),
            mode: u32::from(found.stx_mode) & 0o7777,
            uid: found.stx_uid,
            gid: found.stx_gid,
            mtime_ns: ns(found.stx_mtime),
            ctime_ns: ns(found.stx_ctime),
        }
    }

    #[allow(clippy::unnecessary_cast)] // the fields' types differ between architectures
    pub(super) fn from_raw(stat: &rfs::Stat) -> Self {
        let ns = |seconds: i64, nanos: u64| i128::from(seconds) * NS + i128::from(nanos);
        Self {
            kind: kind_of(FileType::from_raw_mode(stat.st_mode)),
            device: stat.st_dev as u64,
            inode: stat.st_ino as u64,
            size: stat.st_size as u64,
            allocated: (stat.st_blocks as u64).saturating_mul(512),
            links: stat.st_nlink as u64,
            mode: stat.st_mode & 0o7777,
            uid: stat.st_uid,
            gid: stat.st_gid,
            mtime_ns: ns(stat.st_mtime as i64, stat.st_mtime_nsec as u64),
            ctime_ns: ns(stat.st_ctime as i64, stat.st_ctime_nsec as u64),
        }
    }
}

/// When a file was made, where its file system tells.
fn born_ns(found: &Statx) -> Option<i64> {
    let is_known = found.stx_mask & StatxFlags::BTIME.bits() != 0;
    let born = found.stx_btime;
    is_known.then(|| born.tv_sec.checked_mul(NS as i64)?.checked_add(born.tv_nsec.into())).flatten()
}

/// The kind of a file type.
pub(super) fn kind_of(file_type: FileType) -> Kind {
    match file_type {
        FileType::RegularFile => Kind::File,
        FileType::Directory => Kind::Directory,
        FileType::Symlink => Kind::Symlink,
        _ => Kind::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::dir::Dir;

    #[test]
    fn the_stat_with_a_birth_is_the_one_without() {
        let top = tempfile::tempdir().unwrap();
        std::fs::write(top.path().join("file"), b"12345").unwrap();
        std::os::unix::fs::symlink("file", top.path().join("link")).unwrap();
        let dir = Dir::open(top.path()).unwrap();
        for name in ["file", "link", ""] {
            let name = Path::new(name);
            assert_eq!(Stat::with_birth(&dir, name).unwrap().0, dir.stat(name).unwrap(), "{name:?}");
        }
        assert!(Stat::with_birth(&dir, Path::new("missing")).is_err());
    }
}
