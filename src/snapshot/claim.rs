//! Whose a backup root is, by a record in the root; and which roots a data directory has used, by a
//! record there. What a path names may change: each container has its own `/data`, and where a disk is
//! not mounted an empty directory has its place.

use std::io::Read;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::LIFECYCLE;
use super::id::{DataDir, holds_nothing_new};
use super::owner::OWNER_NAME;
use super::path_text::PathText;
use super::root::Root;
use crate::error::{Code, Error, Result, show};
use crate::io::whole;
use crate::sys::dir::{Dir, Entry, Kind, is_absent};
use crate::sys::random;

/// The file that makes a directory a backup root, and says whose.
pub const SOURCE: &str = "source";

/// What is written before it takes its name.
pub const NEW_SOURCE: &str = ".source.new";

/// The roots that a data directory has used.
const ROOTS: &str = ".lifecycle/roots";

const NEW_ROOTS: &str = ".lifecycle/roots.new";

const VERSION: u32 = 1;

/// No record of ours is longer.
const LONGEST: u64 = 1 << 20;

/// So many roots are remembered, the oldest forgotten first.
const MOST_ROOTS: usize = 64;

const USING: &str = "using the backup root";

/// What `source` holds. Its first field tells it from a file of that name that a database may have.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Record {
    hotbackup_root: u32,
    id: Uuid,
    data_dir: PathText,
    data_dir_id: Option<Uuid>,
    data_dir_inode: u64,
}

#[derive(Deserialize)]
struct Mark {
    #[serde(rename = "hotbackup_root")]
    _version: u32,
}

/// Whether a directory is a backup root, of whatever data directory.
pub fn is_root(directory: &Dir) -> bool {
    let record = read_small(directory, SOURCE).ok().flatten();
    record.is_some_and(|record| serde_json::from_slice::<Mark>(&record).is_ok())
}

/// Whether a directory that lies in a source or in the target of a restore is the library's own: the
/// `.lifecycle` of another database, or a backup root of whatever data directory.
pub fn is_the_librarys(path: &Path, directory: &Dir, entries: &[Entry]) -> bool {
    let has = |name: &str| entries.iter().any(|entry| entry.kind == Kind::File && entry.name == name);
    let is_lifecycle = path.file_name() == Some(LIFECYCLE.as_ref()) && has(OWNER_NAME);
    is_lifecycle || has(SOURCE) && is_root(directory)
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
            Ok(Mark { _version: VERSION }) => {
                Ok(serde_json::from_slice(&bytes).map_or(Owner::Unknown, Owner::Known))
            }
            Ok(Mark { _version: version }) => {
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
        None
    }
}

/// The id of the root with this owner if `data_dir` may use it, taking it over from another with `adopt`.
/// `None`: it has none yet.
fn allowed(root: &Dir, owner: &Owner, data_dir: &DataDir, adopt: bool) -> Result<Option<Uuid>> {
    let why = match owner {
        Owner::Nobody => return Ok(None),
        Owner::Known(record) => record.differs(data_dir),
        Owner::Path(path) if *path == data_dir.path => None,
        Owner::Path(path) => Some(format!("it belongs to {}, not to {}", show(path), show(&data_dir.path))),
        Owner::Unknown => Some(format!("its file {SOURCE} is damaged, or not this library's")),
    };
    match (why, owner) {
        (Some(why), _) if !adopt => {
            let why = format!("{why}; set_adopt_root takes it over");
            Err(Error::at(Code::Conflict, USING, root.path(), why))
        }
        (_, Owner::Known(record)) => Ok(Some(record.id)),
        _ => Ok(None),
    }
}

/// Refuses a root of another before anything is made in it, a lock included.
pub fn refuse_anothers(root: &Path, data_dir: &DataDir, adopt: bool) -> Result<()> {
    match Dir::open(root) {
        Ok(found) => allowed(&found, &Owner::of(&found)?, data_dir, adopt).map(drop),
        // Whoever makes or opens it says what is wrong.
        Err(_) => Ok(()),
    }
}

impl Root {
    /// Makes sure that the root belongs to this data directory, taking over one that belongs to none or,
    /// with `adopt`, to another. Returns the root's own id.
    pub fn claim(&self, data_dir: &DataDir, adopt: bool) -> Result<Uuid> {
        let owner = Owner::of(&self.dir)?;
        let id = match allowed(&self.dir, &owner, data_dir, adopt)? {
            Some(id) => id,
            None => random::uuid()?,
        };
        let record = Record {
            hotbackup_root: VERSION,
            id,
            data_dir: PathText::of(&data_dir.path),
            data_dir_id: data_dir.id,
            data_dir_inode: data_dir.inode,
        };
        let is_so = matches!(&owner, Owner::Known(found) if text_of(found) == text_of(&record));
        if !is_so {
            self.write_record(&record)?;
        }
        Ok(id)
    }

