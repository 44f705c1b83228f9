//! Backup roots: whose they are, their snapshots and `latest`, what goes and what stays.

#[path = "../common/mod.rs"]
mod common;

mod copies;
mod errors_root;
mod identity;
mod latest;
mod pruning;
mod retention;
mod retention_laws;
mod retention_restic;
mod scrubbing;
