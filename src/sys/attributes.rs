//! Modes, owners and times: given as far as a file system takes them.

use std::io;
use std::os::fd::AsFd;

use rustix::fs::{self as rfs, Gid, Mode, RawMode, Timespec, Timestamps, Uid};

use super::retry;
use super::stat::NS;

/// The bits of a mode that files get: not those that give privileges.
pub const MODE: u32 = 0o1777;

/// Sets the mode of an open file without the bits that give privileges.
pub fn set_mode(file: impl AsFd, mode: u32) -> io::Result<()> {
    where_allowed(retry(|| rfs::fchmod(&file, Mode::from_raw_mode((mode & MODE) as RawMode))))
}

/// Gives an open file to an owner, where this process may.
pub fn give_to(file: impl AsFd, uid: u32, gid: u32) -> io::Result<()> {
    where_allowed(retry(|| rfs::fchown(&file, Some(Uid::from_raw(uid)), Some(Gid::from_raw(gid)))))
}

/// Attributes are kept as far as they can be. Only root can give files away, and not each root can: a
/// user namespace, a capability that is missing, and a server that squashes root refuse it. And there
/// are file systems without owners and modes (CIFS, whose server may say EACCES, exFAT, many by FUSE). The manifest has the truth.
pub(super) fn where_allowed(given: io::Result<()>) -> io::Result<()> {
    match given.as_ref().err().and_then(io::Error::raw_os_error) {
        Some(libc::EPERM | libc::EACCES | libc::EINVAL | libc::EOPNOTSUPP | libc::ENOSYS) => Ok(()),
        _ => given,
    }
}

/// Sets the mtime of an open file, where this process may.
pub fn set_mtime(file: impl AsFd, mtime_ns: i128) -> io::Result<()> {
    where_allowed(retry(|| rfs::futimens(&file, &times(mtime_ns))))
}

/// Of a file or a directory, the time of its last change alone.
pub(super) fn times(mtime_ns: i128) -> Timestamps {
    // Each time that a file system gave fits.
    let seconds = mtime_ns.div_euclid(NS).clamp(i64::MIN.into(), i64::MAX.into());
    let mtime = Timespec { tv_sec: seconds as i64, tv_nsec: mtime_ns.rem_euclid(NS) as _ };
    let unchanged = Timespec { tv_sec: 0, tv_nsec: rfs::UTIME_OMIT };
    Timestamps { last_access: unchanged, last_modification: mtime }
}

/// The user and the group that this process acts as.
pub fn own_ids() -> (u32, u32) {
    (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw())
}
