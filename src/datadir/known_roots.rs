//! The roots that a data directory has used, by a record in it: where a disk is not mounted an empty
//! directory has its place, and a copy of the directory does not know what the original did since.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::names::{NEW_ROOTS, ROOTS};
use super::record::{VERSION, read_small, text_of, write};
use crate::error::{Code, Error, Result};
use crate::paths::PathText;
use crate::sys::dir::Dir;

/// So many roots are remembered, the oldest forgotten first: more disks than take turns, and the record of
/// all of them stays small enough to be written at each backup.
const MOST_ROOTS: usize = 64;

/// So many seals of each: roots may be copies of each other, used in turn, and each backup leaves a seal. So a
/// copy is still known after as many backups into the others.
const MOST_SEALS: usize = 32;

/// The roots that a data directory has used.
#[derive(Default, Serialize, Deserialize)]
pub struct KnownRoots {
    version: u32,
    roots: Vec<KnownRoot>,
}

/// A root that a data directory has used.
#[derive(Serialize, Deserialize)]
pub struct KnownRoot {
    /// The root's own id.
    pub id: Uuid,
    /// As its user gave it.
    path: PathText,
    /// The path that it had once its links were resolved.
    real_path: Option<PathText>,
    /// The last ones, the newest at the end.
    #[serde(default)]
    seals: Vec<Uuid>,
}

impl KnownRoots {
    /// As a data directory remembers them.
    pub fn of(data_dir: &Dir) -> Result<Self> {
        let Some(bytes) = read_small(data_dir, ROOTS)? else { return Ok(Self::default()) };
        match serde_json::from_slice::<Self>(&bytes) {
            Ok(known) if known.version == VERSION => Ok(known),
            _ => {
                let path = data_dir.full(Path::new(ROOTS));
                let why = "it is damaged, or of another version; once it is removed, the roots used so far are \
                           forgotten, and each must be adopted once";
                Err(Error::at(Code::Corrupt, "reading the roots of a data directory", &path, why))
            }
        }
    }

    /// All of them, the one that was used last at the end.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &KnownRoot> {
        self.roots.iter()
    }

    /// The one that was last at a path.
    pub fn at(&self, path: &Path) -> Option<&KnownRoot> {
        let real = real(path);
        self.roots.iter().rev().find(|known| known.is_at(path, &real))
    }

    /// Whether this directory has sealed that root so.
    pub fn has_sealed(&self, root: Uuid, seal: Uuid) -> bool {
        self.roots.iter().any(|known| known.id == root && known.seals.contains(&seal))
    }

    /// Remembers a root and a seal of it. `false`: the data directory can hold nothing new.
    pub fn remember(&mut self, data_dir: &Dir, id: Uuid, root: &Path, seal: Option<Uuid>) -> Result<bool> {
        let is_known = self.at(root).is_some_and(|known| known.id == id);
        if is_known && seal.is_none_or(|seal| self.has_sealed(id, seal)) {
            return Ok(true);
        }
        let real = real(root);
        // Those of a copy elsewhere are the root's too.
        let mut seals = Vec::new();
        for of_copy in self.roots.iter().filter(|known| known.id == id).flat_map(|known| &known.seals) {
            if !seals.contains(of_copy) {
                seals.push(*of_copy);
            }
        }
        seals.retain(|known| Some(*known) != seal);
        seals.extend(seal);
        seals.drain(..seals.len().saturating_sub(MOST_SEALS));
        // Disks may take turns here, and copies of the root be elsewhere: none is forgotten.
        self.roots.retain(|known| known.id != id || !known.is_at(root, &real));
        let (path, real_path) = (PathText::of(root), Some(PathText::of(&real)));
        self.roots.push(KnownRoot { id, path, real_path, seals });
        let too_many = self.roots.len().saturating_sub(MOST_ROOTS);
        self.roots.drain(..too_many);
        self.version = VERSION;
        write(data_dir, NEW_ROOTS, ROOTS, &text_of(self))
    }
}

impl KnownRoot {
    /// Where it was, as its user gave it.
    pub fn path(&self) -> Option<PathBuf> {
        self.path.path()
    }

    /// The path that it had once its links were resolved.
    pub fn real_path(&self) -> Option<PathBuf> {
        self.real_path.as_ref().and_then(PathText::path)
    }

    fn is_at(&self, path: &Path, real: &Path) -> bool {
        self.path().as_deref() == Some(path) || self.real_path().as_deref() == Some(real)
    }
}

/// A path with its links resolved, as far as it is there.
fn real(path: &Path) -> PathBuf {
    for above in path.ancestors() {
        if let Ok(found) = above.canonicalize() {
            return found.join(path.strip_prefix(above).unwrap_or(Path::new("")));
        }
    }
    path.to_path_buf()
}
