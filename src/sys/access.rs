//! What this process may do with a name, asked without doing it.

use std::io;
use std::os::fd::AsFd;
use std::path::Path;

use rustix::fs::{self as rfs, Access, AtFlags};

use super::retry;

/// Whether it may read what has a name in a directory; the error that says why not.
pub fn may_read(directory: impl AsFd, name: &Path) -> io::Result<()> {
    ask(directory, name, Access::READ_OK)
}

/// Whether it may make names in a directory, likewise.
pub fn may_fill(directory: impl AsFd) -> io::Result<()> {
    ask(directory, Path::new("."), Access::WRITE_OK | Access::EXEC_OK)
}

/// Only a plain no counts: what cannot be asked is tried by whoever does it.
fn ask(directory: impl AsFd, name: &Path, access: Access) -> io::Result<()> {
    match retry(|| rfs::accessat(&directory, name, access, AtFlags::EACCESS)) {
        Err(error) if matches!(error.raw_os_error(), Some(libc::EACCES | libc::EROFS)) => Err(error),
        _ => Ok(()),
    }
}
