//! What is pushed is checked and restored by restic and by us, byte for byte, over each kind of store; and what restic
//! wrote of a snapshot's directory we restore.

use hotbackup::{Options, VerifyLevel};
use hotbackup_remote::{Remote, RemoteOptions};

use crate::common::backend::Backend;
use crate::common::host::{self, Host, PASSWORD, assert_is, assert_is_by_restic, at_level, ended, push};
use crate::common::proxy::Proxy;
use crate::common::restic::Restic;
use crate::common::tree::Shape;
use crate::common::{azurite, ceph, gcs, moto};

#[test]
fn a_snapshot_goes_to_ceph_and_comes_back() {
    let Some(store) = ceph::bucket() else { return };
    goes_and_comes_back(&store);
}

#[test]
fn a_snapshot_goes_to_moto_and_comes_back() {
    let Some(store) = moto::bucket() else { return };
    goes_and_comes_back(&store);
}

#[test]
fn a_snapshot_goes_to_azure_and_comes_back() {
    let Some(store) = azurite::container() else { return };
    goes_and_comes_back(&store);
}

#[test]
fn a_snapshot_goes_to_google_and_comes_back_and_is_forgotten() {
    let Some(store) = gcs::bucket() else { return };
    let proxy = Proxy::before(store.address());
    let store = store.through(&proxy);
    goes_and_comes_back(&store);
    // Each commit was signed apart from being sent.
    assert_eq!(proxy.count("PUT", "*/snapshots/*X-Goog-Signature=*"), 2);
    let remote = host::remote(&store);
    let (listed, _) = remote.list(None).expect("a list");
    remote.forget(listed[0].id()).expect("it is forgotten");
    let Some(restic) = Restic::of(&store, PASSWORD) else { return };
    assert_eq!((remote.list(None).expect("a list").0.len(), restic.snapshots().len()), (1, 1));
    restic.check();
}

#[test]
fn a_token_that_signs_nothing_pushes_to_google_and_its_commit_is_looked_at_once_more() {
    let Some(store) = gcs::bucket() else { return };
    let proxy = Proxy::before(store.address());
    let store = store.through(&proxy);
    host::repository(&store);
    let mut options = RemoteOptions::new();
    options.set_password_hook(|| Ok(PASSWORD.to_string())).unwrap();
    for (key, value) in store.settings() {
        let (key, value) = match key {
            "credentials_file" => ("session_token", "a-token".to_string()),
            given => (given, value),
        };
        options.set(key, &value).expect(key);
    }
    let remote = Remote::open(&store.url(), &options).expect("a remote");
    let host = Host::new(Shape::small(), 6);
    let snapshot = host.back_up();
    proxy.forget();
    push(&remote, &snapshot);
    let all = proxy.requests();
    let commit = all.iter().position(|one| one.method == "PUT" && one.target.contains("/snapshots/"));
    let after = &all[commit.expect("a commit")..];
    assert!(!after[0].target.contains("Signature"), "{:?}", after[0]);
    assert!(after.iter().any(|one| one.target.contains("list-type=2") && one.target.contains("locks")));
    let back = host.beside("back");
    ended(remote.restore("latest", &back, &Options::new())).expect("a restore");
    assert_is(&snapshot, &back);
}

#[test]
fn a_snapshot_goes_to_a_directory_and_comes_back() {
    let place = tempfile::tempdir().expect("a temporary directory");
    goes_and_comes_back(&Backend::directory(&place.path().join("repository")));
}

fn goes_and_comes_back(store: &Backend) {
    let host = Host::new(Shape::small(), 1);
    let first = host.back_up();
    let remote = host::repository(store);
    push(&remote, &first);
    host.change(0.1, 2);
    let second = host.back_up();
    push(&remote, &second);
    let Some(restic) = Restic::of(store, PASSWORD) else { return };
    restic.check();
    let (listed, unreadable) = remote.list(None).expect("a list");
    assert!(unreadable.is_empty());
    assert_eq!(listed.len(), 2);
    for (number, snapshot) in [&first, &second].into_iter().enumerate() {
        let (ours, theirs) =
            (host.beside(&format!("ours-{number}")), host.beside(&format!("theirs-{number}")));
        ended(remote.restore(listed[number].id(), &ours, &Options::new())).expect("a restore");
        assert_is(snapshot, &ours);
        restic.restore(&listed[number].object(), &theirs);
        assert_is_by_restic(snapshot, &theirs);
        ended(remote.verify(listed[number].id(), &Options::new())).expect("a verification");
    }
    let fetched = host.beside("fetched");
    ended(remote.fetch("latest", &fetched, &Options::new())).expect("a fetch");
    hotbackup::verify(&fetched, &Options::new()).and_then(|job| job.wait()).expect("a snapshot");
    assert_is(&second, &fetched);
    ended(remote.verify("latest", &at_level(VerifyLevel::Size))).expect("a look");
}

#[test]
fn what_restic_itself_backed_up_of_a_snapshot_is_restored() {
    let place = tempfile::tempdir().expect("a temporary directory");
    let store = Backend::directory(&place.path().join("repository"));
    let Some(restic) = Restic::of(&store, PASSWORD) else { return };
    let host = Host::new(Shape { is_odd: false, ..Shape::small() }, 3);
    let snapshot = host.back_up();
    restic.init();
    let remote = host::remote(&store);
    // With the directories above it, and as the top.
    restic.must(&["backup".as_ref(), snapshot.as_os_str()]);
    let target = host.beside("from-its-path");
    ended(remote.restore("latest", &target, &Options::new())).expect("a restore");
    assert_is(&snapshot, &target);
    restic.backup(&snapshot);
    let target = host.beside("from-its-top");
    ended(remote.restore("latest", &target, &Options::new())).expect("a restore");
    assert_is(&snapshot, &target);
    let (listed, _) = remote.list(None).expect("a list");
    assert!(listed.iter().all(|snapshot| !snapshot.is_pushed()));
}

#[test]
fn a_restore_over_a_database_can_be_undone() {
    let place = tempfile::tempdir().expect("a temporary directory");
    let store = Backend::directory(&place.path().join("repository"));
    let host = Host::new(Shape::small(), 4);
    let snapshot = host.back_up();
    let remote = host::repository(&store);
    push(&remote, &snapshot);
    let target = host.beside("target");
    std::fs::create_dir(&target).expect("a directory");
    std::fs::write(target.join("mine"), b"mine").expect("a file");
    ended(remote.restore("latest", &target, &Options::new())).expect("a restore");
    assert_is(&snapshot, &target);
    hotbackup::restore_undo(&target).expect("an undo");
    assert_eq!(std::fs::read(target.join("mine")).expect("the old"), b"mine");
}
