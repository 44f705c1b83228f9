//! A descriptor that becomes readable once and stays so.

use std::os::fd::{AsRawFd, OwnedFd};

use rustix::event::{EventfdFlags, eventfd};

/// An eventfd in the host's descriptor table: it must be made, signalled and dropped on threads
/// that share that table, which I/O threads do not.
pub struct Event(OwnedFd);

impl Event {
    /// `None`: there are no descriptors left.
    pub fn new() -> Option<Self> {
        eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK).ok().map(Self)
    }

    /// Makes it readable for good.
    pub fn signal(&self) {
        // Only a full counter could refuse, and a full counter is readable.
        let _ = rustix::io::write(&self.0, &1u64.to_ne_bytes());
    }

    /// The number to poll.
    pub fn descriptor(&self) -> i32 {
        self.0.as_raw_fd()
    }
}
