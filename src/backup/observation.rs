//! One observation of the sources, and whether it agrees with the one before.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use super::ids::{DirectoryId, NameId};
use crate::error::{Error, Result};
use crate::snapshot::LinkEntry;

/// A symbolic link by an observation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeenLink {
    /// Its name.
    pub name: NameId,
    /// Its inode.
    pub inode: u64,
    /// As it is in the snapshot.
    pub entry: LinkEntry,
}

/// All that is to be captured, by one observation.
pub struct Observation {
    /// Files.
    pub files: Vec<NameId>,
    /// Those of them whose class is stated, and that were there to be stated.
    pub live: Vec<NameId>,
    /// Directories.
    pub directories: Vec<DirectoryId>,
    /// Symbolic links, to be preserved.
    pub links: Vec<NameId>,
    /// The symbolic links with their targets, which are part of the consistent point.
    pub seen_links: Vec<SeenLink>,
    /// Files that only the snapshot has.
    pub given: Vec<(PathBuf, Arc<Vec<u8>>)>,
    /// How many names are no data.
    pub skipped: u64,
    /// What no walk may capture, unless a freeze hook yet names the files instead.
    pub refused: Option<Error>,
    /// Whether there is a file that may change at any time.
    pub has_mutable: bool,
    /// When it began.
    pub began: Instant,
    /// When it ended.
    pub ended: Instant,
    /// Files without a pin that holds.
    pub to_pin: Vec<NameId>,
    /// Files whose pin may have been made before they were complete.
    pub to_look_at_again: Vec<NameId>,
    /// How many names two observations must agree on.
    pub took_part: u64,
    /// A name vanished while it was looked at, or was another's when it was copied.
    torn: Option<PathBuf>,
    /// A path on which it differs from the one before.
    pub differs: Option<PathBuf>,
}

/// A path on which two observations that follow each other do not agree.
pub fn disagreement(earlier: &Observation, later: &Observation) -> Option<PathBuf> {
    later.torn.as_ref().or(earlier.torn.as_ref()).or(later.differs.as_ref()).cloned()
}

impl Observation {
    /// One that has begun.
    pub fn begun() -> Self {
        let now = Instant::now();
        Self {
            files: Vec::new(),
            live: Vec::new(),
            directories: Vec::new(),
            links: Vec::new(),
            seen_links: Vec::new(),
            given: Vec::new(),
            skipped: 0,
            refused: None,
            has_mutable: false,
            began: now,
            ended: now,
            to_pin: Vec::new(),
            to_look_at_again: Vec::new(),
            took_part: 0,
            torn: None,
            differs: None,
        }
    }

    /// That of a window: what a walk refuses counts, since now no hook names files instead.
    pub fn accepted(mut self) -> Result<Self> {
        self.refused.take().map_or(Ok(self), Err)
    }

    /// The links, as they are in the snapshot.
    pub fn take_links(&mut self) -> Vec<LinkEntry> {
        std::mem::take(&mut self.seen_links).into_iter().map(|link| link.entry).collect()
    }

    /// A name vanished, or changed while it was copied.
    pub fn tear(&mut self, path: impl FnOnce() -> PathBuf) {
        self.torn.get_or_insert_with(path);
    }

    /// A name that two observations must agree on, and whether they do.
    pub fn takes_part(&mut self, is_same: bool, path: impl FnOnce() -> PathBuf) {
        self.took_part += 1;
        if !is_same {
            self.differs.get_or_insert_with(path);
        }
    }
}

/// Whether the links of two observations are the same.
pub fn agree(earlier: &[SeenLink], later: &[SeenLink]) -> bool {
    let what = |link: &SeenLink| (link.name, link.inode, link.entry.target.clone());
    earlier.iter().map(what).eq(later.iter().map(what))
}
