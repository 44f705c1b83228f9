//! `flock` locks: they belong to an open file, so one taken on an I/O thread's own descriptor
//! table is not inherited by a forked child and ends with its process.

use std::io;
use std::os::fd::AsFd;

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

use super::retry;

/// How a lock is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hold {
    /// Together with other shared holders.
    Shared,
    /// Alone.
    Exclusive,
}

/// Takes the lock of an open file or directory without waiting; `false`: somebody else holds it.
pub fn try_lock(file: impl AsFd, hold: Hold) -> io::Result<bool> {
    let operation = match hold {
        Hold::Shared => FlockOperation::NonBlockingLockShared,
        Hold::Exclusive => FlockOperation::NonBlockingLockExclusive,
    };
    match retry(|| flock(&file, operation)) {
        Ok(()) => Ok(true),
        Err(error) if error.raw_os_error() == Some(Errno::WOULDBLOCK.raw_os_error()) => Ok(false),
        Err(error) => Err(error),
    }
}
