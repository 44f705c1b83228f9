#![doc = include_str!("../README.md")]

mod backup;
mod coordinator;
mod datadir;
mod detached;
mod error;
#[cfg(feature = "capi")]
mod ffi;
mod hooks;
mod host;
mod io;
mod job;
mod layout;
mod monitor;
mod options;
mod paths;
mod restore;
mod root;
mod snapshot;
mod staging;
mod sync;
mod sys;
mod verify;
mod work;

pub use coordinator::{Begun, Coordinator};
pub use detached::{restore, verify};
pub use error::{Cause, Code, Error, Result};
pub use hooks::{Hook, HookError, HookResult, Hooks};
pub use job::{Job, Kind, Progress, State};
pub use layout::FileClass;
pub use monitor::Phase;
pub use options::{METADATA_MAX, Options, Symlinks, VerifyLevel};
pub use restore::{Recovered, recover, undo};
pub use root::{delete, latest, list, prune};
pub use snapshot::Snapshot;

/// The Rust in docs/, tested as this crate's own.
#[cfg(doctest)]
#[doc = include_str!("../docs/getting-started-rust.md")]
struct GettingStarted;
