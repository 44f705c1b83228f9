//! A descriptor that becomes readable once and stays so.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use rustix::event::{EventfdFlags, eventfd};
use rustix::io::fcntl_dupfd_cloexec;

use super::table::FIRST_OF_OURS;

/// An eventfd in the host's descriptor table: it must be made, signalled and dropped on threads
/// that share that table, which I/O threads do not.
pub struct Event(OwnedFd);

impl Event {
    /// `None`: there are no descriptors left.
    ///
    /// Never 0 to 2, which a daemon may have closed: a line that is printed there would make the event
    /// readable.
    pub fn new() -> Option<Self> {
        let made = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK).ok()?;
        if made.as_raw_fd() >= FIRST_OF_OURS {
            return Some(Self(made));
        }
        let moved = fcntl_dupfd_cloexec(&made, FIRST_OF_OURS).ok()?;
        drop(made);
        // What another thread printed there meanwhile; nothing, mostly.
        let _ = rustix::io::read(&moved, &mut [0; 8]);
        Some(Self(moved))
    }

    /// Makes it readable for good.
    pub fn signal(&self) {
        // Only a full counter could refuse, and a full counter is readable.
        let _ = rustix::io::write(&self.0, &1u64.to_ne_bytes());
    }

    /// What to poll.
    pub fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}
