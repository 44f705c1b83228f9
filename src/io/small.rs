//! Small files of ours: read at once, and written so that they are there whole or not at all.

use std::io::{self, Read, Write};
use std::path::Path;

use crate::sys::dir::{Dir, if_there};
use crate::sys::file;

/// The first `most` bytes of a file; `None`: there is none.
pub fn read(directory: &Dir, path: &Path, most: u64) -> io::Result<Option<Vec<u8>>> {
    let Some(file) = if_there(directory.open_file(path))? else { return Ok(None) };
    let mut bytes = Vec::new();
    file.take(most).read_to_end(&mut bytes)?;
    Ok(Some(bytes))
}

/// Removes a file. `false`: there was none.
pub fn remove(directory: &Dir, path: &Path) -> io::Result<bool> {
    if_there(directory.unlink(path)).map(|removed| removed.is_some())
}

/// Writes a file under a name from which it is renamed to its own: durable, and read back from the disk.
/// What a crash has left under that name is replaced; after a failure nothing is left.
pub fn write_new(directory: &Dir, name: &Path, mode: u32, bytes: &[u8]) -> io::Result<()> {
    remove(directory, name)?;
    let written = directory.create_file(name, mode).and_then(|mut file| {
        file.write_all(bytes)?;
        file::sync(&file)?;
        file::require_content(&file, bytes)?;
        file::close(file)
    });
    written.inspect_err(|_| {
        // Half a file is of no use to anybody.
        let _ = remove(directory, name);
    })
}

/// A file that changes as a whole: it is written under another name and renamed.
pub struct Whole<'a> {
    /// The directory that its names are relative to.
    pub directory: &'a Dir,
    /// Its name.
    pub path: &'a Path,
    /// What it is called until it is complete.
    pub new: &'a Path,
    /// Its permission bits.
    pub mode: u32,
    /// User and group that it is given to; `None`: it is this process's.
    pub owner: Option<(u32, u32)>,
}

impl Whole<'_> {
    /// Puts it where none is yet, durably. One that is there stays, and is an error.
    pub fn place(&self, bytes: &[u8]) -> io::Result<()> {
        self.put(bytes, Dir::rename_new)
    }

    /// Puts it in the place of one that may be there, durably.
    pub fn replace(&self, bytes: &[u8]) -> io::Result<()> {
        self.put(bytes, Dir::rename)
    }

    fn put(&self, bytes: &[u8], rename: fn(&Dir, &Path, &Dir, &Path) -> io::Result<()>) -> io::Result<()> {
        write_new(self.directory, self.new, self.mode, bytes)?;
        let named = self
            .owner
            .map_or(Ok(()), |(uid, gid)| self.directory.give_to(self.new, uid, gid))
            .and_then(|()| rename(self.directory, self.new, self.directory, self.path))
            .and_then(|()| self.sync_name());
        named.inspect_err(|_| {
            let _ = remove(self.directory, self.new);
        })
    }

    fn sync_name(&self) -> io::Result<()> {
        match self.path.parent() {
            Some(above) if !above.as_os_str().is_empty() => self.directory.open_dir(above)?.sync(),
            _ => self.directory.sync(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A directory with a directory in it, and a file there that changes as a whole.
    fn with_a_file(test: impl FnOnce(&Path, &Whole<'_>)) {
        let top = tempfile::tempdir().unwrap();
        std::fs::create_dir(top.path().join("in")).unwrap();
        let (path, new) = (Path::new("in/file"), Path::new("in/file.new"));
        let directory = &Dir::open(top.path()).unwrap();
        test(&top.path().join("in"), &Whole { directory, path, new, mode: 0o600, owner: None });
    }

    fn names(directory: &Path) -> Vec<std::ffi::OsString> {
        let mut names: Vec<_> =
            std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        names
    }

    #[test]
    fn a_file_is_read_up_to_a_limit_and_one_that_is_not_there_is_none() {
        with_a_file(|_, file| {
            assert_eq!(read(file.directory, file.path, 9).unwrap(), None);
            assert_eq!(read(file.directory, Path::new("no/such"), 9).unwrap(), None);
            file.replace(b"0123456789").unwrap();
            assert_eq!(read(file.directory, file.path, 4).unwrap().unwrap(), b"0123");
            assert_eq!(read(file.directory, file.path, 99).unwrap().unwrap(), b"0123456789");
            assert!(read(file.directory, Path::new("in"), 9).is_err(), "a directory was read");
        });
    }

    #[test]
    fn a_file_is_removed_once() {
        with_a_file(|_, file| {
            file.replace(b"x").unwrap();
            assert!(remove(file.directory, file.path).unwrap());
            assert!(!remove(file.directory, file.path).unwrap());
        });
    }

    #[test]
    fn what_a_crash_left_under_the_other_name_is_replaced() {
        with_a_file(|inside, file| {
            std::fs::write(inside.join("file.new"), b"half of something longer").unwrap();
            file.replace(b"one").unwrap();
            file.replace(b"two").unwrap();
            assert_eq!(std::fs::read(inside.join("file")).unwrap(), b"two");
            assert_eq!(names(inside), ["file"]);
        });
    }

    #[test]
    fn a_file_that_is_placed_never_replaces_one() {
        with_a_file(|inside, file| {
            file.place(b"first").unwrap();
            let error = file.place(b"second").unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
            assert_eq!(std::fs::read(inside.join("file")).unwrap(), b"first");
            assert_eq!(names(inside), ["file"]);
        });
    }

    #[test]
    fn a_file_that_cannot_take_its_name_leaves_nothing() {
        with_a_file(|inside, file| {
            std::fs::create_dir(inside.join("file")).unwrap();
            file.replace(b"x").unwrap_err();
            assert_eq!(names(inside), ["file"]);
            assert!(inside.join("file").is_dir());
        });
    }
}
