//! The files of a manifest in little memory: there may be millions. Records of one size, and their paths in
//! one text.

use std::cmp::Ordering;
use std::ffi::OsStr;
use std::fmt;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use super::Attributes;
use super::entries::{FileEntry, Shared, SourceId};
use crate::layout::FileClass;
use crate::sys::memory;

/// A list of files.
#[derive(Clone, Default)]
pub struct Files {
    records: Vec<Record>,
    paths: Vec<u8>,
    alike: Vec<Alike>,
}

/// What is mostly the same for all files, stored once for those that follow each other.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
struct Alike {
    mode: u32,
    uid: u32,
    gid: u32,
    device: u64,
}

#[derive(Clone, Copy)]
struct Record {
    size: u64,
    mtime_s: i64,
    inode: u64,
    born_ns: i64,
    ctime_ns: i64,
    verified_at_ms: u64,
    mtime_sub_ns: u32,
    start: u32,
    crc32: u32,
    alike: u32,
    origin: u32,
    length: u16,
    class: Option<FileClass>,
    has: u8,
}

/// Bits of what a record has.
const ATTRIBUTES: u8 = 1;
const SOURCE: u8 = 2;
const BORN: u8 = 4;
const CTIME: u8 = 8;
const SHARED: u8 = 16;
const LIVE: u8 = 32;

const NS: i128 = 1_000_000_000;

impl Files {
    /// How many they are.
    pub fn len(&self) -> usize {
        self.records.len()
    }

    /// Adds one at the end. There may be no memory for it.
    pub fn push<P: AsRef<Path>>(&mut self, entry: &FileEntry<P>) -> io::Result<()> {
        let too_many = |_| io::Error::from_raw_os_error(libc::EOVERFLOW);
        let path = entry.path.as_ref().as_os_str().as_bytes();
        let start = u32::try_from(self.paths.len()).map_err(too_many)?;
        let length = u16::try_from(path.len()).map_err(too_many)?;
        let attributes = entry.attributes.unwrap_or_default();
        let source = entry.source.unwrap_or_default();
        let shared = entry.shared.unwrap_or_default();
        let bit = |is_there, bit| if is_there { bit } else { 0 };
        let has = bit(entry.attributes.is_some(), ATTRIBUTES)
            | bit(entry.source.is_some(), SOURCE)
            | bit(source.born_ns.is_some(), BORN)
            | bit(source.ctime_ns.is_some(), CTIME)
            | bit(entry.shared.is_some(), SHARED)
            | bit(entry.live, LIVE);
        let Attributes { mode, uid, gid, mtime_ns } = attributes;
        let alike = self.alike_of(Alike { mode, uid, gid, device: source.device })?;
        let record = Record {
            size: entry.size,
            // Each time that a file system gave fits.
            mtime_s: mtime_ns.div_euclid(NS).clamp(i64::MIN.into(), i64::MAX.into()) as i64,
            mtime_sub_ns: mtime_ns.rem_euclid(NS) as u32,
            inode: source.inode,
            born_ns: source.born_ns.unwrap_or_default(),
            ctime_ns: source.ctime_ns.unwrap_or_default(),
            verified_at_ms: shared.verified_at_ms,
            origin: shared.origin,
            start,
            length,
            crc32: entry.crc32,
            class: entry.class,
            alike,
            has,
        };
        memory::reserve_for_growth(&mut self.paths, path.len())?;
        memory::reserve_one(&mut self.records)?;
        self.paths.extend_from_slice(path);
        self.records.push(record);
        Ok(())
    }

    fn alike_of(&mut self, alike: Alike) -> io::Result<u32> {
        if self.alike.last() != Some(&alike) {
            memory::reserve_for_growth(&mut self.alike, 1)?;
            self.alike.push(alike);
        }
        // Never more than there are records, whose paths are within 32 bits.
        Ok((self.alike.len() - 1) as u32)
    }

    /// One by its place. There must be one.
    pub fn at(&self, index: usize) -> FileEntry<&Path> {
        let record = &self.records[index];
        let alike = &self.alike[record.alike as usize];
        let has = |bit| record.has & bit != 0;
        let mtime_ns = i128::from(record.mtime_s) * NS + i128::from(record.mtime_sub_ns);
        let attributes = Attributes { mode: alike.mode, uid: alike.uid, gid: alike.gid, mtime_ns };
        let source = SourceId {
            device: alike.device,
            inode: record.inode,
            born_ns: has(BORN).then_some(record.born_ns),
            ctime_ns: has(CTIME).then_some(record.ctime_ns),
        };
        let shared = Shared { origin: record.origin, verified_at_ms: record.verified_at_ms };
        FileEntry {
            path: self.path(index),
            size: record.size,
            crc32: record.crc32,
            class: record.class,
            attributes: has(ATTRIBUTES).then_some(attributes),
            source: has(SOURCE).then_some(source),
            shared: has(SHARED).then_some(shared),
            live: has(LIVE),
        }
    }

    /// One that was live is stored now, with this checksum.
    pub fn store(&mut self, index: usize, crc32: u32) {
        let record = &mut self.records[index];
        record.crc32 = crc32;
        record.has &= !LIVE;
    }

    /// The path of one.
    pub fn path(&self, index: usize) -> &Path {
        path_in(&self.paths, &self.records[index])
    }

