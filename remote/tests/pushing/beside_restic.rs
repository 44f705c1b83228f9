//! Pushes and restic's own work on one repository keep out of each other's way, by restic's locks.

use std::time::{Duration, Instant};

use hotbackup::{Code, Options};
use hotbackup_remote::Remote;

use crate::common::backend::Backend;
use crate::common::ceph;
use crate::common::host::{self, Host, PASSWORD, assert_is, ended, push};
use crate::common::proxy::{Fault, Proxy, When};
use crate::common::restic::Restic;
use crate::common::tree::Shape;

/// A lock of restic's as its own prune leaves it when it is killed.
fn killed_prune(restic: &Restic) {
    let mut command = restic.command();
    let mut prune = command.args(["prune", "--max-unused", "0"]).spawn().expect("restic");
    let until = Instant::now() + Duration::from_secs(20);
    while restic.must(&["list", "locks", "--no-lock"]).trim().is_empty() {
        assert!(Instant::now() < until, "no lock came");
        if prune.try_wait().expect("a child").is_some() {
            prune = command.spawn().expect("restic");
        }
    }
    prune.kill().expect("it ends");
    prune.wait().expect("it ends");
}

#[test]
fn an_exclusive_lock_is_waited_for_and_then_a_conflict_that_says_whose_it_is() {
    let place = tempfile::tempdir().expect("a temporary directory");
    let store = Backend::directory(&place.path().join("repository"));
    let Some(restic) = Restic::of(&store, PASSWORD) else { return };
    let host = Host::new(Shape::small(), 1);
    host::repository(&store);
    killed_prune(&restic);
    if restic.must(&["list", "locks", "--no-lock"]).trim().is_empty() {
        return; // It had ended before it was killed.
    }
    let mut options = host::options(&store);
    options.set("lock_wait", "1s").expect("a wait");
    let remote = Remote::open(&store.url(), &options).expect("a remote");
    let snapshot = host.back_up();
    let error = ended(remote.push(&snapshot, &Options::new())).expect_err("it is locked");
    assert_eq!(error.code(), Code::Conflict, "{error}");
    assert!(error.message().contains("restic unlock"), "{error}");
    restic.unlock(false);
    push(&remote, &snapshot);
}

#[test]
fn while_a_push_runs_prune_and_forget_refuse_and_the_pusher_lives() {
    let Some(store) = ceph::bucket() else { return };
    let proxy = Proxy::before(store.address());
    let host = Host::new(Shape::small(), 2);
    let snapshot = host.back_up();
    let remote = host::repository(&store.through(&proxy));
    let Some(restic) = Restic::of(&store, PASSWORD) else { return };
    let ran = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
    let (seen, beside) = (ran.clone(), Restic::of(&store, PASSWORD).expect("restic"));
    let meanwhile = move || {
        let mut codes = seen.lock().expect("no panic");
        for command in [&["prune"][..], &["forget", "--keep-last", "1"], &["check"]] {
            codes.push((command[0], beside.run(command).code));
        }
        // It takes a lock of this host for one of a process that it may wake: ours is no process's.
        beside.unlock(false);
    };
    proxy.rule(When::method("PUT").target("*/data/*").once(), Fault::call(meanwhile));
    push(&remote, &snapshot);
    let codes = ran.lock().expect("no panic").clone();
    assert_eq!(codes.len(), 3, "{codes:?}");
    assert!(codes.iter().all(|(_, code)| *code != Some(0)), "{codes:?}");
    restic.prune();
    restic.check();
    let target = host.beside("target");
    ended(remote.restore("latest", &target, &Options::new())).expect("a restore");
    assert_is(&snapshot, &target);
}

#[test]
fn a_push_whose_lock_is_removed_in_the_midst_of_it_begins_anew_and_is_whole() {
    let Some(store) = ceph::bucket() else { return };
    let proxy = Proxy::before(store.address());
    let host = Host::new(Shape::small(), 3);
    let remote = host::repository(&store.through(&proxy));
    let Some(restic) = Restic::of(&store, PASSWORD) else { return };
    let snapshot = host.back_up();
    let beside = Restic::of(&store, PASSWORD).expect("restic");
    let meanwhile = move || {
        beside.unlock(true);
        beside.prune();
    };
    // Its packs have come and no snapshot has: for a prune they are nobody's.
    proxy.rule(When::method("PUT").target("*/index/*").once(), Fault::call_after(meanwhile));
    push(&remote, &snapshot);
    restic.check();
    let target = host.beside("target");
    ended(remote.restore("latest", &target, &Options::new())).expect("a restore");
    assert_is(&snapshot, &target);
}
