//! One snapshot: its manifest, what is kept of its files, how its users see it.

mod attributes;
mod checkpoint;
mod contents;
mod describe;
mod entries;
mod fields;
mod files;
mod head;
mod info;
mod lines;
mod manifest;
mod names;
mod parse;
mod totals;
mod verified;

pub use attributes::{Attributes, Imprint};
pub use checkpoint::Checkpoint;
pub use contents::{Contents, Entry, EntryAttributes, EntryKind};
pub use entries::{DirectoryEntry, FileEntry, LinkEntry, Origin, Shared, SourceId};
pub use files::{Files, order};
pub use info::{Snapshot, open_directory};
#[cfg(fuzzing)]
pub use manifest::{CHECKSUM_END, CHECKSUM_START};
pub use manifest::{LONGEST_IN_MANIFEST, Manifest};
#[cfg(fuzzing)]
pub use parse::read_whole as read_manifest;
pub use parse::{prove, read, read_bytes, skim};
pub use verified::{Known, Verified, VerifyLevel};

/// The file at the top of a snapshot that makes it one.
pub const MANIFEST: &str = "snapshot.manifest";

/// The file at the top of a checkpoint, which is no snapshot.
pub const CHECKPOINT: &str = "checkpoint.manifest";
