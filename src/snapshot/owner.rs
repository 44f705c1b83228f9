//! Who may touch a data directory: a host that has it open, one backup, or a restore.

use std::fs::File;
use std::io;
use std::path::Path;

use super::LIFECYCLE;
use crate::error::{Code, Error, Result};
use crate::sys::dir::{Dir, give_to, is_absent, set_mode};
use crate::sys::lock::{Hold, try_lock};

/// The file whose lock an open coordinator shares and a restore holds alone.
const OWNER: &str = ".lifecycle/owner";

/// Its name there, which tells the directory from one of a database's.
pub const OWNER_NAME: &str = "owner";

/// The journal of a swap. While it is there, the directory is half old and half new.
pub const JOURNAL: &str = ".lifecycle/restore/journal";

/// A held lock. Dropped on the I/O thread that took it.
pub struct OwnerLock(#[allow(dead_code)] File);

/// Opens a data directory for its host: its restore is finished and none is at work. `None`: a
/// read-only source, on which no restore can work either.
pub fn open_host(data_dir: &Path) -> Result<Option<OwnerLock>> {
    let directory = open_data_dir(data_dir)?;
    let lock = take(&directory, Hold::Shared, "opening", "a restore is at work in it")?;
    refuse_unfinished(&directory, "opening")?;
    Ok(lock)
}

/// Takes a directory for a restore: no host has it open.
pub fn take_for_restore(target: &Dir, doing: &str) -> Result<OwnerLock> {
    let why = "a coordinator or a restore has it open, here or in another process";
    take(target, Hold::Exclusive, doing, why)?.ok_or_else(|| {
        let error = io::Error::from_raw_os_error(libc::EROFS);
        Error::io(doing, target.path(), error)
    })
}

/// Refuses a place inside a directory that its host has open: files must not move in there either.
pub fn refuse_open_above(target: &Path, doing: &str) -> Result<()> {
    for above in target.ancestors().skip(1) {
        let opened = Dir::open(above).and_then(|directory| directory.open_file(Path::new(OWNER)));
        let Ok(owner) = opened else { continue };
        if matches!(try_lock(&owner, Hold::Exclusive), Ok(false)) {
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
        Ok(true) => Ok(Some(lifecycle)),
        Ok(false) => {
            let why = "a backup of it is running already";
            Err(Error::at(Code::Conflict, "starting a backup of", data_dir.path(), why))
        }
        Err(_) => Ok(None),
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

fn take(directory: &Dir, hold: Hold, doing: &str, conflict: &str) -> Result<Option<OwnerLock>> {
    let path = directory.full(Path::new(OWNER));
    let file = directory.ensure_own_dir(Path::new(LIFECYCLE), 0o755).and_then(|()| open_or_make(directory));
    let file = match file {
        Ok(file) => file,
        Err(error) if is_read_only(&error) => match directory.open_file(Path::new(OWNER)) {
            Ok(file) => file,
            Err(_) => return Ok(None),
        },
        Err(error) => return Err(Error::io("opening", &path, error)),
    };
    match try_lock(&file, hold) {
        Ok(true) => Ok(Some(OwnerLock(file))),
        Ok(false) => Err(Error::at(Code::Conflict, doing, directory.path(), conflict)),
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

fn is_read_only(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::EROFS | libc::EACCES | libc::EPERM))
}
