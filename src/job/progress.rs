//! What a job tells of itself.

use std::time::{Duration, SystemTime};

use crate::monitor::Phase;

/// What a job is for. The values are those of the C header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
#[repr(u32)]
pub enum Kind {
    /// Makes a snapshot.
    Backup = 1,
    /// Puts a snapshot in place.
    Restore = 2,
    /// Reads a snapshot and compares it.
    Verify = 3,
    /// Makes a checkpoint.
    Checkpoint = 4,
    /// Reads back what is stored in a root, as far as its budget goes.
    Scrub = 5,
    /// Sends a snapshot to an object store.
    Push = 6,
    /// Brings a snapshot from an object store.
    Fetch = 7,
}

/// Where a job stands. The values are those of the C header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "it says whether the job has ended"]
#[non_exhaustive]
#[repr(u32)]
pub enum State {
    /// Accepted, not begun.
    Queued = 1,
    /// At work.
    Running = 2,
    /// Ended well.
    Completed = 3,
    /// Ended with an error.
    Failed = 4,
    /// Ended because someone asked.
    Cancelled = 5,
}

impl State {
    /// Whether nothing more happens.
    pub fn has_ended(self) -> bool {
        matches!(self, State::Completed | State::Failed | State::Cancelled)
    }
}

/// A job at one instant.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Progress {
    /// What it is for.
    pub kind: Kind,
    /// Where it stands.
    pub state: State,
    /// What it is doing.
    pub phase: Phase,
    /// 0 to 100, never falling; 100 only once the job has completed.
    pub percent: u32,
    /// Bytes to deal with, as far as known.
    pub bytes_total: u64,
    /// Bytes dealt with: copied, cloned, linked or found to be holes.
    pub bytes_done: u64,
    /// Files to deal with, as far as known.
    pub files_total: u64,
    /// Files dealt with.
    pub files_done: u64,
    /// Bytes read and written.
    pub bytes_copied: u64,
    /// Bytes shared by the file system (reflinks).
    pub bytes_cloned: u64,
    /// Bytes shared with an earlier snapshot, by links or clones; of a restore those that its target had; of a
    /// checkpoint those of the live files.
    pub bytes_linked: u64,
    /// Bytes that are holes on both sides.
    pub bytes_holes: u64,
    /// FIFOs, sockets, devices and the library's own leftovers, which are not data.
    pub files_skipped: u64,
    /// Immutable files that were still being built and belong to no consistent point.
    pub files_left_out: u64,
    /// The longest freeze window; zero: there was none.
    pub freeze: Duration,
    /// When it began.
    pub started_at: SystemTime,
    /// When it ended; `None`: not yet.
    pub finished_at: Option<SystemTime>,
}
