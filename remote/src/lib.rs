//! Sends hotbackup's snapshots to an object store, and brings them back: S3, GCS, Azure and what speaks as S3
//! does. What lies there is a repository of restic's format, version 2, so that restic and rustic check it and
//! restore from it without this crate.

mod bring;
mod format;
mod options;
mod password;
mod probe;
mod push;
mod remote;
mod repository;
mod store;
mod work;

pub use options::RemoteOptions;
pub use probe::RemoteFinding;
pub use remote::{Remote, RemoteSnapshot};
pub use repository::RemoteLock;
pub use store::{KEYS, Requests};

/// The Rust in docs/remote.md, tested as this crate's own.
#[cfg(doctest)]
#[doc = include_str!("../../docs/remote.md")]
struct RemotePage;