    fn write_record(&self, record: &Record) -> Result<()> {
        let (new, path) = (Path::new(NEW_SOURCE), Path::new(SOURCE));
        whole::write_new(&self.dir, new, 0o644, &text_of(record))
            .and_then(|()| self.dir.rename(new, &self.dir, path))
            .and_then(|()| self.dir.sync())
            .map_err(|error| Error::io("writing", &self.dir.full(path), error))
    }
}

fn text_of(record: &impl Serialize) -> Vec<u8> {
    // Plain structs of ours always serialise.
    let mut text = serde_json::to_vec_pretty(record).unwrap_or_default();
    text.push(b'\n');
    text
}

/// The roots that a data directory has used.
#[derive(Default, Serialize, Deserialize)]
pub struct KnownRoots {
    version: u32,
    roots: Vec<KnownRoot>,
}

#[derive(Serialize, Deserialize)]
struct KnownRoot {
    id: Uuid,
    path: PathText,
}

impl KnownRoots {
    /// As a data directory remembers them.
    pub fn of(data_dir: &Dir) -> Result<Self> {
        let Some(bytes) = read_small(data_dir, ROOTS)? else { return Ok(Self::default()) };
        match serde_json::from_slice::<Self>(&bytes) {
            Ok(known) if known.version == VERSION => Ok(known),
            _ => {
                let path = data_dir.full(Path::new(ROOTS));
                let why = "it is damaged, or of another version; once it is removed, the roots used so far are forgotten";
                Err(Error::at(Code::Corrupt, "reading the roots of a data directory", &path, why))
            }
        }
    }

    fn at(&self, path: &Path) -> Option<&KnownRoot> {
        self.roots.iter().rev().find(|known| known.path.path().as_deref() == Some(path))
    }

    /// A root that was there before is there: where its disk is not mounted, a new one would fill the
    /// disk of the system instead, and hide the old one's snapshots.
    pub fn expect(&self, root: &Path) -> Result<()> {
        let Some(known) = self.at(root) else { return Ok(()) };
        let missing = match Dir::open(root) {
            Err(error) if is_absent(&error) => "is not there",
            Err(_) => return Ok(()),
            Ok(found) if matches!(Owner::of(&found)?, Owner::Nobody) => "is no root",
            Ok(_) => return Ok(()),
        };
        let why = format!(
            "the root {} was here, and now the directory {missing}: is its disk mounted? set_adopt_root begins a \
             new one",
            known.id
        );
        Err(Error::at(Code::NotFound, USING, root, why))
    }

    /// Remembers a root, where the data directory can.
    pub fn remember(mut self, data_dir: &Dir, id: Uuid, root: &Path) -> Result<()> {
        if self.at(root).is_some_and(|known| known.id == id) {
            return Ok(());
        }
        self.roots.retain(|known| known.id != id);
        self.roots.push(KnownRoot { id, path: PathText::of(root) });
        let too_many = self.roots.len().saturating_sub(MOST_ROOTS);
        self.roots.drain(..too_many);
        self.version = VERSION;
        let (new, path) = (Path::new(NEW_ROOTS), Path::new(ROOTS));
        let written = data_dir.stat(Path::new("")).and_then(|owner| {
            whole::write_new(data_dir, new, 0o644, &text_of(&self))?;
            data_dir.give_to(new, owner.uid, owner.gid)?;
            data_dir.rename(new, data_dir, path)?;
            data_dir.open_dir(Path::new(LIFECYCLE))?.sync()
        });
        match written {
            Err(error) if !holds_nothing_new(&error) && !is_absent(&error) => {
                Err(Error::io("writing", &data_dir.full(path), error))
            }
            _ => Ok(()),
        }
    }
}

fn read_small(directory: &Dir, name: &str) -> Result<Option<Vec<u8>>> {
    let mut bytes = Vec::new();
    match directory.open_file(Path::new(name)).and_then(|file| file.take(LONGEST).read_to_end(&mut bytes)) {
        Err(error) if is_absent(&error) => Ok(None),
        Err(error) => Err(Error::io("reading", &directory.full(Path::new(name)), error)),
        Ok(_) => Ok(Some(bytes)),
    }
}
