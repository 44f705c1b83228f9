//! What a manifest lists.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::Attributes;
use crate::layout::FileClass;
use crate::sys::dir::Stat;

/// A directory.
#[derive(Clone, Debug, PartialEq)]
pub struct DirectoryEntry {
    /// Relative to the snapshot.
    pub path: PathBuf,
    /// Mode, owner, mtime.
    pub attributes: Attributes,
}

/// A symbolic link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkEntry {
    /// Relative to the snapshot.
    pub path: PathBuf,
    /// What it holds.
    pub target: PathBuf,
    /// Owner and mtime.
    pub attributes: Attributes,
}

/// A file, with its path or a reference to it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FileEntry<P = PathBuf> {
    /// Relative to the snapshot.
    pub path: P,
    /// Its logical size in bytes.
    pub size: u64,
    /// CRC-32/ISO-HDLC of its logical bytes.
    pub crc32: u32,
    /// As what it was captured; `None`: a bare manifest.
    pub class: Option<FileClass>,
    /// Mode, owner, mtime; `None`: a bare manifest.
    pub attributes: Option<Attributes>,
    /// Which source file it was, for sharing with a later snapshot; `None`: made by a hook, or not known
    /// to have been left alone.
    pub source: Option<SourceId>,
    /// It is that of an earlier snapshot; `None`: it was read from its source for this one.
    pub shared: Option<Shared>,
    /// It is the live file itself, as a checkpoint has it: none of its bytes was read, and its checksum is not known.
    pub live: bool,
}

impl<P> FileEntry<P> {
    /// The same of another path.
    pub fn with_path<Q>(self, path: Q) -> FileEntry<Q> {
        let FileEntry { size, crc32, class, attributes, source, shared, live, .. } = self;
        FileEntry { path, size, crc32, class, attributes, source, shared, live }
    }
}

/// The identity of a source file when it was captured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceId {
    /// Its device.
    pub device: u64,
    /// Its inode.
    pub inode: u64,
    /// When it was made, in nanoseconds since 1970, where its file system tells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub born_ns: Option<i64>,
    /// When it or what is known of it last changed, in nanoseconds since 1970; `None`: nothing may be shared
    /// by it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ctime_ns: Option<i64>,
}

impl SourceId {
    /// That of a file whose stat and birth these are.
    pub fn of(stat: &Stat, born_ns: Option<i64>) -> Self {
        let ctime_ns = i64::try_from(stat.ctime_ns).ok();
        Self { device: stat.device, inode: stat.inode, born_ns, ctime_ns }
    }

    /// Whether both are of one inode, as far as can be told: device numbers change where times of birth do not.
    pub fn is_inode_of(&self, other: &Self) -> bool {
        let by_birth = self.born_ns.is_some() || self.device == other.device;
        self.inode == other.inode && self.born_ns == other.born_ns && by_birth
    }
}

/// What is known of the stored file that several snapshots share.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Shared {
    /// The snapshot for which its bytes were read from the source, by its place in the manifest's origins.
    pub origin: u32,
    /// When it was last read back from the disk, in milliseconds since 1970.
    pub verified_at_ms: u64,
}

/// An earlier snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// Its id.
    pub id: Uuid,
    /// When it was about to be published, in milliseconds since 1970.
    pub at_ms: u64,
}
