//! One snapshot: its manifest, what is kept of its files, how its users see it.

mod attributes;
mod checkpoint;
mod info;
mod manifest;
mod parse;

pub use attributes::{Attributes, Imprint};
pub use checkpoint::Checkpoint;
pub use info::{Snapshot, open_directory};
#[cfg(fuzzing)]
pub use manifest::{CHECKSUM_END, CHECKSUM_START};
pub use manifest::{DirectoryEntry, FileEntry, LinkEntry, Manifest, Origin, Shared, SourceId};
#[cfg(fuzzing)]
pub use parse::parse as parse_manifest;
pub use parse::{LONGEST_IN_MANIFEST, read};

/// The file at the top of a snapshot that makes it one.
pub const MANIFEST: &str = "snapshot.manifest";

/// The file at the top of a checkpoint, which is no snapshot.
pub const CHECKPOINT: &str = "checkpoint.manifest";
