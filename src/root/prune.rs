//! Pruning: the newest snapshots stay.

use std::path::Path;

use super::delete::remove;
use super::listing::list_in;
use super::open::Root;
use crate::error::{Code, Error, Result};
use crate::io::thread;
use crate::paths::absolute;
use crate::snapshot::Snapshot;

/// Keeps the newest `keep_newest` readable snapshots, deletes the other readable ones that nobody
/// reads, and returns how many it deleted.
pub fn prune(root: &Path, keep_newest: u32) -> Result<u32> {
    let root = absolute(root)?;
    if keep_newest == 0 {
        let why = "keeping none would delete every snapshot; keep_newest must be at least 1";
        return Err(Error::at(Code::InvalidArgument, "pruning", &root, why));
    }
    thread::run(|| {
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
