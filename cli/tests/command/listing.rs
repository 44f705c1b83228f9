//! `list` and `show`, and how roots and snapshots are named.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::common::Place;

#[test]
fn a_list_shows_the_newest_first_and_which_is_the_latest() {
    let place = Place::with_snapshots(3);
    let ran = place.run(["list", "db"]).succeeds();
    let lines: Vec<&str> = ran.out.lines().collect();
    assert_eq!(lines.len(), 5, "{ran:#?}");
    assert!(lines[0].starts_with("ID ") && lines[0].contains("AGE"), "{ran:#?}");
    for (line, snapshot) in lines[1..4].iter().zip(place.snapshots()) {
        assert!(line.contains(snapshot.file_name().unwrap().to_str().unwrap()), "{ran:#?}");
        assert!(line.contains("148 KiB"), "{ran:#?}");
    }
    assert!(lines[1].ends_with("ok, latest") && lines[2].ends_with("ok"), "{ran:#?}");
    assert!(lines[4].starts_with("3 snapshots, 445 KiB"), "{ran:#?}");
}

#[test]
fn a_list_in_json_says_all_that_is_known() {
    let place = Place::new();
    place.run(["backup", "db", "--rule", "*=immutable", "--metadata", "release 7"]).succeeds();
    place.back_up();
    let list = place.json("list", ["list", "db", "--json"]);
    let snapshots = list["snapshots"].as_array().unwrap();
    assert_eq!(list["root"].as_str(), place.root().to_str());
    assert_eq!(snapshots.len(), 2);
    assert_eq!(
        (snapshots[0]["is_latest"].as_bool(), snapshots[1]["is_latest"].as_bool()),
        (Some(true), Some(false))
    );
    assert_eq!(snapshots[1]["metadata"], "release 7");
    assert_eq!(snapshots[0]["bytes"], 152_000);
    assert_eq!(snapshots[0]["location"].as_str(), place.snapshots()[0].to_str());
    let age = snapshots[0]["age_seconds"].as_i64().unwrap();
    assert!((0..60).contains(&age), "{age}");
}

#[test]
fn an_empty_root_has_no_snapshots_and_that_is_no_error() {
    let place = Place::with_snapshots(1);
    place.run(["delete", "latest", "-r", "db", "--yes"]).succeeds();
    let ran = place.run(["list", "db"]).succeeds();
    assert_eq!(ran.out, format!("no snapshots in {}\n", place.root().display()));
    assert_eq!(place.json("list", ["list", "db", "--json"])["snapshots"].as_array().unwrap().len(), 0);
}

#[test]
fn a_directory_that_is_no_root_is_not_taken_for_an_empty_one() {
    let place = Place::new();
    fs::create_dir_all(place.path("bare/.lifecycle")).unwrap();
    for (directory, why) in
        [("db", "no backup root"), ("bare", "without a root"), ("nowhere", "No such file")]
    {
        let ran = place.run(["list", directory]).exits(3);
        assert!(ran.error().contains(why) && ran.error().contains("; to do: "), "{ran:#?}");
        assert_eq!(ran.out, "");
    }
}

#[test]
fn a_root_is_given_by_itself_by_its_database_by_option_or_by_environment() {
    let place = Place::with_snapshots(1);
    let root = place.root();
    let expected = place.run(["list", "db"]).succeeds().out;
    let same = |ran: crate::common::Ran| assert_eq!(ran.succeeds().out, expected);
    same(place.run([root.to_str().unwrap()].iter().fold(vec!["list"], |mut all, root| {
        all.push(root);
        all
    })));
    same(place.run(["list", "-r", "db"]));
    same(place.run(["list", "--root", "db/.lifecycle/backup"]));
    let mut command = place.command(["list"]);
    same(crate::common::Ran::of(command.env("HOTBACKUP_ROOT", &root).output().unwrap()));
    // What is said here counts more than what was said once for all.
    let mut command = place.command(["list", "db"]);
    same(crate::common::Ran::of(command.env("HOTBACKUP_ROOT", "/nowhere").output().unwrap()));
    let ran = place.run(["list"]).exits(2);
    assert!(ran.error().contains("no backup root was given"), "{ran:#?}");
}

