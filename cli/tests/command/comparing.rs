//! `diff`.

use std::fs;

use serde_json::{Value, json};

use crate::common::Place;

fn changes(document: &Value) -> Vec<(&str, &str)> {
    let changes = document["changes"].as_array().unwrap().iter();
    changes.map(|change| (change["change"].as_str().unwrap(), change["path"].as_str().unwrap())).collect()
}

/// A place with two snapshots that differ in each way.
fn differing() -> Place {
    let place = Place::with_snapshots(1);
    place.write("db/log", 3_000);
    place.write("db/new", 5);
    fs::remove_file(place.path("db/tables/2.sst")).unwrap();
    // Of the same size.
    fs::write(place.path("db/tables/1.sst"), vec![7; 100_000]).unwrap();
    place.back_up();
    place
}

const DIFFERENT: [(&str, &str); 4] =
    [("changed", "log"), ("added", "new"), ("changed", "tables/1.sst"), ("removed", "tables/2.sst")];

#[test]
fn snapshots_are_compared_by_names_sizes_and_checksums() {
    let place = differing();
    let older = place.snapshots()[1].clone();
    let document = place.json("diff", ["diff", older.to_str().unwrap(), "latest", "-r", "db", "--json"]);
    assert_eq!(changes(&document), DIFFERENT);
    assert_eq!(document["added"], json!({ "files": 1, "bytes": 5 }));
    assert_eq!(document["removed"], json!({ "files": 1, "bytes": 50_000 }));
    assert_eq!(document["changed"], json!({ "files": 2, "bytes": 103_000 }));
    let ran = place.run(["diff", older.to_str().unwrap(), "latest", "-r", "db"]).succeeds();
    assert!(
        ran.out.ends_with("1 file added (5 B), 1 file removed (48.8 KiB), 2 files changed (101 KiB)\n"),
        "{ran:#?}"
    );
    let same = place.json("diff", ["diff", "latest", "latest", "-r", "db", "--json"]);
    assert_eq!(changes(&same), []);
}

#[test]
fn a_directory_is_compared_by_its_bytes_where_its_times_differ() {
    let place = differing();
    let older = place.snapshots()[1].clone();
    let older = older.to_str().unwrap();
    let document = place.json("diff", ["diff", older, "db", "--json"]);
    assert_eq!(changes(&document), DIFFERENT);
    // The other way round what was added was removed.
    let document = place.json("diff", ["diff", "db", older, "--json"]);
    assert_eq!(changes(&document)[1], ("removed", "new"));
    // A newer time alone is no difference.
    let log = fs::File::options().write(true).open(place.path("db/log")).unwrap();
    log.set_modified(std::time::SystemTime::now()).unwrap();
    assert_eq!(changes(&place.json("diff", ["diff", "latest", "db", "-r", "db", "--json"])), []);
}

#[test]
fn what_the_rules_exclude_does_not_count() {
    let place = Place::new();
    place.run(["backup", "db", "--rule", "LOCK=excluded", "--rule", "*=immutable"]).succeeds();
    place.write("db/LOCK", 1);
    assert_eq!(changes(&place.json("diff", ["diff", "latest", "db", "-r", "db", "--json"])), []);
}

#[test]
fn one_side_must_be_a_snapshot() {
    let place = Place::with_snapshots(1);
    place.run(["diff", "db", "db"]).exits(2);
    place.run(["diff", "zzzz", "latest", "-r", "db"]).exits(3);
}
