//! What is refused, with what is said.

use std::fs;
use std::path::Path;
use std::process::Command;

use hotbackup::{Code, Options};
use hotbackup_remote::{Remote, RemoteOptions};

use crate::common::backend::Backend;
use crate::common::host::{self, Host, PASSWORD, ended, push};
use crate::common::skip;
use crate::common::tree::Shape;

fn directory() -> (tempfile::TempDir, Backend) {
    let place = tempfile::tempdir().expect("a temporary directory");
    let store = Backend::directory(&place.path().join("repository"));
    (place, store)
}

#[test]
fn a_repository_is_made_once() {
    let (_place, store) = directory();
    let remote = host::repository(&store);
    let error = remote.init().expect_err("there is one");
    assert_eq!(error.code(), Code::Conflict, "{error}");
    assert_eq!(remote.repository_id().expect("an id").len(), 64);
}

#[test]
fn where_no_repository_can_be_made_the_error_says_where() {
    // There the system says that nothing is there of what it does not let be made.
    let store = Backend::directory(Path::new("/proc/hotbackup/repository"));
    let error = host::remote(&store).init().expect_err("nothing can be made there");
    assert!(error.message().contains("/proc/hotbackup") && !error.message().contains('\n'), "{error}");
}

#[test]
fn where_no_repository_is_the_error_says_how_one_is_made() {
    let (_place, store) = directory();
    let error = host::remote(&store).list(None).expect_err("there is none");
    assert_eq!(error.code(), Code::NotFound, "{error}");
    assert!(error.message().contains("hotbackup remote init"), "{error}");
}

#[test]
fn another_password_opens_nothing_and_is_not_in_the_error() {
    let (_place, store) = directory();
    host::repository(&store);
    let mut options = RemoteOptions::new();
    options.set_password_hook(|| Ok("not it at all".into())).unwrap();
    let remote = Remote::open(&store.url(), &options).expect("a remote");
    let error = remote.list(None).expect_err("another password");
    assert_eq!(error.code(), Code::Unauthorized, "{error}");
    assert!(
        !error.message().contains("not it at all") && !format!("{options:?}").contains(PASSWORD),
        "{error}"
    );
    let mut options = RemoteOptions::new();
    options.set_password_hook(|| Err("the vault is shut".into())).unwrap();
    let remote = Remote::open(&store.url(), &options).expect("a remote");
    let error = remote.list(None).expect_err("no password");
    assert_eq!(
        (error.code(), error.message().contains("the vault is shut")),
        (Code::HookFailed, true),
        "{error}"
    );
}

#[test]
fn a_push_to_another_repository_than_before_is_a_conflict_until_it_is_accepted() {
    let (place, store) = directory();
    let host = Host::new(Shape::small(), 5);
    push(&host::repository(&store), &host.back_up());
    // The disk of the store is not mounted, or somebody began anew.
    fs::rename(place.path().join("repository"), place.path().join("old")).expect("it goes");
    let snapshot = host.back_up();
    let other = host::repository(&store);
    let error = ended(other.push(&snapshot, &Options::new())).expect_err("another repository");
    assert!(error.code() == Code::Conflict && error.message().contains("accept=any"), "{error}");
    assert_eq!(other.list(None).expect("a list").0.len(), 0);

    let mut accepting = host::options(&store);
    accepting.set("accept", "any").expect("a choice");
    push(&Remote::open(&store.url(), &accepting).expect("a remote"), &snapshot);
    push(&other, &host.back_up());
    assert_eq!(other.list(None).expect("a list").0.len(), 2);

    // At another place there may be another one, and checkpoints have a record of their own.
    let elsewhere = Backend::directory(&place.path().join("elsewhere"));
    push(&host::repository(&elsewhere), &snapshot);
    push(&other, &host.checkpoint());
    push(&other, &host.back_up());
    fs::rename(place.path().join("repository"), place.path().join("older")).expect("it goes");
    let third = host::repository(&store);
    let error = ended(third.push(host.checkpoint(), &Options::new())).expect_err("another repository");
    assert_eq!(error.code(), Code::Conflict, "{error}");
}

