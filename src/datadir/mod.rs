//! What lies in the `.lifecycle` of a data directory: its id, who has it open, the roots and further sources
//! that it has used, what jobs keep there for as long as they run.

pub mod id;
pub mod known_roots;
pub mod known_sources;
pub mod leftovers;
pub mod locks;
pub mod names;
pub mod record;
mod space;

use std::path::Path;

use crate::error::{Code, Error, Result};
use crate::io::open::open_directory;
use crate::sys::dir::Dir;

use names::JOURNAL;
pub use space::{require_reserve, require_room};

/// Opens a directory that a caller named as one.
pub fn open_data_dir(path: &Path) -> Result<Dir> {
    open_directory(path, "opening the directory")
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
