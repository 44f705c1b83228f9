//! Where a restored tree will be: looked at, and taken, before anything is touched.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use uuid::Uuid;

use super::context::Restore;
use super::journal::Shared;
use super::keep::Keeper;
use super::leftovers::{clean, clean_beside, parent_of};
use super::swap;
use super::units::{self, Coming};
use crate::datadir::leftovers::remove_unlocked;
use crate::datadir::locks::make_locked;
use crate::datadir::locks::{OwnerLock, refuse_open_above, take_for_restore};
use crate::datadir::names::sibling_prefix;
use crate::datadir::names::{JOURNAL, LIFECYCLE, RESTORE};
use crate::datadir::refuse_unfinished;
use crate::error::{Code, Error, Result};
use crate::io::remove::remove_tree;
use crate::monitor::Monitor;
use crate::root::mark::is_root;
use crate::staging::Staging;
use crate::sys::dir::Dir;
use crate::sys::random;

/// Where a restored tree will be.
pub enum Target {
    /// It does not exist: it will appear by one rename of its sibling.
    New { parent: Dir, name: PathBuf, sibling: PathBuf },
    /// It exists: its entries are swapped under a journal.
    Present { dir: Dir, staging: PathBuf, root: Option<PathBuf>, _owner: OwnerLock },
}

impl Target {
    /// Looks whether the target exists and takes its lock, and removes what crashed restores left.
    pub fn open(path: &Path, root: Option<PathBuf>) -> Result<Self> {
        refuse_misplaced(path)?;
        match Dir::open(path) {
            Ok(dir) => {
                let owner = take_for_restore(&dir, "restoring into")?;
                refuse_unfinished(&dir, "restoring into")?;
                clean(&dir)?;
                clean_beside(path);
                let staging = PathBuf::from(RESTORE).join(random::uuid()?.to_string());
                Ok(Target::Present { dir, staging, root, _owner: owner })
            }
            Err(error) if error.raw_os_error() == Some(libc::ENOENT) && !path.is_symlink() => {
                let (parent, name) = parent_of(path)?;
                let prefix = sibling_prefix(&name);
                remove_unlocked(&parent, &prefix, true)?;
                let sibling = joined(&prefix, random::uuid()?);
                Ok(Target::New { parent, name, sibling })
            }
            Err(error) if error.raw_os_error() == Some(libc::ENOTDIR) => Err(not_a_directory(path)),
            Err(error) => Err(Error::io("opening the target", path, error)),
        }
    }

    /// What would keep the swap from happening is found before anything is copied.
    pub fn check(&self, restore: &Restore<'_>) -> Result<()> {
        if let Target::Present { dir, root, .. } = self {
            refuse_apart(dir)?;
            units::plan(dir, &restore.rules, root.as_deref(), &Coming::of_manifest(&restore.manifest))?;
        }
        Ok(())
    }

    /// So is what does not fit: `needed`, as it is known by then.
    pub fn require_room(&self, restore: &Restore<'_>, needed: u64) -> Result<()> {
        let place = match self {
            Target::New { parent: dir, .. } | Target::Present { dir, .. } => dir,
        };
        restore.require_room(place, needed)
    }

