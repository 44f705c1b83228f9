//! Files that are there whole or not at all.

use std::fs::{File, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// Writes a file anew. Whoever reads it meanwhile has the old one or the new one. `mode`: who may read it;
/// `None`: as the umask says.
pub fn replace(path: &Path, text: &[u8], mode: Option<u32>) -> io::Result<()> {
    match path.metadata() {
        // A terminal, a pipe: nothing of it can be put in place.
        Ok(there) if !there.is_file() => return OpenOptions::new().write(true).open(path)?.write_all(text),
        // Where a symbolic link leads, the file goes.
        Ok(_) => return put(&path.canonicalize()?, text, mode),
        Err(_) => {}
    }
    put(path, text, mode)
}

fn put(path: &Path, text: &[u8], mode: Option<u32>) -> io::Result<()> {
    let name = path.file_name().ok_or(io::ErrorKind::IsADirectory)?.to_string_lossy();
    let staged = path.with_file_name(format!(".{name}.{}.tmp", std::process::id()));
    let written = stage(&staged, text, mode).and_then(|()| std::fs::rename(&staged, path));
    if written.is_err() {
        let _ = std::fs::remove_file(&staged);
    }
    written
}

fn stage(staged: &Path, text: &[u8], mode: Option<u32>) -> io::Result<()> {
    // One that is there was left by a process of this number which ended too early.
    let mut file = File::create(staged)?;
    if let Some(mode) = mode {
        file.set_permissions(Permissions::from_mode(mode))?;
    }
    file.write_all(text)?;
    file.sync_all()
}
