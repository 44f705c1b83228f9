//! Comparing a tree with its manifest.

use std::hash::{BuildHasher, RandomState};
use std::path::Path;

use hashbrown::HashTable;

use crate::error::{Code, Error, Result};
use crate::io::copy::{self, Named, checksum};
use crate::io::pool;
use crate::io::walk::each_directory;
use crate::layout::Rules;
use crate::monitor::Monitor;
use crate::settings::VerifyLevel;
use crate::snapshot::{FileEntry, Imprint, MANIFEST, Manifest};
use crate::sys::dir::{Dir, Kind};
use crate::sys::{file, memory};

const DOING: &str = "verifying";

/// A tree, and what it is compared with.
pub struct Comparison<'a> {
    /// The tree.
    pub tree: &'a Dir,
    /// What it is to hold.
    pub manifest: &'a Manifest,
    /// Names that an engine may leave in what it opened (its lock file).
    pub rules: &'a Rules,
    /// How much is read.
    pub level: VerifyLevel,
    /// Of a tree that was just staged, in the order of the manifest's files: it must still be so.
    pub imprints: Option<&'a [Imprint]>,
    /// Who is told, and may stop it.
    pub monitor: &'a Monitor,
}

/// Compares names, sizes and, by the level, bytes.
pub fn compare(comparison: &Comparison<'_>, threads: usize) -> Result<()> {
    comparison.names()?;
    comparison.links()?;
    pool::for_each(threads, &comparison.manifest.files, |index, entry, buffer| {
        comparison.monitor.check()?;
        comparison.file(index, entry, buffer)?;
        comparison.monitor.file_verified();
        Ok(())
    })
}

/// The names of a manifest, found by their bytes, and which of them were found in the tree.
struct Expected<'a> {
    manifest: &'a Manifest,
    index: HashTable<u32>,
    hasher: RandomState,
    found: Vec<bool>,
}

impl<'a> Expected<'a> {
    fn of(manifest: &'a Manifest) -> std::io::Result<Self> {
        let count = manifest.files.len() + manifest.links.len() + manifest.directories.len();
        memory::require_room(count * 8)?;
        let hasher = RandomState::new();
        let mut expected = Self { manifest, index: HashTable::new(), hasher, found: vec![false; count] };
        let hash = |number: &u32| expected.hasher.hash_one(of_number(manifest, *number).0.as_os_str());
        let mut index = HashTable::with_capacity(count);
        for number in 0..count as u32 {
            index.insert_unique(hash(&number), number, hash);
        }
        expected.index = index;
        Ok(expected)
    }

    /// What kind the manifest has under a name, which is marked as found.
    fn take(&mut self, path: &Path) -> Option<Kind> {
        let hash = self.hasher.hash_one(path.as_os_str());
        let is_it = |number: &u32| of_number(self.manifest, *number).0.as_os_str() == path.as_os_str();
        let number = *self.index.find(hash, is_it)?;
        self.found[number as usize] = true;
        Some(of_number(self.manifest, number).1)
    }

    /// The first name that was not found.
    fn missing(&self) -> Option<&'a Path> {
        let missing = (0..).zip(&self.found).filter(|(_, found)| !**found);
        missing.map(|(number, _)| of_number(self.manifest, number).0).min()
    }
}

/// A name of a manifest by its number: its files, its links, its directories.
fn of_number(manifest: &Manifest, number: u32) -> (&Path, Kind) {
    let (files, links) = (&manifest.files, &manifest.links);
    match number as usize {
        at if at < files.len() => (&files[at].path, Kind::File),
        at if at < files.len() + links.len() => (&links[at - files.len()].path, Kind::Symlink),
        at => (&manifest.directories[at - files.len() - links.len()].path, Kind::Directory),
    }
}

