//! A snapshot as its users see it.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::describe::Description;
use super::parse;
use super::totals::Totals;
use super::{Known, Manifest, Verified, VerifyLevel};
use crate::error::{Error, Result};
use crate::io::open;
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
    tags: Vec<String>,
    freeze_ns: u64,
    verified: Option<Verified>,
    is_damaged: bool,
    error: Option<Error>,
}

impl Snapshot {
    /// What is at `location`, readable or not.
    pub(crate) fn describe(location: PathBuf) -> Self {
        Self::by(location, parse::describe)
    }

    /// The same of a checkpoint.
    pub(crate) fn describe_checkpoint(location: PathBuf) -> Self {
        Self::by(location, |directory| parse::read_checkpoint(directory).map(Description::of))
    }

    /// The same by the head of its manifest, as far as that has one.
    pub(crate) fn skim(location: PathBuf) -> Self {
        Self::by(location, parse::skim)
    }

    fn by(location: PathBuf, read: impl FnOnce(&Dir) -> Result<Description>) -> Self {
        match open_directory(&location).and_then(|dir| read(&dir)) {
            Ok(description) => Self::of(location, description, None),
            Err(error) => Self::of(location, Description::default(), Some(error)),
        }
    }

    fn of(location: PathBuf, description: Description, error: Option<Error>) -> Self {
        let Description { head, totals } = description;
        let verified = by_its_backup(&head, &totals);
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
            verified,
            tags: head.tags,
            freeze_ns: head.freeze_ns,
            is_damaged: false,
            location,
            error,
        }
    }

    /// It learns what is known beside its manifest.
    pub(crate) fn learn(&mut self, known: Known) {
        let is_later = |verified: &Verified| self.verified.is_none_or(|own| own.at < verified.at);
        self.verified = known.verified.filter(is_later).or(self.verified);
        self.is_damaged = known.is_damaged;
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

    /// What its host calls it by, for retention policies.
    pub fn tags(&self) -> &[String] {
        &self.tags
    }

    /// The longest freeze window of its backup; `None`: the host was not frozen, or the manifest does not say.
    pub fn freeze(&self) -> Option<Duration> {
        (self.freeze_ns > 0).then(|| Duration::from_nanos(self.freeze_ns))
    }

    /// When all of it was last read back and found good, by its backup, a verification or parts of scrubs: the time
    /// of that of its files which was not read for the longest time. `None`: never, as far as is known.
    pub fn verified(&self) -> Option<Verified> {
        self.verified
    }

    /// Whether it was read back and found bad since it was last found good. It can be read, and some of its
    /// files are lost.
    pub fn is_damaged(&self) -> bool {
        self.is_damaged
    }

    /// Why it cannot be read.
    pub fn error(&self) -> Option<&Error> {
        self.error.as_ref()
    }
}

/// What its backup took anew it read back itself; of what it shares the oldest time counts.
fn by_its_backup(head: &Manifest, totals: &Totals) -> Option<Verified> {
    let level = head.verify.filter(|level| *level >= VerifyLevel::Checksum)?;
    let oldest = totals.oldest_read_ms.unwrap_or(u64::MAX).min(head.finished_at_ms);
    Some(Verified { at: told(oldest)?, level })
}

/// A time of a manifest; 0: it does not say.
pub fn told(ms: u64) -> Option<SystemTime> {
    (ms > 0).then(|| time_of_ms(ms))
}

/// Opens a snapshot's directory.
pub fn open_directory(location: &Path) -> Result<Dir> {
    open::open_directory(location, "opening the snapshot")
}
