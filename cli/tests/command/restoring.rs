//! `restore`, `undo` and `recover`.

use std::fs;

use crate::common::Place;

#[test]
fn a_restore_to_a_new_directory_asks_nothing_and_leaves_nothing_to_undo() {
    let place = Place::with_snapshots(1);
    let restored = place.json("restore", ["restore", "latest", "out", "-r", "db", "--json"]);
    assert_eq!(restored["has_undo"], false);
    assert_eq!(restored["target"].as_str(), place.path("out").to_str());
    for file in ["log", "tables/1.sst", "tables/2.sst"] {
        assert_eq!(
            fs::read(place.path("out").join(file)).unwrap(),
            fs::read(place.path("db").join(file)).unwrap()
        );
    }
    place.run(["undo", "out", "--yes"]).exits(3);
}

#[test]
fn a_restore_over_files_is_undone_and_the_undo_too() {
    let place = Place::with_snapshots(1);
    place.write("db/log", 10);
    let log = || fs::read(place.path("db/log")).unwrap().len();
    let ran = place.run(["restore", "latest", "db", "-r", "db", "--yes"]).succeeds();
    assert!(
        ran.out.contains(&format!("`hotbackup undo {}` takes it back", place.path("db").display())),
        "{ran:#?}"
    );
    assert_eq!(log(), 2_000);
    assert_eq!(place.json("undo", ["undo", "db", "--yes", "--json"])["target"], "db");
    assert_eq!(log(), 10);
    place.run(["undo", "db", "-y"]).succeeds();
    assert_eq!(log(), 2_000);
}

#[test]
fn without_an_undo_nothing_is_kept_and_an_undo_says_so() {
    let place = Place::with_snapshots(1);
    place.run(["restore", "latest", "db", "-r", "db", "--yes", "--no-undo", "--keep-matching"]).succeeds();
    let ran = place.run(["undo", "db", "--yes"]).exits(3);
    assert!(ran.error().contains("--no-undo"), "{ran:#?}");
}

#[test]
fn a_target_whose_host_runs_is_left_alone() {
    let place = Place::with_snapshots(1);
    let _host = hotbackup::Coordinator::open(place.path("db"), &hotbackup::Options::new()).unwrap();
    place.write("db/log", 10);
    let ran = place.run(["restore", "latest", "db", "-r", "db", "--yes"]).exits(4);
    assert!(ran.error().ends_with("stop the host that has it open, and try again"), "{ran:#?}");
    assert_eq!(fs::read(place.path("db/log")).unwrap().len(), 10);
}

#[test]
fn a_recovery_with_nothing_to_recover_says_so() {
    let place = Place::with_snapshots(1);
    assert!(place.run(["recover", "db"]).succeeds().out.starts_with("nothing to recover"));
    assert_eq!(place.json("recover", ["recover", "db", "--json"])["outcome"], "nothing");
}
