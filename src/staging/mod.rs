//! A tree that is being filled, by a backup or a restore: each file comes in through [`Incoming`], then
//! the tree becomes durable, is proved, and is sealed.

mod compare;
mod durable;
mod incoming;
mod linked;
mod prove;
mod sharing;

use std::collections::HashSet;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

pub use incoming::{Arrived, CLONE_FROM, Incoming, SupplyReader};
pub use prove::{Proof, layout_of, rules_of};
pub use sharing::Sharing;

use crate::error::{Code, Error, Result};
use crate::io::checksum::Checksum;
use crate::io::small;
use crate::io::sorted_dirs::SortedDirs;
use crate::io::walk::walk;
use crate::monitor::Monitor;
use crate::snapshot::{DirectoryEntry, Imprint, LinkEntry};
use crate::sync::Mutex;
use crate::sys::dir::{Dir, Kind, Stat, if_there};
use crate::sys::file;
use durable::Durable;

/// A directory that only this job writes to.
pub struct Staging {
    /// Where it is.
    pub dir: Dir,
    monitor: Arc<Monitor>,
    directories: Mutex<HashSet<PathBuf>>,
    durable: Durable,
    /// Whether files of the source can share their blocks with files here, as far as is known.
    clones: AtomicBool,
    /// Whether files of an earlier snapshot come in as clones. `None`: the first one tells.
    shares_by_clones: Mutex<Option<bool>>,
}

impl Staging {
    /// An empty directory to be filled.
    pub fn new(dir: Dir, monitor: &Arc<Monitor>) -> Self {
        Self {
            durable: Durable::on(&dir),
            dir,
            monitor: monitor.clone(),
            directories: Mutex::default(),
            clones: AtomicBool::new(false),
            shares_by_clones: Mutex::default(),
        }
    }

    /// Makes a directory and those above it, unless they are there.
    pub fn make_dir(&self, path: &Path) -> Result<()> {
        let missing = {
            let made = self.directories.lock();
            let above = path.ancestors().take_while(|path| !path.as_os_str().is_empty());
            above.take_while(|path| !made.contains(*path)).collect::<Vec<_>>()
        };
        let mut dirs = SortedDirs::new(&self.dir);
        for path in missing.into_iter().rev() {
            dirs.parent_of(path)
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

    /// A new file, in place of an earlier one of that name. `mode` spares a call later if it is what the
    /// file will have: nobody else gets into this tree before that.
    pub fn receive<'s>(&'s self, path: &'s Path, mode: u32) -> Result<Incoming<'s>> {
        self.make_dir(path.parent().unwrap_or(Path::new("")))?;
        self.create((&self.dir, path), path, mode)
    }

    /// The same where many come: of those that follow each other in one directory, that stays open in `dirs`.
    pub fn receive_in<'s>(
        &'s self,
        dirs: &mut SortedDirs<'_>,
        path: &'s Path,
        mode: u32,
    ) -> Result<Incoming<'s>> {
        if !dirs.has_open(path) {
            self.make_dir(path.parent().unwrap_or(Path::new("")))?;
        }
        let place = dirs.parent_of(path).map_err(|error| Error::io("making", &self.dir.full(path), error))?;
        self.create(place, path, mode)
    }

    fn create<'s>(
        &'s self,
        (directory, name): (&Dir, &Path),
        path: &'s Path,
        mode: u32,
    ) -> Result<Incoming<'s>> {
        let mode = mode & 0o777 | 0o600;
        let mut made = directory.create_file(name, mode);
        if made.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::AlreadyExists) {
            made = directory.unlink(name).and_then(|()| directory.create_file(name, mode));
        }
        let file = made.map_err(|error| Error::io("making", &self.dir.full(path), error))?;
        Ok(Incoming::new(self, path, file, Checksum::default()))
    }

    /// A file that was let go of earlier, to go on with it. It must be there.
    pub fn resume<'s>(&'s self, path: &'s Path, checksum: Checksum) -> Result<Incoming<'s>> {
        let opened = self.dir.open_to_write(path);
        let file = opened.map_err(|error| Error::io("opening", &self.dir.full(path), error))?;
        let stat = Stat::of(&file).map_err(|error| Error::io("looking at", &self.dir.full(path), error))?;
        if stat.links > 1 {
            let why = "it has another name, so it may be an earlier snapshot's too";
            return Err(Error::at(Code::Internal, "writing to", &self.dir.full(path), why));
        }
        Ok(Incoming::new(self, path, file, checksum))
    }

    /// The imprint of a complete file whose bytes were read where they are now.
    pub fn proved(&self, path: &Path, imprint: Imprint) -> Result<Imprint> {
        let stat =
            self.dir.stat(path).map_err(|error| Error::io("looking at", &self.dir.full(path), error))?;
        Ok(imprint.proved(&stat))
    }

    /// Takes a file away again.
    pub fn forget(&self, path: &Path) -> Result<()> {
        let removed = small::remove(&self.dir, path);
        removed.map(drop).map_err(|error| Error::io("removing", &self.dir.full(path), error))
    }

    /// Takes all files away again.
    pub fn start_over(&self) -> Result<()> {
        self.durable.start_over();
        for found in walk(&self.dir, |_, _| Ok(false))? {
            if found.kind == Kind::File {
                self.forget(&found.path)?;
            }
        }
        Ok(())
    }

    /// Takes the directories away again that were made and are not wanted, all of them empty.
    pub fn keep_directories(&self, is_wanted: impl Fn(&Path) -> bool) -> Result<()> {
        let mut made = self.directories.lock();
        let mut strays: Vec<PathBuf> = made.iter().filter(|path| !is_wanted(path)).cloned().collect();
        // What lies in a directory comes behind it.
        strays.sort_unstable();
        for path in strays.iter().rev() {
            made.remove(path);
            if_there(self.dir.remove_dir(path))
                .map_err(|error| Error::io("removing", &self.dir.full(path), error))?;
        }
        Ok(())
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

    /// Whether files of an earlier snapshot come in as clones, as far as is known.
    fn shares_by_clones(&self) -> Option<bool> {
        *self.shares_by_clones.lock()
    }

    /// Whether they do is known now.
    fn will_share_by_clones(&self, clones: bool) {
        *self.shares_by_clones.lock() = Some(clones);
    }

    /// Nothing may be cloned into it.
    pub fn forbid_clones(&self) {
        self.set_clones(false);
        self.will_share_by_clones(false);
    }

    /// Whether files of the source can be cloned into it, as far as is known.
    pub fn clones(&self) -> bool {
        self.clones.load(Relaxed)
    }

    /// Whether they can is known once it is tried with one of them.
    pub fn try_to_clone(&self, source: &File, path: &Path) {
        self.set_clones(self.can_clone(source, path));
    }

    /// Whether a file can be cloned under that name, which is free again afterwards.
    pub fn can_clone(&self, file: &File, path: &Path) -> bool {
        let probe = self.receive(path, 0o600);
        let works = probe.is_ok_and(|staged| file::clone(file, staged.file()).unwrap_or(false));
        let _ = self.forget(path);
        works
    }

    /// Whether they can is known now.
    fn set_clones(&self, clones: bool) {
        self.clones.store(clones, Relaxed);
    }
}
