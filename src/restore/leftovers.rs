//! What killed restores have left: found and removed before the next one, and by a recovery.

use std::path::{Path, PathBuf};

use super::aside;
use super::swap::GIVEN_UP;
use crate::datadir::leftovers::remove_unlocked;
use crate::datadir::names::sibling_prefix;
use crate::datadir::names::{JOURNAL, RESTORE};
use crate::error::{Code, Error, Result};
use crate::sys::dir::{Dir, Entry, is_absent};

/// What a recovery found and made of it. The values are those of the C header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
#[repr(i32)]
pub enum Recovered {
    /// No restore was interrupted.
    Nothing = 0,
    /// All of the old is there: the restore had not come to its swap.
    Old = 1,
    /// All of the new is there.
    New = 2,
}

/// The directory that holds the target, and its name there.
pub fn parent_of(target: &Path) -> Result<(Dir, PathBuf)> {
    const DOING: &str = "restoring to";
    let (Some(above), Some(name)) = (target.parent(), target.file_name()) else {
        return Err(Error::at(Code::InvalidArgument, DOING, target, "it has no name"));
    };
    let parent = Dir::open(above).map_err(|error| match is_absent(&error) {
        true => Error::at(Code::NotFound, DOING, target, "the directory that should hold it does not exist"),
        false => Error::io("opening", above, error),
    })?;
    Ok((parent, PathBuf::from(name)))
}

/// A restore to this path that was killed before the path existed has left a sibling.
pub fn clean_beside(target: &Path) {
    // Another's directory may be closed to us; what is left there is no harm.
    if let Ok((parent, name)) = parent_of(target) {
        let _ = remove_unlocked(&parent, &sibling_prefix(&name), true);
    }
}

/// Removes what a crash left, where there is no journal that needs it, and says of which restore:
/// one that never came to its swap has left its staging, one that had ended what it gave up.
pub fn clean(target: &Dir) -> Result<Recovered> {
    let path = Path::new(RESTORE);
    aside::tidy(target);
    let above = match target.open_dir(path) {
        Err(error) if is_absent(&error) => return Ok(Recovered::Nothing),
        other => other.map_err(|error| Error::io("opening", &target.full(path), error))?,
    };
    let left = above.entries().map_err(|error| Error::io("listing", &target.full(path), error))?;
    let has_ended = |entry: &Entry| Path::new(&entry.name).extension() == Some(GIVEN_UP.as_ref());
    remove_unlocked(&above, "".as_ref(), true)?;
    let _ = target.unlink(&Path::new(JOURNAL).with_extension("new"));
    let _ = target.remove_dir(path);
    Ok(match left.is_empty() {
        true => Recovered::Nothing,
        false if left.iter().any(has_ended) => Recovered::New,
        false => Recovered::Old,
    })
}
