//! Deleting snapshots. Killed at any instant, what is left of one is staging that the next
//! backup removes, and `latest` names a snapshot that is whole.

use std::path::Path;

use super::listing::list_in;
use super::mark::{holds_manifest, is_root};
use super::names::STAGING;
use super::open::Root;
use crate::datadir::locks::lock_unused;
use crate::error::{Code, Error, Result};
use crate::io::remove::remove_tree;
use crate::io::thread;
use crate::paths::absolute;
use crate::snapshot::{Snapshot, open_directory, prove};
use crate::sys::random;

/// Deletes a snapshot by its id or its directory's name.
pub fn delete(root: &Path, id_or_name: &str) -> Result<()> {
    let root = absolute(root)?;
    thread::run(|| {
        let root = Root::open_used(&root)?;
        root.clean()?;
        let all = list_in(&root.dir)?;
        let is_meant = |snapshot: &&Snapshot| snapshot.id() == id_or_name || name_of(snapshot) == id_or_name;
        let Some(snapshot) = all.iter().find(is_meant) else {
            let why = format!("there is no snapshot {id_or_name:?}");
            return Err(Error::at(Code::NotFound, "deleting from", root.dir.path(), why));
        };
        // Where nothing says that this is a root, only a manifest tells a snapshot from a host's own directory.
        if !is_root(&root.dir) && !holds_manifest(&root.dir, &name_of(snapshot)) {
            let why = "it has no manifest and does not lie in a backup root, so it may be no snapshot; nothing was deleted";
            return Err(Error::at(Code::NotFound, "deleting", snapshot.location(), why));
        }
        remove(&root, &all, snapshot)
    })
}

/// Deletes one of `all` snapshots of a root.
pub fn remove(root: &Root, all: &[Snapshot], snapshot: &Snapshot) -> Result<()> {
    let name = name_of(snapshot);
    let _unused = lock_unused(snapshot.location())?;
    let mut waiting = None;
    if root.latest()?.is_some_and(|latest| latest.to_string_lossy() == name) {
        let next = all.iter().find(|other| other.location() != snapshot.location() && is_whole(other));
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
    let grave = format!("{STAGING}{}", random::uuid()?);
    root.dir
        .rename_new(Path::new(&name), &root.dir, Path::new(&grave))
        .and_then(|()| root.dir.sync())
        .map_err(|error| Error::io("deleting", snapshot.location(), error))?;
    remove_tree(&root.dir, Path::new(&grave))?;
    waiting.map_or(Ok(()), |next| root.point_latest(Some(&next)))
}

/// A listing has seen the head of its manifest alone.
pub fn is_whole(snapshot: &Snapshot) -> bool {
    snapshot.error().is_none() && open_directory(snapshot.location()).and_then(|dir| prove(&dir)).is_ok()
}

fn name_of(snapshot: &Snapshot) -> String {
    snapshot.location().file_name().unwrap_or_default().to_string_lossy().into_owned()
}
