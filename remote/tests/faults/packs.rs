//! Packs that the store loses, or that are other than they were sent.

use std::path::Path;

use hotbackup::{Code, Job, Options, VerifyLevel};

use crate::common::backend::Backend;
use crate::common::moto;
use crate::common::proxy::{Fault, When};
use crate::scene::{MIB, Scene, fails, open, push, start};

/// A directory for a store.
fn nearby() -> (tempfile::TempDir, Scene) {
    let place = tempfile::tempdir().expect("a temporary directory");
    let scene = Scene::before(Backend::directory(&place.path().join("repository")));
    (place, scene)
}

#[test]
fn an_object_that_was_acknowledged_and_not_stored_is_sent_again() {
    for kind in ["*/data/*", "*/index/*"] {
        let Some(scene) = Scene::new() else { return };
        let snapshot = scene.back_up();
        scene.rule(When::method("PUT").target(kind).once(), Fault::Eat);
        push(&scene.remote(), &snapshot).expect("a push");
        scene.assert_good(&[&snapshot], true);
    }
}

#[test]
fn a_store_that_loses_every_pack_lists_nothing() {
    let Some(scene) = Scene::new() else { return };
    let snapshot = scene.back_up();
    scene.rule(When::method("PUT").target("*/data/*"), Fault::Eat);
    let message = fails(push(&scene.remote(), &snapshot), Code::Corrupt);
    assert!(message.contains("data/"), "{message}");
    let sent = scene.proxy.count("PUT", "*/data/*");
    assert!(sent <= 9, "{sent} packs were sent");
    assert_eq!(scene.proxy.count("PUT", "*/snapshots/*"), 0);
    scene.proxy.clear();
    push(&scene.remote(), &snapshot).expect("a push");
    scene.assert_good(&[&snapshot], true);
}

#[test]
fn a_pack_that_is_changed_on_the_way_is_refused_and_sent_again() {
    let Some(scene) = Scene::new() else { return };
    let snapshot = scene.back_up();
    for kind in ["*/data/*", "*/index/*", "*/locks/*"] {
        scene.rule(When::method("PUT").target(kind).once(), Fault::FlipUp);
    }
    push(&scene.remote(), &snapshot).expect("a push");
    let refused = scene.proxy.requests().into_iter().filter(|one| one.status == Some(400)).count();
    assert_eq!(refused, 3);
    scene.assert_good(&[&snapshot], true);
}

#[test]
fn a_snapshot_object_that_is_changed_on_the_way_is_never_listed() {
    let Some(scene) = Scene::new() else { return };
    let snapshot = scene.back_up();
    scene.rule(When::method("PUT").target("*/snapshots/*").once(), Fault::FlipUp);
    // A store that takes it is found out by reading it back.
    let outcome = push(&scene.remote(), &snapshot);
    scene.proxy.clear();
    if outcome.is_err() {
        assert_eq!(scene.bucket().list("snapshots/"), []);
        push(&scene.remote(), &snapshot).expect("a push");
    }
    scene.assert_good(&[&snapshot], true);
}

#[test]
fn where_a_store_checks_nothing_all_that_was_sent_is_read_back() {
    let Some(store) = moto::bucket() else { return };
    let scene = Scene::before(store);
    let snapshot = scene.back_up();
    scene.rule(When::method("PUT").target("*/data/*").once(), Fault::FlipUp);
    push(&scene.remote_with(&[("read_back", "all")]), &snapshot).expect("a push");
    scene.assert_good(&[&snapshot], true);
}

#[test]
fn a_pack_that_was_deleted_or_shortened_is_sent_again_by_the_next_push() {
    for is_deleted in [true, false] {
        let (_place, scene) = nearby();
        let first = scene.back_up();
        push(&scene.direct(), &first).expect("a push");
        let bucket = scene.bucket();
        let largest = bucket.list("data/").into_iter().max_by_key(|(_, length)| *length).expect("a pack").0;
        match is_deleted {
            true => bucket.delete(&largest),
            false => bucket.put(&largest, bucket.get(&largest)[..2 * MIB].to_vec()),
        }
        let job = scene.direct().verify("latest", &Options::new()).expect("a job");
        fails(job.wait(), Code::Corrupt);
        scene.write("pages.mdb", 3, MIB);
        let second = scene.back_up();
        push(&scene.direct(), &second).expect("a push");
        let back = scene.fresh("back");
        scene.direct().restore("latest", &back, &Options::new()).expect("a job").wait().expect("a restore");
        crate::scene::same(&second, &back);
        heal(&scene, &largest);
        // The table is healed in the first snapshot, too, and its old pages are gone for good.
        let verified = scene.direct().verify("latest", &Options::new()).expect("a job").wait();
        verified.expect("the second one is whole");
    }
}

