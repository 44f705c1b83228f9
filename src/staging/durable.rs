//! How a staged tree becomes durable: a sync per file for few files, of the file system for many.

use std::fs::File;
use std::ops::Range;
use std::path::{Path, PathBuf};

use super::Staging;
use crate::error::{Error, Result};
use crate::io::pool;
use crate::io::sorted_dirs::SortedDirs;
use crate::snapshot::DirectoryEntry;
use crate::sync::Mutex;
use crate::sys::dir::Dir;
use crate::sys::file;

/// So many files stay open until the sync at the end, by which time their writeback is mostly
/// done; each is then synced by itself. With more of them a sync each costs a commit of the
/// journal each, so their file system is synced as a whole, the host's own dirty pages too.
const FEW_FILES: usize = 256;

/// The writeback of smaller files is better left to the kernel, which writes many at once.
const LARGE: u64 = 1 << 20;

/// What is written and not durable yet.
enum Unsynced {
    /// Files that wait for their sync, still open: an error of their writeback is not missed.
    Files(Vec<(PathBuf, File)>),
    /// Too many to wait: the file system is synced. It was opened before the first byte was
    /// written, so no error of its writeback is missed either.
    FileSystem,
}

/// What a staging's file system promises, and what is not durable yet.
pub struct Durable {
    unsynced: Mutex<Unsynced>,
    syncfs_reports_errors: bool,
    few_files: usize,
}

impl Durable {
    /// Of a directory that is about to be filled.
    pub fn on(dir: &Dir) -> Self {
        Self {
            unsynced: Mutex::new(Unsynced::Files(Vec::new())),
            syncfs_reports_errors: file::syncfs_reports_errors(dir),
            // A quarter of the descriptors leaves enough for pins and for what is being copied.
            few_files: FEW_FILES.min(file::descriptor_limit() / 4),
        }
    }

    /// Nothing is written that counts.
    pub fn start_over(&self) {
        *self.unsynced.lock() = Unsynced::Files(Vec::new());
    }
}

impl Staging {
    /// A complete file becomes durable now, or with the others.
    pub(super) fn make_durable(&self, path: &Path, file: File, size: u64) -> Result<()> {
        if self.durable.syncfs_reports_errors {
            if size >= LARGE {
                file::start_writeback(&file, Range { start: 0, end: size });
            }
            return self.sync_later(path, file);
        }
        file::sync(&file).map_err(|error| Error::io("syncing", &self.dir.full(path), error))?;
        self.close(file, path)
    }

    fn sync_later(&self, path: &Path, file: File) -> Result<()> {
        let mut unsynced = self.durable.unsynced.lock();
        match &mut *unsynced {
            Unsynced::Files(files) if files.len() < self.durable.few_files => {
                files.push((path.to_path_buf(), file));
                return Ok(());
            }
            _ => {}
        }
        let waiting = std::mem::replace(&mut *unsynced, Unsynced::FileSystem);
        drop(unsynced);
        if let Unsynced::Files(files) = waiting {
            for (path, file) in files {
                self.close(file, &path)?;
            }
        }
        self.close(file, path)
    }

    /// Closes a file, which on some file systems is when a failed write comes to light.
    pub(super) fn close(&self, file: File, path: &Path) -> Result<()> {
        file::close(file).map_err(|error| Error::io("closing", &self.dir.full(path), error))
    }

    /// Makes all of it durable, but for what is added to the top later. An error is final.
    pub fn sync(&self, threads: usize) -> Result<()> {
        let unsynced = std::mem::replace(&mut *self.durable.unsynced.lock(), Unsynced::Files(Vec::new()));
        match unsynced {
            Unsynced::FileSystem => return self.sync_file_system(),
            Unsynced::Files(files) => {
                pool::for_each(self.monitor.crew(threads), &files, |_, (path, file), _| {
                    self.monitor.check()?;
                    file::sync(file).map_err(|error| Error::io("syncing", &self.dir.full(path), error))
                })?;
                files.into_iter().try_for_each(|(path, file)| self.close(file, &path))?;
            }
        }
        let directories: Vec<PathBuf> = self.directories.lock().iter().cloned().collect();
        pool::for_each(self.monitor.crew(threads), &directories, |_, path, _| {
            self.monitor.check()?;
            let synced = self.dir.open_dir(path).and_then(|dir| dir.sync());
            synced.map_err(|error| Error::io("syncing", &self.dir.full(path), error))
        })?;
        self.sync_top()
    }

    /// Nothing is added or read any more: the directories get their attributes, the deepest first,
    /// and become durable with them. Each entry that is made moves its directory's mtime, and a
    /// mode may close a directory even to its owner, so nothing comes after this.
    pub fn seal(&self, directories: &[DirectoryEntry]) -> Result<()> {
        let is_few = directories.len() <= self.durable.few_files;
        let one_by_one = is_few || !self.durable.syncfs_reports_errors;
        let mut dirs = SortedDirs::new(&self.dir);
        for entry in directories.iter().rev() {
            self.monitor.check()?;
            let sealed = dirs.parent_of(&entry.path).and_then(|(parent, name)| {
                let directory = parent.open_dir(name)?;
                entry.attributes.apply_to_dir(&directory)?;
                if one_by_one { directory.sync() } else { Ok(()) }
            });
            sealed.map_err(|error| Error::io("completing", &self.dir.full(&entry.path), error))?;
        }
        match one_by_one {
            true => self.sync_top(),
            false => self.sync_file_system(),
        }
    }

    /// Makes the names at the top durable.
    pub fn sync_top(&self) -> Result<()> {
        self.dir.sync().map_err(|error| Error::io("syncing", self.dir.path(), error))
    }

    fn sync_file_system(&self) -> Result<()> {
        self.dir
            .sync_file_system()
            .map_err(|error| Error::io("syncing the file system of", self.dir.path(), error))
    }
}
