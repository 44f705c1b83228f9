//! Sends hotbackup's snapshots to an object store, and brings them back: S3, GCS, Azure and what speaks as S3
//! does. What lies there is a repository of restic's format, version 2, so that restic and rustic check it and
//! restore from it without this crate.

// Until the repository is built upon them.
#[allow(dead_code)]
mod format;
#[allow(dead_code)]
mod store;
