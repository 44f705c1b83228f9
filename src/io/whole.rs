//! Small files that are there whole or not at all.

use std::io::{self, Write};
use std::path::Path;

use crate::sys::dir::{Dir, is_absent};
use crate::sys::file;

/// Writes a file under a name from which it is renamed to its own: durable, and read back from the disk.
/// What a crash has left under that name is replaced; after a failure nothing is left.
pub fn write_new(directory: &Dir, name: &Path, mode: u32, bytes: &[u8]) -> io::Result<()> {
    remove(directory, name)?;
    let written = directory.create_file(name, mode).and_then(|mut file| {
        file.write_all(bytes)?;
        file::sync(&file)?;
        file::holds(&file, bytes)?;
        file::close(file)
    });
    written.inspect_err(|_| {
        // Half a file is of no use to anybody.
        let _ = remove(directory, name);
    })
}

/// Removes a file. That there is none is no error.
pub fn remove(directory: &Dir, name: &Path) -> io::Result<()> {
    match directory.unlink(name) {
        Err(error) if !is_absent(&error) => Err(error),
        _ => Ok(()),
    }
}