#[test]
fn each_pack_that_is_lost_or_cut_is_named_by_a_verification_and_no_other_is() {
    let (_place, scene) = nearby();
    scene.write("sub/000002.sst", 7, 20 * MIB);
    push(&scene.direct(), &scene.back_up()).expect("a push");
    let bucket = scene.bucket();
    let mut packs = bucket.list("data/");
    packs.sort_by_key(|(_, length)| *length);
    let [.., (cut, length), (gone, _)] = &packs[..] else { panic!("two packs of data") };
    let (directories, whole) = (&packs[0].0, bucket.get(gone));
    assert!(packs.len() > 3, "some stay: {packs:?}");
    let cut_bytes = bucket.get(cut);
    bucket.delete(gone);
    bucket.put(cut, cut_bytes[..*length as usize - 1].to_vec());
    for level in [VerifyLevel::Size, VerifyLevel::Checksum] {
        let mut options = Options::new();
        options.set_verify_level(level);
        let told = told(scene.direct().verify("latest", &options).expect("a job"));
        assert_eq!(told.len(), 2, "{told:?}");
        assert!(told.iter().any(|one| one.contains(gone) && one.contains("not there")), "{told:?}");
        assert!(told.iter().any(|one| one.contains(cut) && one.contains("bytes")), "{told:?}");
    }
    let target = scene.fresh("target");
    let restoring = scene.direct().restore("latest", &target, &Options::new()).expect("a job");
    assert_eq!(told(restoring).len(), 2);
    // Of what is needed beneath a directory that is lost nothing is known but its own pack.
    bucket.put(gone, whole);
    bucket.put(cut, cut_bytes);
    let record = bucket.get(directories);
    bucket.delete(directories);
    let told = told(scene.direct().verify("latest", &Options::new()).expect("a job"));
    assert!(told.len() == 1 && told[0].contains(directories.as_str()), "{told:?}");
    bucket.put(directories, record);
    let job = scene.direct().verify("latest", &Options::new()).expect("a job");
    job.wait().expect("all is there again");
    assert_eq!(job.warnings().expect("warnings").len(), 0);
}

/// What a job that must find damage has warned of.
#[track_caller]
fn told(job: Job) -> Vec<String> {
    fails(job.wait(), Code::Corrupt);
    job.warnings().expect("warnings").iter().map(|one| one.message().to_string()).collect()
}

#[test]
fn a_listed_snapshot_that_has_lost_a_pack_is_whole_again_once_it_is_pushed_again() {
    for is_of_data in [true, false] {
        let (_place, scene) = nearby();
        let snapshot = scene.back_up();
        let remote = scene.direct();
        push(&remote, &snapshot).expect("a push");
        let bucket = scene.bucket();
        let mut packs = bucket.list("data/");
        packs.sort_by_key(|(_, length)| *length);
        let lost = if is_of_data { packs.last() } else { packs.first() }.expect("a pack").0.clone();
        bucket.delete(&lost);
        fails(remote.verify("latest", &Options::new()).expect("a job").wait(), Code::Corrupt);
        let job = start(&remote, &snapshot);
        job.wait().expect("a push");
        let warnings = job.warnings().expect("warnings");
        assert!(warnings.len() == 1 && warnings[0].message().contains("sent again"), "{warnings:?}");
        remote.verify("latest", &Options::new()).expect("a job").wait().expect("it is whole");
        assert_eq!(bucket.list("snapshots/").len(), 1, "it is the same");
        // Now it is there, and nothing is sent.
        let before = remote.requests();
        push(&remote, &snapshot).expect("a push");
        assert_eq!(remote.requests().puts - before.puts, 1, "its lock");
        heal(&scene, &lost);
        scene.assert_good(&[&snapshot], true);
    }
}

#[test]
fn a_snapshot_that_has_lost_all_and_was_cut_otherwise_is_said_to_be_lost_until_it_is_forgotten() {
    let (_place, scene) = nearby();
    let snapshot = scene.back_up();
    push(&open(&scene.store, &[("piece", "128KiB")]), &snapshot).expect("a push");
    scene.bucket().delete_all("data/");
    let remote = scene.direct();
    let message = fails(push(&remote, &snapshot), Code::Corrupt);
    assert!(message.contains("forget it"), "{message}");
    remote.forget("latest").expect("a snapshot less");
    push(&remote, &snapshot).expect("a push");
    scene.restic().must(&["rebuild-index"]);
    scene.assert_good(&[&snapshot], true);
}

/// As an operator does: what is bad goes, and the index is made anew from what is there.
fn heal(scene: &Scene, pack: &str) {
    if scene.bucket().list("data/").iter().any(|(name, _)| name == pack) {
        scene.bucket().delete(pack);
    }
    scene.restic().must(&["rebuild-index"]);
}

#[test]
fn a_corrupt_pack_is_named_and_the_next_push_heals_what_shared_it() {
    let (_place, scene) = nearby();
    let first = scene.back_up();
    push(&scene.direct(), &first).expect("a push");
    let second = scene.back_up();
    push(&scene.direct(), &second).expect("a push");
    let bucket = scene.bucket();
    let shared = bucket.list("data/").into_iter().max_by_key(|(_, length)| *length).expect("a pack").0;
    bucket.flip(&shared);
    for id in ids(&scene) {
        let job = scene.direct().verify(&id, &Options::new()).expect("a job");
        fails(job.wait(), Code::Corrupt);
        let warnings = job.warnings().expect("warnings");
        assert!(warnings.iter().any(|one| one.message().contains(&shared)), "{warnings:?}");
    }
    let target = scene.fresh("target");
    std::fs::create_dir(&target).expect("a directory");
    std::fs::write(target.join("precious"), b"kept").expect("a file");
    let restored = scene.direct().restore("latest", &target, &Options::new()).expect("a job").wait();
    let message = fails(restored, Code::Corrupt);
    assert!(message.contains(&shared), "{message}");
    assert_eq!(std::fs::read(target.join("precious")).expect("the target is untouched"), b"kept");
    heal(&scene, &shared);
    let third = scene.back_up();
    push(&scene.direct(), &third).expect("a push");
    // The files of all are whole again. The first one's own manifest went with the pack, and comes with it alone.
    push(&scene.direct(), &first).expect("a push");
    let all: [&Path; 3] = [&first, &second, &third];
    scene.assert_good(&all, true);
    assert_eq!(scene.listed(), 3);
}

fn ids(scene: &Scene) -> Vec<String> {
    let (listed, _) = scene.direct().list(None).expect("a list");
    listed.iter().map(|one| one.id().to_string()).collect()
}
