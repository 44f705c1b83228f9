//! Every system call, behind names that say what is meant. Linux only: what an older kernel or a
//! strict container refuses has a fallback beside it.
#![allow(unsafe_code)]

#[cfg(not(target_os = "linux"))]
compile_error!("hotbackup needs Linux: descriptor tables that threads can leave, openat2, renameat2");

pub mod access;
pub mod attributes;
pub mod beneath;
pub mod clock;
pub mod clones;
pub mod dir;
pub mod event;
pub mod file;
pub mod holders;
pub mod lease;
pub mod lock;
pub mod memory;
pub mod random;
pub mod stat;
pub mod stays;
pub mod table;
pub mod thread;

use std::io;

use rustix::io::Errno;

/// Repeats a call that a signal interrupted.
pub(crate) fn retry<T>(mut call: impl FnMut() -> Result<T, Errno>) -> io::Result<T> {
    loop {
        match call() {
            Err(Errno::INTR) => continue,
            other => return other.map_err(io::Error::from),
        }
    }
}

/// Whether a call is refused because this kernel, file system or sandbox does not know it, or forbids it.
pub(crate) fn is_refused(error: &io::Error) -> bool {
    is_unsupported(error) || matches!(error.raw_os_error(), Some(libc::EPERM | libc::EACCES))
}

/// Whether a call is refused because this kernel or file system does not know it.
pub(crate) fn is_unsupported(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::ENOSYS | libc::EINVAL | libc::EOPNOTSUPP))
}
