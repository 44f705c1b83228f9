//! `verify`.

use std::fs;
use std::path::Path;

use crate::common::Place;

/// Turns one bit of a stored file over, and nothing else.
fn rot(file: &Path) {
    let modified = fs::metadata(file).unwrap().modified().unwrap();
    let mut bytes = fs::read(file).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(file, bytes).unwrap();
    fs::File::options().write(true).open(file).unwrap().set_modified(modified).unwrap();
}

#[test]
fn a_good_snapshot_is_said_to_be_good() {
    let place = Place::with_snapshots(1);
    let ran = place.run(["verify", "-r", "db"]).succeeds();
    assert!(ran.out.starts_with("good ") && ran.out.contains("3 files, 148 KiB"), "{ran:#?}");
    let verified = place.json("verify", ["verify", "latest", "-r", "db", "--level", "media", "--json"]);
    assert_eq!(verified["snapshots"][0]["is_good"], true);
}

#[test]
fn a_corrupt_snapshot_is_named_with_its_file_and_the_others_are_verified_all_the_same() {
    let place = Place::new();
    for _ in 0..3 {
        place.run(["backup", "db", "--rule", "*=immutable", "--share", "never"]).succeeds();
    }
    let bad = &place.snapshots()[1];
    rot(&bad.join("tables/1.sst"));
    let ran = place.run(["verify", "--all", "-r", "db"]).exits(6);
    assert_eq!(ran.out.lines().filter(|line| line.starts_with("good ")).count(), 2, "{ran:#?}");
    assert!(ran.error().contains("tables/1.sst"), "{ran:#?}");
    // The sizes are what they were.
    place.run(["verify", "--all", "-r", "db", "--level", "size"]).succeeds();
    let document = place.run(["verify", "--all", "-r", "db", "--json"]).exits(6).json("verify");
    let good: Vec<_> = document["snapshots"].as_array().unwrap().iter().map(|one| &one["is_good"]).collect();
    assert_eq!(good, [&true, &false, &true]);
    assert_eq!(document["error"]["code"], "CORRUPT");
    // Nor is it restored.
    place.run(["restore", bad.to_str().unwrap(), "out"]).exits(6);
    assert!(!place.path("out").exists());
}

#[test]
fn several_that_are_bad_are_counted() {
    let place = Place::with_snapshots(3);
    for snapshot in &place.snapshots()[..2] {
        fs::remove_file(snapshot.join("log")).unwrap();
    }
    let ran = place.run(["verify", "--all", "-r", "db"]).exits(6);
    assert!(ran.error().contains("2 of 3 snapshots are not good; the first: "), "{ran:#?}");
}

#[test]
fn all_and_one_do_not_go_together() {
    let place = Place::with_snapshots(1);
    place.run(["verify", "latest", "--all", "-r", "db"]).exits(2);
    place.run(["verify", "--all", "-r", "db"]).succeeds();
}
