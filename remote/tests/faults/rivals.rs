//! Others at the same repository, and hosts that change what is being pushed.

use std::os::unix::fs::FileExt;
use std::sync::Arc;

use hotbackup::Code;

use crate::common::proxy::{Fault, When};
use crate::scene::{MIB, PASSWORD, Scene, coordinator, fails, push, start, until};

fn at_a_pack() -> When {
    When::method("PUT").target("*/backups/db1/data/*").once()
}

#[test]
fn a_repository_that_was_made_anew_meanwhile_gets_no_snapshot() {
    let Some(scene) = Scene::new() else { return };
    let snapshot = scene.back_up();
    let remote = scene.remote();
    let (store, other) = (scene.store.clone(), scene.direct());
    scene.rule(
        at_a_pack(),
        Fault::call(move || {
            let bucket = crate::common::bucket::Bucket::of(&store);
            ["config", "keys/"].iter().for_each(|kind| match kind.ends_with('/') {
                true => bucket.delete_all(kind),
                false => bucket.delete(kind),
            });
            other.init().expect("another repository");
        }),
    );
    let message = fails(push(&remote, &snapshot), Code::Conflict);
    assert!(message.contains("another repository"), "{message}");
    fails(push(&remote, &snapshot), Code::Conflict);
    assert_eq!(scene.bucket().list("snapshots/"), []);
}

#[test]
fn a_push_goes_on_when_the_password_changes_or_its_key_is_removed() {
    let Some(scene) = Scene::new() else { return };
    let restic = scene.restic();
    let other = scene.place.path().join("password");
    std::fs::write(&other, "another one").expect("a file");
    // A second key, so that the first may go.
    restic.must(&["key", "add", "--new-password-file", other.to_str().expect("a plain path")]);
    let snapshot = scene.back_up();
    let first = scene.bucket().list("keys/");
    let (store, names) = (scene.store.clone(), first.clone());
    scene.rule(
        at_a_pack(),
        Fault::call(move || {
            let bucket = crate::common::bucket::Bucket::of(&store);
            names.iter().for_each(|(name, _)| bucket.delete(name));
        }),
    );
    push(&scene.remote(), &snapshot).expect("the master key stays");
    fails(scene.remote().list(None).map(drop), Code::Unauthorized);
    assert_eq!(scene.bucket().list("snapshots/").len(), 1);
}

#[test]
fn two_pushes_of_one_snapshot_at_once_list_one() {
    let Some(scene) = Scene::new() else { return };
    let snapshot = scene.back_up();
    let jobs = [scene.remote(), scene.remote()].map(|remote| (start(&remote, &snapshot), remote));
    jobs.iter().for_each(|(job, _)| job.wait().expect("a push"));
    assert_eq!(scene.listed(), 1);
    scene.assert_good(&[&snapshot], true);
}

#[test]
fn four_hosts_at_once_are_all_whole() {
    let Some(scene) = Scene::new() else { return };
    let hosts: Vec<_> = (0..4)
        .map(|number| {
            let data = scene.place.path().join(format!("host-{number}"));
            std::fs::create_dir(&data).expect("a directory");
            // One table is all of theirs.
            std::fs::copy(scene.data().join("sub/000001.sst"), data.join("shared.sst")).expect("a table");
            let own = crate::common::Random::new(20 + number).bytes(MIB);
            std::fs::write(data.join("own.mdb"), own).expect("a file");
            let coordinator = coordinator(&data);
            coordinator.start().expect("a backup").wait().expect("a backup");
            let snapshot = coordinator.root().latest().expect("one").location().to_path_buf();
            (scene.remote_with(&[("host", &format!("host-{number}"))]), snapshot)
        })
        .collect();
    let jobs: Vec<_> = hosts.iter().map(|(remote, snapshot)| start(remote, snapshot)).collect();
    jobs.iter().for_each(|job| job.wait().expect("a push"));
    for (number, (remote, snapshot)) in hosts.iter().enumerate() {
        let (listed, _) = remote.list(Some(&format!("host-{number}"))).expect("a list");
        assert_eq!(listed.len(), 1);
        let back = scene.fresh("back");
        let restored =
            remote.restore(listed[0].id(), &back, &hotbackup::Options::new()).expect("a job").wait();
        restored.expect("a restore");
        crate::scene::same(snapshot, &back);
    }
    scene.restic().check();
    assert_eq!(scene.listed(), 4);
}

#[test]
fn a_local_snapshot_that_is_damaged_is_never_committed() {
    let Some(scene) = Scene::new() else { return };
    type Damage = fn(&std::fs::File);
    let damages: [Damage; 2] = [
        |file| file.set_len(MIB as u64 / 2).expect("it shrinks"),
        |file| file.write_all_at(b"other", 700_000).expect("it changes"),
    ];
    for (number, damage) in damages.into_iter().enumerate() {
        let snapshot = scene.back_up();
        let file = snapshot.join("pages.mdb");
        let damaged = file.clone();
        // As it is read, for all was well when the push began; then from its beginning on.
        scene.rule(
            When::listing("snapshots/").once(),
            Fault::call(move || {
                let file = std::fs::OpenOptions::new().write(true).open(&damaged).expect("a file");
                damage(&file);
            }),
        );
        let message = fails(push(&scene.remote(), &snapshot), Code::Corrupt);
        assert!(message.contains("pages.mdb"), "{number}: {message}");
        fails(push(&scene.remote(), &snapshot), Code::Corrupt);
        assert_eq!(scene.listed(), 0);
    }
    scene.assert_good(&[], false);
}

#[test]
fn a_local_snapshot_cannot_be_deleted_while_it_is_pushed() {
    let Some(scene) = Scene::new() else { return };
    let snapshot = scene.back_up();
    let name = snapshot.file_name().expect("a name").to_str().expect("plain").to_string();
    let newer = scene.back_up();
    scene.rule(at_a_pack(), Fault::Delay(std::time::Duration::from_secs(1)));
    scene.proxy.forget();
    let job = start(&scene.remote(), &snapshot);
    until(|| scene.proxy.count("PUT", "*/backups/db1/data/*") > 0);
    fails(scene.root().delete(&name), Code::Conflict);
    scene.root().prune(1).expect("prune passes it over");
    assert!(snapshot.exists() && newer.exists());
    job.wait().expect("a push");
    scene.assert_good(&[&snapshot], true);
    scene.root().delete(&name).expect("now it can go");
}

#[test]
fn an_exclusive_lock_is_waited_for_and_then_told_of() {
    let Some(scene) = Scene::new() else { return };
    let snapshot = scene.back_up();
    // restic's prune, stopped while it holds its lock.
    let mut stopped = crate::upkeep::stopped_with_its_lock(&scene);
    let message = fails(push(&scene.remote(), &snapshot), Code::Conflict);
    assert!(message.contains("holds it alone") && !message.contains(PASSWORD), "{message}");
    let remote = scene.remote_with(&[("lock_wait", "20s")]);
    let job = Arc::new(start(&remote, &snapshot));
    std::thread::sleep(std::time::Duration::from_millis(700));
    assert_eq!(scene.proxy.count("PUT", "*/backups/db1/data/*"), 0);
    crate::upkeep::go_on(&mut stopped);
    job.wait().expect("a push after it");
    scene.assert_good(&[&snapshot], true);
}
