//! Answers that are cut off, or are other than what lies in the store.

use hotbackup::{Code, Options};

use crate::common::proxy::{Fault, When};
use crate::scene::{Scene, fails, push};

const KINDS: [&str; 5] = ["config", "keys/", "index/", "snapshots/", "data/"];

fn damages() -> [Fault; 3] {
    [Fault::FlipDown, Fault::TruncateDown, Fault::ShortenDown]
}

fn of(kind: &str) -> When {
    When::method("GET").target(&format!("*/backups/db1/{kind}*"))
}

#[test]
fn one_bad_answer_of_any_kind_is_asked_for_again() {
    let Some(scene) = Scene::new() else { return };
    let snapshot = scene.back_up();
    push(&scene.remote(), &snapshot).expect("a push");
    for fault in damages() {
        for kind in KINDS {
            scene.rule(of(kind).once(), fault.clone());
        }
        let back = scene.fresh("back");
        let restored = scene.remote().restore("latest", &back, &Options::new()).expect("a job").wait();
        restored.expect("a restore");
        crate::scene::same(&snapshot, &back);
        scene.proxy.clear();
    }
}

#[test]
fn answers_that_stay_bad_name_their_object_and_leave_the_target_alone() {
    let Some(scene) = Scene::new() else { return };
    let snapshot = scene.back_up();
    push(&scene.remote(), &snapshot).expect("a push");
    let target = scene.fresh("target");
    std::fs::create_dir(&target).expect("a directory");
    std::fs::write(target.join("precious"), b"kept").expect("a file");
    for fault in damages() {
        for kind in KINDS {
            scene.proxy.forget();
            scene.rule(of(kind), fault.clone());
            let restored = scene.remote().restore("latest", &target, &Options::new()).expect("a job").wait();
            scene.proxy.clear();
            // A snapshot whose record cannot be read is none that can be asked for as the latest.
            let code = if kind == "snapshots/" { Code::NotFound } else { Code::Corrupt };
            let error = restored.expect_err("a failure");
            assert!(error.code() == code || error.code() == Code::Corrupt, "{kind}: {error:?}");
            assert!(error.message().contains(kind) || code == Code::NotFound, "{kind}: {error}");
            let asked = scene.proxy.count("GET", &format!("*/backups/db1/{kind}*"));
            assert!((2..=16).contains(&asked), "{kind}: asked {asked} times");
            assert_eq!(std::fs::read(target.join("precious")).expect("untouched"), b"kept");
            assert_eq!(std::fs::read_dir(&target).expect("untouched").count(), 1);
        }
    }
}

#[test]
fn an_unreadable_record_is_told_beside_the_list() {
    let Some(scene) = Scene::new() else { return };
    let snapshot = scene.back_up();
    push(&scene.remote(), &snapshot).expect("a push");
    scene.rule(of("snapshots/"), Fault::FlipDown);
    let (listed, unreadable) = scene.remote().list(None).expect("a list");
    assert_eq!((listed.len(), unreadable.len()), (0, 1));
    assert!(unreadable[0].message().contains("snapshots/"), "{}", unreadable[0]);
}

#[test]
fn a_push_outlives_one_bad_answer_of_each_kind() {
    let Some(scene) = Scene::new() else { return };
    let first = scene.back_up();
    push(&scene.remote(), &first).expect("a push");
    for (number, fault) in (10..).zip(damages()) {
        scene.write("pages.mdb", number, 1 << 20);
        let snapshot = scene.back_up();
        for kind in KINDS {
            scene.rule(of(kind).once(), fault.clone());
        }
        // The last one is of the config and of the snapshot, when the push looks at them at its end.
        scene.rule(of("config").after(2).once(), fault.clone());
        scene.rule(of("snapshots/").after(2).once(), fault.clone());
        push(&scene.remote(), &snapshot).unwrap_or_else(|error| panic!("{error:?}"));
        scene.proxy.clear();
        scene
            .root()
            .delete(snapshot.file_name().expect("a name").to_str().expect("plain"))
            .expect("a deletion");
        scene.direct().forget("latest").expect("a snapshot less");
    }
    scene.assert_good(&[&first], true);
}

#[test]
fn a_damaged_key_is_not_a_wrong_password() {
    let Some(scene) = Scene::new() else { return };
    let bucket = scene.bucket();
    let key = bucket.list("keys/").remove(0).0;
    bucket.flip(&key);
    let message = fails(scene.remote().list(None).map(drop), Code::Corrupt);
    assert!(message.contains(&key), "{message}");
}
