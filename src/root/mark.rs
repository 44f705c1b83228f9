//! What makes a directory a backup root.

use std::path::Path;

use serde::Deserialize;

use super::names::{LOCK, SOURCE, name_of, snapshot_numbers};
use crate::datadir::record::read_small;
use crate::snapshot::MANIFEST;
use crate::sys::dir::Dir;

/// The field by which a record is told from a database's file of the same name.
#[derive(Deserialize)]
pub struct Mark {
    /// The version of the record.
    #[serde(rename = "hotbackup_root")]
    pub version: u32,
}

/// Whether a directory is a backup root, of whatever data directory.
pub fn is_root(directory: &Dir) -> bool {
    let Ok(Some(record)) = read_small(directory, SOURCE) else { return false };
    serde_json::from_slice::<Mark>(&record).is_ok()
        || record.first() == Some(&b'/') && is_one_of_the_first_version(directory)
}

/// Its record was a path, which a database's file may hold too. Snapshots are what must not be lost.
fn is_one_of_the_first_version(directory: &Dir) -> bool {
    let has = |name: &str| directory.find(Path::new(name)).is_ok_and(|found| found.is_some());
    let is_snapshot = |number: &u64| has(&format!("{}/{MANIFEST}", name_of(*number)));
    has(LOCK) && snapshot_numbers(directory).is_ok_and(|numbers| numbers.iter().any(is_snapshot))
}

/// Whether a directory is a root, or was one whose record is lost: it holds a snapshot that has a manifest. A name
/// alone is nothing: a database may call what it likes `ts-1`, `lock` or `latest`.
pub fn is_used(directory: &Dir) -> bool {
    let has = |number: &u64| holds_manifest(directory, &name_of(*number));
    is_root(directory) || snapshot_numbers(directory).is_ok_and(|numbers| numbers.iter().any(has))
}

/// Whether there is a manifest in a directory of that name.
pub fn holds_manifest(root: &Dir, snapshot: &str) -> bool {
    root.find(Path::new(&format!("{snapshot}/{MANIFEST}"))).is_ok_and(|found| found.is_some())
}
