//! A snapshot that stays while a file of it is read.

use std::path::Path;

use crate::datadir::locks::lock_in_use;
use crate::error::{Error, Result};
use crate::sys::dir::{Dir, if_there};

/// Opens a snapshot of a root, which is not deleted while it is open. `None`: it is gone, or about to.
pub fn open(root: &Dir, name: &Path) -> Result<Option<Dir>> {
    let failed = |error| Error::io("opening the snapshot", &root.full(name), error);
    let Some(snapshot) = if_there(root.open_dir(name)).map_err(failed)? else { return Ok(None) };
    if lock_in_use(&snapshot).is_err() {
        return Ok(None);
    }
    // It may have been deleted before it was locked.
    let (own, found) = (snapshot.stat(Path::new("")).map_err(failed)?, root.find(name).map_err(failed)?);
    Ok(found.is_some_and(|found| found.inode == own.inode).then_some(snapshot))
}
