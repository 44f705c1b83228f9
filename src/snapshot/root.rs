//! The backup root: who works in it, what its newest snapshot is.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use uuid::Uuid;

use super::claim::{NEW_SOURCE, SOURCE};
use super::{LATEST, number_of};
use crate::error::{Code, Error, Result};
use crate::io::remove::remove_tree;
use crate::io::whole;
use crate::sys::dir::{Dir, Kind, is_absent};
use crate::sys::lock::{Hold, Lock, try_lock};

/// The root's lock, never unlinked: whoever holds it may write here.
pub(super) const LOCK: &str = "lock";

/// What is written before it takes its name; one writer at a time, so one name is enough.
const NEW_LATEST: &str = ".latest.new";
const OLD_LATEST: &str = ".latest.old";

const STAGING: &str = ".staging-";

/// No path that the kernel takes is longer.
const LONGEST_PATH: u64 = 1 << 16;

/// A root that this thread's process holds alone.
pub struct Root {
    /// The directory.
    pub dir: Dir,
    /// `None`: its file system has no locks, and only this process is known to leave it alone.
    lock: Option<File>,
}

impl Root {
    /// Opens the root, making it if need be, and takes its lock.
    pub fn open(path: &Path) -> Result<Self> {
        const DOING: &str = "making the backup root";
        let made = make_root(path).map_err(|error| Error::io(DOING, path, error));
        made?;
        let dir = open_root(path)?;
        let lock = lock(&dir)?;
        Ok(Self { dir, lock })
    }

    /// Opens a root that has been used as one, and takes its lock. In any other directory even a
    /// lock would be one file too many.
    pub fn open_used(path: &Path) -> Result<Self> {
        let dir = open_root(path)?;
        let has = |name: &str| dir.find(Path::new(name)).is_ok_and(|found| found.is_some());
        if ![LOCK, SOURCE, LATEST].into_iter().any(has) && snapshot_numbers(&dir)?.is_empty() {
            let why = "it is no backup root; the default one is .lifecycle/backup in the data directory";
            return Err(Error::at(Code::NotFound, "opening the backup root", path, why));
        }
        let lock = lock(&dir)?;
        Ok(Self { dir, lock })
    }

