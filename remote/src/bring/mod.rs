//! What comes back from a repository: restores, fetches, verifications.

mod spans;
mod supply;
mod verify;

pub use supply::Brought;
pub use verify::verify;
