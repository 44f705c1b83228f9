//! Room on a file system: looked at before it is used, not after it is full.

use std::path::Path;

use crate::error::{Code, Error, Result};
use crate::sys::dir::Dir;

/// Fails what `doing` names with [`Code::NoSpace`] unless `bytes` fit beside the reserve.
pub fn require_room(directory: &Dir, bytes: u64, reserve: u64, doing: &str) -> Result<()> {
    let Some(free) = free(directory, doing)? else { return Ok(()) };
    match bytes.checked_add(reserve) {
        Some(needed) if needed <= free => Ok(()),
        _ => {
            let why =
                format!("it needs {bytes} bytes and a reserve of {reserve} bytes, and {free} bytes are free");
            Err(Error::at(Code::NoSpace, doing, directory.path(), why))
        }
    }
}

/// Fails with [`Code::NoSpace`] unless the reserve is still free.
pub fn require_reserve(directory: &Dir, reserve: u64) -> Result<()> {
    const DOING: &str = "keeping space free for the host on the file system of";
    if reserve == 0 {
        return Ok(());
    }
    let Some(free) = free(directory, DOING)? else { return Ok(()) };
    if free >= reserve {
        return Ok(());
    }
    let why = format!("{free} bytes are free and the reserve is {reserve}");
    Err(Error::at(Code::NoSpace, DOING, directory.path(), why))
}

fn free(directory: &Dir, doing: &str) -> Result<Option<u64>> {
    let path: &Path = directory.path();
    directory.free_bytes().map_err(|error| Error::io(doing, path, error))
}
