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

/// What came of trying to take a lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lock {
    /// It is held now.
    Taken,
    /// Somebody else holds it.
    Held,
    /// This file system has no such locks: nothing is known of others.
    Refused,
}

/// Takes the lock of an open file or directory without waiting.
pub fn try_lock(file: impl AsFd, hold: Hold) -> io::Result<Lock> {
    let operation = match hold {
        Hold::Shared => FlockOperation::NonBlockingLockShared,
        Hold::Exclusive => FlockOperation::NonBlockingLockExclusive,
    };
    match retry(|| flock(&file, operation)) {
        Ok(()) => Ok(Lock::Taken),
        Err(error) => match error.raw_os_error().map(Errno::from_raw_os_error) {
            Some(Errno::WOULDBLOCK) => Ok(Lock::Held),
            // NFS needs a file that is open for writing, which no directory is: EBADF. A sandbox says EPERM or EACCES.
            Some(
                Errno::NOSYS
                | Errno::OPNOTSUPP
                | Errno::NOLCK
                | Errno::INVAL
                | Errno::BADF
                | Errno::PERM
                | Errno::ACCESS,
            ) => Ok(Lock::Refused),
            _ => Err(error),
        },
    }
}
