//! Small records in JSON: how they are read, and how those of a data directory are written.

use std::io;
use std::path::Path;

use serde::Serialize;

use crate::error::{Error, Result};
use crate::io::small::{self, Whole};
use crate::sys::dir::{Dir, is_absent};

/// The version of the records that this library writes and reads.
pub const VERSION: u32 = 1;

/// What is read of a record: more than those roots take that a data directory remembers, with their seals and
/// with paths as long as the kernel takes them.
const LONGEST: u64 = 1 << 20;

/// A record as text.
pub fn text_of(record: &impl Serialize) -> Vec<u8> {
    // Plain structs of ours always serialise.
    let mut text = serde_json::to_vec_pretty(record).unwrap_or_default();
    text.push(b'\n');
    text
}

/// What a record holds; `None`: there is none.
pub fn read_small(directory: &Dir, name: &str) -> Result<Option<Vec<u8>>> {
    match small::read(directory, Path::new(name), LONGEST) {
        // As one that says nothing that is understood.
        Err(error) if is_no_file(&error) => Ok(Some(b"-".to_vec())),
        other => other.map_err(|error| Error::io("reading", &directory.full(Path::new(name)), error)),
    }
}

/// Writes a record into the `.lifecycle` of a data directory, whole or not at all. `false`: it can hold
/// nothing new.
pub fn write(data_dir: &Dir, new: &str, path: &str, text: &[u8]) -> Result<bool> {
    let (new, path) = (Path::new(new), Path::new(path));
    let written = data_dir.stat(Path::new("")).and_then(|stat| {
        let owner = Some((stat.uid, stat.gid));
        Whole { directory: data_dir, path, new, mode: 0o644, owner }.replace(text)
    });
    match written {
        Ok(()) => Ok(true),
        Err(error) if holds_nothing_new(&error) || is_absent(&error) => Ok(false),
        Err(error) => Err(Error::io("writing", &data_dir.full(path), error)),
    }
}

/// Whether a link or a directory is where a file should be.
pub fn is_no_file(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::ELOOP | libc::EISDIR))
}

/// Whether a directory cannot take anything new: it is read-only for us, or full.
pub fn holds_nothing_new(error: &io::Error) -> bool {
    const REFUSALS: [i32; 5] = [libc::EROFS, libc::EACCES, libc::EPERM, libc::ENOSPC, libc::EDQUOT];
    error.raw_os_error().is_some_and(|error| REFUSALS.contains(&error))
}
