//! `plan`, and `show --files`: what a backup would do, and what it did.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::common::Place;

const RULES: [&str; 4] = ["--rule", "*.sst=immutable", "--rule", "LOCK=excluded"];

fn total<'a>(plan: &'a Value, outcome: &str) -> &'a Value {
    let mut totals = plan["totals"].as_array().unwrap().iter();
    totals.find(|total| total["outcome"] == outcome).unwrap()
}

#[test]
fn a_plan_says_what_becomes_of_each_file_and_by_which_rule_and_leaves_no_trace() {
    let place = Place::new();
    place.write("db/LOCK", 1);
    let plan = place.json("plan", ["plan", "db", "--files", "--json"].into_iter().chain(RULES));
    let tables = json!({ "outcome": "copied_after_freeze", "files": 2, "bytes": 150_000 });
    assert_eq!(total(&plan, "copied_after_freeze"), &tables);
    assert_eq!(total(&plan, "copied_in_freeze")["bytes"], 2_000);
    let files = plan["files"].as_array().unwrap().iter();
    let files: BTreeMap<&str, &Value> = files.map(|file| (file["path"].as_str().unwrap(), file)).collect();
    assert_eq!((&files["LOCK"]["rule"], &files["LOCK"]["outcome"]), (&"LOCK".into(), &"excluded".into()));
    assert_eq!((&files["log"]["rule"], &files["log"]["class"]), (&Value::Null, &"mutable".into()));
    assert_eq!(files["tables/1.sst"]["class"], "immutable");
    assert_eq!(plan["spaces"][0]["needed"].as_u64(), Some(152_000));
    assert!(plan["spaces"][0]["free"].as_u64() > Some(152_000));
    assert!(!place.path("db/.lifecycle").exists());
    let ran = place.run(["plan", "db"].into_iter().chain(RULES)).succeeds();
    assert!(ran.out.contains("copied after freeze") && ran.out.contains("that are free"), "{ran:#?}");
}

#[test]
fn a_plan_fails_as_the_backup_would() {
    let place = Place::new();
    std::os::unix::fs::symlink("log", place.path("db/link")).unwrap();
    for command in ["plan", "backup"] {
        let ran = place.run([command, "db"]).exits(11);
        assert!(ran.error().contains("give --symlinks preserve"), "{ran:#?}");
    }
    let plan = place.run(["plan", "db", "--json"]).exits(11).json("plan");
    assert_eq!(plan["refusals"][0]["code"], "UNSUPPORTED");
    let plan = place.json("plan", ["plan", "db", "--symlinks", "preserve", "--json"]);
    assert_eq!(total(&plan, "link_kept")["files"], 1);
    place.run(["plan", "db", "--symlinks", "preserve", "--min-free", "1000TiB"]).exits(5);
}

#[test]
fn a_snapshot_shows_its_files() {
    let place = Place::new();
    let tags = ["--tag", "weekly", "--tag", "release 7"];
    place.run(["backup", "db"].into_iter().chain(RULES).chain(tags)).succeeds();
    let shown = place.json("show", ["show", "latest", "-r", "db", "--files", "--json"]);
    let files = shown["files"].as_array().unwrap();
    let paths: Vec<_> = files.iter().map(|file| file["path"].as_str().unwrap()).collect();
    assert_eq!(paths, ["tables", "log", "tables/1.sst", "tables/2.sst"]);
    assert_eq!((&files[2]["class"], &files[2]["bytes"]), (&"immutable".into(), &100_000.into()));
    assert_eq!(shown["snapshot"]["tags"], json!(["weekly", "release 7"]));
    assert_eq!(shown["snapshot"]["verified_level"], "checksum");
    let ran = place.run(["show", "latest", "-r", "db", "--files"]).succeeds();
    assert!(ran.out.contains("immutable  tables/1.sst") && ran.out.contains("weekly, release 7"), "{ran:#?}");
}
