//! Snapshots on disk: their names, their manifest, the root they live in, who may touch it.

mod attributes;
pub mod claim;
pub mod compare;
pub mod hex;
pub mod id;
pub mod known;
pub mod known_sources;
mod listing;
mod manifest;
pub mod owner;
mod parse;
pub mod path_text;
mod prune;
pub mod root;
mod space;
pub mod stage_name;
pub mod tree;

pub use attributes::{Attributes, Kept};
pub use listing::{Snapshot, latest, list, open_directory};
#[cfg(fuzzing)]
pub use manifest::{CHECKSUM_END, CHECKSUM_START};
pub use manifest::{DirectoryEntry, FileEntry, LinkEntry, Manifest, SourceId};
#[cfg(fuzzing)]
pub use parse::parse as parse_manifest;
pub use parse::{LONGEST_PATH, read};
pub use prune::{delete, lock_in_use, prune};
pub use space::{has_room, keeps_reserve};

/// The directory at the top of a source that is the library's own.
pub const LIFECYCLE: &str = ".lifecycle";

/// The file at the top of a snapshot that makes it one.
pub const MANIFEST: &str = "snapshot.manifest";

/// The marker in a root that names the newest completed snapshot.
pub const LATEST: &str = "latest";

/// The number of a directory called `ts-<n>`.
pub fn number_of(name: &std::ffi::OsStr) -> Option<u64> {
    let digits = name.to_str()?.strip_prefix("ts-")?;
    let plain = digits.bytes().all(|b| b.is_ascii_digit()) && !digits.starts_with('0') || digits == "0";
    if plain { digits.parse().ok() } else { None }
}
