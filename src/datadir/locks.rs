//! All locks, each tried and never waited for (but a ledger's, for a little, after which none is taken), so that no
//! order of them can end in a deadlock. They are `flock` locks of I/O threads: they end with the descriptor they were taken by.
//!
//! | lock | shared | alone |
//! | --- | --- | --- |
//! | `.lifecycle/owner`, in the data directory and in each further source | its host, for as long as its coordinator is open | a restore, an undo or a recovery, for the whole of it; a restore above or below it, for a moment, to see whether its host is there |
//! | `.lifecycle` itself, in the data directory | | a backup, for the whole of it; whoever removes what killed backups have pinned, for as long as that takes |
//! | `lock` in a root | | a backup, a delete or a prune, for the whole of it |
//! | `ledger` and `ledger-files` in a root | | whoever writes to it, for as long as that takes |
//! | `scrub.lock` in a root | | a scrub, for the whole of it |
//! | `lock` beside checkpoints | | a checkpoint that is made, for the whole of it |
//! | the directory of a job: its staging, its pins | | the job that made it, for as long as it uses it; whoever removes what killed jobs have left |
//! | the directory of a checkpoint | whoever wants it to stay (a host's own reader) | its removal, until it is gone |
//! | the directory of a snapshot | a restore or a verification, for as long as it reads it; a scrub, while it reads a file of it | a delete or a prune, until it is gone |
//!
//! Whoever takes several takes them in this order: a coordinator `owner`, then `.lifecycle`, which it lets go
//! of at once; a backup `.lifecycle`, the root, its staging, its pins; a restore the snapshot, `owner`, its
//! staging; a recovery `owner`, then `.lifecycle`; a delete or a prune the root, then the snapshot.
//!
//! Where a file system has no locks, a host and a backup go on without; a restore over a directory does not.

use std::fs::File;
use std::io;
use std::marker::PhantomData;
use std::path::Path;
use std::time::Duration;

use super::names::{LIFECYCLE, OWNER, OWNER_NAME};
use super::record::holds_nothing_new;
use super::refuse_unfinished;
use crate::error::{Code, Error, Result};
use crate::sys::attributes::{give_to, set_mode};
use crate::sys::dir::{Dir, if_there};
use crate::sys::lock::{Hold, Lock, try_lock};
use crate::sys::stays::Stays;

