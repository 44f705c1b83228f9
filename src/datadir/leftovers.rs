//! What killed jobs have left: directories that are called by a UUID and that nobody holds.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use uuid::Uuid;

use super::locks::{take_abandoned, take_for_backup};
use super::names::{LIFECYCLE, PINS, PROBE};
use crate::error::{Error, Result};
use crate::io::remove::remove_tree;
use crate::io::small::remove;
use crate::sys::dir::{Dir, Kind};

/// Removes the directories called by that prefix and a UUID whose lock nobody holds. What else
/// begins so is somebody else's. Where directories have no locks, they are nobody's only if the caller
/// keeps all others out.
pub fn remove_unlocked(parent: &Dir, prefix: &OsStr, others_are_kept_out: bool) -> Result<()> {
    let entries = parent.entries().map_err(|error| Error::io("listing", parent.path(), error))?;
    for entry in entries {
        if !is_of_a_job(&entry.name, prefix) || entry.kind != Kind::Directory {
            continue;
        }
        let name = Path::new(&entry.name);
        let Ok(directory) = parent.open_dir(name) else { continue };
        if take_abandoned(&directory, others_are_kept_out) {
            remove_tree(parent, name)?;
        }
    }
    Ok(())
}

/// Whether a name is a prefix, a UUID and perhaps an extension.
pub fn is_of_a_job(name: &OsStr, prefix: &OsStr) -> bool {
    let Some(rest) = name.as_bytes().strip_prefix(prefix.as_bytes()) else { return false };
    let id = rest.split(|byte| *byte == b'.').next().unwrap_or_default();
    Uuid::try_parse_ascii(id).is_ok()
}

/// Removes the pins that a killed backup has left in a data directory and its further sources (they hold
/// the space of tables that are deleted), and the file by which it measured. Where another backup may be at
/// work, and where locks do not tell, they stay for the next backup.
pub fn remove_stale_pins(data_dir: &Dir, sources: &[&Dir]) {
    let Ok(Some(_alone)) = take_for_backup(data_dir) else { return };
    for source in sources {
        if let Ok(lifecycle) = source.open_dir(Path::new(LIFECYCLE)) {
            let _ = remove_unlocked(&lifecycle, PINS.as_ref(), false);
            let _ = remove(&lifecycle, PROBE.as_ref());
        }
    }
}
