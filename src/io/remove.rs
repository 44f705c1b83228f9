//! Removing a tree of ours.

use std::io;
use std::path::{Path, PathBuf};

use super::walk::walk;
use crate::error::{Error, Result};
use crate::sys::dir::{Dir, Kind, if_there};

/// Removes `path` and all below it. What is gone already is no error.
pub fn remove_tree(parent: &Dir, path: &Path) -> Result<()> {
    let failed = |error: io::Error| Error::io("removing", &parent.full(path), error);
    make_open(parent, path);
    let Some(top) = if_there(parent.open_dir(path)).map_err(failed)? else { return Ok(()) };
    let mut directories = vec![PathBuf::new()];
    walk(&top, |path, entry| {
        if entry.kind == Kind::Directory {
            make_open(&top, path);
            directories.push(path.to_path_buf());
        }
        Ok(false)
    })?;
    // A directory sorts before what it holds.
    directories.sort_unstable();
    for directory in directories.iter().rev() {
        remove_files(&top, directory)?;
        if !directory.as_os_str().is_empty() {
            if_there(top.remove_dir(directory))
                .map_err(|error| Error::io("removing", &top.full(directory), error))?;
        }
    }
    if_there(parent.remove_dir(path)).map(drop).map_err(failed)
}

/// Removes the files of one directory, whose directories are gone already.
fn remove_files(top: &Dir, directory: &Path) -> Result<()> {
    let failed = |error: io::Error| Error::io("removing the files of", &top.full(directory), error);
    let Some(dir) = if_there(top.open_dir(directory)).map_err(failed)? else { return Ok(()) };
    for entry in dir.entries().map_err(failed)? {
        if entry.kind != Kind::Directory {
            if_there(dir.unlink(Path::new(&entry.name))).map_err(failed)?;
        }
    }
    Ok(())
}

/// A copy keeps the modes of its source, which may forbid its owner to read or remove what is in it.
fn make_open(top: &Dir, path: &Path) {
    // Where that is refused the removal itself fails and says so.
    let _ = top.open_up(path);
}
