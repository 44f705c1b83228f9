//! Listings that fail, that are empty, that lack objects or are behind.

use std::time::Duration;

use hotbackup::{Code, Options};

use crate::common::proxy::{Fault, When};
use crate::scene::{Scene, fails, push};

#[test]
fn a_listing_that_cannot_be_had_ends_the_push() {
    for directory in ["data/", "index/", "snapshots/"] {
        let Some(scene) = Scene::new() else { return };
        let snapshot = scene.back_up();
        scene.rule(When::listing(directory), Fault::Status(500));
        fails(push(&scene.remote_with(&[("retries", "1")]), &snapshot), Code::Io);
        scene.proxy.clear();
        assert_eq!(scene.listed(), 0);
    }
}

#[test]
fn a_listing_is_whole_or_an_error_whichever_of_its_pages_fails() {
    let Some(scene) = Scene::new() else { return };
    let snapshot = scene.back_up();
    push(&scene.remote(), &snapshot).expect("a push");
    // More than a page of objects that belong to nobody.
    let bucket = scene.bucket();
    (0..1100).for_each(|number| bucket.put(&format!("data/00/x{number}"), Vec::new()));
    scene.rule(When::listing("data/").later_page(), Fault::Status(500));
    let remote = scene.remote_with(&[("retries", "1")]);
    let back = scene.fresh("back");
    fails(remote.restore("latest", &back, &Options::new()).expect("a job").wait(), Code::Io);
    assert!(!back.exists());
    scene.proxy.clear();
    let verified = remote.verify("latest", &Options::new()).expect("a job").wait();
    verified.expect("the second page has the packs");
}

#[test]
fn packs_that_a_listing_lacks_are_sent_again() {
    for (directory, fault) in [
        ("data/", Fault::EmptyListing),
        ("index/", Fault::EmptyListing),
        ("data/", Fault::ListingWithout("*data/*a*".to_string())),
        ("data/", Fault::ListingBehind(Duration::from_secs(60))),
    ] {
        let Some(scene) = Scene::new() else { return };
        let first = scene.back_up();
        push(&scene.remote(), &first).expect("a push");
        scene.write("CURRENT", 9, 100);
        let second = scene.back_up();
        scene.rule(When::listing(directory), fault);
        push(&scene.remote(), &second).expect("a push");
        scene.assert_good(&[&first, &second], true);
    }
}

#[test]
fn packs_that_a_listing_lacks_are_an_error_before_the_first_byte_of_a_restore() {
    let Some(scene) = Scene::new() else { return };
    let snapshot = scene.back_up();
    push(&scene.remote(), &snapshot).expect("a push");
    scene.rule(When::listing("data/"), Fault::EmptyListing);
    let target = scene.fresh("target");
    fails(scene.remote().restore("latest", &target, &Options::new()).expect("a job").wait(), Code::Corrupt);
    assert!(!target.exists());
    assert_eq!(scene.proxy.count("GET", "*/backups/db1/data/*"), 0);
}

#[test]
fn a_listing_of_snapshots_that_is_behind_makes_at_most_a_second_record() {
    let Some(scene) = Scene::new() else { return };
    let snapshot = scene.back_up();
    push(&scene.remote(), &snapshot).expect("a push");
    scene.rule(When::listing("snapshots/"), Fault::EmptyListing);
    push(&scene.remote(), &snapshot).expect("a push");
    scene.proxy.clear();
    assert_eq!(scene.listed(), 1, "the list shows one");
    scene.assert_good(&[&snapshot], true);
    scene.direct().forget("latest").expect("a snapshot less");
    assert_eq!(scene.listed(), 0, "and forgets both");
}

#[test]
fn locks_that_are_not_listed_once_make_the_push_begin_anew() {
    // The listings of a push without trouble: before its lock, after it, at the refresh, at the end.
    for skipped in 0..4 {
        let Some(scene) = Scene::new() else { return };
        let snapshot = scene.back_up();
        scene.rule(When::listing("locks/").after(skipped).once(), Fault::EmptyListing);
        push(&scene.remote(), &snapshot).unwrap_or_else(|error| panic!("{skipped}: {error}"));
        scene.assert_good(&[&snapshot], true);
    }
}

#[test]
fn locks_that_are_never_listed_commit_nothing() {
    let Some(scene) = Scene::new() else { return };
    let snapshot = scene.back_up();
    scene.rule(When::listing("locks/"), Fault::EmptyListing);
    fails(push(&scene.remote(), &snapshot), Code::Conflict);
    assert_eq!(scene.proxy.count("PUT", "*/backups/db1/snapshots/*"), 0);
    assert_eq!(scene.bucket().list("locks/"), [], "all its locks are gone");
    scene.assert_good(&[], false);
}
