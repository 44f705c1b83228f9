//! A database with its backups, a repository in a store, and a proxy that stands between them.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use hotbackup::{BackupRoot, Code, Coordinator, FileClass, Job, Options, Result};
use hotbackup_remote::{Remote, RemoteOptions};

use crate::common::backend::Backend;
use crate::common::bucket::Bucket;
use crate::common::compare::{Attributes, assert_same};
use crate::common::proxy::{Fault, Proxy, When};
use crate::common::restic::Restic;
use crate::common::{Random, ceph};

pub const PASSWORD: &str = "correct horse battery";
pub const MIB: usize = 1 << 20;

pub struct Scene {
    pub place: tempfile::TempDir,
    pub proxy: Proxy,
    /// The store without the proxy.
    pub store: Backend,
    coordinator: Coordinator,
}

impl Scene {
    /// In Ceph, with a small database; `None`: there can be no Ceph here.
    pub fn new() -> Option<Self> {
        Some(Self::before(ceph::bucket()?))
    }

    /// The same in some other store, with an empty repository.
    pub fn before(store: Backend) -> Self {
        let place = tempfile::tempdir().expect("a temporary directory");
        let data = place.path().join("data");
        std::fs::create_dir_all(data.join("sub")).expect("a directory");
        std::fs::write(data.join("CURRENT"), b"MANIFEST-000004\n").expect("a file");
        std::fs::write(data.join("sub/000001.sst"), Random::new(1).bytes(2 * MIB)).expect("a table");
        std::fs::write(data.join("pages.mdb"), Random::new(2).bytes(MIB)).expect("a B-tree");
        let scene =
            Self { proxy: Proxy::before(store.address()), coordinator: coordinator(&data), place, store };
        scene.direct().init().expect("a repository");
        scene
    }

    pub fn data(&self) -> PathBuf {
        self.place.path().join("data")
    }

    pub fn write(&self, name: &str, seed: u64, length: usize) {
        std::fs::write(self.data().join(name), Random::new(seed).bytes(length)).expect("a file");
    }

    /// A new local snapshot.
    pub fn back_up(&self) -> PathBuf {
        self.coordinator.start().expect("a backup starts").wait().expect("a backup");
        self.root().latest().expect("a snapshot").location().to_path_buf()
    }

    pub fn root(&self) -> &BackupRoot {
        self.coordinator.root()
    }

    /// The repository through the proxy, with little patience.
    pub fn remote(&self) -> Remote {
        self.remote_with(&[])
    }

    pub fn remote_with(&self, choices: &[(&str, &str)]) -> Remote {
        open(&self.store.through(&self.proxy), choices)
    }

    /// The repository without the proxy.
    pub fn direct(&self) -> Remote {
        open(&self.store, &[])
    }

    pub fn bucket(&self) -> Bucket {
        Bucket::of(&self.store)
    }

    pub fn restic(&self) -> Restic {
        Restic::of(&self.store, PASSWORD).expect("restic is there")
    }

    pub fn rule(&self, when: When, fault: Fault) {
        self.proxy.rule(when, fault);
    }

    /// The names of this snapshot's objects in the repository.
    pub fn listed(&self) -> usize {
        self.direct().list(None).expect("a list").0.len()
    }

    /// However it went: restic finds all of it good, and all that is listed comes back byte for byte,
    /// of the newest by restic, too. These are the
    /// snapshots that may be listed, and whether the newest of them must be.
    #[track_caller]
    pub fn assert_good(&self, snapshots: &[&Path], must_have_last: bool) {
        self.proxy.clear();
        self.bucket().delete_all("locks/");
        let remote = self.direct();
        let (listed, unreadable) = remote.list(None).expect("a list");
        assert!(unreadable.is_empty(), "{unreadable:?}");
        let restic = self.restic();
        restic.check();
        let (mut has_last, mut newest) = (false, None);
        for one in &listed {
            let number = one.number().expect("a number");
            let local = snapshots.iter().find(|path| path.ends_with(format!("ts-{number}"))).expect("ours");
            has_last |= Some(local) == snapshots.last();
            let back = self.fresh("restored");
            remote.restore(one.id(), &back, &Options::new()).expect("a job").wait().expect("a restore");
            same(local, &back);
            newest = Some((local, one.object()));
        }
        // Its check has read all of the others.
        if let Some((local, object)) = newest {
            let theirs = self.fresh("by-restic");
            restic.restore(&object, &theirs);
            same(local, &theirs);
        }
        assert!(has_last || !must_have_last, "the snapshot is not listed");
    }

    /// A path in the scene that is not there yet.
    pub fn fresh(&self, name: &str) -> PathBuf {
        static MADE: AtomicU32 = AtomicU32::new(0);
        self.place.path().join(format!("{name}-{}", MADE.fetch_add(1, Ordering::Relaxed)))
    }
}

pub fn push(remote: &Remote, snapshot: &Path) -> Result<()> {
    start(remote, snapshot).wait()
}

pub fn start(remote: &Remote, snapshot: &Path) -> Job {
    remote.push(snapshot, &Options::new()).expect("a push starts")
}

/// It must fail with this code, and say so in one line.
#[track_caller]
pub fn fails(outcome: Result<()>, code: Code) -> String {
    let error = outcome.expect_err("a failure");
    assert_eq!(error.code(), code, "{error}");
    assert!(!error.message().contains('\n'), "{error}");
    error.message().to_string()
}

/// Cancels a job, which must end within a second if it is not over.
#[track_caller]
pub fn cancel(job: &Job, may_be_over: bool) {
    job.cancel().expect("a job");
    let since = Instant::now();
    let outcome = job.wait();
    assert!(since.elapsed() < Duration::from_secs(1), "it took {:?}: {outcome:?}", since.elapsed());
    let is_cancelled = outcome.as_ref().is_err_and(|error| error.code() == Code::Cancelled);
    assert!(is_cancelled || may_be_over, "{outcome:?}");
}

/// Until it is so; at most a minute.
#[track_caller]
pub fn until(is_so: impl Fn() -> bool) {
    let since = Instant::now();
    while !is_so() {
        assert!(since.elapsed() < Duration::from_secs(60), "it does not come");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[track_caller]
pub fn same(local: &Path, back: &Path) {
    assert_same(local, back, Attributes::NONE, &["snapshot.manifest", ".lifecycle"]);
}

pub fn open(store: &Backend, choices: &[(&str, &str)]) -> Remote {
    let mut options = RemoteOptions::new();
    options.set_password_hook(|| Ok(PASSWORD.into())).unwrap();
    let few = [
        ("host", "db1"),
        ("retries", "3"),
        ("retry_budget", "6s"),
        ("idle_timeout", "2s"),
        ("lock_wait", "1s"),
    ];
    let given = store.settings();
    let given = given.iter().map(|(key, value)| (*key, value.as_str()));
    for (key, value) in few.into_iter().chain(given).chain(choices.iter().copied()) {
        options.set(key, value).expect("a choice");
    }
    Remote::open(&store.url(), &options).expect("a remote")
}

pub fn coordinator(data: &Path) -> Coordinator {
    let mut options = Options::new();
    options.add_rule("*.sst", FileClass::IMMUTABLE).expect("a rule");
    options.hooks().freeze_thaw(|_| Ok(()), |_| Ok(()));
    Coordinator::open(data, &options).expect("a coordinator")
}
