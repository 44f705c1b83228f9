//! What a snapshot holds, name by name, as its users see it.

use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use uuid::Uuid;

use super::entries::{FileEntry, Shared, SourceId};
use super::files::order;
use super::info::{Snapshot, open_directory, told};
use super::{Attributes, Manifest, parse};
use crate::error::{Code, Error, Result};
use crate::io::thread;
use crate::layout::FileClass;
use crate::sys::dir::{Dir, Stat};

/// All that a snapshot's manifest lists, read once: it holds nothing open and stays good when the snapshot is
/// deleted. Of a file it takes some 80 bytes beside its path.
#[derive(Clone, Debug)]
pub struct Contents {
    manifest: Manifest,
    /// The ids of the snapshots whose files it shares, as text.
    origins: Vec<String>,
}

/// What an entry is, of a snapshot or of what a backup would be of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum EntryKind {
    /// A regular file.
    File,
    /// A directory.
    Directory,
    /// A symbolic link.
    Link,
    /// A FIFO, a socket or a device, which no snapshot has.
    Other,
}

/// One name in a snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Entry<'c> {
    /// Relative to the snapshot.
    pub path: &'c Path,
    /// What it is.
    pub kind: EntryKind,
    /// A file's logical size in bytes, else 0.
    pub size: u64,
    /// A file's checksum, CRC-32/ISO-HDLC of its logical bytes; `None` for a live one of a checkpoint, of which no
    /// byte was read.
    pub crc32: Option<u32>,
    /// As what a file was captured; `None`: the manifest does not say.
    pub class: Option<FileClass>,
    /// Mode, owner and time; `None`: the manifest does not say.
    pub attributes: Option<EntryAttributes>,
    /// The id of the earlier snapshot for which its bytes were read from the source; `None`: it is not shared.
    pub origin: Option<&'c str>,
    /// When a shared file had last been read back, as far as its backup knew.
    pub verified_at: Option<SystemTime>,
    /// What a symbolic link holds.
    pub target: Option<&'c Path>,
    source: Option<SourceId>,
}

/// What a snapshot keeps of an entry beside its bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct EntryAttributes {
    /// Permission bits.
    pub mode: u32,
    /// Its owner.
    pub uid: u32,
    /// Its group.
    pub gid: u32,
    /// When it was last modified.
    pub modified_at: SystemTime,
}

impl Snapshot {
    /// All that it holds, by its manifest. Whether the files are what that says is for
    /// [`verify`](crate::verify()).
    pub fn contents(&self) -> Result<Contents> {
        Contents::of(self.location())
    }
}

impl Contents {
    fn of(location: &Path) -> Result<Self> {
        thread::run(|| Self::read(&open_directory(location)?))
    }

    /// By the manifest in a directory. For I/O threads.
    pub(crate) fn read(directory: &Dir) -> Result<Self> {
        parse::read(directory).map(Self::by)
    }

    /// By the bytes of a manifest that lies elsewhere; `name` is what errors call its snapshot. One of ours is good only
    /// with its checksum, and [`Code::Corrupt`] else.
    pub fn parse(manifest: &[u8], name: impl AsRef<Path>) -> Result<Self> {
        parse::read_bytes(manifest, name.as_ref()).map(Self::by)
    }

    fn by(manifest: Manifest) -> Self {
        let origins = manifest.origins.iter().map(|origin| origin.id.to_string()).collect();
        Self { manifest, origins }
    }

    /// By the manifest of a checkpoint in a directory. For I/O threads.
    pub(crate) fn read_checkpoint(directory: &Dir) -> Result<Self> {
        parse::read_checkpoint(directory).map(Self::by)
    }

    /// Whether a file is as it was when it was linked into a checkpoint; `true` for one that is no live one.
    pub(crate) fn is_still(&self, path: &Path, stat: &Stat, born_ns: Option<i64>) -> bool {
        let Some(place) = self.manifest.files.place_of(path, 0) else { return true };
        let file = self.manifest.files.at(place);
        let is_it = |source: SourceId| source.is_inode_of(&SourceId::of(stat, born_ns));
        let mtime_ns = file.attributes.map(|attributes| attributes.mtime_ns);
        !file.live
            || file.source.is_some_and(is_it) && (file.size, mtime_ns) == (stat.size, Some(stat.mtime_ns))
    }

    /// The manifest of the snapshot that a checkpoint becomes once its live files were read: `sum_of` knows their
    /// checksums.
    pub(crate) fn stored(&self, sum_of: impl Fn(&Path) -> Option<u32>) -> Result<Vec<u8>> {
        let mut manifest = Manifest { checkpoint: None, ..self.manifest.clone() };
        for index in 0..manifest.files.len() {
            let file = manifest.files.at(index);
            if !file.live {
                continue;
            }
            let Some(crc32) = sum_of(file.path) else {
                return Err(Error::at(Code::Internal, "writing a manifest", file.path, "it was not read"));
            };
            manifest.files.store(index, crc32);
        }
        let mut text = Vec::new();
        manifest.write(&mut text).map_err(|error| Error::system("writing a manifest", error))?;
        Ok(text)
    }

    /// The UUID of the job that made the snapshot; `None`: the manifest does not say.
    pub fn id(&self) -> Option<Uuid> {
        self.manifest.id
    }

