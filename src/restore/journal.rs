//! The journal of a swap: which names move, written and synced before the first one does. By it
//! alone a swap can be carried on, or taken back, from any state that a crash leaves.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::units::Units;
use crate::error::{Code, Error, Result};
use crate::io::checksum;
use crate::io::small::{self, Whole};
use crate::layout::{FileClass, Rule, Rules};
use crate::paths::{PathText, relative};
use crate::sys::dir::Dir;

const VERSION: u32 = 1;

/// A longer record is damaged: it holds the names at the top of a directory, some million of the longest ones.
const LARGEST: u64 = 256 << 20;

/// A swap, as recorded on disk: as the journal while it runs, and beside what it put aside for an
/// undo.
#[derive(Clone, Debug)]
pub struct Swap {
    /// The directory from which names move in, relative to the target.
    pub from: PathBuf,
    /// The directory to which names move away.
    pub aside: PathBuf,
    /// Whether what was put aside is kept for an undo.
    pub keep: bool,
    /// What moves.
    pub units: Units,
    /// What stays in the target: by rules, and the backup root.
    pub rules: Vec<(String, FileClass)>,
    /// The backup root in the target.
    pub root: Option<PathBuf>,
    /// Files that what is put aside and what takes its place have in common.
    pub shared: Vec<Shared>,
}

/// A file that is on both sides of a swap, and its size, which an engine must not have changed if the other
/// side is to come back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shared {
    /// Relative to the target.
    pub path: PathBuf,
    /// In bytes.
    pub size: u64,
}

#[derive(Serialize, Deserialize)]
struct Record {
    version: u32,
    from: PathText,
    aside: PathText,
    keep: bool,
    out: Vec<PathText>,
    into: Vec<PathText>,
    rules: Vec<(String, String)>,
    /// The backup root in the target.
    kept: Option<PathText>,
    /// Paths and sizes. A library that did not keep files wrote none.
    #[serde(default)]
    shared: Vec<(PathText, u64)>,
}

/// The path, if it is one that stays inside the target.
fn inside(text: &PathText) -> Option<PathBuf> {
    relative(&text.path()?).ok()
}

impl Swap {
    /// The rules that say what stays.
    pub fn rules(&self) -> Rules {
        Rules::new(self.rules.iter().filter_map(|(glob, class)| Rule::new(glob, *class).ok()).collect())
    }

    /// What it takes as text, about.
    pub fn size(&self) -> usize {
        let shared = self.shared.iter().map(|file| file.path.as_os_str().len() + 48);
        self.units.size() + shared.sum::<usize>()
    }

    /// Writes the record at `path`, all or nothing, and makes it durable.
    pub fn write(&self, target: &Dir, path: &Path) -> Result<()> {
        let names = |paths: &[PathBuf]| paths.iter().map(|path| PathText::of(path)).collect();
        let record = Record {
            version: VERSION,
            from: PathText::of(&self.from),
            aside: PathText::of(&self.aside),
            keep: self.keep,
            out: names(&self.units.out),
            into: names(&self.units.into),
            rules: self.rules.iter().map(|(glob, class)| (glob.clone(), class.name().to_string())).collect(),
            kept: self.root.as_deref().map(PathText::of),
            shared: self.shared.iter().map(|file| (PathText::of(&file.path), file.size)).collect(),
        };
        let failed = |error: std::io::Error| Error::io("writing the journal", &target.full(path), error);
        let mut text = serde_json::to_vec_pretty(&record).map_err(|error| failed(error.into()))?;
        text.extend(format!("\n{:08x}\n", checksum::of(&text)).bytes());
        let new = path.with_extension("new");
        Whole { directory: target, path, new: &new, mode: 0o600, owner: None }
            .replace(&text)
            .and_then(|()| sync_name(target, path.parent().unwrap_or(path)))
            .map_err(failed)
    }

    /// Reads a record; `None`: there is none.
    pub fn read(target: &Dir, path: &Path) -> Result<Option<Self>> {
        let read = small::read(target, path, LARGEST)
            .map_err(|error| Error::io("reading the journal", &target.full(path), error))?;
        let Some(bytes) = read else { return Ok(None) };
        let damaged = || {
            let why =
                "it is damaged; the directories that it speaks of lie beside it, and nothing was touched";
            Error::at(Code::Corrupt, "reading the journal", &target.full(path), why)
        };
        Self::parse(&bytes).map(Some).ok_or_else(damaged)
    }

    fn parse(bytes: &[u8]) -> Option<Self> {
        let body = bytes.get(..bytes.len().checked_sub(10)?)?;
        let tail = std::str::from_utf8(&bytes[body.len()..]).ok()?;
        if tail != format!("\n{:08x}\n", checksum::of(body)) {
            return None;
        }
        let record: Record = serde_json::from_slice(body).ok()?;
        if record.version != VERSION {
            return None;
        }
        let paths = |names: Vec<PathText>| names.iter().map(inside).collect::<Option<Vec<_>>>();
        let shared = |(path, size): (PathText, u64)| Some(Shared { path: inside(&path)?, size });
        let class = |(glob, name): (String, String)| Some((glob, FileClass::from_name(&name)?));
        Some(Self {
            from: inside(&record.from)?,
            aside: inside(&record.aside)?,
            keep: record.keep,
            units: Units { out: paths(record.out)?, into: paths(record.into)?, emptied: Vec::new() },
            rules: record.rules.into_iter().map(class).collect::<Option<_>>()?,
            root: match record.kept {
                Some(name) => Some(inside(&name)?),
                None => None,
            },
            shared: record.shared.into_iter().map(shared).collect::<Option<_>>()?,
        })
    }
}

/// Makes the name `path` durable, and those of the directories above it.
pub fn sync_name(target: &Dir, path: &Path) -> std::io::Result<()> {
    path.ancestors().skip(1).try_for_each(|above| target.open_dir(above)?.sync())
}
