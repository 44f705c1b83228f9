//! All names that the observations of one backup have met, each stored once: one of a tree that was
//! observed before makes no path and asks no rule.

use std::ffi::OsStr;
use std::hash::{BuildHasher, RandomState};
use std::io;
use std::ops::{Index, IndexMut};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use hashbrown::HashTable;

use super::blocks::Blocks;
use super::ids::{DirectoryId, NameId, Text};
use super::record::Record;
use crate::layout::FileClass;
use crate::sys::memory;

/// A directory that was met.
pub struct Directory {
    /// Which source it is in.
    pub source: usize,
    /// Its path there.
    pub path: Arc<Path>,
    /// The directory that it is in; `None`: the top of a source.
    pub parent: Option<DirectoryId>,
    /// The last observation that found it.
    pub seen: u32,
    /// What it was before the observation of this number shared the first of its files.
    pub shared: (u32, Option<Stamps>),
}

/// What tells that no name of a directory has changed: its inode, and when it was last written to and changed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Stamps(pub u64, pub i128, pub i128);

/// The names of all sources.
pub struct Catalog {
    directories: Vec<Directory>,
    records: Blocks<Record>,
    text: Vec<u8>,
    index: HashTable<u32>,
    hasher: RandomState,
    /// The name behind the last one that was met again. Directories mostly list their names in the order of the
    /// observation before, in which they came here.
    next: u32,
}

impl Catalog {
    /// Of so many sources, of which nothing was seen yet.
    pub fn new(sources: usize) -> Self {
        let top = |source| Directory {
            source,
            path: Arc::from(Path::new("")),
            parent: None,
            seen: 0,
            shared: (0, None),
        };
        Self {
            directories: (0..sources).map(top).collect(),
            records: Blocks::new(),
            text: Vec::new(),
            index: HashTable::new(),
            hasher: RandomState::new(),
            next: 0,
        }
    }

    /// The top of a source.
    pub fn top(&self, source: usize) -> DirectoryId {
        DirectoryId(source as u32)
    }

    /// A name that was met before.
    pub fn find(&self, directory: DirectoryId, name: &OsStr) -> Option<NameId> {
        let hash = self.hasher.hash_one((directory.0, name));
        let is_it = |id: &u32| {
            let record = &self.records[*id as usize];
            record.directory == directory && text(&self.text, record.name) == name
        };
        self.index.find(hash, is_it).copied().map(NameId)
    }

    /// A name, met now or before. Its class is asked for once.
    pub fn meet(
        &mut self,
        directory: DirectoryId,
        name: &OsStr,
        class: impl FnOnce() -> FileClass,
    ) -> io::Result<NameId> {
        let is_next =
            |record: &Record| record.directory == directory && text(&self.text, record.name) == name;
        let next = self.records.get(self.next as usize).filter(|record| is_next(record));
        if let Some(known) = next.map(|_| NameId(self.next)).or_else(|| self.find(directory, name)) {
            self.next = known.0 + 1;
            return Ok(known);
        }
        let too_many = || io::Error::from_raw_os_error(libc::EOVERFLOW);
        let id = u32::try_from(self.records.len()).map_err(|_| too_many())?;
        let start = u32::try_from(self.text.len()).map_err(|_| too_many())?;
        let length = u16::try_from(name.len()).map_err(|_| too_many())?;
        memory::reserve_for_growth(&mut self.text, name.len())?;
        self.records.push(Record::new(directory, Text { start, length }, class()))?;
        self.text.extend_from_slice(name.as_bytes());
        let (hasher, records, bytes) = (&self.hasher, &self.records, &self.text);
        let hash_of = |id: &u32| {
            let record = &records[*id as usize];
            hasher.hash_one((record.directory.0, text(bytes, record.name)))
        };
        let refused = |_| io::Error::from_raw_os_error(libc::ENOMEM);
        self.index.try_reserve(1, hash_of).map_err(refused)?;
        self.index.insert_unique(hasher.hash_one((directory.0, name)), id, hash_of);
        Ok(NameId(id))
    }

    /// The directory of a name.
    pub fn enter(&mut self, name: NameId) -> io::Result<DirectoryId> {
        if let Some(known) = self[name].as_directory {
            return Ok(known);
        }
        let source = self.source(name);
        let (path, parent) = (Arc::from(self.relative(name)), Some(self[name].directory));
        let id = DirectoryId(self.directories.len() as u32);
        memory::reserve_one(&mut self.directories)?;
        self.directories.push(Directory { source, path, parent, seen: 0, shared: (0, None) });
        self[name].as_directory = Some(id);
        Ok(id)
    }

