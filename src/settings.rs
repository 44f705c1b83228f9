//! What a host chose, as plain data: no closure is in it, so that it may be anywhere, on I/O threads too.

use std::path::PathBuf;
use std::time::Duration;

use crate::error::{Code, Error, Result};
use crate::layout::{Layout, Rule};
pub use crate::snapshot::VerifyLevel;

/// The largest host metadata of a snapshot, in bytes.
pub const METADATA_MAX: usize = 1 << 20;

/// The longest tag, in bytes.
const TAG_MAX: usize = 255;

/// The most tags of a snapshot that options or its hooks give.
const TAGS_MAX: usize = 64;

/// What happens when a source holds a symbolic link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Symlinks {
    /// The backup fails and names it: what it points to would be silently missing.
    Fail,
    /// The link itself is kept.
    Preserve,
}

/// Whether a backup shares files with the snapshot before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Share {
    /// It takes each file anew.
    Never,
    /// It shares what has not changed, by clones where the file system makes them, else by links; but no links
    /// where there is a validate hook: an engine that writes to what it opens would write to older snapshots.
    Safely,
    /// By links beneath a validate hook too: it is known not to write to what it looks at.
    Always,
}

/// A directory beside the data directory that is captured with it, under a prefix.
#[derive(Clone, Debug)]
pub struct Source {
    pub(crate) path: PathBuf,
    pub(crate) prefix: PathBuf,
}

/// How a checkpoint is made, as [`Coordinator::start_checkpoint`](crate::Coordinator::start_checkpoint) takes it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CheckpointOptions {
    pub(crate) until_close: bool,
    pub(crate) links_are_safe: bool,
}

impl CheckpointOptions {
    /// It stays until it is removed, and is made under the layouts `rocksdb`, `leveldb` and `pebble` alone.
    pub fn new() -> Self {
        Self::default()
    }

    /// It is removed once its coordinator is closed, or, after a crash, by [`recover`](crate::recover).
    #[must_use]
    pub fn until_close(mut self) -> Self {
        self.until_close = true;
        self
    }

    /// For an engine of another layout, and for the host's own immutable files: the host vouches that nothing
    /// ever truncates, rewrites in place or touches an immutable file that has several names, not even when it
    /// is deleted. Where that is not so, the checkpoint changes with the live database.
    #[must_use]
    pub fn links_are_safe(mut self) -> Self {
        self.links_are_safe = true;
        self
    }
}

/// All choices, each checked when it was made.
#[derive(Clone)]
pub(crate) struct Settings {
    pub(crate) root: Option<PathBuf>,
    pub(crate) adopt_root: bool,
    pub(crate) sources: Vec<Source>,
    pub(crate) layout: Option<Layout>,
    pub(crate) rules: Vec<Rule>,
    pub(crate) symlinks: Symlinks,
    pub(crate) metadata: Vec<u8>,
    pub(crate) tags: Vec<String>,
    pub(crate) freeze_timeout: Option<Duration>,
    pub(crate) keep_undo: bool,
    pub(crate) share: Share,
    pub(crate) reread_after: Duration,
    pub(crate) keep_matching: bool,
    pub(crate) job: JobSettings,
}

/// Those that mean the same for each job, whatever it is for.
#[derive(Clone, Copy)]
pub(crate) struct JobSettings {
    pub(crate) threads: u32,
    pub(crate) rate_limit: u64,
    pub(crate) latency_target: Duration,
    pub(crate) verify: VerifyLevel,
    pub(crate) min_free: u64,
    pub(crate) posix_locks: bool,
    pub(crate) clone: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            root: None,
            adopt_root: false,
            sources: Vec::new(),
            layout: None,
            rules: Vec::new(),
            symlinks: Symlinks::Fail,
            metadata: Vec::new(),
            tags: Vec::new(),
            freeze_timeout: Some(Duration::from_secs(30)),
            keep_undo: true,
            share: Share::Safely,
            reread_after: Duration::from_secs(24 * 60 * 60),
            keep_matching: false,
            job: JobSettings {
                threads: 0,
                rate_limit: 0,
                latency_target: Duration::ZERO,
                verify: VerifyLevel::Checksum,
                min_free: 0,
                posix_locks: true,
                clone: true,
            },
        }
    }
}

impl JobSettings {
    /// How many I/O threads a job gets.
    pub(crate) fn io_threads(&self) -> usize {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let wanted = if self.threads == 0 { 2 } else { self.threads as usize };
        wanted.min(cores.max(2))
    }
}

/// Adds a tag, once. Refuses what would not stand in one line of a list.
pub(crate) fn add_tag(tags: &mut Vec<String>, tag: &str) -> Result<()> {
    let refuse =
        |why: String| Err(Error::new(Code::InvalidArgument, format!("adding the tag {tag:?}: {why}")));
    if tag.is_empty() || tag.len() > TAG_MAX {
        return refuse(format!("a tag has 1 to {TAG_MAX} bytes"));
    }
    if tag.chars().any(|char| char.is_control() || char == ',') {
        return refuse("a tag has no comma and no control characters".into());
    }
    if tags.iter().any(|known| known == tag) {
        return Ok(());
    }
    if tags.len() == TAGS_MAX {
        return refuse(format!("a snapshot has at most {TAGS_MAX} tags"));
    }
    tags.push(tag.to_string());
    Ok(())
}

/// Refuses metadata that a manifest would not hold.
pub(crate) fn check_metadata(metadata: &[u8]) -> Result<()> {
    if metadata.len() > METADATA_MAX {
        let why = format!("metadata of {} bytes is more than {METADATA_MAX}", metadata.len());
        return Err(Error::new(Code::InvalidArgument, why));
    }
    Ok(())
}
