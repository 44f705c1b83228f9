//! The units of a swap: which names of a target move away, and which move in.
//!
//! A unit is an entry at the top, or each child of a directory that holds something that stays (an
//! excluded file such as a running server's lock, a backup root), or that cannot be renamed itself.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::datadir::locks::refuse_open_below;
use crate::datadir::names::{LIFECYCLE, RESTORE};
use crate::error::{Code, Error, Result};
use crate::io::remove::remove_tree;
use crate::io::walk::{Found, walk_into};
use crate::layout::Rules;
use crate::root::claim::is_the_librarys;
use crate::snapshot::Manifest;
use crate::sys::dir::{Dir, Entry, Kind};
use crate::sys::random;

/// What a swap moves.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Units {
    /// Present names that move aside.
    pub out: Vec<PathBuf>,
    /// Names that move in.
    pub into: Vec<PathBuf>,
    /// Directories that cannot move, and of which the new tree has nothing: empty in the end.
    pub emptied: Vec<PathBuf>,
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
        let files = manifest.files.paths();
        let links = manifest.links.iter().map(|entry| entry.path.as_path());
        let directories = manifest.directories.iter().map(|entry| entry.path.as_path());
        let mut directories: BTreeSet<&Path> = directories.collect();
        let mut last = None;
        // Files that are sorted mostly have the directory of the one before.
        for above in files.clone().map(Path::parent) {
            if above != last {
                directories.extend(above.iter().flat_map(|above| above.ancestors()));
                last = above;
            }
        }
        Self { directories, others: files.chain(links).collect() }
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
    /// Directories that stay because they cannot be renamed.
    unmovable: Vec<PathBuf>,
}

/// The units of a swap of what a target holds for what is to come. A backup root in the target stays.
pub fn plan(target: &Dir, rules: &Rules, root: Option<&Path>, coming: &Coming<'_>) -> Result<Units> {
    let present = present(target, rules, root)?;
    let into = incoming(target, &present, coming)?;
    let mut emptied = present.unmovable;
    emptied.retain(|path| !coming.directories.contains(path.as_path()));
    Ok(Units { out: present.units, into, emptied })
}

/// Looks at what a target holds.
fn present(target: &Dir, rules: &Rules, root: Option<&Path>) -> Result<Present> {
    let staying = RefCell::new(BTreeSet::new());
    let stays = |path: &Path| staying.borrow_mut().insert(path.to_path_buf());
    let mut mounts = Vec::new();
    let leave_out = |path: &Path, entry: &Entry| {
        let is_to_stay = path == Path::new(LIFECYCLE)
            || (path == Path::new("lost+found") && entry.kind == Kind::Directory)
            || root == Some(path)
            || rules.excludes(path);
        if is_to_stay {
            stays(path);
        } else if is_mount(target, path, entry.kind)? {
            mounts.push(path.to_path_buf());
        }
        Ok(is_to_stay)
    };
    let found = walk_into(target, leave_out, |path, directory, entries| {
        let is_to_stay = is_the_librarys(path, directory, entries);
        if is_to_stay {
            refuse_open_below(directory)?;
            stays(path);
        }
        Ok(is_to_stay)
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
    refuse_subvolumes(target, &partial)?;
    let mut unmovable = Vec::new();
    if target.is_overlay() {
        let probe = Probe::new(target)?;
        // What lies in a directory comes behind it.
        for directory in found.iter().filter(|found| found.kind == Kind::Directory) {
            if moves(&directory.path, &partial) && !probe.could_move(&directory.path)? {
                partial.insert(directory.path.clone());
                unmovable.push(directory.path.clone());
            }
        }
    }
    let units = found.into_iter().map(|found| found.path).filter(|path| moves(path, &partial)).collect();
    Ok(Present { units, partial, staying, unmovable })
}

/// Whether a name is a unit: it lies just below a directory that stays.
fn moves(path: &Path, partial: &BTreeSet<PathBuf>) -> bool {
    !partial.contains(path) && path.parent().is_some_and(|above| partial.contains(above))
}

/// What lies in a subvolume of its own cannot be moved out of it, only the whole of it.
fn refuse_subvolumes(target: &Dir, partial: &BTreeSet<PathBuf>) -> Result<()> {
    let device = |path: &Path| {
        let found = target.stat(path);
        found.map(|stat| stat.device).map_err(|error| Error::io("looking at", &target.full(path), error))
    };
    let own = device(Path::new(""))?;
    for path in partial.iter().filter(|path| !path.as_os_str().is_empty()) {
        if device(path)? != own {
            let why =
                "it is a subvolume of its own and holds what stays, and the rest cannot be moved out of it";
            return Err(Error::at(Code::Unsupported, "restoring over", &target.full(path), why));
        }
    }
    Ok(())
}

/// A directory that is not empty, gone with the value: what could be renamed to its place is told by how
/// that fails.
struct Probe<'a> {
    target: &'a Dir,
    path: PathBuf,
}

impl<'a> Probe<'a> {
    fn new(target: &'a Dir) -> Result<Self> {
        let path = Path::new(RESTORE).join(format!("{}.probe", random::uuid()?));
        let failed = |error| Error::io("making", &target.full(&path), error);
        target.ensure_dir(Path::new(RESTORE), 0o700).map_err(failed)?;
        target.make_dir(&path, 0o700).map_err(failed)?;
        let probe = Self { target, path };
        let inside = probe.path.join("inside");
        target.make_dir(&inside, 0o700).map_err(|error| Error::io("making", &target.full(&inside), error))?;
        Ok(probe)
    }

    fn could_move(&self, directory: &Path) -> Result<bool> {
        self.target
            .could_move(directory, self.target, &self.path)
            .map_err(|error| Error::io("trying to move", &self.target.full(directory), error))
    }
}

impl Drop for Probe<'_> {
    fn drop(&mut self) {
        // What is left the next restore removes.
        let _ = remove_tree(self.target, &self.path);
    }
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
