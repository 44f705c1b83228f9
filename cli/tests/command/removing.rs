//! `delete` and `prune`.

use crate::common::Place;

fn gone(document: &serde_json::Value) -> Vec<bool> {
    document["snapshots"].as_array().unwrap().iter().map(|one| one["goes"].as_bool().unwrap()).collect()
}

#[test]
fn a_prune_keeps_the_newest() {
    let place = Place::with_snapshots(4);
    let kept = place.snapshots()[..2].to_vec();
    let pruned = place.json("prune", ["prune", "db", "--keep-newest", "2", "--yes", "--json"]);
    assert_eq!(gone(&pruned), [false, false, true, true]);
    assert_eq!(place.snapshots(), kept);
    // Nothing is destroyed, so nothing is asked.
    let ran = place.run(["prune", "db", "--keep-newest", "2"]).succeeds();
    assert!(ran.out.ends_with("\n0 snapshots deleted\n"), "{ran:#?}");
    place.run(["prune", "db", "--keep-newest", "0", "--yes"]).exits(2);
    let ran = place.run(["prune", "db", "--yes"]).exits(2);
    assert!(ran.error().contains("everything would go"), "{ran:#?}");
    assert_eq!(place.snapshots(), kept);
}

#[test]
fn a_dry_run_tells_what_would_go_and_why_the_others_stay() {
    let place = Place::new();
    place.run(["backup", "db", "--rule", "*=immutable", "--tag", "release"]).succeeds();
    place.back_up();
    place.back_up();
    let policy = ["prune", "db", "--keep-daily", "7", "--keep-tag", "release", "--dry-run"];
    let planned = place.json("prune", policy.into_iter().chain(["--json"]));
    assert_eq!(gone(&planned), [false, true, false]);
    assert_eq!(planned["is_dry_run"], true);
    let ran = place.run(policy).succeeds();
    assert!(
        ran.out.contains("tagged release") && ran.out.ends_with("\n1 snapshot would be deleted\n"),
        "{ran:#?}"
    );
    assert_eq!(place.snapshots().len(), 3);
}

#[test]
fn deletes_take_several_names_and_each_snapshot_once() {
    let place = Place::with_snapshots(3);
    let all = place.snapshots();
    let oldest = all[2].file_name().unwrap().to_str().unwrap();
    let newest = all[0].to_str().unwrap();
    let deleted = place.json("delete", ["delete", "latest", newest, oldest, "-r", "db", "--yes", "--json"]);
    let expected: Vec<_> = [&all[0], &all[2]].map(|path| path.to_str().unwrap()).into();
    assert_eq!(deleted["deleted"], serde_json::json!(expected));
    assert_eq!(place.snapshots(), [all[1].clone()]);
    assert_eq!(place.json("show", ["show", "latest", "-r", "db", "--json"])["snapshot"]["is_latest"], true);
}

#[test]
fn a_wrong_name_among_several_deletes_none() {
    let place = Place::with_snapshots(2);
    place.run(["delete", "latest", "zzzz", "-r", "db", "--yes"]).exits(3);
    assert_eq!(place.snapshots().len(), 2);
}

#[test]
fn one_that_cannot_be_read_can_be_deleted() {
    let place = Place::with_snapshots(2);
    let older = place.snapshots()[1].clone();
    std::fs::write(older.join("snapshot.manifest"), "").unwrap();
    place.run(["delete", older.to_str().unwrap(), "--yes"]).succeeds();
    assert!(!older.exists());
}
