//! `doctor` and `roots`.

use std::fs;

use crate::common::Place;

#[test]
fn where_nothing_is_wrong_an_examination_succeeds() {
    let place = Place::with_snapshots(1);
    for path in ["db", "db/.lifecycle/backup"] {
        let examined = place.json("doctor", ["doctor", path, "--json"]);
        let findings = examined["findings"].as_array().unwrap();
        assert!(
            !findings.is_empty() && findings.iter().all(|finding| finding["severity"] != "error"),
            "{examined:#}"
        );
    }
    place.run(["doctor", "nowhere"]).exits(3);
}

#[test]
fn what_is_wrong_is_named_with_what_to_do_and_fails() {
    let place = Place::with_snapshots(2);
    let bad = place.snapshots()[1].clone();
    fs::write(bad.join("snapshot.manifest"), "{").unwrap();
    let ran = place.run(["doctor", "db"]).exits(13);
    let first = ran.out.lines().next().unwrap();
    assert!(first.starts_with("error: ") && first.contains(bad.to_str().unwrap()), "{ran:#?}");
    assert!(ran.out.contains("    to do: ") && ran.error().contains("1 thing is wrong with db"), "{ran:#?}");
    let examined = place.run(["doctor", "db", "--json"]).exits(13).json("doctor");
    assert_eq!(examined["findings"][0]["kind"], "snapshot_unreadable");
    assert_eq!(examined["error"]["code"], "FOUND");
}

#[test]
fn the_roots_that_are_remembered_are_listed_with_what_is_there() {
    let place = Place::with_snapshots(1);
    place.run(["backup", "db", "--rule", "*=immutable", "-r", "elsewhere"]).succeeds();
    fs::rename(place.path("elsewhere"), place.path("unmounted")).unwrap();
    let known = place.json("roots", ["roots", "db", "--json"]);
    let told = |at: usize| {
        (known["roots"][at]["path"].as_str().unwrap(), known["roots"][at]["standing"].as_str().unwrap())
    };
    assert_eq!(told(0), (place.path("elsewhere").to_str().unwrap(), "missing"));
    assert_eq!(told(1), (place.root().to_str().unwrap(), "same"));
    assert_eq!(known["roots"][1]["snapshots"], 1);
    let ran = place.run(["roots", "db"]).succeeds();
    assert!(ran.out.contains("is its disk mounted?"), "{ran:#?}");
    fs::create_dir(place.path("fresh")).unwrap();
    assert!(place.run(["roots", "fresh"]).succeeds().out.contains("never backed up"));
}
