//! The id of a data directory, made once in `.lifecycle/id`. A restore over the directory keeps it and a
//! new directory gets a new one, so directories are told apart though their paths are equal: each
//! container has its `/data`.

use std::io;
use std::path::{Path, PathBuf};

use uuid::Uuid;

use super::names::{ID, LIFECYCLE, NEW_ID};
use super::record::{holds_nothing_new, is_no_file};
use crate::error::{Code, Error, Result};
use crate::io::small::{self, Whole};
use crate::sys::dir::Dir;
use crate::sys::random;

/// More than a UUID and the white space around it that an editor may leave.
const LONGEST: u64 = 100;

/// What a data directory is known by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DataDir {
    /// Its path, links resolved.
    pub path: PathBuf,
    /// Its id; `None`: it cannot hold one.
    pub id: Option<Uuid>,
    /// Its inode.
    pub inode: u64,
    /// Whether its file system keeps inode numbers for good.
    pub inode_stays: bool,
    /// When it was made, where its file system tells.
    pub born_ns: Option<i64>,
    /// The number of its file system, where that stays.
    pub file_system: Option<u64>,
}

impl DataDir {
    /// What is known of an open one, which gets an id if it has none yet. The caller has it alone.
    pub fn identify(directory: &Dir) -> Result<Self> {
        let seen = Self::look(directory)?;
        let id = match seen.id {
            Some(id) => Some(id),
            None => make(directory)?,
        };
        Ok(Self { id, ..seen })
    }

    /// What is known of an open one.
    pub fn look(directory: &Dir) -> Result<Self> {
        let path = directory.path().to_path_buf();
        let failed = |error| Error::io("looking at", &path, error);
        let inode = directory.stat(Path::new("")).map_err(failed)?.inode;
        let inode_stays = directory.is_on_a_disk_of_the_kernels();
        let id = read(directory)?;
        let born_ns = directory.born_ns();
        let file_system = directory.file_system();
        Ok(Self { path, id, inode, inode_stays, born_ns, file_system })
    }
}

/// The id of a directory; `None`: it has none.
pub fn read(directory: &Dir) -> Result<Option<Uuid>> {
    let path = directory.full(Path::new(ID));
    let text = match small::read(directory, Path::new(ID), LONGEST) {
        Ok(Some(text)) => text,
        Ok(None) => return Ok(None),
        Err(error) if is_no_file(&error) => Vec::new(),
        Err(error) => return Err(Error::io("reading the id of a data directory", &path, error)),
    };
    Uuid::try_parse_ascii(text.trim_ascii()).map(Some).map_err(|_| {
        let why =
            "it is damaged; once it is removed, the next backup makes a new one and must adopt its root";
        Error::at(Code::Corrupt, "reading the id of a data directory", &path, why)
    })
}

fn make(directory: &Dir) -> Result<Option<Uuid>> {
    let id = random::uuid()?;
    let written = write(directory, &id);
    match written {
        Ok(()) => Ok(Some(id)),
        // Another process was quicker.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => read(directory),
        Err(error) if holds_nothing_new(&error) => Ok(None),
        Err(error) => Err(Error::io("writing the id", &directory.full(Path::new(ID)), error)),
    }
}

fn write(directory: &Dir, id: &Uuid) -> io::Result<()> {
    let (path, new) = (Path::new(ID), Path::new(NEW_ID));
    let stat = directory.stat(Path::new(""))?;
    directory.ensure_own_dir(Path::new(LIFECYCLE), 0o755)?;
    Whole { directory, path, new, mode: 0o644, owner: Some((stat.uid, stat.gid)) }
        .place(format!("{id}\n").as_bytes())
}
