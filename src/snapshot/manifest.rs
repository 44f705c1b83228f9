//! The manifest: what a snapshot holds. Version 1, as Alopex 0.8 reads it, with more beside.
//!
//! One JSON object, one line an entry. `version` and `entries` of `path`, `size` and `crc32`
//! (CRC-32/ISO-HDLC of the logical bytes) are Alopex's; the rest is ours. The last field is a
//! checksum of all bytes before it.

use std::ffi::OsStr;
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::Attributes;
use crate::datadir::names::LIFECYCLE;
use crate::io::checksum::Summed;
use crate::layout::FileClass;
use crate::paths::hex;
use crate::sys::dir::Stat;

/// The version that this library writes and reads.
pub const VERSION: u64 = 1;

/// The last line but one: the checksum of the bytes before the line.
pub const CHECKSUM_START: &str = ",\n  \"checksum\": \"crc32:";

/// What follows the checksum's eight digits.
pub const CHECKSUM_END: &str = "\"\n}\n";

/// A snapshot's content.
#[derive(Clone, Debug, Default)]
pub struct Manifest {
    /// The job that made it; `None` in a bare manifest of Alopex.
    pub id: Option<Uuid>,
    /// The data directory that it is of; `None`: that could hold no id.
    pub data_dir_id: Option<Uuid>,
    /// When the job began, in milliseconds since 1970; 0: unknown.
    pub started_at_ms: u64,
    /// When it was about to be published, in milliseconds since 1970; 0: unknown.
    pub finished_at_ms: u64,
    /// The layout's name; empty: unknown.
    pub layout: String,
    /// Glob and class, first match first, on paths in the snapshot.
    pub rules: Vec<(String, FileClass)>,
    /// The host's own.
    pub metadata: Vec<u8>,
    /// Source files that are not data.
    pub files_skipped: u64,
    /// Immutable files that were still being built.
    pub files_left_out: u64,
    /// The earlier snapshots that first held a file that this one shares.
    pub origins: Vec<Origin>,
    /// The data directory's own attributes.
    pub top: Option<Attributes>,
    /// All directories below the top, sorted.
    pub directories: Vec<DirectoryEntry>,
    /// Symbolic links, sorted.
    pub links: Vec<LinkEntry>,
    /// Files, sorted.
    pub files: Vec<FileEntry>,
}

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

/// A file.
#[derive(Clone, Debug, PartialEq)]
pub struct FileEntry {
    /// Relative to the snapshot.
    pub path: PathBuf,
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
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
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
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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

impl Manifest {
    /// The sum of the files' logical sizes.
    pub fn bytes(&self) -> u64 {
        self.files.iter().fold(0, |sum, file| sum.saturating_add(file.size))
    }

    /// The number of the files that are an earlier snapshot's, and the sum of their logical sizes.
    pub fn shared(&self) -> (u64, u64) {
        let shared = self.files.iter().filter(|file| file.shared.is_some());
        shared.fold((0, 0), |(files, bytes), file| (files + 1, file.size.saturating_add(bytes)))
    }

    /// Writes it, sorted.
    pub fn write(&self, out: &mut impl Write) -> io::Result<()> {
        let mut out = Summed::new(out);
        self.write_fields(&mut out)?;
        let (out, (sum, _)) = out.end();
        write!(out, "{CHECKSUM_START}{sum:08x}{CHECKSUM_END}")
    }

    fn write_fields(&self, out: &mut impl Write) -> io::Result<()> {
        write!(out, "{{\n  \"version\": {VERSION}")?;
        field(out, "id", &self.id.map(|id| id.to_string()))?;
        field(out, "data_dir_id", &self.data_dir_id.map(|id| id.to_string()))?;
        field(out, "started_at_ms", &self.started_at_ms)?;
        field(out, "finished_at_ms", &self.finished_at_ms)?;
        field(out, "layout", &self.layout)?;
        let rules: Vec<_> = self.rules.iter().map(|(glob, class)| (glob, class.name())).collect();
        field(out, "rules", &rules)?;
        field(out, "metadata", &hex::encode(&self.metadata))?;
        field(out, "files_skipped", &self.files_skipped)?;
        field(out, "files_left_out", &self.files_left_out)?;
        field(out, "origins", &self.origins)?;
        field(out, "top", &self.top)?;
        list(out, "directories", self.directories.iter().map(DirectoryLine::of))?;
        list(out, "links", self.links.iter().map(LinkLine::of))?;
        list(out, "entries", self.files.iter().map(FileLine::of))
    }
}

fn field(out: &mut impl Write, name: &str, value: &impl Serialize) -> io::Result<()> {
    write!(out, ",\n  \"{name}\": ")?;
    serde_json::to_writer(out, value).map_err(io::Error::from)
}

fn list<T: Serialize>(out: &mut impl Write, name: &str, lines: impl Iterator<Item = T>) -> io::Result<()> {
    write!(out, ",\n  \"{name}\": [")?;
    let mut separator = "\n    ";
    for line in lines {
        out.write_all(separator.as_bytes())?;
        serde_json::to_writer(&mut *out, &line).map_err(io::Error::from)?;
        separator = ",\n    ";
    }
    out.write_all(b"\n  ]")
}

/// A path as text, and its bytes in hexadecimal where the text cannot hold them.
fn texts(path: &OsStr) -> (String, Option<String>) {
    let hex = path.to_str().is_none().then(|| hex::encode(path.as_bytes()));
    (path.to_string_lossy().into_owned(), hex)
}

#[derive(Serialize)]
struct DirectoryLine {
    path: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    path_hex: Option<String>,
    #[serde(flatten)]
    attributes: Attributes,
}

impl DirectoryLine {
    fn of(entry: &DirectoryEntry) -> Self {
        let (path, path_hex) = texts(entry.path.as_os_str());
        Self { path, path_hex, attributes: entry.attributes }
    }
}

#[derive(Serialize)]
struct LinkLine {
    path: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    path_hex: Option<String>,
    target: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    target_hex: Option<String>,
    #[serde(flatten)]
    attributes: Attributes,
}

impl LinkLine {
    fn of(entry: &LinkEntry) -> Self {
        let (path, path_hex) = texts(entry.path.as_os_str());
        let (target, target_hex) = texts(entry.target.as_os_str());
        Self { path, path_hex, target, target_hex, attributes: entry.attributes }
    }
}

#[derive(Serialize)]
struct FileLine {
    path: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    path_hex: Option<String>,
    size: u64,
    crc32: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    class: Option<&'static str>,
    #[serde(flatten)]
    attributes: Option<Attributes>,
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<SourceId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    origin: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    verified_at_ms: Option<u64>,
}

impl FileLine {
    fn of(entry: &FileEntry) -> Self {
        let (path, path_hex) = texts(entry.path.as_os_str());
        Self {
            path,
            path_hex,
            size: entry.size,
            crc32: entry.crc32,
            class: entry.class.map(FileClass::name),
            attributes: entry.attributes,
            source: entry.source,
            origin: entry.shared.map(|shared| shared.origin),
            verified_at_ms: entry.shared.map(|shared| shared.verified_at_ms),
        }
    }
}

/// Whether a path is one of the library's own, which never stands in a manifest as data.
pub fn is_reserved(path: &Path) -> bool {
    path == Path::new(super::MANIFEST) || path.starts_with(LIFECYCLE)
}
