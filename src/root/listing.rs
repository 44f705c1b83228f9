//! Looking at what is in a root.

use std::path::Path;

use uuid::Uuid;

use super::latest::read_latest;
use super::ledger::Ledger;
use super::names::{name_of, snapshot_numbers};
use super::open::open_root;
use crate::error::{Code, Error, Result};
use crate::io::thread;
use crate::paths::absolute;
use crate::snapshot::Snapshot;
use crate::sys::dir::{Dir, Kind};

impl Snapshot {
    /// Opens the snapshot at `location`. It must be readable.
    pub fn open(location: impl AsRef<Path>) -> Result<Self> {
        let location = absolute(location.as_ref())?;
        thread::run(|| {
            let mut snapshot = Self::describe(location);
            if let Some(error) = snapshot.error() {
                return Err(error.clone());
            }
            if let Some(root) = snapshot.location().parent().and_then(|above| Dir::open(above).ok()) {
                Ledger::of(&root).tell(&mut snapshot);
            }
            Ok(snapshot)
        })
    }
}

/// The snapshots of a root, the newest first. A root that does not exist yet has none.
pub fn list(root: &Path) -> Result<Vec<Snapshot>> {
    let root = absolute(root)?;
    thread::run(|| match open_root(&root) {
        Err(error) if error.code() == Code::NotFound => Ok(Vec::new()),
        Err(error) => Err(error),
        Ok(dir) => list_in(&dir),
    })
}

/// The snapshots of an open root, the newest first.
pub fn list_in(root: &Dir) -> Result<Vec<Snapshot>> {
    let mut numbers = snapshot_numbers(root)?;
    numbers.sort_unstable_by(|a, b| b.cmp(a));
    let ledger = Ledger::of(root);
    let describe = |number| {
        let name = name_of(number);
        let mut snapshot = Snapshot::skim(root.full(Path::new(&name)));
        // One that was deleted after it was listed is no damaged one.
        let is_gone = snapshot.error().is_some() && matches!(root.find(Path::new(&name)), Ok(None));
        ledger.tell(&mut snapshot);
        (!is_gone).then_some(snapshot)
    };
    Ok(numbers.into_iter().filter_map(describe).collect())
}

/// The newest completed snapshot of a root, as its marker names it.
pub fn latest(root: &Path) -> Result<Snapshot> {
    const DOING: &str = "finding the latest snapshot in";
    let root = absolute(root)?;
    thread::run(|| {
        let none = |why: &str| Error::at(Code::NotFound, DOING, &root, why);
        let dir = open_root(&root)?;
        let mut named = read_latest(&dir)?;
        loop {
            let name = named.ok_or_else(|| match snapshot_numbers(&dir) {
                Ok(numbers) if !numbers.is_empty() => {
                    none("its marker `latest` is missing, and the next backup makes one; its snapshots can be named")
                }
                _ => none("there is none"),
            })?;
            let mut snapshot = Snapshot::describe(root.join(&name));
            let Some(error) = snapshot.error().cloned() else {
                Ledger::of(&dir).tell(&mut snapshot);
                return Ok(snapshot);
            };
            // A delete moves the marker before the snapshot goes.
            named = read_latest(&dir)?;
            if named.as_ref() != Some(&name) {
                continue;
            }
            let is_there = dir
                .find(Path::new(&name))
                .is_ok_and(|found| found.is_some_and(|found| found.kind == Kind::Directory));
            return Err(match is_there {
                false => none(&format!("its marker names {}, which is not there", name.to_string_lossy())),
                true => error,
            });
        }
    })
}

/// The id of the data directory that the newest snapshot is of, as far as one can be read and tells.
pub fn newest_data_dir_id(root: &Dir) -> Option<Uuid> {
    let mut numbers = snapshot_numbers(root).ok()?;
    numbers.sort_unstable();
    let newest = |number: &u64| {
        let snapshot = root.open_dir(Path::new(&name_of(*number))).ok()?;
        crate::snapshot::skim(&snapshot).ok()?.head.data_dir_id
    };
    numbers.iter().rev().find_map(newest)
}