#[test]
fn a_snapshot_is_named_by_latest_its_id_a_beginning_its_name_or_its_path() {
    let place = Place::with_snapshots(2);
    let list = place.json("list", ["list", "db", "--json"]);
    let newest = &list["snapshots"][0];
    let [id, name, location] = ["id", "name", "location"].map(|field| newest[field].as_str().unwrap());
    let shown = place.run(["list", "db"]).succeeds().out;
    let short = shown.lines().nth(1).unwrap().split_whitespace().next().unwrap();
    assert!(short.len() >= 8 && id.starts_with(short), "{short} of {id}");
    for name in ["latest", id, short, name] {
        let found = place.json("show", ["show", name, "-r", "db", "--json"]);
        assert_eq!(found["snapshot"]["location"], location, "{name}");
    }
    // A path needs no root, and may be relative.
    for path in [location.to_string(), format!("./db/.lifecycle/backup/{name}"), format!("{location}/")] {
        let found = place.json("show", ["show", &path, "--json"]);
        assert_eq!(found["snapshot"]["id"], id, "{path}");
        assert_eq!(found["snapshot"]["is_latest"], true, "{path}");
    }
}

#[test]
fn a_beginning_that_names_several_or_none_is_refused_and_says_which() {
    let place = Place::with_snapshots(2);
    // A copy of a snapshot has its id.
    let newest = place.json("list", ["list", "db", "--json"])["snapshots"][0].clone();
    let (id, location) = (newest["id"].as_str().unwrap(), newest["location"].as_str().unwrap());
    let copy = Path::new(location).with_file_name("ts-5");
    assert!(Command::new("cp").arg("-r").arg(location).arg(&copy).status().unwrap().success());
    let ran = place.run(["show", &id[..6], "-r", "db"]).exits(2);
    assert!(ran.error().contains("names 2 snapshots") && ran.error().contains("give more"), "{ran:#?}");
    // The beginning of a name, and hardly anything of an id, are slips.
    for slip in ["ts-", "ts", &id[..3]] {
        place.run(["show", slip, "-r", "db"]).exits(3);
    }
    let ran = place.run(["show", "zzzz", "-r", "db"]).exits(3);
    assert!(ran.error().contains("`hotbackup list "), "{ran:#?}");
    let ran = place.run(["show", "", "-r", "db"]).exits(3);
    assert!(ran.error().contains("there is no snapshot \"\""), "{ran:#?}");
}

#[test]
fn a_snapshot_that_cannot_be_read_is_listed_with_the_reason() {
    let place = Place::with_snapshots(2);
    let older = &place.snapshots()[1];
    fs::write(older.join("snapshot.manifest"), "{").unwrap();
    let ran = place.run(["list", "db"]).succeeds();
    assert!(ran.out.contains("unreadable") && ran.out.contains("cannot be read: "), "{ran:#?}");
    let list = place.json("list", ["list", "db", "--json"]);
    assert_eq!(list["snapshots"][1]["state"], "unreadable");
    assert_eq!(list["snapshots"][1]["error"]["code"], "CORRUPT");
    let name = older.file_name().unwrap().to_str().unwrap();
    for snapshot in [name, older.to_str().unwrap()] {
        let ran = place.run(["show", snapshot, "-r", "db", "--json"]).exits(6);
        let shown = ran.json("show");
        assert_eq!((&shown["snapshot"]["name"], &shown["error"]["code"]), (&name.into(), &"CORRUPT".into()));
    }
}

#[test]
fn metadata_that_is_no_text_is_shown_in_digits() {
    let place = Place::new();
    let mut options = hotbackup::Options::new();
    options.set_metadata(&[0xff, 0x00]).unwrap();
    options.add_rule("*", hotbackup::FileClass::IMMUTABLE).unwrap();
    let coordinator = hotbackup::Coordinator::open(place.path("db"), &options).unwrap();
    coordinator.start().unwrap().wait().unwrap();
    drop(coordinator);
    let shown = place.json("show", ["show", "latest", "-r", "db", "--json"]);
    assert_eq!(
        (&shown["snapshot"]["metadata"], &shown["snapshot"]["metadata_hex"]),
        (&().into(), &"ff00".into())
    );
    assert!(place.run(["show", "latest", "-r", "db"]).succeeds().out.contains("2 bytes that are no text"));
}
