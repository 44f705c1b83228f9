//! Opening a root: who works in it, and what killed jobs have left there.

use std::path::{Path, PathBuf};

use uuid::Uuid;

use super::mark::is_used;
use super::names::{
    LOCK, NEW_LATEST, NEW_SOURCE, OLD_LATEST, STAGING, name_of, next_number, snapshot_numbers,
};
use crate::datadir::leftovers::remove_unlocked;
use crate::datadir::locks::{RootLock, make_locked, take_root};
use crate::error::{Code, Error, Result};
use crate::io::open::open_directory;
use crate::io::small;
use crate::sys::dir::Dir;

/// A root that this thread's process holds alone.
pub struct Root {
    /// The directory.
    pub dir: Dir,
    /// `None`: its file system has no locks, and only this process is known to leave it alone.
    lock: Option<RootLock>,
}

impl Root {
    /// Opens the root, making it if need be, and takes its lock.
    pub fn open(path: &Path) -> Result<Self> {
        const DOING: &str = "making the backup root";
        let made = make_root(path).map_err(|error| Error::io(DOING, path, error));
        made?;
        let dir = open_root(path)?;
        let lock = take_root(&dir, Path::new(LOCK))?;
        Ok(Self { dir, lock })
    }

    /// A directory that is worked in as a root is, by its lock.
    pub(super) fn locked(dir: Dir) -> Result<Self> {
        let lock = take_root(&dir, Path::new(LOCK))?;
        Ok(Self { dir, lock })
    }

    /// Opens a root that has been used as one, and takes its lock. In any other directory even a
    /// lock would be one file too many.
    pub fn open_used(path: &Path) -> Result<Self> {
        let dir = open_used_dir(path)?;
        let lock = take_root(&dir, Path::new(LOCK))?;
        Ok(Self { dir, lock })
    }

    /// The name of the next snapshot: the time, or one more than the highest there is.
    pub fn next_name(&self, now_s: u64) -> Result<String> {
        let highest = self.numbers()?.into_iter().max();
        next_number(highest, now_s).map(name_of).ok_or_else(|| {
            let why = "the highest possible snapshot name is taken";
            Error::at(Code::Conflict, "naming a snapshot in", self.dir.path(), why)
        })
    }

    /// The numbers of all snapshots, readable or not.
    pub fn numbers(&self) -> Result<Vec<u64>> {
        snapshot_numbers(&self.dir)
    }

    /// Removes what crashed jobs have left: stagings whose own lock nobody holds.
    pub fn clean(&self) -> Result<()> {
        for name in [NEW_SOURCE, NEW_LATEST, OLD_LATEST] {
            self.remove_file(name)?;
        }
        remove_unlocked(&self.dir, STAGING.as_ref(), self.lock.is_some())
    }

    /// Makes a staging directory, locked for as long as it is open.
    pub fn make_staging(&self, id: Uuid) -> Result<Dir> {
        make_locked(&self.dir, &PathBuf::from(format!("{STAGING}{id}")))
    }

    /// Removes a file of the root's own, if it is there.
    pub(super) fn remove_file(&self, name: &str) -> Result<()> {
        let path = Path::new(name);
        small::remove(&self.dir, path)
            .map(drop)
            .map_err(|error| Error::io("removing", &self.dir.full(path), error))
    }
}

/// Makes the directories of a root, and makes their names durable: a snapshot in a directory that
/// a power cut takes away would be lost with it.
fn make_root(path: &Path) -> std::io::Result<()> {
    let missing = path.ancestors().take_while(|above| !above.exists()).count();
    match std::fs::create_dir_all(path) {
        // No directory is there: whoever opens it says so.
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => return Ok(()),
        other => other?,
    }
    // The last two may have been made by a process that was killed before it came to this.
    for above in path.ancestors().skip(1).take(missing.max(2)) {
        match Dir::open(above).and_then(|directory| directory.sync()) {
            // One that others own and keep closed was not made here.
            Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => {}
            other => other?,
        }
    }
    Ok(())
}

/// Opens a root to look at.
pub fn open_root(path: &Path) -> Result<Dir> {
    open_directory(path, "opening the backup root")
}

/// Opens a directory that has been used as a root, to look at.
pub fn open_used_dir(path: &Path) -> Result<Dir> {
    let dir = open_root(path)?;
    if !is_used(&dir) {
        let why = "it is no backup root; the default one is .lifecycle/backup in the data directory";
        return Err(Error::at(Code::NotFound, "opening the backup root", path, why));
    }
    Ok(dir)
}
