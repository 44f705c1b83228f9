//! A second push reads only what may have changed, and sends only what did.

use std::fs;

use hotbackup::{Code, Options};

use crate::common::Random;
use crate::common::backend::Backend;
use crate::common::host::{self, Host, PASSWORD, assert_is, ended, push};
use crate::common::restic::Restic;
use crate::common::tree::Shape;

fn directory() -> (tempfile::TempDir, Backend) {
    let place = tempfile::tempdir().expect("a temporary directory");
    let store = Backend::directory(&place.path().join("repository"));
    (place, store)
}

#[test]
fn a_push_of_what_is_there_sends_nothing() {
    let (_place, store) = directory();
    let host = Host::new(Shape::small(), 1);
    let snapshot = host.back_up();
    let remote = host::repository(&store);
    push(&remote, &snapshot);
    let before = remote.requests();
    push(&remote, &snapshot);
    let sent = remote.requests().puts - before.puts;
    // Its lock, and no pack, index or snapshot.
    assert_eq!(sent, 1);
    assert_eq!(remote.list(None).expect("a list").0.len(), 1);
}

#[test]
fn a_page_that_changed_is_one_piece_and_tables_that_did_not_are_not_read() {
    let (_place, store) = directory();
    let host = Host::new(Shape::small(), 2);
    fs::write(host.data().join("large.sst"), Random::new(5).bytes(6 << 20)).expect("a table");
    let first = host.back_up();
    let remote = host::repository(&store);
    push(&remote, &first);
    host.change(0.01, 3);
    let second = host.back_up();
    let before = remote.requests();
    // What is not read cannot be found damaged: with its times and length as they were, a table is taken over.
    let job = remote.push(&second, &Options::new()).expect("a job");
    job.wait().expect("a push");
    let status = job.status().expect("a status");
    let sent = remote.requests().bytes_up - before.bytes_up;
    assert!(sent < 1 << 20, "{sent} bytes were sent");
    assert!(status.bytes_copied < 1 << 20 && status.bytes_linked > 6 << 20, "{status:?}");
    let target = host.beside("target");
    ended(remote.restore("latest", &target, &Options::new())).expect("a restore");
    assert_is(&second, &target);
}

#[test]
fn another_host_sends_no_piece_that_is_there() {
    let (_place, store) = directory();
    let one = Host::new(Shape::small(), 4);
    let remote = host::repository(&store);
    push(&remote, &one.back_up());
    let other = Host::new(Shape::small(), 4);
    let mut options = host::options(&store);
    options.set("host", "db2").expect("a host");
    let second = hotbackup_remote::Remote::open(&store.url(), &options).expect("a remote");
    push(&second, &other.back_up());
    let sent = second.requests().bytes_up;
    assert!(sent < 300_000, "{sent} bytes were sent");
    assert_eq!(second.list(Some("db2")).expect("a list").0.len(), 1);
    assert_eq!(second.list(None).expect("a list").0.len(), 2);
}

#[test]
fn a_pack_that_is_gone_or_short_is_sent_again() {
    let (place, store) = directory();
    let Some(restic) = Restic::of(&store, PASSWORD) else { return };
    let host = Host::new(Shape::small(), 6);
    let remote = host::repository(&store);
    push(&remote, &host.back_up());
    let packs = place.path().join("repository/data");
    let mut damaged = 0;
    for directory in fs::read_dir(packs).expect("packs") {
        for pack in fs::read_dir(directory.expect("an entry").path()).expect("packs") {
            let pack = pack.expect("an entry").path();
            let length = fs::metadata(&pack).expect("its length").len();
            match damaged % 2 {
                0 => fs::remove_file(&pack).expect("it goes"),
                _ => {
                    fs::File::options().write(true).open(&pack).expect("it").set_len(length - 1).expect("cut")
                }
            }
            damaged += 1;
        }
    }
    assert!(damaged >= 2);
    let found = ended(remote.verify("latest", &Options::new())).expect_err("it is damaged");
    assert_eq!(found.code(), Code::Corrupt, "{found}");
    host.change(0.01, 7);
    let second = host.back_up();
    push(&remote, &second);
    let target = host.beside("target");
    ended(remote.restore("latest", &target, &Options::new())).expect("a restore");
    assert_is(&second, &target);
    // The first one is healed by the same pieces, but for those that no file has any more.
    restic.must(&["rebuild-index"]);
    let theirs = host.beside("theirs");
    restic.restore("latest", &theirs);
}

#[test]
fn a_snapshot_that_is_forgotten_is_listed_no_more_and_the_others_stay_whole() {
    let (_place, store) = directory();
    let Some(restic) = Restic::of(&store, PASSWORD) else { return };
    let host = Host::new(Shape::small(), 8);
    let remote = host::repository(&store);
    let first = host.back_up();
    push(&remote, &first);
    host.change(0.2, 9);
    let second = host.back_up();
    push(&remote, &second);
    let id = remote.list(None).expect("a list").0[0].id().to_string();
    remote.forget(&id).expect("it goes");
    assert_eq!(remote.forget(&id).expect_err("it is gone").code(), Code::NotFound);
    restic.prune();
    restic.check();
    let target = host.beside("target");
    ended(remote.restore("latest", &target, &Options::new())).expect("a restore");
    assert_is(&second, &target);
}
