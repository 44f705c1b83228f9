//! Backup roots: whose they are, their snapshots and `latest`, what goes and what stays.

#[path = "../common/mod.rs"]
mod common;

mod contents;
mod copies;
mod errors_root;
mod examined;
mod identity;
mod latest;
mod pruning;
mod remembered;
mod retention;
mod retention_laws;
mod retention_restic;
mod scrubbing;
