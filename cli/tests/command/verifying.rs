//! `verify` and `scrub`.

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

#[test]
fn a_scrub_reads_as_far_as_its_budget() {
    let place = Place::with_snapshots(1);
    let all = place.json("scrub", ["scrub", "db", "--json"]);
    assert_eq!((&all["job"]["files_done"], &all["job"]["bytes_done"]), (&3.into(), &152_000.into()));
    let some = place.json("scrub", ["scrub", "db", "--budget", "1", "--json"]);
    assert_eq!(some["job"]["files_done"], 1);
    let ran = place.run(["scrub", "db", "--budget", "1h", "--level", "checksum"]).succeeds();
    assert_eq!(ran.out, "read back 3 files, 148 KiB: all good\n");
}

#[test]
fn a_scrub_that_finds_something_names_it_and_the_list_shows_the_damage() {
    let place = Place::new();
    for _ in 0..2 {
        place.run(["backup", "db", "--rule", "*=immutable", "--share", "never"]).succeeds();
    }
    let bad = &place.snapshots()[0];
    rot(&bad.join("tables/1.sst"));
    let ran = place.run(["scrub", "db"]).exits(6);
    let warning = ran.err.lines().find(|line| line.starts_with("warning: ")).unwrap();
    assert!(warning.contains(bad.join("tables/1.sst").to_str().unwrap()), "{ran:#?}");
    assert!(ran.error().contains("1 fault was found in "), "{ran:#?}");
    assert!(ran.out.ends_with("1 fault\n"), "{ran:#?}");
    let list = place.json("list", ["list", "db", "--json"]);
    assert_eq!(
        (&list["snapshots"][0]["state"], &list["snapshots"][1]["state"]),
        (&"damaged".into(), &"ok".into())
    );
    assert!(place.run(["list", "db"]).succeeds().out.contains("1 snapshot is damaged"));
    let document = place.run(["scrub", "db", "--json"]).exits(6).json("scrub");
    assert_eq!(document["job"]["warnings"].as_array().unwrap().len(), 1);
    assert_eq!(document["error"]["code"], "CORRUPT");
}