    /// The name of the next snapshot: the time, or one more than the highest there is.
    pub fn next_name(&self, now_s: u64) -> Result<String> {
        let highest = self.numbers()?.into_iter().max();
        let number = match highest {
            None => Some(now_s),
            Some(highest) => highest.checked_add(1).map(|next| next.max(now_s)),
        };
        number.map(|number| format!("ts-{number}")).ok_or_else(|| {
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

    /// Renames a complete staging to its name and makes it the newest. On an error both are
    /// undone; the error says so where even that failed.
    pub fn publish(&self, staging: &Path, name: &str) -> Result<()> {
        self.prepare_latest(name)?;
        let staging = Path::new(staging.file_name().unwrap_or_default());
        let published = self.dir.full(Path::new(name));
        self.dir.rename_new(staging, &self.dir, Path::new(name)).map_err(|error| {
            let _ = self.remove_file(NEW_LATEST);
            Error::io("publishing", &published, error)
        })?;
        let latest = self.dir.full(Path::new(LATEST));
        let done = self.swap_latest().and_then(|()| self.dir.sync());
        let Err(error) = done else {
            // What is left of the old marker is no harm, and the next backup removes it.
            let _ = self.remove_file(OLD_LATEST);
            return Ok(());
        };
        let error = Error::io("publishing", &latest, error);
        let undone = self.unswap_latest().and_then(|()| {
            self.dir.rename_new(Path::new(name), &self.dir, staging)?;
            self.dir.sync()
        });
        Err(match undone {
            Ok(()) => error,
            Err(undo) => error.aftermath(&format!(
                "taking it back failed too ({undo}), so {} may be listed",
                crate::error::show(&published)
            )),
        })
    }

    /// Lets `latest` name another snapshot, or none.
    pub fn point_latest(&self, name: Option<&str>) -> Result<()> {
        let latest = self.dir.full(Path::new(LATEST));
        match name {
            Some(name) => {
                self.prepare_latest(name)?;
                self.dir
                    .rename(Path::new(NEW_LATEST), &self.dir, Path::new(LATEST))
                    .map_err(|error| Error::io("writing", &latest, error))?;
            }
            None => self.remove_file(LATEST)?,
        }
        self.dir.sync().map_err(|error| Error::io("syncing", self.dir.path(), error))
    }

    /// What `latest` names, if it names anything.
    pub fn latest(&self) -> Result<Option<OsString>> {
        read_latest(&self.dir)
    }

    fn prepare_latest(&self, name: &str) -> Result<()> {
        let target = self.dir.full(Path::new(name));
        self.write_new(NEW_LATEST, target.as_os_str().as_bytes())
    }

    /// The old marker keeps a second name for the time of the change.
    fn swap_latest(&self) -> std::io::Result<()> {
        match self.dir.link(Path::new(LATEST), &self.dir, Path::new(OLD_LATEST)) {
            Err(error) if is_absent(&error) => {}
            Err(error) if error.raw_os_error() != Some(libc::EIO) => self.copy_latest()?,
            other => other?,
        }
        self.dir.rename(Path::new(NEW_LATEST), &self.dir, Path::new(LATEST))
    }

    /// Where the file system has no hard links.
    fn copy_latest(&self) -> std::io::Result<()> {
        let mut bytes = Vec::new();
        match self.dir.open_file(Path::new(LATEST)).and_then(|mut file| file.read_to_end(&mut bytes)) {
            Err(error) if is_absent(&error) => return Ok(()),
            other => other?,
        };
        self.dir.create_file(Path::new(OLD_LATEST), 0o644)?.write_all(&bytes)
    }

    fn unswap_latest(&self) -> std::io::Result<()> {
        if self.dir.find(Path::new(NEW_LATEST))?.is_some() {
            // The marker was not changed yet.
            self.dir.unlink(Path::new(NEW_LATEST))?;
            return match self.dir.unlink(Path::new(OLD_LATEST)) {
                Err(error) if is_absent(&error) => Ok(()),
                other => other,
            };
        }
        match self.dir.rename(Path::new(OLD_LATEST), &self.dir, Path::new(LATEST)) {
            Err(error) if is_absent(&error) => self.dir.unlink(Path::new(LATEST)),
            other => other,
        }
    }

    /// Writes a file that gets its name by a rename.
    fn write_new(&self, name: &str, bytes: &[u8]) -> Result<()> {
        let path = Path::new(name);
        whole::write_new(&self.dir, path, 0o644, bytes)
            .map_err(|error| Error::io("writing", &self.dir.full(path), error))
    }

    fn remove_file(&self, name: &str) -> Result<()> {
        let path = Path::new(name);
        whole::remove(&self.dir, path).map_err(|error| Error::io("removing", &self.dir.full(path), error))
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
    const DOING: &str = "opening the backup root";
    Dir::open(path).map_err(|error| match error.raw_os_error() {
        Some(libc::ENOENT) => Error::at(Code::NotFound, DOING, path, "it does not exist"),
        Some(libc::ENOTDIR) => Error::at(Code::InvalidArgument, DOING, path, "it is not a directory"),
        _ => Error::io(DOING, path, error),
    })
}

/// The numbers of all directories that are called like snapshots.
pub fn snapshot_numbers(root: &Dir) -> Result<Vec<u64>> {
    let entries = root.entries().map_err(|error| Error::io("listing", root.path(), error))?;
    let directories = entries.into_iter().filter(|entry| entry.kind == Kind::Directory);
    Ok(directories.filter_map(|entry| number_of(&entry.name)).collect())
}

/// The id of the data directory that the newest snapshot is of, as far as one can be read and tells.
pub fn newest_data_dir_id(root: &Dir) -> Option<Uuid> {
    let mut numbers = snapshot_numbers(root).ok()?;
    numbers.sort_unstable();
    let newest = |number: &u64| {
        let snapshot = root.open_dir(Path::new(&format!("ts-{number}"))).ok()?;
        super::parse::read(&snapshot).ok()?.data_dir_id
    };
    numbers.iter().rev().find_map(newest)
}

/// The name that `latest` gives. Only its last component counts, beside the marker: in a copied
/// directory the rest would lead to the original's snapshots.
pub fn read_latest(root: &Dir) -> Result<Option<OsString>> {
    let mut bytes = Vec::new();
    match root.open_file(Path::new(LATEST)).and_then(|file| file.take(LONGEST_PATH).read_to_end(&mut bytes)) {
        Err(error) if is_absent(&error) => return Ok(None),
        Err(error) => return Err(Error::io("reading", &root.full(Path::new(LATEST)), error)),
        Ok(_) => {}
    }
    let path = Path::new(OsStr::from_bytes(bytes.trim_ascii()));
    Ok(path.file_name().map(OsStr::to_os_string))
}

/// Makes a directory that is locked for as long as it is open. Where the file system has no locks
/// on directories it stays unlocked, and only the locks around it protect it.
pub fn make_locked(parent: &Dir, name: &Path) -> Result<Dir> {
    let path = parent.full(name);
    let made = parent.make_dir(name, 0o700).and_then(|()| parent.open_dir(name)).and_then(|dir| {
        // The umask may have taken bits of it away.
        dir.set_mode(0o700)?;
        Ok(dir)
    });
    let directory = made.map_err(|error| Error::io("making", &path, error))?;
    let _ = try_lock(&directory, Hold::Exclusive);
    Ok(directory)
}

/// Removes the directories called by that prefix and a UUID whose lock nobody holds. What else
/// begins so is somebody else's. Where directories have no locks, they are nobody's only if the caller
/// keeps all others out.
pub fn remove_unlocked(parent: &Dir, prefix: &OsStr, others_are_kept_out: bool) -> Result<()> {
    let entries = parent.entries().map_err(|error| Error::io("listing", parent.path(), error))?;
    for entry in entries {
        if !is_ours(&entry.name, prefix) || entry.kind != Kind::Directory {
            continue;
        }
        let name = Path::new(&entry.name);
        let Ok(directory) = parent.open_dir(name) else { continue };
        let is_nobodys = match try_lock(&directory, Hold::Exclusive) {
            Ok(Lock::Taken) => true,
            Ok(Lock::Held) => false,
            Ok(Lock::Refused) | Err(_) => others_are_kept_out,
        };
        if is_nobodys {
            remove_tree(parent, name)?;
        }
    }
    Ok(())
}

/// A prefix, a UUID and perhaps an extension.
fn is_ours(name: &OsStr, prefix: &OsStr) -> bool {
    let Some(rest) = name.as_bytes().strip_prefix(prefix.as_bytes()) else { return false };
    let id = rest.split(|byte| *byte == b'.').next().unwrap_or_default();
    Uuid::try_parse_ascii(id).is_ok()
}

/// Tried, never waited for. `None`: there are no locks here.
fn lock(dir: &Dir) -> Result<Option<File>> {
    let path = dir.full(Path::new(LOCK));
    let failed = |error| Error::io("locking the backup root by", &path, error);
    let file = dir.open_or_create(Path::new(LOCK), 0o644).map_err(failed)?;
    match try_lock(&file, Hold::Exclusive).map_err(failed)? {
        Lock::Taken => Ok(Some(file)),
        Lock::Refused => Ok(None),
        Lock::Held => {
            let why = "another backup, delete or prune is at work in it";
            Err(Error::at(Code::Conflict, "locking the backup root", dir.path(), why))
        }
    }
}
