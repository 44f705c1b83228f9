//! Whose a backup root is, by a record in the root. What a path names may change: each container has its
//! own `/data`. And a data directory may be copied with its id, to the same path of another container: so
//! each backup leaves a new seal in the root's record, and in the data directory, which remembers them
//! (see [`KnownRoots`]). A copy does not know the seals that came after it.

use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::listing::newest_data_dir_id;
use super::mark::{Mark, is_root};
use super::names::{NEW_SOURCE, SOURCE, snapshot_numbers};
use super::open::Root;
use crate::datadir::id::DataDir;
use crate::datadir::known_roots::KnownRoots;
use crate::datadir::names::{LIFECYCLE, OWNER_NAME, is_staging};
use crate::datadir::record::{VERSION, read_small, text_of};
use crate::error::{Code, Error, Result, show};
use crate::io::small::Whole;
use crate::paths::PathText;
use crate::sys::dir::{Dir, Entry, Kind, is_absent};
use crate::sys::random;

const USING: &str = "using the backup root";

/// What `source` holds. Its first field tells it from a file of that name that a database may have.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Record {
    hotbackup_root: u32,
    id: Uuid,
    data_dir: PathText,
    data_dir_id: Option<Uuid>,
    data_dir_inode: u64,
    data_dir_born_ns: Option<i64>,
    data_dir_file_system: Option<u64>,
    /// Of the last backup; `None`: its data directory can remember none.
    seal: Option<Uuid>,
}

/// Whether a directory that lies in a source or in the target of a restore is the library's own: the
/// `.lifecycle` of another database, a backup root of whatever data directory, or what a restore that is
/// under way, or was killed, has staged.
pub fn is_the_librarys(path: &Path, directory: &Dir, entries: &[Entry]) -> bool {
    let has = |name: &str| entries.iter().any(|entry| entry.kind == Kind::File && entry.name == name);
    let is_called = |name: &str| path.file_name() == Some(name.as_ref());
    is_called(LIFECYCLE) && has(OWNER_NAME)
        || path.file_name().is_some_and(is_staging)
        || has(SOURCE) && is_root(directory)
}

/// What a root says of its owner.
enum Owner {
    Nobody,
    Known(Record),
    /// By its path alone, as the first versions recorded it.
    Path(PathBuf),
    /// The record is not ours, or damaged.
    Unknown,
}

impl Owner {
    fn of(root: &Dir) -> Result<Self> {
        let Some(bytes) = read_small(root, SOURCE)? else { return Ok(Owner::Nobody) };
        match serde_json::from_slice::<Mark>(&bytes) {
            Ok(Mark { version: VERSION }) => {
                Ok(serde_json::from_slice(&bytes).map_or(Owner::Unknown, Owner::Known))
            }
            Ok(Mark { version }) => {
                let why = format!("it is of version {version}, this library knows version {VERSION}");
                Err(Error::at(Code::Unsupported, USING, root.path(), why))
            }
            Err(_) if bytes.is_empty() => Ok(Owner::Nobody),
            Err(_) if bytes[0] == b'/' => Ok(Owner::Path(PathBuf::from(std::ffi::OsString::from_vec(bytes)))),
            Err(_) => Ok(Owner::Unknown),
        }
    }
}

impl Record {
    fn path(&self) -> PathBuf {
        self.data_dir.path().unwrap_or_default()
    }

    /// Why it is not of this data directory.
    fn differs(&self, from: &DataDir) -> Option<String> {
        let id = |id: &Option<Uuid>| id.map_or("no id".to_string(), |id| format!("the id {id}"));
        let is_another = match (&self.data_dir_id, &from.id) {
            (Some(recorded), Some(id)) => recorded != id,
            _ => self.data_dir_inode != from.inode,
        };
        if is_another || self.path() != from.path {
            let (theirs, ours) = (id(&self.data_dir_id), id(&from.id));
            return Some(format!(
                "it belongs to {} with {theirs}, not to {} with {ours}",
                show(&self.path()),
                show(&from.path)
            ));
        }
        if from.inode_stays && self.data_dir_inode != from.inode {
            return Some(format!(
                "it belongs to the directory that was {} with inode {}, not to a copy of it with inode {}",
                show(&from.path),
                self.data_dir_inode,
                from.inode
            ));
        }
        // The top of each file system has the same inode.
        let is_born_later = self.data_dir_born_ns.zip(from.born_ns).is_some_and(|(then, now)| then != now);
        let both = self.data_dir_file_system.zip(from.file_system);
        if from.inode_stays && (is_born_later || both.is_some_and(|(then, now)| then != now)) {
            return Some(format!(
                "it belongs to a directory that was {} on another file system, or was made at another time",
                show(&from.path)
            ));
        }
        None
    }
}

