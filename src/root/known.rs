//! The roots that a data directory remembers, as its users see them.

use std::path::{Path, PathBuf};

pub use super::claim::Standing;
use super::claim::standing;
use super::names::snapshot_numbers;
use crate::datadir::known_roots::{KnownRoot as Remembered, KnownRoots};
use crate::datadir::open_data_dir;
use crate::error::Result;
use crate::io::thread;
use crate::paths::absolute;
use crate::sys::dir::Dir;

/// A backup root that a data directory has used, and what is there now.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct KnownRoot {
    /// The root's own id.
    pub id: String,
    /// Where it was, as its user gave it.
    pub path: PathBuf,
    /// The path that it had once its links were resolved; `None`: the record does not say.
    pub real_path: Option<PathBuf>,
    /// What is there now.
    pub standing: Standing,
    /// How many snapshots lie there now, readable or not, whosever root it is.
    pub snapshots: u64,
}

/// The backup roots that a data directory remembers, the one used last first. Nothing is changed. One that was
/// never backed up remembers none.
pub fn known_roots(data_dir: impl AsRef<Path>) -> Result<Vec<KnownRoot>> {
    let data_dir = absolute(data_dir.as_ref())?;
    thread::run(|| known_roots_of(&open_data_dir(&data_dir)?))
}

/// The same of an open directory.
pub fn known_roots_of(data_dir: &Dir) -> Result<Vec<KnownRoot>> {
    let known = KnownRoots::of(data_dir)?;
    let of = |remembered: &Remembered| {
        // A record of ours always has one.
        let path = remembered.path().unwrap_or_default();
        let numbers = Dir::open(&path).map(|root| snapshot_numbers(&root).unwrap_or_default());
        KnownRoot {
            id: remembered.id.to_string(),
            standing: standing(&path, remembered.id, &known),
            snapshots: numbers.map_or(0, |numbers| numbers.len() as u64),
            path,
            real_path: remembered.real_path(),
        }
    };
    Ok(known.iter().rev().map(of).collect())
}
