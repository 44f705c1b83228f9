//! Who may touch a data directory: a host that has it open, one backup, or a restore.

use std::fs::File;
use std::io;
use std::path::Path;

use super::LIFECYCLE;
use super::id::holds_nothing_new;
use super::root::remove_unlocked;
use crate::error::{Code, Error, Result};
use crate::sys::attributes::{give_to, set_mode};
use crate::sys::dir::{Dir, is_absent};
use crate::sys::lock::{Hold, Lock, try_lock};

/// The file whose lock an open coordinator shares and a restore holds alone.
const OWNER: &str = ".lifecycle/owner";

/// Its name there, which tells the directory from one of a database's.
pub const OWNER_NAME: &str = "owner";

/// What the directories of pins are called by in `.lifecycle`, each followed by the UUID of its backup.
pub const PINS: &str = "pins-";

/// The journal of a swap. While it is there, the directory is half old and half new.
pub const JOURNAL: &str = ".lifecycle/restore/journal";

/// Where stagings in an existing target lie.
pub const RESTORE: &str = ".lifecycle/restore";

/// A held lock. Dropped on the I/O thread that took it.
pub struct OwnerLock(#[allow(dead_code)] File);

/// Opens a data directory, or a further source, for its host: its restore is finished and none is at work. `None`: a
/// read-only or full source, on which no restore can work either, or a file system without locks.
pub fn open_host(directory: &Dir) -> Result<Option<OwnerLock>> {
    let owner = take(directory, Hold::Shared, "opening", "a restore is at work in it")?;
    refuse_unfinished(directory, "opening")?;
    match owner {
        Owner::Held(lock) => Ok(Some(lock)),
        Owner::NoLocks | Owner::NotThere(_) => Ok(None),
    }
}

/// Takes a directory for a restore: no host has it open. Where that cannot be known, nothing moves.
pub fn take_for_restore(target: &Dir, doing: &str) -> Result<OwnerLock> {
    let why = "its file system has no locks (flock), so nobody can tell whether a host has it open; \
               a directory that does not exist yet can be restored to";
    take_alone(target, doing)?.ok_or_else(|| Error::at(Code::Unsupported, doing, target.path(), why))
}

/// Takes a directory for its recovery, which its host asks for before it opens it. `None`: its file
/// system has no locks, and the host's word must do.
pub fn take_alone(target: &Dir, doing: &str) -> Result<Option<OwnerLock>> {
    let why = "a coordinator or a restore has it open, here or in another process";
    match take(target, Hold::Exclusive, doing, why)? {
        Owner::Held(lock) => Ok(Some(lock)),
        Owner::NoLocks => Ok(None),
        Owner::NotThere(error) => Err(Error::io(doing, target.path(), error)),
    }
}

/// Refuses a place inside a directory that its host has open: files must not move in there either.
pub fn refuse_open_above(target: &Path, doing: &str) -> Result<()> {
    for above in target.ancestors().skip(1) {
        let opened = Dir::open(above).and_then(|directory| directory.open_file(Path::new(OWNER)));
        let Ok(owner) = opened else { continue };
        if matches!(try_lock(&owner, Hold::Exclusive), Ok(Lock::Held)) {
            let why = format!("it lies in {}, which its host has open", crate::error::show(above));
            return Err(Error::at(Code::Conflict, doing, target, why));
        }
    }
    Ok(())
}

/// One backup at a time for a data directory, whatever its root: the lock of `.lifecycle` itself.
/// `None`: a read-only source, or a file system without locks on directories.
pub fn take_for_backup(data_dir: &Dir) -> Result<Option<Dir>> {
    let lifecycle = match data_dir.open_dir(Path::new(LIFECYCLE)) {
        Err(error) if is_absent(&error) => return Ok(None),
        other => other.map_err(|error| Error::io("opening", &data_dir.full(Path::new(LIFECYCLE)), error))?,
    };
    match try_lock(&lifecycle, Hold::Exclusive) {
        Ok(Lock::Taken) => Ok(Some(lifecycle)),
        Ok(Lock::Held) => {
            let why = "a backup of it is running already";
            Err(Error::at(Code::Conflict, "starting a backup of", data_dir.path(), why))
        }
        Ok(Lock::Refused) | Err(_) => Ok(None),
    }
}

/// Removes the pins that a killed backup has left in a data directory and its further sources: they hold
/// the space of tables that are deleted. Where another backup may be at work, and where locks do not
/// tell, they stay for the next backup.
pub fn remove_stale_pins(data_dir: &Dir, sources: &[&Dir]) {
    let Ok(Some(_alone)) = take_for_backup(data_dir) else { return };
    for source in sources {
        if let Ok(lifecycle) = source.open_dir(Path::new(LIFECYCLE)) {
            let _ = remove_unlocked(&lifecycle, PINS.as_ref(), false);
        }
    }
}

/// Refuses a directory whose restore was interrupted.
pub fn refuse_unfinished(directory: &Dir, doing: &str) -> Result<()> {
    let found = directory
        .find(Path::new(JOURNAL))
        .map_err(|error| Error::io("looking at", &directory.full(Path::new(JOURNAL)), error))?;
    if found.is_none() {
        return Ok(());
    }
    let why =
        "a restore into it was interrupted; backup_recover finishes it, and until then nothing is touched";
    Err(Error::at(Code::RestoreUnfinished, doing, directory.path(), why))
}

/// Opens a directory that a caller named as one.
pub fn open_data_dir(path: &Path) -> Result<Dir> {
    const DOING: &str = "opening the directory";
    Dir::open(path).map_err(|error| match error.raw_os_error() {
        Some(libc::ENOENT) => Error::at(Code::NotFound, DOING, path, "it does not exist"),
        Some(libc::ENOTDIR) => Error::at(Code::InvalidArgument, DOING, path, "it is not a directory"),
        _ => Error::io(DOING, path, error),
    })
}

/// What came of taking a directory's `owner`.
enum Owner {
    Held(OwnerLock),
    /// The file system has no locks.
    NoLocks,
    /// It cannot be made, for this reason: the directory is read-only for us, or full.
    NotThere(io::Error),
}

fn take(directory: &Dir, hold: Hold, doing: &str, conflict: &str) -> Result<Owner> {
    let path = directory.full(Path::new(OWNER));
    let file = directory.ensure_own_dir(Path::new(LIFECYCLE), 0o755).and_then(|()| open_or_make(directory));
    let file = match file {
        Ok(file) => file,
        Err(error) if holds_nothing_new(&error) => match directory.open_file(Path::new(OWNER)) {
            Ok(file) => file,
            Err(_) => return Ok(Owner::NotThere(error)),
        },
        Err(error) => return Err(Error::io("opening", &path, error)),
    };
    match try_lock(&file, hold) {
        Ok(Lock::Taken) => Ok(Owner::Held(OwnerLock(file))),
        Ok(Lock::Held) => Err(Error::at(Code::Conflict, doing, directory.path(), conflict)),
        Ok(Lock::Refused) => Ok(Owner::NoLocks),
        Err(error) => Err(Error::io("locking", &path, error)),
    }
}

/// A new file is readable for whoever may be the host.
fn open_or_make(directory: &Dir) -> io::Result<File> {
    let path = Path::new(OWNER);
    match directory.create_file(path, 0o644) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => directory.open_or_create(path, 0o644),
        Err(error) => Err(error),
        Ok(file) => {
            let owner = directory.stat(Path::new(""))?;
            set_mode(&file, 0o644)?;
            give_to(&file, owner.uid, owner.gid)?;
            Ok(file)
        }
    }
}
