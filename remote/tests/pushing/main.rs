//! Snapshots in a repository, and back: over each kind of store, by this crate and by restic.

#[path = "../common/mod.rs"]
mod common;

mod again;
mod beside_restic;
mod both_ways;
mod checkpoints;
mod limits;
mod refusals;
