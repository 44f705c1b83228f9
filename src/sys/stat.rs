//! What the file system says of a file.

use std::io;
use std::os::fd::AsFd;

use rustix::fs::{self as rfs, FileType};

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

/// The kind of a file type.
pub(super) fn kind_of(file_type: FileType) -> Kind {
    match file_type {
        FileType::RegularFile => Kind::File,
        FileType::Directory => Kind::Directory,
        FileType::Symlink => Kind::Symlink,
        _ => Kind::Other,
    }
}
