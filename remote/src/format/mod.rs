//! restic's repository format, version 2: what each object holds, without asking where it lies.

mod blob;
mod config;
mod crypto;
#[cfg(test)]
mod header;
mod id;
mod index;
mod json;
pub mod key;
mod lock;
mod node;
mod pack;
mod polynomial;
mod quote;
#[cfg(test)]
mod restic_tests;
mod snapshot;
mod time;
mod tree;
mod unpacked;

pub use self::blob::{BlobKind, LEVEL, Opener, SealedBlob, Sealer, seal_blob};
pub use self::config::Config;
pub use self::crypto::{MasterKey, random};
pub use self::id::Id;
pub use self::index::{IndexObject, read_index};
pub use self::lock::LockRecord;
pub use self::node::{Node, NodeKind, go_mode};
pub use self::pack::{Pack, PackWriter, PackedBlob};
pub use self::snapshot::SnapshotRecord;
pub use self::tree::Tree;
pub use self::unpacked::{open_unpacked, seal_unpacked};
