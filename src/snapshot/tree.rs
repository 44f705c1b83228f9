//! A tree that is being filled: the staging of a backup or of a restore. It gets its files from
//! several threads, then its attributes, and at last becomes durable.

use std::collections::HashSet;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use parking_lot::Mutex;

use super::{Attributes, DirectoryEntry, LinkEntry};
use crate::error::{Error, Result};
use crate::io::pool;
use crate::sys::dir::{Dir, is_absent};
use crate::sys::file;

/// More files than this are synced together with their file system, fewer one by one: a sync per
/// file costs a commit of the journal each, a sync of the file system writes the host's own
/// dirty pages too.
const MANY_FILES: usize = 512;

/// A directory that only this job writes to.
pub struct Tree {
    /// Where it is.
    pub dir: Dir,
    directories: Mutex<HashSet<PathBuf>>,
    unsynced: Mutex<Vec<PathBuf>>,
    files: AtomicUsize,
}

impl Tree {
    /// An empty directory to be filled.
    pub fn new(dir: Dir) -> Self {
        Self { dir, directories: Mutex::default(), unsynced: Mutex::default(), files: AtomicUsize::new(0) }
    }

    /// Makes a directory and those above it, unless they are there.
    pub fn make_dir(&self, path: &Path) -> Result<()> {
        if path.as_os_str().is_empty() || self.directories.lock().contains(path) {
            return Ok(());
        }
        self.make_dir(path.parent().unwrap_or(Path::new("")))?;
        self.dir
            .ensure_dir(path, 0o700)
            .and_then(|()| self.dir.open_dir(path))
            // The umask may have taken bits of it away.
            .and_then(|made| made.set_mode(0o700))
            .map_err(|error| Error::io("making the directory", &self.dir.full(path), error))?;
        self.directories.lock().insert(path.to_path_buf());
        Ok(())
    }

    /// Makes an empty file, in place of an earlier one of that name.
    pub fn create(&self, path: &Path) -> Result<File> {
        self.make_dir(path.parent().unwrap_or(Path::new("")))?;
        let mut made = self.dir.create_file(path, 0o600);
        if made.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::AlreadyExists) {
            made = self.dir.unlink(path).and_then(|()| self.dir.create_file(path, 0o600));
        }
        made.map_err(|error| Error::io("making", &self.dir.full(path), error))
    }

    /// A file that was made earlier, to go on with it.
    pub fn reopen(&self, path: &Path) -> Result<File> {
        let opened = self.dir.open_or_create(path, 0o600);
        opened.map_err(|error| Error::io("opening", &self.dir.full(path), error))
    }

    /// Takes a file away again.
    pub fn forget(&self, path: &Path) -> Result<()> {
        match self.dir.unlink(path) {
            Err(error) if !is_absent(&error) => Err(Error::io("removing", &self.dir.full(path), error)),
            _ => Ok(()),
        }
    }

    /// A file is complete: it gets its attributes, and becomes durable now or with the others.
    /// Returns its mtime as the file system keeps it.
    pub fn finish(&self, path: &Path, file: File, attributes: Option<&Attributes>) -> Result<i64> {
        let full = || self.dir.full(path);
        if let Some(attributes) = attributes {
            attributes
                .apply(&file)
                .map_err(|error| Error::io("setting the attributes of", &full(), error))?;
        }
        let kept =
            crate::sys::dir::Stat::of(&file).map_err(|error| Error::io("looking at", &full(), error))?;
        if self.files.fetch_add(1, Relaxed) < MANY_FILES {
            file.sync_all().map_err(|error| Error::io("syncing", &full(), error))?;
        } else {
            self.unsynced.lock().push(path.to_path_buf());
        }
        file::close(file).map_err(|error| Error::io("closing", &full(), error))?;
        Ok(kept.mtime_ns)
    }

    /// Makes a symbolic link.
    pub fn link(&self, entry: &LinkEntry) -> Result<()> {
        self.make_dir(entry.path.parent().unwrap_or(Path::new("")))?;
        self.dir
            .make_symlink(entry.target.as_os_str(), &entry.path)
            .and_then(|()| entry.attributes.apply_to_link(&self.dir, &entry.path))
            .map_err(|error| Error::io("making the link", &self.dir.full(&entry.path), error))
    }

    /// All files are there: the directories get their attributes, the deepest first, since each
    /// entry that is made moves its directory's mtime.
    pub fn finish_directories(&self, directories: &[DirectoryEntry]) -> Result<()> {
        for entry in directories {
            self.make_dir(&entry.path)?;
        }
        for entry in directories.iter().rev() {
            self.dir.open_dir(&entry.path).and_then(|made| entry.attributes.apply_to_dir(&made)).map_err(
                |error| Error::io("setting the attributes of", &self.dir.full(&entry.path), error),
            )?;
        }
        Ok(())
    }

    /// Makes all of it durable, but for what is added to the top later. An error is final.
    pub fn sync(&self, threads: usize) -> Result<()> {
        let unsynced = std::mem::take(&mut *self.unsynced.lock());
        if !unsynced.is_empty() {
            if file::syncfs_reports_errors() {
                return self.sync_file_system();
            }
            pool::for_each(threads, &unsynced, |path, _| {
                let synced = self.dir.open_file(path).and_then(|file| file.sync_all());
                synced.map_err(|error| Error::io("syncing", &self.dir.full(path), error))
            })?;
        }
        let directories: Vec<PathBuf> = self.directories.lock().iter().cloned().collect();
        pool::for_each(threads, &directories, |path, _| {
            let synced = self.dir.open_dir(path).and_then(|dir| dir.sync());
            synced.map_err(|error| Error::io("syncing", &self.dir.full(path), error))
        })?;
        self.sync_top()
    }

    /// Makes the names at the top durable.
    pub fn sync_top(&self) -> Result<()> {
        self.dir.sync().map_err(|error| Error::io("syncing", self.dir.path(), error))
    }

    /// The directory was opened before the first byte was written to the tree, so no error of
    /// its writeback is missed.
    fn sync_file_system(&self) -> Result<()> {
        self.dir
            .sync_file_system()
            .map_err(|error| Error::io("syncing the file system of", self.dir.path(), error))
    }
}
