//! A host with a database's directory, its backups, and a repository that they are pushed to.

use std::path::{Path, PathBuf};

use hotbackup::{CheckpointOptions, Coordinator, FileClass, Job, Options, Result, Symlinks, VerifyLevel};
use hotbackup_remote::{Remote, RemoteOptions};

use super::backend::Backend;
use super::compare::{Attributes, differences};
use super::tree::{self, Shape};

/// The password of all repositories of the tests.
pub const PASSWORD: &str = "correct horse";

/// What is beside the data in a snapshot or in a data directory, and what engines keep there for themselves.
const OURS: [&str; 3] = ["snapshot.manifest", ".lifecycle", "LOCK"];

/// A host; all it has is gone with the value.
pub struct Host {
    place: tempfile::TempDir,
    coordinator: Coordinator,
}

impl Host {
    /// One with a tree of that shape.
    pub fn new(shape: Shape, seed: u64) -> Self {
        let place = tempfile::tempdir().expect("a temporary directory");
        let data = place.path().join("data");
        tree::make(&data, shape, seed);
        let mut options = Options::new();
        options.set_root(place.path().join("root")).expect("a root");
        options.set_symlinks(Symlinks::Preserve);
        for (glob, class) in
            [("*.sst", FileClass::IMMUTABLE), ("*.log", FileClass::AppendOnly), ("LOCK", FileClass::Excluded)]
        {
            options.add_rule(glob, class).expect("a rule");
        }
        options.hooks().freeze_thaw(|_| Ok(()), |_| Ok(()));
        let coordinator = Coordinator::open(&data, &options).expect("a coordinator");
        Self { place, coordinator }
    }

    /// Where its database lies.
    pub fn data(&self) -> PathBuf {
        self.beside("data")
    }

    /// A path beside the database.
    pub fn beside(&self, name: &str) -> PathBuf {
        self.place.path().join(name)
    }

    /// A new snapshot.
    #[track_caller]
    pub fn back_up(&self) -> PathBuf {
        self.coordinator.start().and_then(|job| job.wait()).expect("a backup");
        self.coordinator.root().latest().expect("a snapshot").location().to_path_buf()
    }

    /// A new checkpoint.
    #[track_caller]
    pub fn checkpoint(&self) -> PathBuf {
        let made = self.coordinator.start_checkpoint(CheckpointOptions::new().links_are_safe());
        let job = made.expect("a checkpoint");
        job.wait().expect("a checkpoint");
        job.location().to_path_buf()
    }

    /// A share of the database changes.
    pub fn change(&self, share: f64, seed: u64) {
        tree::change(&self.data(), share, seed);
    }
}

/// The options that reach a store.
pub fn options(backend: &Backend) -> RemoteOptions {
    let mut options = RemoteOptions::new();
    for (key, value) in backend.settings() {
        options.set(key, &value).expect(key);
    }
    options.set("host", "db1").expect("a host");
    options.set_password_hook(|| Ok(PASSWORD.to_string())).unwrap();
    options
}

/// A new repository there.
#[track_caller]
pub fn repository(backend: &Backend) -> Remote {
    let remote = remote(backend);
    remote.init().expect("a repository");
    remote
}

/// The repository that is there.
#[track_caller]
pub fn remote(backend: &Backend) -> Remote {
    Remote::open(&backend.url(), &options(backend)).expect("a remote")
}

/// Ends a job, and says how.
pub fn ended(job: Result<Job>) -> Result<()> {
    job?.wait()
}

/// Pushes a snapshot.
#[track_caller]
pub fn push(remote: &Remote, snapshot: &Path) {
    ended(remote.push(snapshot, &Options::new())).expect("a push");
}

/// Options with that verify level.
pub fn at_level(level: VerifyLevel) -> Options {
    let mut options = Options::new();
    options.set_verify_level(level);
    options
}

/// A tree is a snapshot's, byte for byte, with modes, owners and times.
#[track_caller]
pub fn assert_is(snapshot: &Path, found: &Path) {
    require_none(differences(snapshot, found, Attributes { link_times: false, ..Attributes::ALL }, &OURS));
}

/// The same where restic wrote or restored it: it changes what is no UTF-8 in links.
#[track_caller]
pub fn assert_is_by_restic(snapshot: &Path, found: &Path) {
    let left_out = [&OURS[..], &[tree::RAW_LINK]].concat();
    let attributes = Attributes { link_times: false, directory_times: false, ..Attributes::ALL };
    require_none(differences(snapshot, found, attributes, &left_out));
}

/// Beside the top's own: a snapshot's directory has other times than the data directory had, and restic keeps none.
#[track_caller]
fn require_none(mut found: Vec<String>) {
    found.retain(|difference| !difference.starts_with("\"\": "));
    assert!(found.is_empty(), "{found:?}");
}
