//! The tree of a snapshot: which pieces each of its files has.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use hotbackup::{Code, Error, Result};

use super::{Found, Index, Repository, names};
use crate::format::{Id, Node, NodeKind, Opener, Tree};

/// The deepest directory that is looked into: no path that a system opens has more.
const DEEPEST: usize = 4096;

/// The files of a snapshot.
pub struct Trees {
    /// The pieces of each, by its path in the snapshot.
    pub files: HashMap<PathBuf, Vec<Id>>,
    /// Where all of it lies.
    pub index: Index,
}

impl Trees {
    /// Brings all directories of a snapshot, each of which must be there and whole: of packs that are lost `warn` is told.
    pub fn load(repository: &Repository, found: &Found, warn: &dyn Fn(Error)) -> Result<Self> {
        let index = Index::load(repository, u64::MAX)?;
        Ok(Self { files: files_of(repository, &index, found, warn)?, index })
    }
}

/// The files of a snapshot and their pieces.
pub fn files_of(
    repository: &Repository,
    index: &Index,
    found: &Found,
    warn: &dyn Fn(Error),
) -> Result<HashMap<PathBuf, Vec<Id>>> {
    let opener = Opener::new(&repository.key)?;
    let mut walk = Walk { repository, index, found, warn, opener, files: HashMap::new() };
    let top = walk.top()?;
    walk.take(Path::new(""), top, 0)?;
    Ok(walk.files)
}

struct Walk<'a> {
    repository: &'a Repository,
    index: &'a Index,
    found: &'a Found,
    warn: &'a dyn Fn(Error),
    opener: Opener,
    files: HashMap<PathBuf, Vec<Id>>,
}

impl Walk<'_> {
    /// The directory with the manifest. What restic's own backup wrote has the directories above it too.
    fn top(&mut self) -> Result<Vec<Node>> {
        let mut id = self.found.record.tree;
        for _ in 0..DEEPEST {
            let nodes = self.read(&id)?;
            if nodes.iter().any(|node| node.name == names::MANIFEST.as_bytes()) {
                return Ok(nodes);
            }
            match (nodes.len(), nodes.first().and_then(|node| node.subtree)) {
                (1, Some(below)) => id = below,
                _ => break,
            }
        }
        let why = "it holds no snapshot.manifest, so it is none of hotbackup's; restic restores it";
        Err(Error::new(Code::Unsupported, format!("reading {}: {why}", self.name())))
    }

    fn take(&mut self, above: &Path, nodes: Vec<Node>, depth: usize) -> Result<()> {
        for node in nodes {
            let name = OsStr::from_bytes(&node.name);
            if name.is_empty() || node.name.contains(&b'/') || name == "." || name == ".." {
                return Err(self.corrupt(above, "it holds a name that is none"));
            }
            let path = above.join(name);
            match (node.kind, node.subtree) {
                (NodeKind::Dir, Some(below)) if depth < DEEPEST => {
                    let nodes = self.read(&below)?;
                    self.take(&path, nodes, depth + 1)?;
                }
                (NodeKind::Dir, _) => return Err(self.corrupt(&path, "its directory has no record")),
                (NodeKind::File, _) => {
                    self.files.insert(path, node.content.unwrap_or_default());
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn read(&mut self, id: &Id) -> Result<Vec<Node>> {
        let Some(place) = self.index.find(id) else {
            self.index.lost(self.repository, [id].into_iter()).into_iter().for_each(self.warn);
            return Err(
                self.corrupt(Path::new(""), "a directory of it is in no pack that is there and whole")
            );
        };
        let name = names::pack(&self.index.pack(place.pack_number));
        let range = u64::from(place.offset)..u64::from(place.offset) + u64::from(place.length);
        let mut plain = Vec::new();
        let mut bad = String::new();
        // Once more: it may have been damaged on its way.
        for _ in 0..2 {
            let sealed = self.repository.store.get_range(&name, range.clone())?;
            match self.opener.open_into(id, &sealed, place.uncompressed, &mut plain) {
                Ok(()) => return Ok(Tree::read(&plain)?.nodes),
                Err(why) => bad = why.to_string(),
            }
        }
        Err(self.repository.corrupt(&name, &format!("a directory's record in it is bad: {bad}")))
    }

    fn name(&self) -> String {
        format!("{}/snapshots/{}", self.repository.store.url(), self.found.short())
    }

    fn corrupt(&self, path: &Path, why: &str) -> Error {
        Error::at(Code::Corrupt, "reading", &Path::new(&self.name()).join(path), why)
    }
}
