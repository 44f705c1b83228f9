//! What restores have left in a directory, looked at without touching it.

use std::path::{Path, PathBuf};

use super::aside;
use super::journal::Swap;
use crate::datadir::names::JOURNAL;
use crate::error::Result;
use crate::sys::dir::Dir;

/// How many names come in and how many go in a swap that was interrupted; `None`: none was.
pub fn interrupted(target: &Dir) -> Result<Option<(usize, usize)>> {
    let swap = Swap::read(target, Path::new(JOURNAL))?;
    Ok(swap.map(|swap| (swap.units.into.len(), swap.units.out.len())))
}

/// What restores have put aside for an undo.
pub fn put_aside(target: &Dir) -> Result<Vec<PathBuf>> {
    aside::all(target)
}
