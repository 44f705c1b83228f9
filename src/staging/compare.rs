//! Comparing a tree with its manifest.

use std::fs::File;
use std::path::Path;

use crate::error::{Code, Error, Result};
use crate::io::copy::{Named, checksum};
use crate::io::pool;
use crate::io::sorted_dirs::SortedDirs;
use crate::io::walk::each_directory;
use crate::layout::Rules;
use crate::monitor::Monitor;
use crate::settings::VerifyLevel;
use crate::snapshot::{FileEntry, Imprint, Manifest, order};
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
    let dirs = || SortedDirs::new(comparison.tree);
    pool::for_each_of(
        comparison.monitor.crew(threads),
        comparison.manifest.files.len(),
        dirs,
        |index, dirs, buffer| {
            comparison.monitor.check()?;
            comparison.file(index, dirs, buffer)?;
            comparison.monitor.file_verified();
            Ok(())
        },
    )
}

/// The names of a manifest, each of its lists sorted, and which of them were found in the tree.
struct Expected<'a> {
    manifest: &'a Manifest,
    found: Vec<bool>,
    /// The place behind the last file that was asked for.
    next: usize,
}

impl<'a> Expected<'a> {
    fn of(manifest: &'a Manifest) -> std::io::Result<Self> {
        let count = manifest.files.len() + manifest.links.len() + manifest.directories.len();
        let mut found = Vec::new();
        memory::reserve(&mut found, count)?;
        found.resize(count, false);
        Ok(Self { manifest, found, next: 0 })
    }

    /// What kind the manifest has under a name, which is marked as found.
    fn take(&mut self, path: &Path) -> Option<Kind> {
        let (number, kind) = self.place_of(path)?;
        self.found[number] = true;
        Some(kind)
    }

    fn place_of(&mut self, path: &Path) -> Option<(usize, Kind)> {
        let Manifest { files, links, directories, .. } = self.manifest;
        if let Some(place) = files.place_of(path, self.next) {
            self.next = place + 1;
            return Some((place, Kind::File));
        }
        if let Ok(place) = links.binary_search_by(|entry| order(&entry.path, path)) {
            return Some((files.len() + place, Kind::Symlink));
        }
        let place = directories.binary_search_by(|entry| order(&entry.path, path)).ok()?;
        Some((files.len() + links.len() + place, Kind::Directory))
    }

    /// The first name that was not found.
    fn missing(&self) -> Option<&'a Path> {
        let Manifest { files, links, directories, .. } = self.manifest;
        let links = links.iter().map(|entry| entry.path.as_path());
        let directories = directories.iter().map(|entry| entry.path.as_path());
        let all = files.paths().chain(links).chain(directories);
        let missing = all.zip(&self.found).filter(|(_, found)| !**found);
        missing.map(|(path, _)| path).min()
    }
}

impl Comparison<'_> {
    fn names(&self) -> Result<()> {
        let tree = self.tree;
        let refused = |path: &Path, why: &str| Error::at(Code::Corrupt, DOING, &tree.full(path), why);
        let bare = self.manifest.top.is_none();
        let mut expected =
            Expected::of(self.manifest).map_err(|error| Error::io(DOING, tree.path(), error))?;
        each_directory(tree, std::path::PathBuf::new(), |directory, _, mut entries| {
            let mut below = Vec::new();
            // In the order of the manifest.
            entries.sort_unstable_by(|a, b| a.name.cmp(&b.name));
            for entry in entries {
                self.monitor.check()?;
                let path = directory.join(&entry.name);
                if path == Path::new(self.manifest.name()) {
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

    fn file(&self, index: usize, dirs: &mut SortedDirs<'_>, buffer: &mut [u8]) -> Result<()> {
        let entry = self.manifest.files.at(index);
        let path = || self.tree.full(entry.path);
        let failed = |error| Error::io(DOING, &path(), error);
        let refuse = |why: String| Err(Error::at(Code::Corrupt, DOING, &path(), why));
        if entry.live {
            // It is the live database's, and was looked at when it was linked.
            self.monitor.verified(entry.size);
            return Ok(());
        }
        let (directory, name) = dirs.parent_of(entry.path).map_err(failed)?;
        let stat = directory.stat(name).map_err(failed)?;
        if stat.size != entry.size {
            return refuse(format!("it has {} bytes where the manifest has {}", stat.size, entry.size));
        }
        if self.imprints.is_some_and(|imprints| !imprints[index].is_still(&stat)) {
            return refuse("it was changed after it was staged, by a validator or by somebody else".into());
        }
        let imprint = self.imprints.map(|imprints| &imprints[index]);
        // A link made elsewhere to a file of an earlier snapshot moves its change time too: then it is read.
        let is_proved = match imprint.filter(|imprint| imprint.was_proved()) {
            Some(imprint) => imprint.is_proved(&stat),
            None => self.level < VerifyLevel::Checksum,
        };
        if is_proved {
            self.monitor.verified(entry.size);
            return Ok(());
        }
        let file = directory.open_file(name).map_err(failed)?;
        let found = self.read(&file, &entry, buffer)?;
        if found != entry.crc32 {
            return refuse(format!("its checksum is {found:08x} where the manifest has {:08x}", entry.crc32));
        }
        Ok(())
    }

    /// The checksum of a file's bytes, from the disk where the level says so.
    fn read(&self, file: &File, entry: &FileEntry<&Path>, buffer: &mut [u8]) -> Result<u32> {
        let from = Named { file, top: self.tree.path(), relative: entry.path };
        if self.level == VerifyLevel::Media {
            file::evict(file).map_err(|error| {
                let why = format!("its pages cannot be dropped here ({error}), so what the disk has cannot be read; the level `checksum` can be used");
                Error::at(Code::Unsupported, DOING, &from.path(), why)
            })?;
        }
        let done = |bytes| self.monitor.verified(bytes);
        checksum(from, entry.size, buffer, self.monitor, done).map_err(|error| match error.code() {
            // It shrank after its size was looked at.
            Code::SourceChanged => error.code_is(Code::Corrupt),
            _ => error,
        })
    }
}
