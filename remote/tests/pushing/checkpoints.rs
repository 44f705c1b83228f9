//! A checkpoint, whose tables are the live ones by a second name, arrives as a snapshot like any other.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::SystemTime;

use hotbackup::{Code, Options, Snapshot, VerifyLevel, verify};
use hotbackup_remote::Remote;

use crate::common::Random;
use crate::common::backend::Backend;
use crate::common::host::{self, Host, PASSWORD, assert_is, assert_is_by_restic, ended, push};
use crate::common::restic::Restic;
use crate::common::tree::Shape;

const TABLE: &str = "large.sst";
const LENGTH: usize = 6 << 20;

/// What somebody does to a table, in words and in deed.
type Change = (&'static str, fn(&Path));

/// A database with a table of some pieces, and a repository for it.
fn scene(seed: u64) -> (tempfile::TempDir, Backend, Host, Remote) {
    let place = tempfile::tempdir().expect("a temporary directory");
    let store = Backend::directory(&place.path().join("repository"));
    let host = Host::new(Shape::small(), seed);
    fs::write(host.data().join(TABLE), Random::new(seed).bytes(LENGTH)).expect("a table");
    let remote = host::repository(&store);
    (place, store, host, remote)
}

fn copy(from: &Path, to: PathBuf) -> PathBuf {
    assert!(Command::new("cp").arg("-a").args([from, &to]).status().expect("cp").success());
    to
}

/// The checkpoint as it was, without what makes it one.
fn kept(host: &Host, checkpoint: &Path) -> PathBuf {
    let kept = copy(checkpoint, host.beside("kept"));
    fs::remove_file(kept.join("checkpoint.manifest")).expect("its manifest");
    kept
}

fn modified(path: &Path) -> SystemTime {
    fs::metadata(path).and_then(|found| found.modified()).expect("its time")
}

fn set_modified(path: &Path, time: SystemTime) {
    File::options().write(true).open(path).and_then(|file| file.set_modified(time)).expect("its time");
}

#[test]
fn a_checkpoint_arrives_as_a_snapshot_and_is_removed() {
    let (_place, store, host, remote) = scene(11);
    let Some(restic) = Restic::of(&store, PASSWORD) else { return };
    let checkpoint = host.checkpoint();
    let expected = kept(&host, &checkpoint);
    // The database goes on, and deletes its table.
    fs::remove_file(host.data().join(TABLE)).expect("it goes");
    host.change(0.5, 12);
    push(&remote, &checkpoint);
    assert!(!checkpoint.exists(), "its space comes back");

    let target = host.beside("target");
    ended(remote.restore("latest", &target, &Options::new())).expect("a restore");
    assert_is(&expected, &target);
    restic.check();
    let theirs = host.beside("theirs");
    restic.restore("latest", &theirs);
    assert_is_by_restic(&expected, &theirs);
    // It is a snapshot: each byte of it has a checksum.
    let fetched = host.beside("fetched");
    ended(remote.fetch("latest", &fetched, &Options::new())).expect("a fetch");
    ended(verify(&fetched, &host::at_level(VerifyLevel::Checksum))).expect("all of it is good");
    let fetched = Snapshot::open(&fetched).expect("a snapshot");
    assert_eq!(remote.list(None).expect("a list").0[0].id(), fetched.id());
}

#[test]
fn a_table_of_the_last_push_is_known_again_by_its_inode_and_not_read() {
    let (_place, _store, host, remote) = scene(13);
    let table = host.data().join(TABLE);
    push(&remote, &host.checkpoint());
    let before = remote.requests();
    let job = remote.push(host.checkpoint(), &Options::new()).expect("a job");
    job.wait().expect("a push");
    let status = job.status().expect("a status");
    assert!(status.bytes_copied < 1 << 20 && status.bytes_linked > LENGTH as u64, "{status:?}");
    let sent = remote.requests().bytes_up - before.bytes_up;
    assert!(sent < 1 << 20, "{sent} bytes were sent");

    // Another file of the same name, length and time is another file.
    let time = modified(&table);
    let other = host.beside("other");
    fs::write(&other, Random::new(14).bytes(LENGTH)).expect("another table");
    set_modified(&other, time);
    fs::rename(&other, &table).expect("it takes its place");
    let checkpoint = host.checkpoint();
    let expected = kept(&host, &checkpoint);
    push(&remote, &checkpoint);
    let target = host.beside("target");
    ended(remote.restore("latest", &target, &Options::new())).expect("a restore");
    assert_is(&expected, &target);
}

#[test]
fn a_snapshot_after_a_checkpoint_and_one_before_it_send_no_table_twice() {
    let (_place, _store, host, remote) = scene(15);
    push(&remote, &host.back_up());
    let first = remote.requests().bytes_up;
    push(&remote, &host.checkpoint());
    let snapshot = host.back_up();
    push(&remote, &snapshot);
    let sent = remote.requests().bytes_up - first;
    assert!(sent < 1 << 20, "{sent} bytes were sent");
    let target = host.beside("target");
    ended(remote.restore("latest", &target, &Options::new())).expect("a restore");
    assert_is(&snapshot, &target);
}

#[test]
fn a_live_table_that_is_not_what_was_linked_ends_the_push_and_the_checkpoint_stays() {
    let changes: [Change; 4] = [
        ("rewritten in place", |table| {
            File::options()
                .write(true)
                .open(table)
                .and_then(|file| file.write_all_at(b"x", 77))
                .expect("a byte");
        }),
        ("cut", |table| {
            let time = modified(table);
            File::options().write(true).open(table).and_then(|file| file.set_len(9)).expect("shorter");
            set_modified(table, time);
        }),
        ("grown", |table| {
            let time = modified(table);
            let length = LENGTH as u64 + 1;
            File::options().write(true).open(table).and_then(|file| file.set_len(length)).expect("longer");
            set_modified(table, time);
        }),
        ("replaced", |table| {
            let (bytes, time) = (fs::read(table).expect("its bytes"), modified(table));
            fs::remove_file(table).expect("it goes");
            fs::write(table, bytes).expect("another");
            set_modified(table, time);
        }),
    ];
    let (_place, _store, host, remote) = scene(16);
    for (what, change) in changes {
        let checkpoint = host.checkpoint();
        change(&checkpoint.join(TABLE));
        let error = ended(remote.push(&checkpoint, &Options::new())).expect_err(what);
        assert_eq!(error.code(), Code::Corrupt, "{what}: {error}");
        assert!(error.to_string().contains(TABLE), "{what}: {error}");
        assert!(checkpoint.join("checkpoint.manifest").exists(), "{what}");
    }
    let copied = copy(&host.checkpoint(), host.beside("copied"));
    let error = ended(remote.push(&copied, &Options::new())).expect_err("a copy");
    assert!(error.code() == Code::Corrupt && error.to_string().contains("no copy"), "{error}");
    assert_eq!(remote.list(None).expect("a list").0.len(), 0);
    push(&remote, &host.checkpoint());
    assert_eq!(remote.list(None).expect("a list").0.len(), 1);
}

#[test]
fn a_checkpoint_whose_manifest_is_damaged_is_refused() {
    let (_place, _store, host, remote) = scene(17);
    let checkpoint = host.checkpoint();
    let manifest = checkpoint.join("checkpoint.manifest");
    let whole = fs::read(&manifest).expect("its manifest");
    let mut flipped = whole.clone();
    flipped[whole.len() / 2] ^= 1;
    let newer = String::from_utf8_lossy(&whole).replacen("\"checkpoint\": 1", "\"checkpoint\": 2", 1);
    for damaged in [&flipped[..], &whole[..whole.len() - 9], b"", newer.as_bytes()] {
        fs::write(&manifest, damaged).expect("a manifest");
        let error = ended(remote.push(&checkpoint, &Options::new())).expect_err("it is damaged");
        assert!(error.code() == Code::Corrupt && error.to_string().contains("manifest"), "{error}");
    }
    fs::write(&manifest, whole).expect("the manifest");
    push(&remote, &checkpoint);
}
