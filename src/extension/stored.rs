//! A snapshot in a directory of this machine, to be read by who sends it elsewhere.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use crate::datadir::locks::lock_in_use;
use crate::error::{Code, Error, Result};
use crate::snapshot::{Contents, MANIFEST, Snapshot, open_directory};
use crate::sys::dir::{Dir, Kind, Stat};

/// A snapshot that cannot be deleted or pruned while this is there. It holds a descriptor, so it is made and stays on
/// an I/O thread and those that it makes.
pub struct Stored {
    directory: Dir,
    snapshot: Snapshot,
    contents: Contents,
}

impl Stored {
    /// Opens a snapshot and reads its manifest.
    pub fn open(location: &Path) -> Result<Self> {
        let directory = open_directory(location)?;
        lock_in_use(&directory)?;
        let contents = Contents::read(&directory)?;
        let snapshot = Snapshot::describe(location.to_path_buf());
        if let Some(error) = snapshot.error() {
            return Err(error.clone());
        }
        Ok(Self { directory, snapshot, contents })
    }

    /// What its manifest says of it.
    pub fn snapshot(&self) -> &Snapshot {
        &self.snapshot
    }

    /// What it holds.
    pub fn contents(&self) -> &Contents {
        &self.contents
    }

    /// Its manifest, as it lies there.
    pub fn manifest(&self) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        let read = self.open_file(Path::new(MANIFEST))?.read_to_end(&mut bytes);
        read.map_err(|error| Error::io("reading", &self.directory.full(Path::new(MANIFEST)), error))?;
        Ok(bytes)
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
}
