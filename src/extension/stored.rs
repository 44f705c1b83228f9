//! A snapshot or a checkpoint in a directory of this machine, to be read by who sends it elsewhere.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use crate::datadir::locks::lock_in_use;
use crate::datadir::names::CHECKPOINTS;
use crate::error::{Code, Error, Result};
use crate::root::ledger;
use crate::root::mark::is_root;
use crate::snapshot::{Checkpoint, Contents, MANIFEST, Snapshot, open_directory};
use crate::sys::dir::{Dir, Kind, Stat};

/// A snapshot that cannot be deleted or pruned while this is there, or a checkpoint that cannot be removed. It holds a
/// descriptor, so it is made and stays on an I/O thread and those that it makes.
pub struct Stored {
    directory: Dir,
    snapshot: Snapshot,
    contents: Contents,
    is_checkpoint: bool,
}

impl Stored {
    /// Opens a snapshot or a checkpoint and reads its manifest.
    pub fn open(location: &Path) -> Result<Self> {
        let directory = open_directory(location)?;
        lock_in_use(&directory)?;
        let is_checkpoint = !is_snapshot(&directory)? && Checkpoint::of(&directory)?.is_some();
        let (contents, snapshot) = match is_checkpoint {
            true => (
                Contents::read_checkpoint(&directory)?,
                Snapshot::describe_checkpoint(location.to_path_buf()),
            ),
            false => (Contents::read(&directory)?, Snapshot::describe(location.to_path_buf())),
        };
        if let Some(error) = snapshot.error() {
            return Err(error.clone());
        }
        Ok(Self { directory, snapshot, contents, is_checkpoint })
    }

    /// What its manifest says of it.
    pub fn snapshot(&self) -> &Snapshot {
        &self.snapshot
    }

    /// What it holds.
    pub fn contents(&self) -> &Contents {
        &self.contents
    }

    /// Whether it is a checkpoint: some of its files are the live database's own, and have no checksums.
    pub fn is_checkpoint(&self) -> bool {
        self.is_checkpoint
    }

    /// Its manifest, as it lies there; of a checkpoint that of the snapshot which it becomes elsewhere, for which
    /// `sum_of` knows the checksums of the live files.
    pub fn manifest(&self, sum_of: impl Fn(&Path) -> Option<u32>) -> Result<Vec<u8>> {
        if self.is_checkpoint {
            return self.contents.stored(sum_of);
        }
        let mut bytes = Vec::new();
        let read = self.open_file(Path::new(MANIFEST))?.read_to_end(&mut bytes);
        read.map_err(|error| Error::io("reading", &self.directory.full(Path::new(MANIFEST)), error))?;
        Ok(bytes)
    }

    /// The id of the repository at `place` that snapshots of the same root, or checkpoints of the same data directory,
    /// were last pushed to, as far as anybody knows.
    pub fn repository_at(&self, place: &str) -> Option<String> {
        self.above().ok()?.and_then(|above| ledger::repository_at(&above, place))
    }

    /// Writes down that the repository at `place` has it; one that lies in no root leaves no trace.
    pub fn pushed_to(&self, place: &str, repository: &str) -> Result<()> {
        match self.above()? {
            Some(above) => ledger::pushed(&above, place, repository, self.snapshot.id()),
            None => Ok(()),
        }
    }

    /// The root, or the directory of checkpoints.
    fn above(&self) -> Result<Option<Dir>> {
        let Some(above) = self.directory.path().parent() else { return Ok(None) };
        let is_in_place = match self.is_checkpoint {
            true => above.ends_with(CHECKPOINTS),
            false => Dir::open(above).is_ok_and(|above| is_root(&above)),
        };
        let opened = is_in_place.then(|| Dir::open(above)).transpose();
        opened.map_err(|error| Error::io("opening", above, error))
    }

    /// Opens one of its files, without following links.
    pub fn open_file(&self, path: &Path) -> Result<File> {
        let full = || self.directory.full(path);
        let file = self.directory.open_file(path).map_err(|error| Error::io("opening", &full(), error))?;
        match Stat::of(&file).map_err(|error| Error::io("looking at", &full(), error))?.kind {
            Kind::File => Ok(file),
            _ => Err(Error::at(Code::Corrupt, "opening", &full(), "it is not a regular file")),
        }
    }

    /// Of a checkpoint's live file, that what was read of it until now is what was linked, by its inode, its length and
    /// its time: who writes to it and sets the time back is not found out. Other files have checksums.
    pub fn require_unchanged(&self, path: &Path, file: &File) -> Result<()> {
        if !self.is_checkpoint {
            return Ok(());
        }
        let (stat, born_ns) = Stat::with_birth(file, Path::new(""))
            .map_err(|error| Error::io("looking at", &self.directory.full(path), error))?;
        if self.contents.is_still(path, &stat, born_ns) {
            return Ok(());
        }
        let why = "it is no more the file that was linked into the checkpoint, or was changed since; no copy of a \
                   checkpoint can be pushed";
        Err(Error::at(Code::Corrupt, "reading", &self.directory.full(path), why))
    }
}

fn is_snapshot(directory: &Dir) -> Result<bool> {
    let found = directory.find(Path::new(MANIFEST));
    found
        .map(|found| found.is_some())
        .map_err(|error| Error::io("looking for the manifest of", directory.path(), error))
}
