//! A snapshot as its users see it.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::describe::Description;
use super::parse;
use crate::error::{Error, Result};
use crate::io::{open, thread};
use crate::paths::absolute;
use crate::sys::clock::time_of_ms;
use crate::sys::dir::Dir;

/// A snapshot as its manifest describes it. One whose manifest cannot be read is listed too, with
/// the reason.
#[derive(Clone, Debug)]
pub struct Snapshot {
    location: PathBuf,
    id: String,
    layout: String,
    metadata: Vec<u8>,
    started_at: Option<SystemTime>,
    finished_at: Option<SystemTime>,
    files: u64,
    bytes: u64,
    files_shared: u64,
    bytes_shared: u64,
    files_skipped: u64,
    files_left_out: u64,
    error: Option<Error>,
}

impl Snapshot {
    /// Opens the snapshot at `location`. It must be readable.
    pub fn open(location: impl AsRef<Path>) -> Result<Self> {
        let location = absolute(location.as_ref())?;
        thread::run(|| {
            let snapshot = Self::describe(location);
            snapshot.error.clone().map_or(Ok(snapshot), Err)
        })
    }

    /// What is at `location`, readable or not.
    pub(crate) fn describe(location: PathBuf) -> Self {
        match open_directory(&location).and_then(|dir| parse::describe(&dir)) {
            Ok(description) => Self::of(location, description, None),
            Err(error) => Self::of(location, Description::default(), Some(error)),
        }
    }

    fn of(location: PathBuf, description: Description, error: Option<Error>) -> Self {
        let Description { head, totals } = description;
        let name = location.file_name().unwrap_or_default().to_string_lossy();
        Self {
            id: head.id.map_or_else(|| name.into_owned(), |id| id.to_string()),
            layout: head.layout,
            metadata: head.metadata,
            started_at: told(head.started_at_ms),
            finished_at: told(head.finished_at_ms),
            files: totals.files,
            bytes: totals.bytes,
            files_shared: totals.files_shared,
            bytes_shared: totals.bytes_shared,
            files_skipped: head.files_skipped,
            files_left_out: head.files_left_out,
            location,
            error,
        }
    }

    /// The UUID of the job that made it; the directory's name where the manifest has none.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Its directory.
    pub fn location(&self) -> &Path {
        &self.location
    }

    /// The layout it was made with; empty where the manifest does not say.
    pub fn layout(&self) -> &str {
        &self.layout
    }

    /// The host's metadata.
    pub fn metadata(&self) -> &[u8] {
        &self.metadata
    }

    /// When its backup began; `None`: the manifest does not say.
    pub fn started_at(&self) -> Option<SystemTime> {
        self.started_at
    }

    /// When its backup was about to be published; `None`: the manifest does not say.
    pub fn finished_at(&self) -> Option<SystemTime> {
        self.finished_at
    }

    /// The number of its files.
    pub fn files(&self) -> u64 {
        self.files
    }

    /// The sum of its files' logical sizes.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// How many of its files it shares with an earlier snapshot, by links or clones.
    pub fn files_shared(&self) -> u64 {
        self.files_shared
    }

    /// The sum of their logical sizes: what the snapshot did not take anew.
    pub fn bytes_shared(&self) -> u64 {
        self.bytes_shared
    }

    /// Names in the source that were no data: FIFOs, sockets, devices, the library's leavings.
    pub fn files_skipped(&self) -> u64 {
        self.files_skipped
    }

    /// Immutable files that were still being built and belong to no consistent point.
    pub fn files_left_out(&self) -> u64 {
        self.files_left_out
    }

    /// Why it cannot be read.
    pub fn error(&self) -> Option<&Error> {
        self.error.as_ref()
    }
}

/// A time of a manifest; 0: it does not say.
pub fn told(ms: u64) -> Option<SystemTime> {
    (ms > 0).then(|| time_of_ms(ms))
}

/// Opens a snapshot's directory.
pub fn open_directory(location: &Path) -> Result<Dir> {
    open::open_directory(location, "opening the snapshot")
}