    /// All of them.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = FileEntry<&Path>> + Clone {
        (0..self.len()).map(|index| self.at(index))
    }

    /// Their paths.
    pub fn paths(&self) -> impl DoubleEndedIterator<Item = &Path> + Clone {
        self.records.iter().map(|record| path_in(&self.paths, record))
    }

    /// The place of a path, where they are sorted. It is looked for at `hint` first: who asks for sorted paths
    /// gives the place behind the last one.
    pub fn place_of(&self, path: &Path, hint: usize) -> Option<usize> {
        if hint < self.len() && self.path(hint).as_os_str() == path.as_os_str() {
            return Some(hint);
        }
        self.records.binary_search_by(|record| order(path_in(&self.paths, record), path)).ok()
    }

    /// Puts them into the order of their paths.
    pub fn sort(&mut self) {
        let paths = &self.paths;
        if !self.are_sorted() {
            self.records.sort_unstable_by(|a, b| order(path_in(paths, a), path_in(paths, b)));
        }
    }

    /// Puts them into the order of their paths, and what stands beside each with it. There may be no memory to
    /// do so.
    pub fn sort_with<T>(&mut self, beside: &mut [T]) -> io::Result<()> {
        if self.are_sorted() {
            return Ok(());
        }
        let mut places: Vec<u32> = Vec::new();
        memory::reserve(&mut places, self.len())?;
        places.extend(0..self.len() as u32);
        places.sort_unstable_by(|a, b| order(self.path(*a as usize), self.path(*b as usize)));
        // To each place comes what belongs there, until a round of them is closed.
        for start in 0..places.len() {
            let mut at = start;
            loop {
                let from = std::mem::replace(&mut places[at], at as u32) as usize;
                if from == start {
                    break;
                }
                self.records.swap(at, from);
                beside.swap(at, from);
                at = from;
            }
        }
        Ok(())
    }

    fn are_sorted(&self) -> bool {
        self.records.is_sorted_by(|a, b| order(path_in(&self.paths, a), path_in(&self.paths, b)).is_le())
    }

    /// Gives the snapshots that files are shared with other numbers.
    pub fn renumber_origins(&mut self, mut number: impl FnMut(u32) -> u32) {
        for record in self.records.iter_mut().filter(|record| record.has & SHARED != 0) {
            record.origin = number(record.origin);
        }
    }
}

fn path_in<'p>(paths: &'p [u8], record: &Record) -> &'p Path {
    let start = record.start as usize;
    Path::new(OsStr::from_bytes(&paths[start..start + usize::from(record.length)]))
}

/// The order of plain relative paths, that of their names, part by part: what lies below a name follows it at
/// once. No name holds a byte that comes before the one that stands for the slash here.
pub fn order(a: &Path, b: &Path) -> Ordering {
    let (a, b) = (a.as_os_str().as_bytes(), b.as_os_str().as_bytes());
    let rank = |byte: u8| if byte == b'/' { 0 } else { byte };
    match a.iter().zip(b).find(|(a, b)| a != b) {
        Some((a, b)) => rank(*a).cmp(&rank(*b)),
        None => a.len().cmp(&b.len()),
    }
}

impl PartialEq for Files {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl fmt::Debug for Files {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(path: &str, number: u64) -> FileEntry<&Path> {
        let mtime_ns = -i128::from(number) * NS / 7;
        FileEntry {
            path: Path::new(path),
            size: number,
            crc32: number as u32,
            class: number.is_multiple_of(2).then_some(FileClass::AppendOnly),
            attributes: (!number.is_multiple_of(3)).then_some(Attributes {
                mode: number as u32,
                uid: 1,
                gid: 2,
                mtime_ns,
            }),
            source: (!number.is_multiple_of(5)).then_some(SourceId {
                device: number / 4,
                inode: u64::MAX - number,
                born_ns: (number % 4 > 1).then_some(i64::MIN),
                ctime_ns: (number % 7 > 1).then_some(-1),
            }),
            shared: number
                .is_multiple_of(4)
                .then_some(Shared { origin: number as u32, verified_at_ms: number }),
            live: false,
        }
    }

    #[test]
    fn each_is_kept_as_it_was_given() {
        let names: Vec<String> = (0..500).map(|number| format!("d{}/{number}", number % 3)).collect();
        let entries: Vec<_> = names.iter().zip(0..).map(|(name, number)| entry(name, number)).collect();
        let mut files = Files::default();
        entries.iter().for_each(|entry| files.push(entry).unwrap());
        assert!(files.iter().eq(entries.iter().copied()));
        files.sort();
        for entry in &entries {
            let place = files.place_of(entry.path, 0).unwrap();
            assert_eq!(files.at(place), *entry);
            assert_eq!(files.place_of(entry.path, place), Some(place));
        }
        assert_eq!(files.place_of(Path::new("d1"), 0), None);
        assert!(files.paths().is_sorted());
    }

    #[test]
    fn what_stands_beside_each_is_sorted_with_it() {
        let names: Vec<String> = (0..1_000u64).map(|number| (number * 7_919 % 1_000).to_string()).collect();
        let mut files = Files::default();
        names.iter().for_each(|name| files.push(&entry(name, name.parse().unwrap())).unwrap());
        let mut beside = names.clone();
        files.sort_with(&mut beside).unwrap();
        assert!(files.paths().is_sorted());
        for (file, name) in files.iter().zip(&beside) {
            assert_eq!(file, entry(name, name.parse().unwrap()));
        }
    }

    #[test]
    fn paths_have_the_order_of_their_parts() {
        let paths = [
            "a",
            "a!",
            "a/b",
            "a/b/c",
            "a-b",
            "a\u{1}",
            "ab",
            "b",
            "a/b!c",
            "é",
            "a//".trim_end_matches('/'),
        ];
        for a in paths {
            for b in paths {
                assert_eq!(order(Path::new(a), Path::new(b)), Path::new(a).cmp(Path::new(b)), "{a:?} {b:?}");
            }
        }
    }

    #[test]
    fn a_file_takes_less_than_eighty_bytes_beside_its_path() {
        assert!(size_of::<Record>() < 80);
    }
}