    /// A path in a source, met now or before, with all directories on the way. `class`: of each that is new.
    pub fn meet_path(
        &mut self,
        source: usize,
        relative: &Path,
        class: impl Fn(&Path) -> FileClass,
    ) -> io::Result<NameId> {
        let mut directory = self.top(source);
        let mut met = None;
        for above in relative.ancestors().collect::<Vec<_>>().into_iter().rev() {
            let Some(name) = above.file_name() else { continue };
            if let Some(parent) = met {
                directory = self.enter(parent)?;
            }
            met = Some(self.meet(directory, name, || class(above))?);
        }
        met.ok_or_else(|| io::Error::from_raw_os_error(libc::EINVAL))
    }

    /// A path in a source, if it was met.
    pub fn find_path(&self, source: usize, relative: &Path) -> Option<NameId> {
        let mut directory = Some(self.top(source));
        let mut met = None;
        for name in relative.iter() {
            let id = self.find(directory?, name)?;
            (met, directory) = (Some(id), self[id].as_directory);
        }
        met
    }

    /// Which source a name is in.
    pub fn source(&self, name: NameId) -> usize {
        self[self[name].directory].source
    }

    /// What it is called.
    pub fn name(&self, name: NameId) -> &OsStr {
        text(&self.text, self[name].name)
    }

    /// Its path in its source.
    pub fn relative(&self, name: NameId) -> PathBuf {
        self[self[name].directory].path.join(self.name(name))
    }

    /// All names.
    pub fn names(&self) -> impl Iterator<Item = NameId> + use<> {
        (0..self.records.len() as u32).map(NameId)
    }

    /// All directories.
    pub fn directories(&self) -> impl Iterator<Item = DirectoryId> + use<> {
        (0..self.directories.len() as u32).map(DirectoryId)
    }

    /// All records.
    pub fn records_mut(&mut self) -> impl Iterator<Item = &mut Record> {
        self.records.iter_mut()
    }
}

fn text(bytes: &[u8], name: Text) -> &OsStr {
    let start = name.start as usize;
    OsStr::from_bytes(&bytes[start..start + usize::from(name.length)])
}

impl Index<NameId> for Catalog {
    type Output = Record;

    fn index(&self, name: NameId) -> &Record {
        &self.records[name.0 as usize]
    }
}

impl IndexMut<NameId> for Catalog {
    fn index_mut(&mut self, name: NameId) -> &mut Record {
        &mut self.records[name.0 as usize]
    }
}

impl Index<DirectoryId> for Catalog {
    type Output = Directory;

    fn index(&self, directory: DirectoryId) -> &Directory {
        &self.directories[directory.0 as usize]
    }
}

impl IndexMut<DirectoryId> for Catalog {
    fn index_mut(&mut self, directory: DirectoryId) -> &mut Directory {
        &mut self.directories[directory.0 as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_stored_once_and_its_class_is_asked_for_once() {
        let mut catalog = Catalog::new(2);
        let (first, second) = (catalog.top(0), catalog.top(1));
        let one = catalog.meet(first, "1.sst".as_ref(), || FileClass::IMMUTABLE).unwrap();
        let again = catalog.meet(first, "1.sst".as_ref(), || panic!("asked again")).unwrap();
        let other = catalog.meet(second, "1.sst".as_ref(), || FileClass::Mutable).unwrap();
        assert_eq!(one, again);
        assert_ne!(one, other);
        assert_eq!((catalog.source(one), catalog.source(other)), (0, 1));
    }

    #[test]
    fn a_path_is_made_of_its_names_and_found_by_them() {
        let mut catalog = Catalog::new(1);
        let path = Path::new("a/b/c");
        let met = catalog.meet_path(0, path, |_| FileClass::Mutable).unwrap();
        assert_eq!(catalog.relative(met), path);
        assert_eq!(catalog.find_path(0, path), Some(met));
        assert_eq!(catalog.find_path(0, Path::new("a/c")), None);
        let above = catalog.find_path(0, Path::new("a/b")).unwrap();
        assert_eq!(catalog[above].as_directory, Some(catalog[met].directory));
        assert_eq!(&*catalog[catalog[met].directory].path, Path::new("a/b"));
    }

    #[test]
    fn many_names_are_each_found_again() {
        let mut catalog = Catalog::new(1);
        let top = catalog.top(0);
        let name = |number: u32| format!("{number}.sst");
        for number in 0..10_000 {
            catalog.meet(top, name(number).as_ref(), || FileClass::IMMUTABLE).unwrap();
        }
        for number in (0..10_000).chain([5, 5, 7, 9_999, 0]) {
            let found = catalog.find(top, name(number).as_ref()).unwrap();
            assert_eq!(catalog.name(found), OsStr::new(&name(number)));
            let again = catalog.meet(top, name(number).as_ref(), || panic!("asked again")).unwrap();
            assert_eq!(again, found);
        }
    }
}
