//! What the other tests stand on does what it says: the stores, the proxy, restic, the trees.

#[path = "../common/mod.rs"]
mod common;

mod faults;
mod stores;
mod trees;
