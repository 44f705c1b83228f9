//! How much a tree holds, and who holds a lock: what the findings tell beside names.

use std::path::Path;

use super::finding::text;
use crate::io::walk::walk;
use crate::sys::dir::{Dir, Kind};
use crate::sys::holders::{Holder, holders};

/// The bytes on disk that come back once a tree goes: of files that have no other name.
pub fn held_by(parent: &Dir, name: &Path) -> u64 {
    let Ok(top) = parent.open_dir(name) else { return 0 };
    let found = walk(&top, |_, _| Ok(false)).unwrap_or_default();
    let files = found.iter().filter(|found| found.kind == Kind::File);
    let stats = files.filter_map(|file| top.stat(&file.path).ok());
    stats.filter(|stat| stat.links == 1).fold(0, |sum, stat| sum.saturating_add(stat.allocated))
}

/// Who holds the lock of a file in a directory, as far as can be seen from here.
pub fn who_holds(parent: &Dir, name: &Path) -> Vec<Holder> {
    parent.open_file(name).ok().and_then(|file| holders(file).ok()).unwrap_or_default()
}

/// The same of a directory.
pub fn who_holds_dir(parent: &Dir, name: &Path) -> Vec<Holder> {
    parent.open_dir(name).ok().and_then(|dir| holders(dir).ok()).unwrap_or_default()
}

/// A process, for a line of text.
pub fn process(holder: &Holder) -> String {
    format!("process {}, {}", holder.process, text(&holder.command))
}
