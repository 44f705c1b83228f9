//! Removing a tree of ours.

use std::io;
use std::path::{Path, PathBuf};

use super::walk::walk;
use crate::error::{Error, Result};
use crate::sys::dir::{Dir, Kind, is_absent};

/// Removes `path` and all below it. What is gone already is no error.
pub fn remove_tree(parent: &Dir, path: &Path) -> Result<()> {
    let failed = |error: io::Error| Error::io("removing", &parent.full(path), error);
    make_open(parent, path);
    let top = match parent.open_dir(path) {
        Err(error) if is_absent(&error) => return Ok(()),
        other => other.map_err(failed)?,
    };
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
            absent_is_fine(top.remove_dir(directory))
                .map_err(|error| Error::io("removing", &top.full(directory), error))?;
        }
    }
    absent_is_fine(parent.remove_dir(path)).map_err(failed)
}

/// Removes the files of one directory, whose directories are gone already.
fn remove_files(top: &Dir, directory: &Path) -> Result<()> {
    let failed = |error: io::Error| Error::io("removing the files of", &top.full(directory), error);
    let dir = match top.open_dir(directory) {
        Err(error) if is_absent(&error) => return Ok(()),
        other => other.map_err(failed)?,
    };
    for entry in dir.entries().map_err(failed)? {
        if entry.kind != Kind::Directory {
            absent_is_fine(dir.unlink(Path::new(&entry.name))).map_err(failed)?;
        }
    }
    Ok(())
}

/// A copy keeps the modes of its source, which may forbid its owner to read or remove what is in it.
fn make_open(top: &Dir, path: &Path) {
    // Where that is refused the removal itself fails and says so.
    let _ = top.open_up(path);
}

fn absent_is_fine(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(error) if is_absent(&error) => Ok(()),
        other => other,
    }
}