    /// Who keeps what it has already, if that is wanted.
    pub fn keeper<'a>(
        &'a self,
        restore: &'a Restore<'a>,
        staging: &'a Staging,
    ) -> Result<Option<Keeper<'a>>> {
        match self {
            Target::Present { dir, .. } if restore.settings.keep_matching => {
                Keeper::new(restore, dir, staging).map(Some)
            }
            _ => Ok(None),
        }
    }

    /// Makes the staging directory.
    pub fn make_staging(&self, monitor: &Arc<Monitor>) -> Result<Staging> {
        let made = match self {
            Target::New { parent, sibling, .. } => make_locked(parent, sibling)?,
            Target::Present { dir, staging, .. } => {
                let above = Path::new(RESTORE);
                dir.ensure_dir(above, 0o700).map_err(|error| Error::io("making", &dir.full(above), error))?;
                make_locked(dir, staging)?
            }
        };
        Ok(Staging::new(made, monitor))
    }

    /// Puts the staged tree in its place.
    pub fn swap(&self, restore: &Restore<'_>, staging: &Staging, shared: Vec<Shared>) -> Result<()> {
        match self {
            Target::New { parent, name, sibling } => swap::appear(restore, staging, parent, sibling, name),
            Target::Present { dir, staging, root, .. } => {
                swap::exchange(restore, dir, staging, root.as_deref(), shared)
            }
        }
    }

    /// Removes the staging of a restore that failed.
    pub fn discard(&self) {
        // What cannot be removed the next restore tries again.
        let _ = match self {
            Target::New { parent, sibling, .. } => remove_tree(parent, sibling),
            Target::Present { dir, staging, .. } => {
                match dir.find(Path::new(JOURNAL)) {
                    Ok(None) => remove_tree(dir, staging).and_then(|()| clean(dir).map(drop)),
                    // The journal still needs it.
                    _ => Ok(()),
                }
            }
        };
    }
}

fn joined(prefix: &OsString, id: Uuid) -> PathBuf {
    let mut name = prefix.clone();
    name.push(id.to_string());
    PathBuf::from(name)
}

/// Names move between the target and its `.lifecycle`, which must be of one piece.
fn refuse_apart(target: &Dir) -> Result<()> {
    let lifecycle = Path::new(LIFECYCLE);
    let failed = |error| Error::io("looking at", &target.full(lifecycle), error);
    let device = |path: &Path| target.stat(path).map(|stat| stat.device).map_err(failed);
    if !target.is_mount(lifecycle).map_err(failed)? && device(lifecycle)? == device(Path::new(""))? {
        return Ok(());
    }
    let why = "it is a mount or a subvolume of its own, into which nothing of the directory can be moved; \
               a directory that does not exist yet can be restored to";
    Err(Error::at(Code::Unsupported, "restoring over", &target.full(lifecycle), why))
}

/// A tree must not appear among the library's own files, nor inside a database that is open.
fn refuse_misplaced(target: &Path) -> Result<()> {
    const DOING: &str = "restoring to";
    // What does not exist yet lies where its nearest existing parent does.
    let real = target
        .ancestors()
        .find_map(|above| Some(above.canonicalize().ok()?.join(target.strip_prefix(above).ok()?)));
    let real = real.unwrap_or_else(|| target.to_path_buf());
    let refuse = |why: &str| Err(Error::at(Code::InvalidArgument, DOING, target, why));
    if real.components().any(|part| part.as_os_str() == LIFECYCLE) {
        return refuse("it lies in the library's own directory");
    }
    if real.parent().is_none() {
        return refuse("it is the root of the whole file system, which is no database");
    }
    let is_root = |path: &Path| Dir::open(path).is_ok_and(|directory| is_root(&directory));
    if is_root(&real) {
        return refuse("it is a backup root");
    }
    if real.ancestors().skip(1).any(is_root) {
        return refuse("it lies in a backup root");
    }
    refuse_open_above(&real, DOING)
}

/// Refuses a target that is not a directory.
fn not_a_directory(target: &Path) -> Error {
    Error::at(Code::InvalidArgument, "restoring to", target, "it is there and is not a directory")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_root_of_the_file_system_is_refused_by_whatever_name() {
        let place = tempfile::tempdir().unwrap();
        let link = place.path().join("link");
        std::os::unix::fs::symlink("/", &link).unwrap();
        for name in [Path::new("/"), Path::new("/.."), &link] {
            assert_eq!(refuse_misplaced(name).unwrap_err().code(), Code::InvalidArgument, "{name:?}");
        }
        refuse_misplaced(&place.path().join("new")).unwrap();
    }
}