#[test]
fn who_may_only_read_a_root_pushes_what_is_in_it() {
    if !rustix::process::geteuid().is_root() {
        return skip("it needs root, to mount a directory read-only");
    }
    let (_place, store) = directory();
    let host = Host::new(Shape::small(), 7);
    let snapshot = host.back_up();
    let (root, view) = (host.beside("root"), host.beside("view"));
    fs::create_dir(&view).expect("a directory");
    mount(&["--bind", path(&root), path(&view)]);
    mount(&["-o", "remount,bind,ro", path(&view)]);
    let remote = host::repository(&store);
    let job = remote.push(view.join(snapshot.file_name().expect("a name")), &Options::new()).expect("a job");
    let outcome = job.wait();
    let warnings = job.warnings().expect("a list");
    assert!(Command::new("umount").arg(&view).status().expect("umount").success());
    outcome.expect("a push");
    assert_eq!(warnings.len(), 0, "{warnings:?}");
    assert!(!root.join("remote").exists());
}

fn path(of: &Path) -> &str {
    of.to_str().expect("it is UTF-8")
}

fn mount(arguments: &[&str]) {
    assert!(Command::new("mount").args(arguments).status().expect("mount").success());
}

#[test]
fn a_repository_that_was_made_anew_is_a_conflict() {
    let (place, store) = directory();
    let host = Host::new(Shape::small(), 1);
    let remote = host::repository(&store);
    let snapshot = host.back_up();
    push(&remote, &snapshot);
    fs::remove_dir_all(place.path().join("repository")).expect("it goes");
    host::repository(&store);
    host.change(0.1, 2);
    let error = ended(remote.push(host.back_up(), &Options::new())).expect_err("another one");
    assert_eq!(error.code(), Code::Conflict, "{error}");
}

#[test]
fn a_snapshot_whose_file_is_not_what_its_manifest_says_is_not_committed() {
    let (_place, store) = directory();
    let host = Host::new(Shape::small(), 3);
    let remote = host::repository(&store);
    let snapshot = host.back_up();
    let file = snapshot.join("data.mdb");
    let mut bytes = fs::read(&file).expect("it");
    bytes[70_000] ^= 1;
    fs::write(&file, &bytes).expect("it");
    let error = ended(remote.push(&snapshot, &Options::new())).expect_err("it is damaged");
    assert_eq!(error.code(), Code::Corrupt, "{error}");
    assert!(error.message().contains("data.mdb"), "{error}");
    fs::write(&file, &bytes[..80_000]).expect("it");
    let error = ended(remote.push(&snapshot, &Options::new())).expect_err("it is shorter");
    assert_eq!(error.code(), Code::Corrupt, "{error}");
    assert!(remote.list(None).expect("a list").0.is_empty());
}

#[test]
fn a_name_that_is_no_snapshots_is_not_found() {
    let (_place, store) = directory();
    let host = Host::new(Shape::small(), 5);
    let remote = host::repository(&store);
    push(&remote, &host.back_up());
    for name in ["", "0", "no such", "../config"] {
        let error = ended(remote.restore(name, host.beside("target"), &Options::new())).expect_err(name);
        assert_eq!(error.code(), Code::NotFound, "{name}: {error}");
        assert_eq!(remote.forget(name).expect_err(name).code(), Code::NotFound, "{name}");
    }
    assert!(!host.beside("target").exists());
}

#[test]
fn an_option_that_is_none_is_refused_with_its_name() {
    let mut options = RemoteOptions::new();
    for (key, value) in [("endpont", "x"), ("retries", "many"), ("piece", "1"), ("connections", "0")] {
        let error = options.set(key, value).expect_err(key);
        assert_eq!(error.code(), Code::InvalidArgument, "{error}");
        assert!(error.message().contains(key), "{error}");
    }
    let error = Remote::open("ftp://somewhere", &options).map(drop).expect_err("no such store");
    assert_eq!(error.code(), Code::InvalidArgument, "{error}");
}