impl Comparison<'_> {
    fn names(&self) -> Result<()> {
        let tree = self.tree;
        let refused = |path: &Path, why: &str| Error::at(Code::Corrupt, DOING, &tree.full(path), why);
        let bare = self.manifest.top.is_none();
        let mut expected =
            Expected::of(self.manifest).map_err(|error| Error::io(DOING, tree.path(), error))?;
        each_directory(tree, std::path::PathBuf::new(), |directory, _, entries| {
            let mut below = Vec::new();
            for entry in entries {
                self.monitor.check()?;
                let path = directory.join(&entry.name);
                if path == Path::new(MANIFEST) {
                    continue;
                }
                match expected.take(&path) {
                    Some(kind) if kind == entry.kind => {}
                    Some(_) => return Err(refused(&path, "it is of another kind than in the manifest")),
                    None if bare && entry.kind == Kind::Directory => {}
                    None if self.is_excluded(&path) => {}
                    None => return Err(refused(&path, "it is not in the manifest")),
                }
                if entry.kind == Kind::Directory {
                    below.push(path);
                }
            }
            Ok(below)
        })?;
        match expected.missing() {
            Some(missing) => Err(refused(missing, "it is missing")),
            None => Ok(()),
        }
    }

    fn is_excluded(&self, path: &Path) -> bool {
        path.ancestors().any(|path| !path.as_os_str().is_empty() && self.rules.excludes(path))
    }

    fn links(&self) -> Result<()> {
        for entry in &self.manifest.links {
            let path = self.tree.full(&entry.path);
            let target = self.tree.read_link(&entry.path).map_err(|error| Error::io(DOING, &path, error))?;
            if target != entry.target.as_os_str() {
                let why = "it leads elsewhere than in the manifest";
                return Err(Error::at(Code::Corrupt, DOING, &path, why));
            }
        }
        Ok(())
    }

    fn file(&self, index: usize, entry: &FileEntry, buffer: &mut [u8]) -> Result<()> {
        let path = || self.tree.full(&entry.path);
        let failed = |error| Error::io(DOING, &path(), error);
        let refuse = |why: String| Err(Error::at(Code::Corrupt, DOING, &path(), why));
        let stat = self.tree.stat(&entry.path).map_err(failed)?;
        if stat.size != entry.size {
            return refuse(format!("it has {} bytes where the manifest has {}", stat.size, entry.size));
        }
        if self.imprints.is_some_and(|imprints| !imprints[index].is_still(&stat)) {
            return refuse("it was changed after it was staged, by a validator or by somebody else".into());
        }
        let imprint = self.imprints.map(|imprints| &imprints[index]);
        // A link made elsewhere to a file of an earlier snapshot moves its change time too: then it is read.
        let is_proved = match imprint.filter(|imprint| imprint.proved.is_some()) {
            Some(imprint) => imprint.is_proved(&stat),
            None => self.level < VerifyLevel::Checksum,
        };
        if is_proved {
            self.monitor.verified(entry.size);
            return Ok(());
        }
        let found = self.read(entry, buffer)?;
        if found != entry.crc32 {
            return refuse(format!("its checksum is {found:08x} where the manifest has {:08x}", entry.crc32));
        }
        Ok(())
    }

    /// The checksum of a file's bytes, from the disk where the level says so.
    fn read(&self, entry: &FileEntry, buffer: &mut [u8]) -> Result<u32> {
        let path = || self.tree.full(&entry.path);
        let file = self.tree.open_file(&entry.path).map_err(|error| Error::io(DOING, &path(), error))?;
        if self.level == VerifyLevel::Media {
            file::evict(&file).map_err(|error| {
                let why = format!("its pages cannot be dropped here ({error}), so what the disk has cannot be read; the level `checksum` can be used");
                Error::at(Code::Unsupported, DOING, &path(), why)
            })?;
        }
        if entry.size > copy::BUFFER as u64 {
            file::will_read_in_order(&file);
        }
        let from = Named { file: &file, top: self.tree.path(), relative: &entry.path };
        let done = |bytes| self.monitor.verified(bytes);
        checksum(from, entry.size, buffer, self.monitor, done).map_err(|error| match error.code() {
            // It shrank after its size was looked at.
            Code::SourceChanged => error.code_is(Code::Corrupt),
            _ => error,
        })
    }
}
