//! Pruning by a policy, on disk: what goes and what stays, and what is said of it.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use crate::common::{Place, frozen, sound_snapshots, write};
use hotbackup::{BackupRoot, Code, Options, Reason, Retention, Snapshot, Verdict};

/// A root with that many snapshots, all of the same day, and they, the newest first.
fn root_of(place: &Place, count: usize) -> Vec<Snapshot> {
    for number in 0..count {
        write(&place.data().join("index"), number.to_string().as_bytes());
        place.back_up(&frozen()).unwrap();
    }
    BackupRoot::at(place.root()).list().unwrap()
}

fn left(place: &Place) -> Vec<PathBuf> {
    let all = BackupRoot::at(place.root()).list().unwrap();
    all.iter().map(|snapshot| snapshot.location().to_path_buf()).collect()
}

fn newest(count: u32) -> Retention {
    let mut retention = Retention::new();
    retention.keep_newest(count);
    retention
}

fn told(verdicts: &[Verdict]) -> Vec<String> {
    verdicts.iter().map(Verdict::why).collect()
}

#[test]
fn a_plan_says_what_a_prune_then_does_and_changes_nothing() {
    let place = Place::in_memory();
    let all = root_of(&place, 4);
    let mut retention = newest(2);
    retention.keep_tag("release");
    let root = BackupRoot::at(place.root());
    let plan = root.retention_plan(&retention).unwrap();
    assert_eq!(left(&place).len(), 4);
    let done = root.prune_by(&retention).unwrap();
    assert_eq!(told(&plan), told(&done));
    assert_eq!(
        told(&plan),
        ["newest 1 of 2, the newest good one", "newest 2 of 2", "no rule keeps it", "no rule keeps it",]
    );
    assert_eq!(left(&place), [all[0].location(), all[1].location()]);
    let name = all[3].location().file_name().unwrap().to_str().unwrap();
    assert_eq!(done[3].to_string(), format!("{name} goes: no rule keeps it"));
    assert!(done.iter().zip(&all).all(|(verdict, one)| verdict.snapshot().id() == one.id()));
    assert!(root.prune_by(&retention).unwrap().iter().all(|verdict| !verdict.goes()));
    sound_snapshots(&place.root());
}

#[test]
fn a_policy_without_a_rule_is_refused() {
    let place = Place::in_memory();
    root_of(&place, 2);
    let root = BackupRoot::at(place.root());
    let mut nothing = Retention::new();
    nothing.keep_daily(7).keep_daily(0).keep_within(Duration::from_secs(1)).keep_within(Duration::ZERO);
    for retention in [Retention::new(), nothing] {
        for refused in [root.retention_plan(&retention), root.prune_by(&retention)] {
            let error = refused.unwrap_err();
            assert_eq!((error.code(), error.path()), (Code::InvalidArgument, Some(place.root().as_path())));
        }
    }
    assert_eq!(left(&place).len(), 2);
}

#[test]
fn what_is_no_root_is_planned_to_nothing_and_never_pruned() {
    let place = Place::in_memory();
    let nowhere = BackupRoot::at(place.beside("nowhere"));
    assert!(nowhere.retention_plan(&newest(1)).unwrap().is_empty());
    assert_eq!(nowhere.prune_by(&newest(1)).unwrap_err().code(), Code::NotFound);
    assert!(!place.beside("nowhere").exists());
}

#[test]
fn one_that_is_being_read_stays_and_the_verdict_says_so() {
    let place = Place::in_memory();
    let all = root_of(&place, 3);
    let root = place.root();
    let mut options = Options::new();
    let retention = newest(1);
    options.hooks().validate(move |_, _| {
        let verdicts = BackupRoot::at(&root).prune_by(&retention).unwrap();
        assert_eq!(verdicts[2].reasons(), [Reason::InUse]);
        assert_eq!([verdicts[1].goes(), verdicts[2].goes()], [true, false]);
        Ok(())
    });
    hotbackup::verify(all[2].location(), &options).unwrap().wait().unwrap();
    assert_eq!(left(&place), [all[0].location(), all[2].location()]);
    // The plan does not look whether anybody reads it, and the next prune takes it.
    assert!(BackupRoot::at(place.root()).prune_by(&newest(1)).unwrap()[1].goes());
}

#[test]
fn unreadable_ones_neither_count_nor_go() {
    let place = Place::in_memory();
    let all = root_of(&place, 4);
    fs::write(all[0].location().join("snapshot.manifest"), b"{}").unwrap();
    fs::remove_file(all[3].location().join("snapshot.manifest")).unwrap();
    let verdicts = BackupRoot::at(place.root()).prune_by(&newest(1)).unwrap();
    let first = "newest 1 of 1, the newest good one";
    assert_eq!(told(&verdicts), ["unreadable", first, "no rule keeps it", "unreadable"]);
    assert_eq!(left(&place), [all[0].location(), all[1].location(), all[3].location()]);
}
