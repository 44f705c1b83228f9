//! The walk of a tree by its listings alone, without a stat.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use super::sorted_dirs::SortedDirs;
use crate::error::{Error, Result};
use crate::sys::dir::{Dir, Entry, Kind, is_absent};
use crate::sys::memory;

/// One name in a tree.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Found {
    /// Its path beneath the top.
    pub path: PathBuf,
    /// The inode number by the listing.
    pub inode: u64,
    /// What it is.
    pub kind: Kind,
}

/// Lists the tree beneath `top`, sorted by path, without what `leave_out` refuses; what lies
/// below a directory that is left out is not looked at. A directory that vanishes meanwhile has
/// no entries: whoever needs a steady tree compares two walks.
pub fn walk(top: &Dir, leave_out: impl FnMut(&Path, &Entry) -> Result<bool>) -> Result<Vec<Found>> {
    walk_into(top, leave_out, |_, _, _| Ok(false))
}

/// Lists the tree beneath `top` as [`walk`] does, also without the directories that `leave_out_whole` refuses
/// once it has seen their entries.
pub fn walk_into(
    top: &Dir,
    mut leave_out: impl FnMut(&Path, &Entry) -> Result<bool>,
    mut leave_out_whole: impl FnMut(&Path, &Dir, &[Entry]) -> Result<bool>,
) -> Result<Vec<Found>> {
    let mut found = Vec::new();
    let mut left_out = HashSet::new();
    let mut pending = vec![PathBuf::new()];
    let mut parents = SortedDirs::new(top);
    while let Some(directory) = pending.pop() {
        let is_top = directory.as_os_str().is_empty();
        let failed = |error| Error::io("listing", &top.full(&directory), error);
        let opened = match is_top {
            true => None,
            false => match parents.parent_of(&directory).and_then(|(parent, name)| parent.open_dir(name)) {
                Err(error) if is_absent(&error) => continue,
                other => Some(other.map_err(failed)?),
            },
        };
        let opened = opened.as_ref().unwrap_or(top);
        let entries = match opened.entries() {
            Err(error) if is_absent(&error) && !is_top => continue,
            other => other.map_err(failed)?,
        };
        if !is_top && leave_out_whole(&directory, opened, &entries)? {
            left_out.insert(directory);
            continue;
        }
        for entry in entries {
            let path = directory.join(&entry.name);
            if leave_out(&path, &entry)? {
                continue;
            }
            if entry.kind == Kind::Directory {
                pending.push(path.clone());
            }
            memory::reserve_one(&mut found).map_err(|error| Error::io("listing", top.path(), error))?;
            found.push(Found { path, inode: entry.inode, kind: entry.kind });
        }
    }
    if !left_out.is_empty() {
        found.retain(|found| !left_out.contains(&found.path));
    }
    // By bytes, which is quicker than by components and keeps what is in a directory behind it.
    found.sort_unstable_by(|a, b| a.path.as_os_str().cmp(b.path.as_os_str()));
    Ok(found)
}