/// The id of the root with this owner if `data_dir` may use it, and whether it takes it over from another, with
/// `adopt`. `None`: it has no id yet.
fn allowed(
    root: &Dir,
    owner: &Owner,
    data_dir: &DataDir,
    known: &KnownRoots,
    adopt: bool,
) -> Result<(Option<Uuid>, bool)> {
    let why = match owner {
        // Its record may be lost, and the snapshots are there all the same.
        Owner::Nobody => newest_data_dir_id(root).filter(|id| Some(*id) != data_dir.id).map(|id| {
            format!("its snapshots are of a directory with the id {id}, not of {}", show(&data_dir.path))
        }),
        Owner::Known(record) => record.differs(data_dir).or_else(|| {
            let is_sealed_by_another = record.seal.is_some_and(|seal| !known.has_sealed(record.id, seal));
            is_sealed_by_another.then(|| {
                format!(
                    "another copy of {} with the same id has made backups into it since",
                    show(&data_dir.path)
                )
            })
        }),
        Owner::Path(path) if *path == data_dir.path => None,
        Owner::Path(path) => Some(format!("it belongs to {}, not to {}", show(path), show(&data_dir.path))),
        Owner::Unknown => Some(format!("its file {SOURCE} is damaged, or not this library's")),
    };
    let takes_over = why.is_some();
    match (why, owner) {
        (Some(why), _) if !adopt => {
            let why = format!("{why}; set_adopt_root takes it over");
            Err(Error::at(Code::Conflict, USING, root.path(), why))
        }
        (_, Owner::Known(record)) => Ok((Some(record.id), takes_over)),
        _ => Ok((None, takes_over)),
    }
}

/// Refuses a root of another before anything is made in it, a lock included. Whether it is another's, which is to
/// be taken over.
pub fn refuse_anothers(root: &Path, data_dir: &DataDir, known: &KnownRoots, adopt: bool) -> Result<bool> {
    match Dir::open(root) {
        Ok(found) => {
            allowed(&found, &Owner::of(&found)?, data_dir, known, adopt).map(|(_, takes_over)| takes_over)
        }
        // Whoever makes or opens it says what is wrong.
        Err(_) => Ok(false),
    }
}

/// What is where a data directory remembers a root.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Standing {
    /// That root, and nobody else has made backups into it since.
    Same,
    /// Nothing, or a directory that is no root: its disk may not be mounted.
    Missing,
    /// Another root, or one whose record is lost or damaged.
    Another,
    /// That root, into which another copy of the data directory has made backups since.
    SealedByAnother,
    /// It cannot be looked at.
    Unreadable,
}

/// What is at the path of a root that has that id.
pub fn standing(path: &Path, id: Uuid, known: &KnownRoots) -> Standing {
    let found = match Dir::open(path) {
        Ok(found) => found,
        Err(error) if is_absent(&error) => return Standing::Missing,
        Err(_) => return Standing::Unreadable,
    };
    match (Owner::of(&found), snapshot_numbers(&found)) {
        (Ok(Owner::Known(record)), _) if record.id == id => match record.seal {
            Some(seal) if !known.has_sealed(id, seal) => Standing::SealedByAnother,
            _ => Standing::Same,
        },
        (Ok(Owner::Nobody), Ok(numbers)) if numbers.is_empty() => Standing::Missing,
        (Ok(_), Ok(_)) => Standing::Another,
        _ => Standing::Unreadable,
    }
}

