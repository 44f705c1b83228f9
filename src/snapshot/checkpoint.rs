//! What a checkpoint says of itself, in a manifest of another name and kind than a snapshot's: nothing that
//! reads snapshots takes one for it.

use serde::Deserialize;

use super::CHECKPOINT;
use crate::error::{Error, Result};
use crate::io::small;
use crate::sys::dir::Dir;

/// The version that this library writes.
pub const VERSION: u64 = 1;

/// More than the first lines of a manifest take.
const HEAD: u64 = 256;

/// What makes a manifest that of a checkpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub struct Checkpoint {
    /// It goes when its coordinator is closed.
    pub until_close: bool,
}

impl Checkpoint {
    /// Whether a directory is one; `None`: it is none.
    pub fn of(directory: &Dir) -> Result<Option<Self>> {
        let path = CHECKPOINT.as_ref();
        let head = small::read(directory, path, HEAD);
        let head = head.map_err(|error| Error::io("reading", &directory.full(path), error))?;
        // The first two lines are its own, and nothing before them is a host's.
        let until_close =
            |head: Vec<u8>| String::from_utf8_lossy(&head).contains("\n  \"until_close\": true,\n");
        Ok(head.map(|head| Self { until_close: until_close(head) }))
    }
}
