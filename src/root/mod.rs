//! The backup root: whose it is, who works in it, which snapshots are in it and which one is the newest.

mod backup_root;
pub mod checkpoints;
pub mod claim;
mod delete;
pub mod holders;
mod known;
mod latest;
pub mod ledger;
mod listing;
pub mod mark;
pub mod names;
mod open;
mod prune;
mod retention;

pub use backup_root::BackupRoot;
pub use known::{KnownRoot, Standing, known_roots, known_roots_of};
pub use latest::read_latest;
pub use listing::list_in;
pub use open::{Root, open_root, open_used_dir};
pub use retention::{Candidate, Condition, Keep, Reason, Retention, Verdict};
