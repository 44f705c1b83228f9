#![doc = include_str!("../README.md")]

mod backup;
mod coordinator;
mod detached;
mod error;
mod ffi;
#[cfg(fuzzing)]
#[doc(hidden)]
pub mod fuzz;
mod hooks;
mod host;
mod io;
mod job;
mod layout;
mod options;
mod restore;
mod snapshot;
mod sync;
mod sys;
mod verify;
mod work;

pub use coordinator::{Begun, Coordinator};
pub use detached::{restore, verify};
pub use error::{Cause, Code, Error, Result};
pub use hooks::{Hook, HookError, HookResult, Hooks};
pub use io::Phase;
pub use job::{Job, Kind, Progress, State};
pub use layout::FileClass;
pub use options::{METADATA_MAX, Options, Symlinks, VerifyLevel};
pub use restore::{Recovered, recover, undo};
pub use snapshot::{Snapshot, delete, latest, list, prune};

/// The Rust in docs/, tested as this crate's own.
#[cfg(doctest)]
#[doc = include_str!("../docs/getting-started-rust.md")]
struct GettingStarted;
