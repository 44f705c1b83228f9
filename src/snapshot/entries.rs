//! What a manifest lists.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::Attributes;
use crate::layout::FileClass;

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
