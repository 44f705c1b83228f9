//! The manifest: what a snapshot holds. Version 1, as Alopex 0.8 reads it, with more beside.
//!
//! One JSON object, one line an entry. `version` and `entries` of `path`, `size` and `crc32`
//! (CRC-32/ISO-HDLC of the logical bytes) are Alopex's; the rest is ours. The last field is a
//! checksum of all bytes before it.

use std::borrow::Cow;
use std::ffi::OsStr;
use std::io::{self, BufWriter, IntoInnerError, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use serde::Serialize;
use uuid::Uuid;

use super::checkpoint::{Checkpoint, VERSION as CHECKPOINT_VERSION};
use super::entries::{DirectoryEntry, FileEntry, LinkEntry, Origin, SourceId};
use super::files::Files;
use super::totals::Totals;
use super::{Attributes, CHECKPOINT, MANIFEST, VerifyLevel};
use crate::datadir::names::LIFECYCLE;
use crate::io::checksum::{self, Summed};
use crate::layout::FileClass;
use crate::paths::hex;

/// The version that this library writes and reads.
pub const VERSION: u64 = 1;

/// The longest path that a manifest may hold: four times the 4096 bytes that a call of the kernel takes, more
/// than any host opens. A deeper tree is refused when it is backed up.
pub const LONGEST_IN_MANIFEST: usize = 1 << 14;

/// The last line but one: the checksum of the bytes before the line.
pub const CHECKSUM_START: &str = ",\n  \"checksum\": \"crc32:";

/// What follows the checksum's eight digits.
pub const CHECKSUM_END: &str = "\"\n}\n";

/// The line that ends the head: the checksum of the bytes before the line.
pub const HEAD_START: &str = ",\n  \"head\": \"crc32:";

/// What follows the head's eight digits.
pub const HEAD_END: &str = "\"";

/// A snapshot's content.
#[derive(Clone, Debug, Default)]
pub struct Manifest {
    /// It is that of a checkpoint; `None`: of a snapshot.
    pub checkpoint: Option<Checkpoint>,
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
    /// What its host calls it by, for those who choose which snapshots stay.
    pub tags: Vec<String>,
    /// The longest freeze window of its backup, in nanoseconds; 0: there was none, or it is unknown.
    pub freeze_ns: u64,
    /// How its backup read it back; `None`: unknown.
    pub verify: Option<VerifyLevel>,
    /// The earlier snapshots that first held a file that this one shares.
    pub origins: Vec<Origin>,
    /// The data directory's own attributes.
    pub top: Option<Attributes>,
    /// All directories below the top, sorted.
    pub directories: Vec<DirectoryEntry>,
    /// Symbolic links, sorted.
    pub links: Vec<LinkEntry>,
    /// Files, sorted.
    pub files: Files,
}

/// How much is written at once.
const BUFFER: usize = 64 << 10;

impl Manifest {
    /// What its file is called, at the top of what it describes.
    pub fn name(&self) -> &'static str {
        if self.checkpoint.is_some() { CHECKPOINT } else { MANIFEST }
    }

    /// Its files, summed up.
    pub fn totals(&self) -> Totals {
        let mut totals = Totals::default();
        self.files.iter().for_each(|file| totals.add(&file));
        totals
    }

    /// Writes it, sorted.
    pub fn write(&self, out: &mut impl Write) -> io::Result<()> {
        // A checksum of many small pieces takes longer than that of a few.
        let mut fields = BufWriter::with_capacity(BUFFER, Summed::new(out));
        self.write_fields(&mut fields)?;
        let (out, (sum, _)) = fields.into_inner().map_err(IntoInnerError::into_error)?.end();
        out.write_all(format!("{CHECKSUM_START}{sum:08x}{CHECKSUM_END}").as_bytes())
    }

    /// The head with its own checksum, by which it can be believed before the lists are read.
    fn write_fields(&self, out: &mut impl Write) -> io::Result<()> {
        let mut head = Vec::new();
        self.write_head(&mut head)?;
        let sum = checksum::of(&head);
        out.write_all(&head)?;
        out.write_all(format!("{HEAD_START}{sum:08x}{HEAD_END}").as_bytes())?;
        field(out, "top", &self.top)?;
        list(out, "directories", self.directories.iter().map(DirectoryLine::of))?;
        list(out, "links", self.links.iter().map(LinkLine::of))?;
        list(out, "entries", self.files.iter().map(FileLine::of))
    }

    fn write_head(&self, out: &mut impl Write) -> io::Result<()> {
        match self.checkpoint {
            None => write!(out, "{{\n  \"version\": {VERSION}")?,
            Some(Checkpoint { until_close }) => {
                write!(out, "{{\n  \"checkpoint\": {CHECKPOINT_VERSION}")?;
                field(out, "until_close", &until_close)?;
            }
        }
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
        field(out, "tags", &self.tags)?;
        field(out, "freeze_ns", &self.freeze_ns)?;
        field(out, "verify", &self.verify.map(VerifyLevel::name))?;
        field(out, "origins", &self.origins)?;
        field(out, "totals", &self.totals())
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
fn texts(path: &OsStr) -> (Cow<'_, str>, Option<String>) {
    let hex = path.to_str().is_none().then(|| hex::encode(path.as_bytes()));
    (path.to_string_lossy(), hex)
}

#[derive(Serialize)]
struct DirectoryLine<'e> {
    path: Cow<'e, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    path_hex: Option<String>,
    #[serde(flatten)]
    attributes: Attributes,
}

impl<'e> DirectoryLine<'e> {
    fn of(entry: &'e DirectoryEntry) -> Self {
        let (path, path_hex) = texts(entry.path.as_os_str());
        Self { path, path_hex, attributes: entry.attributes }
    }
}

#[derive(Serialize)]
struct LinkLine<'e> {
    path: Cow<'e, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    path_hex: Option<String>,
    target: Cow<'e, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    target_hex: Option<String>,
    #[serde(flatten)]
    attributes: Attributes,
}

impl<'e> LinkLine<'e> {
    fn of(entry: &'e LinkEntry) -> Self {
        let (path, path_hex) = texts(entry.path.as_os_str());
        let (target, target_hex) = texts(entry.target.as_os_str());
        Self { path, path_hex, target, target_hex, attributes: entry.attributes }
    }
}

#[derive(Serialize)]
struct FileLine<'e> {
    path: Cow<'e, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    path_hex: Option<String>,
    size: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    crc32: Option<u32>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    live: bool,
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

impl<'e> FileLine<'e> {
    fn of(entry: FileEntry<&'e Path>) -> Self {
        let (path, path_hex) = texts(entry.path.as_os_str());
        Self {
            path,
            path_hex,
            size: entry.size,
            crc32: (!entry.live).then_some(entry.crc32),
            live: entry.live,
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
    path == Path::new(MANIFEST) || path.starts_with(LIFECYCLE)
}
