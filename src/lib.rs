//! Backs up a live database directory from inside the process that owns it, and restores it.
//!
//! A host says how its writes are stopped ([`Host`], or single closures on [`Hooks`]) and what its files
//! promise ([`FileClass`]). A [`Coordinator`] belongs to its data directory; each backup is a [`Job`], and
//! becomes a [`Snapshot`] in a [`BackupRoot`]. All that can go wrong is an [`Error`] with a [`Code`].
//!
//! ```
//! use std::fs::File;
//! use std::io::{self, Write};
//! use std::path::Path;
//! use std::sync::{Arc, Condvar, Mutex};
//!
//! use hotbackup::{Coordinator, FileClass, Hook, HookResult, Host, Options};
//!
//! /// A store: tables that never change once they are written, and a log of commits.
//! struct Store {
//!     log: Mutex<Log>,
//!     thawed: Condvar,
//! }
//!
//! struct Log {
//!     file: File,
//!     is_frozen: bool,
//! }
//!
//! impl Store {
//!     fn open(data: &Path) -> io::Result<Self> {
//!         let file = File::options().append(true).create(true).open(data.join("commits.log"))?;
//!         Ok(Self { log: Mutex::new(Log { file, is_frozen: false }), thawed: Condvar::new() })
//!     }
//!
//!     fn commit(&self, record: &[u8]) -> io::Result<()> {
//!         let mut log = self.thawed.wait_while(self.log.lock().unwrap(), |log| log.is_frozen).unwrap();
//!         log.file.write_all(record)?;
//!         log.file.sync_data()
//!     }
//! }
//!
//! impl Host for Store {
//!     fn freeze(&self, _: &Hook<'_>) -> HookResult {
//!         self.log.lock().unwrap().is_frozen = true;
//!         Ok(())
//!     }
//!
//!     fn thaw(&self, _: &Hook<'_>) -> HookResult {
//!         self.log.lock().unwrap().is_frozen = false;
//!         self.thawed.notify_all();
//!         Ok(())
//!     }
//! }
//!
//! fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let place = tempfile::tempdir()?;
//!     let (data, restored) = (place.path().join("data"), place.path().join("restored"));
//!     std::fs::create_dir(&data)?;
//!
//!     // Before the database is opened: ends a restore that a crash interrupted.
//!     hotbackup::recover(&data)?;
//!     let store = Arc::new(Store::open(&data)?);
//!     store.commit(b"one\n")?;
//!
//!     let mut options = Options::new();
//!     options.add_rule("*.table", FileClass::IMMUTABLE)?;
//!     options.add_rule("*.log", FileClass::AppendOnly)?;
//!     options.hooks().host(store.clone());
//!     let coordinator = Coordinator::open(&data, &options)?;
//!
//!     // A backup, while others commit.
//!     let backup = coordinator.start()?;
//!     backup.wait()?;
//!     println!("writes stopped for {:?}", backup.status()?.freeze);
//!     store.commit(b"two\n")?;
//!
//!     // A restore, which needs nothing but the snapshot.
//!     let newest = coordinator.root().latest()?;
//!     hotbackup::restore(newest.location(), &restored, &Options::new())?.wait()?;
//!     assert_eq!(std::fs::read(restored.join("commits.log"))?, b"one\n");
//!     Ok(())
//! }
//! ```
//!
//! The [README](https://docs.rs/crate/hotbackup/latest) says what holds in every language;
//! `docs/getting-started-rust.md` goes on from here.

mod backup;
mod coordinator;
mod datadir;
mod doctor;
mod error;
pub mod extension;
#[cfg(feature = "capi")]
mod ffi;
#[cfg(fuzzing)]
#[doc(hidden)]
pub mod fuzz;
mod io;
mod job;
mod layout;
mod monitor;
mod options;
mod paths;
mod restore;
mod root;
mod scrub;
mod settings;
mod snapshot;
mod staging;
mod standalone;
mod sync;
mod sys;
mod verify;

pub use backup::{Outcome, OutcomeTotals, Preview, PreviewEntry, Space, preview};
pub use coordinator::{Coordinator, PreparedBackup};
pub use doctor::{Finding, Severity, examine};
pub use error::{Code, Error, Result};
pub use job::{Hook, HookResult, Hooks, Host, Job, Kind, Progress, State};
pub use layout::FileClass;
pub use monitor::Phase;
pub use options::Options;
pub use restore::{Recovered, recover, restore_undo};
pub use root::checkpoints::checkpoint_remove;
pub use root::{
    BackupRoot, Candidate, Condition, Keep, KnownRoot, Reason, Retention, Standing, Verdict, known_roots,
};
pub use scrub::Budget;
pub use settings::{CheckpointOptions, METADATA_MAX, Share, Symlinks};
pub use snapshot::{Contents, Entry, EntryAttributes, EntryKind, Snapshot, Verified, VerifyLevel};
pub use standalone::{restore, scrub, verify};

/// The Rust in the README and in docs/, tested as this crate's own.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

#[cfg(doctest)]
#[doc = include_str!("../docs/getting-started-rust.md")]
struct GettingStarted;

#[cfg(doctest)]
#[doc = include_str!("../docs/retention.md")]
struct RetentionPage;
