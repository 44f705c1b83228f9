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

/// Like [`walk`], and without the directories that `keep_out` refuses once it has seen their entries.
pub fn walk_into(
    top: &Dir,
    mut leave_out: impl FnMut(&Path, &Entry) -> Result<bool>,
    mut keep_out: impl FnMut(&Path, &Dir, &[Entry]) -> Result<bool>,
) -> Result<Vec<Found>> {
    let mut found = Vec::new();
    let mut kept_out = HashSet::new();
    each_directory(top, PathBuf::new(), |directory, opened, entries| {
        let mut below = Vec::new();
        if !directory.as_os_str().is_empty() && keep_out(directory, opened, &entries)? {
            kept_out.insert(directory.clone());
            return Ok(below);
        }
        for entry in entries {
            let path = directory.join(&entry.name);
            if leave_out(&path, &entry)? {
                continue;
            }
            if entry.kind == Kind::Directory {
                below.push(path.clone());
            }
            memory::reserve_one(&mut found).map_err(|error| Error::io("listing", top.path(), error))?;
            found.push(Found { path, inode: entry.inode, kind: entry.kind });
        }
        Ok(below)
    })?;
    if !kept_out.is_empty() {
        found.retain(|found| !kept_out.contains(&found.path));
    }
    // By bytes, which is quicker than by components and keeps what is in a directory behind it.
    found.sort_unstable_by(|a, b| a.path.as_os_str().cmp(b.path.as_os_str()));
    Ok(found)
}

/// Goes through the tree beneath `top`, directory by directory from `first` on: `visit` gets each with its
/// entries, and says which directories to go on with. One that vanishes meanwhile is not visited.
pub fn each_directory<D: AsRef<Path>>(
    top: &Dir,
    first: D,
    mut visit: impl FnMut(&D, &Dir, Vec<Entry>) -> Result<Vec<D>>,
) -> Result<()> {
    each_directory_or_error(top, first, |directory, listed| {
        let (opened, entries) = listed?;
        visit(directory, opened, entries)
    })
}

/// The same with those too that cannot be listed: then `visit` gets why, and decides whether to go on.
pub fn each_directory_or_error<D: AsRef<Path>>(
    top: &Dir,
    first: D,
    mut visit: impl FnMut(&D, Result<(&Dir, Vec<Entry>)>) -> Result<Vec<D>>,
) -> Result<()> {
    let mut pending = vec![first];
    let mut dirs = SortedDirs::new(top);
    while let Some(directory) = pending.pop() {
        let path = directory.as_ref();
        let is_top = path.as_os_str().is_empty();
        let opened = match is_top {
            true => Ok(None),
            false => dirs.parent_of(path).and_then(|(parent, name)| parent.open_dir(name)).map(Some),
        };
        let listed = opened.and_then(|opened| {
            let entries = opened.as_ref().unwrap_or(top).entries()?;
            Ok((opened, entries))
        });
        let below = match listed {
            Err(error) if is_absent(&error) && !is_top => continue,
            Err(error) => visit(&directory, Err(Error::io("listing", &top.full(path), error))),
            Ok((opened, entries)) => visit(&directory, Ok((opened.as_ref().unwrap_or(top), entries))),
        };
        pending.extend(below?);
    }
    Ok(())
}
