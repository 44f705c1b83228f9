//! The backup root: whose it is, who works in it, which snapshots are in it and which one is the newest.

pub mod claim;
mod delete;
mod latest;
mod listing;
pub mod names;
mod open;
mod prune;

pub use delete::delete;
pub use listing::{latest, list};
pub use open::Root;
pub use prune::prune;
