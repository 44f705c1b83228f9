//! Deleting snapshots. Killed at any instant, what is left of one is staging that the next
//! backup removes, and `latest` names a snapshot that is whole.

use std::path::Path;

use super::listing::{Snapshot, list_in};
use super::root::Root;
use crate::error::{Code, Error, Result};
use crate::io::apart;
use crate::io::remove::remove_tree;
use crate::options::absolute;
use crate::sys::dir::Dir;
use crate::sys::lock::{Hold, Lock, try_lock};
use crate::sys::random;

/// Deletes a snapshot by its id or its directory's name.
pub fn delete(root: &Path, id_or_name: &str) -> Result<()> {
    let root = absolute(root)?;
    apart::run(|| {
        let root = Root::open_used(&root)?;
        root.clean()?;
        let all = list_in(&root.dir)?;
        let is_meant = |snapshot: &&Snapshot| snapshot.id() == id_or_name || name_of(snapshot) == id_or_name;
        let Some(snapshot) = all.iter().find(is_meant) else {
            let why = format!("there is no snapshot {id_or_name:?}");
            return Err(Error::at(Code::NotFound, "deleting from", root.dir.path(), why));
        };
        remove(&root, &all, snapshot)
    })
}

/// Keeps the newest `keep_newest` readable snapshots, deletes the other readable ones that nobody
/// reads, and returns how many it deleted.
pub fn prune(root: &Path, keep_newest: u32) -> Result<u32> {
    let root = absolute(root)?;
    if keep_newest == 0 {
        let why = "keeping none would delete every snapshot; keep_newest must be at least 1";
        return Err(Error::at(Code::InvalidArgument, "pruning", &root, why));
    }
    apart::run(|| {
        let root = Root::open_used(&root)?;
        root.clean()?;
        let all = list_in(&root.dir)?;
        let readable = all.iter().filter(|snapshot| snapshot.error().is_none());
        let old: Vec<&Snapshot> = readable.skip(keep_newest as usize).collect();
        // The oldest first: what a failure leaves is what a shorter prune would have.
        let mut deleted = 0;
        for snapshot in old.iter().rev() {
            match remove(&root, &all, snapshot) {
                // A restore or a verification reads it; a later prune removes it.
                Err(error) if error.code() == Code::Conflict => {}
                other => other.map(|()| deleted += 1)?,
            }
        }
        Ok(deleted)
    })
}

fn remove(root: &Root, all: &[Snapshot], snapshot: &Snapshot) -> Result<()> {
    let name = name_of(snapshot);
    let _unused = lock_unused(snapshot.location())?;
    let mut waiting = None;
    if root.latest()?.is_some_and(|latest| latest.to_string_lossy() == name) {
        let next =
            all.iter().find(|other| other.error().is_none() && other.location() != snapshot.location());
        let next = next.map(name_of);
        match root.point_latest(next.as_deref()) {
            // On a full disk there is room for the new marker only once the snapshot is gone.
            Err(error) if error.code() == Code::NoSpace => {
                root.point_latest(None)?;
                waiting = next;
            }
            other => other?,
        }
    }
    let grave = format!(".staging-{}", random::uuid()?);
    root.dir
        .rename_new(Path::new(&name), &root.dir, Path::new(&grave))
        .and_then(|()| root.dir.sync())
        .map_err(|error| Error::io("deleting", snapshot.location(), error))?;
    remove_tree(&root.dir, Path::new(&grave))?;
    waiting.map_or(Ok(()), |next| root.point_latest(Some(&next)))
}

fn name_of(snapshot: &Snapshot) -> String {
    snapshot.location().file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// A restore or a verification holds the snapshot's own lock while it reads it.
fn lock_unused(location: &Path) -> Result<Option<Dir>> {
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
