//! A tree that is being filled: the staging of a backup or of a restore. It gets its files from
//! several threads, then its attributes, and at last becomes durable.

pub mod compare;

use std::collections::HashSet;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use crate::sync::Mutex;

use crate::error::{Error, Result};
use crate::io::pool;
use crate::io::sorted_dirs::SortedDirs;
use crate::io::walk::walk;
use crate::monitor::Monitor;
use crate::snapshot::{Attributes, DirectoryEntry, Kept, LinkEntry};
use crate::sys::dir::{Dir, Kind, is_absent};
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

/// A directory that only this job writes to.
pub struct Tree {
    /// Where it is.
    pub dir: Dir,
    directories: Mutex<HashSet<PathBuf>>,
    unsynced: Mutex<Unsynced>,
    syncfs_reports_errors: bool,
    few_files: usize,
}

impl Tree {
    /// An empty directory to be filled.
    pub fn new(dir: Dir) -> Self {
        let syncfs_reports_errors = file::syncfs_reports_errors(&dir);
        Self {
            dir,
            directories: Mutex::default(),
            unsynced: Mutex::new(Unsynced::Files(Vec::new())),
            syncfs_reports_errors,
            few_files: FEW_FILES.min(file::descriptor_limit() / 4),
        }
    }

    /// Makes a directory and those above it, unless they are there.
    pub fn make_dir(&self, path: &Path) -> Result<()> {
        let missing = {
            let made = self.directories.lock();
            let above = path.ancestors().take_while(|path| !path.as_os_str().is_empty());
            above.take_while(|path| !made.contains(*path)).collect::<Vec<_>>()
        };
        let mut near = SortedDirs::new(&self.dir);
        for path in missing.into_iter().rev() {
            near.parent_of(path)
                .and_then(|(parent, name)| {
                    parent.ensure_dir(name, 0o700)?;
                    // The umask may have taken bits of it away.
                    parent.open_dir(name)?.set_mode(0o700)
                })
                .map_err(|error| Error::io("making the directory", &self.dir.full(path), error))?;
            self.directories.lock().insert(path.to_path_buf());
        }
        Ok(())
    }

    /// Makes an empty file, in place of an earlier one of that name. `mode` spares a call later if
    /// it is what the file will have: nobody else gets into this tree before that.
    pub fn create(&self, path: &Path, mode: u32) -> Result<File> {
        self.make_dir(path.parent().unwrap_or(Path::new("")))?;
        let mode = mode & 0o777 | 0o600;
        let mut made = self.dir.create_file(path, mode);
        if made.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::AlreadyExists) {
            made = self.dir.unlink(path).and_then(|()| self.dir.create_file(path, mode));
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

    /// Takes all files away again.
    pub fn start_over(&self) -> Result<()> {
        *self.unsynced.lock() = Unsynced::Files(Vec::new());
        for found in walk(&self.dir, |_, _| Ok(false))? {
            if found.kind == Kind::File {
                self.forget(&found.path)?;
            }
        }
        Ok(())
    }

    /// Takes an empty directory away again.
    pub fn forget_dir(&self, path: &Path) -> Result<()> {
        self.directories.lock().remove(path);
        match self.dir.remove_dir(path) {
            Err(error) if !is_absent(&error) => Err(Error::io("removing", &self.dir.full(path), error)),
            _ => Ok(()),
        }
    }

    /// A file is complete: it gets its attributes, and becomes durable now or with the others.
    /// Returns what the file system keeps of them.
    pub fn finish(&self, path: &Path, file: File, attributes: Option<&Attributes>) -> Result<Kept> {
        let full = || self.dir.full(path);
        if let Some(attributes) = attributes {
            attributes
                .apply(&file)
                .map_err(|error| Error::io("setting the attributes of", &full(), error))?;
        }
        let kept =
            crate::sys::dir::Stat::of(&file).map_err(|error| Error::io("looking at", &full(), error))?;
        if self.syncfs_reports_errors {
            if kept.size >= LARGE {
                file::start_writeback(&file, 0..kept.size);
            }
            self.sync_later(path, file)?;
        } else {
            file::sync(&file).map_err(|error| Error::io("syncing", &full(), error))?;
            self.close(file, path)?;
        }
        Ok(Kept { mode: kept.mode, mtime_ns: kept.mtime_ns })
    }

    fn sync_later(&self, path: &Path, file: File) -> Result<()> {
        let mut unsynced = self.unsynced.lock();
        match &mut *unsynced {
            Unsynced::Files(files) if files.len() < self.few_files => {
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
    pub fn close(&self, file: File, path: &Path) -> Result<()> {
        file::close(file).map_err(|error| Error::io("closing", &self.dir.full(path), error))
    }

    /// Makes a symbolic link.
    pub fn link(&self, entry: &LinkEntry) -> Result<()> {
        self.make_dir(entry.path.parent().unwrap_or(Path::new("")))?;
        self.dir
            .make_symlink(entry.target.as_os_str(), &entry.path)
            .and_then(|()| entry.attributes.apply_to_link(&self.dir, &entry.path))
            .map_err(|error| Error::io("making the link", &self.dir.full(&entry.path), error))
    }

    /// Makes all directories that are not there yet.
    pub fn make_dirs(&self, directories: &[DirectoryEntry]) -> Result<()> {
        directories.iter().try_for_each(|entry| self.make_dir(&entry.path))
    }

    /// Nothing is added or read any more: the directories get their attributes, the deepest first,
    /// and become durable with them. Each entry that is made moves its directory's mtime, and a
    /// mode may close a directory even to its owner, so nothing comes after this.
    pub fn seal(&self, directories: &[DirectoryEntry], monitor: &Monitor) -> Result<()> {
        let one_by_one = directories.len() <= self.few_files || !self.syncfs_reports_errors;
        let mut near = SortedDirs::new(&self.dir);
        for entry in directories.iter().rev() {
            monitor.check()?;
            let sealed = near.parent_of(&entry.path).and_then(|(parent, name)| {
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

    /// Makes all of it durable, but for what is added to the top later. An error is final.
    pub fn sync(&self, threads: usize, monitor: &Monitor) -> Result<()> {
        let unsynced = std::mem::replace(&mut *self.unsynced.lock(), Unsynced::Files(Vec::new()));
        match unsynced {
            Unsynced::FileSystem => return self.sync_file_system(),
            Unsynced::Files(files) => {
                pool::for_each(threads, &files, |(path, file), _| {
                    monitor.check()?;
                    file::sync(file).map_err(|error| Error::io("syncing", &self.dir.full(path), error))
                })?;
                files.into_iter().try_for_each(|(path, file)| self.close(file, &path))?;
            }
        }
        let directories: Vec<PathBuf> = self.directories.lock().iter().cloned().collect();
        pool::for_each(threads, &directories, |path, _| {
            monitor.check()?;
            let synced = self.dir.open_dir(path).and_then(|dir| dir.sync());
            synced.map_err(|error| Error::io("syncing", &self.dir.full(path), error))
        })?;
        self.sync_top()
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