    /// How many entries there are.
    pub fn len(&self) -> usize {
        self.manifest.directories.len() + self.manifest.links.len() + self.manifest.files.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The entries: directories, then symbolic links, then files, each in the order of their paths, so that what
    /// lies in a directory stands together.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = Entry<'_>> + Clone {
        (0..self.len()).filter_map(|index| self.get(index))
    }

    /// One of them, by its place in [`iter`](Self::iter).
    pub fn get(&self, index: usize) -> Option<Entry<'_>> {
        let Manifest { directories, links, files, .. } = &self.manifest;
        if let Some(directory) = directories.get(index) {
            return Some(self.entry(&directory.path, EntryKind::Directory, directory.attributes));
        }
        let index = index - directories.len();
        if let Some(link) = links.get(index) {
            let entry = self.entry(&link.path, EntryKind::Link, link.attributes);
            return Some(Entry { target: Some(&link.target), ..entry });
        }
        let index = index - links.len();
        (index < files.len()).then(|| self.file(files.at(index)))
    }

    /// The entry of a path.
    pub fn find(&self, path: impl AsRef<Path>) -> Option<Entry<'_>> {
        let Manifest { directories, links, files, .. } = &self.manifest;
        let path = path.as_ref();
        let directory = || directories.binary_search_by(|entry| order(&entry.path, path)).ok();
        let link = || links.binary_search_by(|entry| order(&entry.path, path)).ok();
        match files.place_of(path, 0) {
            Some(index) => Some(self.file(files.at(index))),
            None => {
                directory().or_else(|| link().map(|at| directories.len() + at)).and_then(|at| self.get(at))
            }
        }
    }

    /// The ids of the earlier snapshots for which files of this one were first read.
    pub fn origins(&self) -> impl ExactSizeIterator<Item = &str> {
        self.origins.iter().map(String::as_str)
    }

    /// The rules by which it was captured, the first that matches a path being that path's.
    pub fn rules(&self) -> impl ExactSizeIterator<Item = (&str, FileClass)> {
        self.manifest.rules.iter().map(|(glob, class)| (glob.as_str(), *class))
    }

    fn entry<'c>(&'c self, path: &'c Path, kind: EntryKind, attributes: Attributes) -> Entry<'c> {
        let attributes = Some(EntryAttributes::of(attributes));
        Entry {
            path,
            kind,
            size: 0,
            crc32: None,
            class: None,
            attributes,
            origin: None,
            verified_at: None,
            target: None,
            source: None,
        }
    }

    fn file<'c>(&'c self, file: FileEntry<&'c Path>) -> Entry<'c> {
        // A manifest with an origin that it does not have is refused.
        let origin = |shared: Shared| self.origins.get(shared.origin as usize).map(String::as_str);
        Entry {
            path: file.path,
            kind: EntryKind::File,
            size: file.size,
            crc32: (!file.live).then_some(file.crc32),
            class: file.class,
            attributes: file.attributes.map(EntryAttributes::of),
            origin: file.shared.and_then(origin),
            verified_at: file.shared.and_then(|shared| told(shared.verified_at_ms)),
            target: None,
            source: file.source,
        }
    }
}

impl Entry<'_> {
    /// Whether both were the same file of a database, as far as device, inode, time of birth, length and time of the
    /// last change tell.
    pub fn is_same_source(&self, other: &Entry<'_>) -> bool {
        let is_same = |(a, b): (SourceId, SourceId)| a.is_inode_of(&b);
        let modified = |entry: &Entry<'_>| entry.attributes.map(|attributes| attributes.modified_at);
        self.source.zip(other.source).is_some_and(is_same)
            && (self.size, modified(self)) == (other.size, modified(other))
    }

    /// Whether it is an earlier snapshot's too, by a link or a clone.
    pub fn is_shared(&self) -> bool {
        self.origin.is_some()
    }
}

impl EntryAttributes {
    fn of(attributes: Attributes) -> Self {
        let Attributes { mode, uid, gid, mtime_ns } = attributes;
        Self { mode, uid, gid, modified_at: time_of_ns(mtime_ns) }
    }
}

/// Nanoseconds since 1970 as a time. Each that a file system gave fits; a manifest may say anything.
fn time_of_ns(ns: i128) -> SystemTime {
    const NS: u128 = 1_000_000_000;
    let away = ns.unsigned_abs();
    let seconds = u64::try_from(away / NS).unwrap_or(u64::MAX);
    let away = Duration::new(seconds, (away % NS) as u32);
    let time = if ns < 0 { UNIX_EPOCH.checked_sub(away) } else { UNIX_EPOCH.checked_add(away) };
    time.unwrap_or(UNIX_EPOCH)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_told_on_both_sides_of_1970_and_nothing_is_too_far() {
        let second = Duration::from_secs(1);
        assert_eq!(time_of_ns(1_500_000_000), UNIX_EPOCH + second.mul_f64(1.5));
        assert_eq!(time_of_ns(-1_500_000_000), UNIX_EPOCH - second.mul_f64(1.5));
        assert_eq!(time_of_ns(i128::MAX), UNIX_EPOCH);
        assert_eq!(time_of_ns(i128::MIN), UNIX_EPOCH);
    }
}