/// Whether the data directory that a root's record names takes it for its own: else the error is what its next
/// backup would fail with. A path: there is no directory now.
pub fn owner_is_content(root: &Dir) -> Result<std::result::Result<(), PathBuf>> {
    let owner = Owner::of(root)?;
    let path = match &owner {
        Owner::Nobody => return Ok(Ok(())),
        Owner::Known(record) => record.path(),
        Owner::Path(path) => path.clone(),
        Owner::Unknown => {
            let why = format!("its file {SOURCE} is damaged, or not this library's");
            return Err(Error::at(Code::Corrupt, "reading the owner of", root.path(), why));
        }
    };
    let Ok(directory) = Dir::open(&path) else { return Ok(Err(path)) };
    let (data_dir, known) = (DataDir::look(&directory)?, KnownRoots::of(&directory)?);
    allowed(root, &owner, &data_dir, &known, false).map(|_| Ok(()))
}

/// Whether nothing says whose a root is.
fn is_nobodys(root: &Dir) -> Result<bool> {
    Ok(matches!(Owner::of(root)?, Owner::Nobody))
}

impl KnownRoots {
    /// A root that was there before is there: where its disk is not mounted, a new one would fill the
    /// disk of the system instead, and hide the old one's snapshots.
    pub fn expect(&self, root: &Path) -> Result<()> {
        let Some(known) = self.at(root) else { return Ok(()) };
        let missing = match Dir::open(root) {
            Err(error) if is_absent(&error) => "is not there",
            Err(_) => return Ok(()),
            Ok(found) if is_nobodys(&found)? && snapshot_numbers(&found)?.is_empty() => "is no root",
            Ok(_) => return Ok(()),
        };
        let why = format!(
            "the root {} was here, and now the directory {missing}: is its disk mounted? set_adopt_root begins a \
             new one",
            known.id
        );
        Err(Error::at(Code::NotFound, USING, root, why))
    }
}

impl Root {
    /// Makes sure that the root belongs to this data directory, taking over one that belongs to none or,
    /// with `adopt`, to another; and that the directory remembers it. `true`: it was another's.
    pub fn claim(
        &self,
        directory: &Dir,
        data_dir: &DataDir,
        mut known: KnownRoots,
        adopt: bool,
    ) -> Result<bool> {
        let owner = Owner::of(&self.dir)?;
        let (id, took_over) = allowed(&self.dir, &owner, data_dir, &known, adopt)?;
        let id = id.map_or_else(random::uuid, Ok)?;
        let seal = match &owner {
            Owner::Known(record) => record.seal,
            _ => None,
        };
        known.remember(directory, id, self.dir.path(), seal)?;
        let record = Record {
            hotbackup_root: VERSION,
            id,
            data_dir: PathText::of(&data_dir.path),
            data_dir_id: data_dir.id,
            data_dir_inode: data_dir.inode,
            data_dir_born_ns: data_dir.born_ns,
            data_dir_file_system: data_dir.file_system,
            seal,
        };
        let is_so = matches!(&owner, Owner::Known(found) if text_of(found) == text_of(&record));
        if !is_so {
            self.write_record(&record)?;
        }
        Ok(took_over)
    }

    /// Leaves a new seal once a snapshot is published. The data directory remembers it first: a root with one
    /// that it does not know would be refused. One that cannot be left is no harm: the old one still holds.
    pub fn seal(&self, directory: &Dir) {
        if let Ok(Some(record)) = self.remember_new_seal(directory) {
            let _ = self.write_record(&record);
        }
    }

    /// The root's record with a new seal; `None`: its data directory can remember none.
    fn remember_new_seal(&self, directory: &Dir) -> Result<Option<Record>> {
        let Owner::Known(mut record) = Owner::of(&self.dir)? else { return Ok(None) };
        if record.data_dir_id.is_none() {
            return Ok(None);
        }
        record.seal = Some(random::uuid()?);
        let mut known = KnownRoots::of(directory)?;
        let is_remembered = known.remember(directory, record.id, self.dir.path(), record.seal)?;
        Ok(is_remembered.then_some(record))
    }

    fn write_record(&self, record: &Record) -> Result<()> {
        let (new, path) = (Path::new(NEW_SOURCE), Path::new(SOURCE));
        Whole { directory: &self.dir, path, new, mode: 0o644, owner: None }
            .replace(&text_of(record))
            .map_err(|error| Error::io("writing", &self.dir.full(path), error))
    }
}