/// The held lock of an `owner`. Dropped on the I/O thread that took it.
pub struct OwnerLock(#[allow(dead_code)] File, Stays);

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

/// Refuses to move another database that lies below a target while its host has it open.
pub fn refuse_open_below(lifecycle: &Dir) -> Result<()> {
    let Ok(owner) = lifecycle.open_file(Path::new(OWNER_NAME)) else { return Ok(()) };
    match try_lock(&owner, Hold::Exclusive) {
        Ok(Lock::Held) => {
            let data_dir = lifecycle.path().parent().unwrap_or(lifecycle.path());
            let why = "another database lies there, which its host has open";
            Err(Error::at(Code::Conflict, "restoring over", data_dir, why))
        }
        _ => Ok(()),
    }
}

/// One backup at a time for a data directory, whatever its root: the lock of `.lifecycle` itself.
/// `None`: a read-only source, or a file system without locks on directories.
pub fn take_for_backup(data_dir: &Dir) -> Result<Option<Dir>> {
    let opened = if_there(data_dir.open_dir(Path::new(LIFECYCLE)));
    let opened = opened.map_err(|error| Error::io("opening", &data_dir.full(Path::new(LIFECYCLE)), error))?;
    let Some(lifecycle) = opened else { return Ok(None) };
    match try_lock(&lifecycle, Hold::Exclusive) {
        Ok(Lock::Taken) => Ok(Some(lifecycle)),
        Ok(Lock::Held) => {
            let why = "a backup of it is running already";
            Err(Error::at(Code::Conflict, "starting a backup of", data_dir.path(), why))
        }
        Ok(Lock::Refused) | Err(_) => Ok(None),
    }
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
    let file = directory
        .ensure_own_dir(Path::new(LIFECYCLE), 0o755)
        .and_then(|()| open_or_make(directory, Path::new(OWNER)));
    let file = match file {
        Ok(file) => file,
        Err(error) if holds_nothing_new(&error) => match directory.open_file(Path::new(OWNER)) {
            Ok(file) => file,
            Err(_) => return Ok(Owner::NotThere(error)),
        },
        Err(error) => return Err(Error::io("opening", &path, error)),
    };
    match try_lock(&file, hold) {
        Ok(Lock::Taken) => Ok(Owner::Held(OwnerLock(file, PhantomData))),
        Ok(Lock::Held) => Err(Error::at(Code::Conflict, doing, directory.path(), conflict)),
        Ok(Lock::Refused) => Ok(Owner::NoLocks),
        Err(error) => Err(Error::io("locking", &path, error)),
    }
}

/// A file to write to. A new one is the directory's owner's and readable for all: an administrator's command may be the
/// first to need it, and then the host does.
pub fn open_or_make(directory: &Dir, path: &Path) -> io::Result<File> {
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

/// The held lock of a backup root. Dropped on the I/O thread that took it.
pub struct RootLock(#[allow(dead_code)] File, Stays);

/// Takes a root by the file `name` in it. `None`: there are no locks here.
pub fn take_root(dir: &Dir, name: &Path) -> Result<Option<RootLock>> {
    let path = dir.full(name);
    let failed = |error| Error::io("locking the backup root by", &path, error);
    let file = dir.open_or_create(name, 0o644).map_err(failed)?;
    match try_lock(&file, Hold::Exclusive).map_err(failed)? {
        Lock::Taken => Ok(Some(RootLock(file, PhantomData))),
        Lock::Refused => Ok(None),
        Lock::Held => {
            let why = "another backup, delete or prune is at work in it";
            Err(Error::at(Code::Conflict, "locking the backup root", dir.path(), why))
        }
    }
}

/// What came of taking a lock for a little.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    /// It is held until the file is closed.
    Yes,
    /// Others have held it all the while.
    No,
    /// There are no locks here.
    Unknown,
}

/// Takes a ledger to write to it. Others who do need an instant each.
pub fn take_book(file: &File) -> io::Result<Taken> {
    const TRIES: u32 = 1_000;
    for _ in 0..TRIES {
        match try_lock(file, Hold::Exclusive)? {
            Lock::Taken => return Ok(Taken::Yes),
            Lock::Refused => return Ok(Taken::Unknown),
            Lock::Held => std::thread::sleep(Duration::from_millis(5)),
        }
    }
    Ok(Taken::No)
}

/// Takes a root for a scrub: two would read the same. It is held until the file is closed.
pub fn take_for_scrub(root: &Dir, name: &Path) -> Result<Option<File>> {
    let path = root.full(name);
    let file = match open_or_make(root, name) {
        Ok(file) => file,
        Err(error) if holds_nothing_new(&error) => return Ok(None),
        Err(error) => return Err(Error::io("locking the root for a scrub by", &path, error)),
    };
    match try_lock(&file, Hold::Exclusive) {
        Ok(Lock::Held) => {
            Err(Error::at(Code::Conflict, "scrubbing", root.path(), "another scrub is at work in it"))
        }
        _ => Ok(Some(file)),
    }
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

/// Takes the directory of a job that has ended, for as long as it is open. `false`: the job is at work. Where
/// directories have no locks, it has ended only if the caller keeps all others out.
pub fn take_abandoned(directory: &Dir, others_are_kept_out: bool) -> bool {
    match try_lock(directory, Hold::Exclusive) {
        Ok(Lock::Taken) => true,
        Ok(Lock::Held) => false,
        Ok(Lock::Refused) | Err(_) => others_are_kept_out,
    }
}

/// Takes a snapshot that is to be deleted: a restore or a verification holds its lock while it reads it.
pub fn lock_unused(location: &Path) -> Result<Option<Dir>> {
    // One that cannot be opened is read by nobody.
    let Ok(snapshot) = Dir::open(location) else { return Ok(None) };
    match try_lock(&snapshot, Hold::Exclusive) {
        Ok(Lock::Held) => {
            let why = "a restore or a verification is reading it";
            Err(Error::at(Code::Conflict, "deleting", location, why))
        }
        // A file system without locks on directories lets readers take none either.
        _ => Ok(Some(snapshot)),
    }
}

/// Keeps a snapshot from being deleted for as long as the directory is open.
pub fn lock_in_use(snapshot: &Dir) -> Result<()> {
    match try_lock(snapshot, Hold::Shared) {
        Ok(Lock::Held) => Err(Error::at(Code::Conflict, "reading", snapshot.path(), "it is being deleted")),
        // Without locks on directories only the host keeps the two apart.
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::stays::sent::{Kept, Sent};

    #[test]
    fn a_held_lock_never_leaves_the_side_that_took_it() {
        assert_eq!([<Sent<OwnerLock>>::MAY_BE, <Sent<RootLock>>::MAY_BE], [false; 2]);
    }
}
