//! The units of a swap: which names of a target move away, and which move in.
//!
//! A unit is an entry at the top, or each child of a directory that holds something that stays:
//! an excluded file (a running server's lock), or the backup root.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::stage::is_ours;
use crate::error::{Code, Error, Result};
use crate::io::walk::{Found, walk_into};
use crate::layout::Rules;
use crate::snapshot::Manifest;
use crate::snapshot::claim::is_the_librarys;
use crate::snapshot::owner::OWNER_NAME;
use crate::sys::dir::{Dir, Entry, Kind};
use crate::sys::lock::{Hold, try_lock};

/// What a swap moves.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Units {
    /// Present names that move aside.
    pub out: Vec<PathBuf>,
    /// Names that move in.
    pub into: Vec<PathBuf>,
}

impl Units {
    /// What they take as text, about.
    pub fn size(&self) -> usize {
        let names = self.out.iter().chain(&self.into);
        names.map(|path| 2 * (path.as_os_str().len() + 16)).sum()
    }
}

/// The names of a tree that is to come in.
pub struct Coming<'a> {
    directories: BTreeSet<&'a Path>,
    others: Vec<&'a Path>,
}

impl<'a> Coming<'a> {
    /// Those of a snapshot.
    pub fn of_manifest(manifest: &'a Manifest) -> Self {
        let files = manifest.files.iter().map(|entry| entry.path.as_path());
        let links = manifest.links.iter().map(|entry| entry.path.as_path());
        let directories = manifest.directories.iter().map(|entry| entry.path.as_path());
        let above = manifest.files.iter().flat_map(|entry| entry.path.ancestors().skip(1));
        Self { directories: directories.chain(above).collect(), others: files.chain(links).collect() }
    }

    /// Those that a walk found.
    pub fn of_walk(found: &'a [Found]) -> Self {
        let (directories, others): (Vec<_>, Vec<_>) =
            found.iter().partition(|found| found.kind == Kind::Directory);
        let path = |found: &'a Found| found.path.as_path();
        Self {
            directories: directories.into_iter().map(path).collect(),
            others: others.into_iter().map(path).collect(),
        }
    }
}

/// The present names that move, and what stays.
struct Present {
    /// Names that move, sorted.
    units: Vec<PathBuf>,
    /// Directories that stay because something in them does.
    partial: BTreeSet<PathBuf>,
    /// Names that stay themselves.
    staying: BTreeSet<PathBuf>,
}

/// The units of a swap of what a target holds for what is to come.
pub fn plan(target: &Dir, rules: &Rules, kept: Option<&Path>, coming: &Coming<'_>) -> Result<Units> {
    let present = present(target, rules, kept)?;
    let into = incoming(target, &present, coming)?;
    Ok(Units { out: present.units, into })
}

/// Looks at what a target holds.
fn present(target: &Dir, rules: &Rules, kept: Option<&Path>) -> Result<Present> {
    let staying = RefCell::new(BTreeSet::new());
    let stays = |path: &Path| staying.borrow_mut().insert(path.to_path_buf());
    let mut mounts = Vec::new();
    let leave_out = |path: &Path, entry: &Entry| {
        let is_kept = is_ours(path)
            || (path == Path::new("lost+found") && entry.kind == Kind::Directory)
            || kept == Some(path)
            || rules.excludes(path);
        if is_kept {
            stays(path);
        } else if is_mount(target, path, entry.kind)? {
            mounts.push(path.to_path_buf());
        }
        Ok(is_kept)
    };
    let found = walk_into(target, leave_out, |path, directory, entries| {
        let is_kept = is_the_librarys(path, directory, entries);
        if is_kept {
            refuse_open(directory)?;
            stays(path);
        }
        Ok(is_kept)
    })?;
    let staying = staying.into_inner();
    // What stays need not be renamed.
    if let Some(mount) = mounts.iter().find(|mount| !staying.contains(*mount)) {
        let why = "it is a mount, which a restore cannot move aside";
        return Err(Error::at(Code::Unsupported, "restoring over", &target.full(mount), why));
    }
    let above = staying.iter().flat_map(|path| path.ancestors().skip(1));
    let mut partial: BTreeSet<PathBuf> = above.map(Path::to_path_buf).collect();
    partial.insert(PathBuf::new());
    let moves =
        |path: &Path| !partial.contains(path) && path.parent().is_some_and(|above| partial.contains(above));
    let units = found.into_iter().map(|found| found.path).filter(|path| moves(path)).collect();
    Ok(Present { units, partial, staying })
}

fn incoming(target: &Dir, present: &Present, coming: &Coming<'_>) -> Result<Vec<PathBuf>> {
    let clash = |path: &Path, why: &str| Error::at(Code::Conflict, "restoring over", &target.full(path), why);
    let directories = &coming.directories;
    let mut into = BTreeSet::new();
    for path in coming.others.iter().chain(directories).copied() {
        if present.staying.contains(path) {
            return Err(clash(
                path,
                "it stays there (excluded, or a backup root) and is to come in all the same",
            ));
        }
        if present.partial.contains(path) {
            if !path.as_os_str().is_empty() && !directories.contains(path) {
                return Err(clash(path, "it holds what stays there and is to come in as none"));
            }
            continue;
        }
        // The unit is the name just below the last directory that stays.
        let unit =
            path.ancestors().find(|name| name.parent().is_some_and(|above| present.partial.contains(above)));
        into.extend(unit.map(Path::to_path_buf));
    }
    Ok(into.into_iter().collect())
}

/// A mount cannot be renamed, and what is renamed must not hold one.
fn is_mount(target: &Dir, path: &Path, kind: Kind) -> Result<bool> {
    if !matches!(kind, Kind::Directory | Kind::File) {
        return Ok(false);
    }
    target.is_mount(path).map_err(|error| Error::io("looking at", &target.full(path), error))
}

/// Another database lies below the target: its files must not move while its host has it open.
fn refuse_open(lifecycle: &Dir) -> Result<()> {
    let Ok(owner) = lifecycle.open_file(Path::new(OWNER_NAME)) else { return Ok(()) };
    match try_lock(&owner, Hold::Exclusive) {
        Ok(false) => {
            let data_dir = lifecycle.path().parent().unwrap_or(lifecycle.path());
            let why = "another database lies there, which its host has open";
            Err(Error::at(Code::Conflict, "restoring over", data_dir, why))
        }
        _ => Ok(()),
    }
}
