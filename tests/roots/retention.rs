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

/// Spoils the stored `index`, and has a verification find it.
fn damage(snapshot: &Snapshot) {
    let index = snapshot.location().join("index");
    let mut bytes = fs::read(&index).unwrap();
    bytes[0] ^= 1;
    fs::write(&index, bytes).unwrap();
    let verification = hotbackup::verify(snapshot.location(), &Options::new()).unwrap();
    assert_eq!(verification.wait().unwrap_err().code(), Code::Corrupt);
}

#[test]
fn damaged_ones_take_no_good_ones_place_and_go_when_they_would_were_they_good() {
    let place = Place::in_memory();
    let all = root_of(&place, 5);
    damage(&all[0]);
    damage(&all[3]);
    let verdicts = BackupRoot::at(place.root()).prune_by(&newest(2)).unwrap();
    assert_eq!(
        told(&verdicts),
        [
            "damaged, newest 1 of 2",
            "newest 1 of 2, the newest good one",
            "newest 2 of 2",
            "no rule keeps it",
            "no rule keeps it",
        ]
    );
    assert_eq!(left(&place), [all[0].location(), all[1].location(), all[2].location()]);
    // By a number alone it is the same, and what went is counted.
    assert_eq!(BackupRoot::at(place.root()).prune(1).unwrap(), 1);
    assert_eq!(left(&place), [all[0].location(), all[1].location()]);
}

#[test]
fn where_none_is_good_nothing_goes() {
    let place = Place::in_memory();
    let all = root_of(&place, 3);
    all.iter().for_each(damage);
    assert_eq!(BackupRoot::at(place.root()).prune(1).unwrap(), 0);
    let verdicts = BackupRoot::at(place.root()).prune_by(&newest(1)).unwrap();
    let stays = "there is no good one";
    assert_eq!(told(&verdicts), [&format!("damaged, newest 1 of 1, {stays}"), stays, stays]);
    assert_eq!(left(&place).len(), 3);
}

#[test]
fn tagged_ones_stay_by_their_tags() {
    let place = Place::in_memory();
    for tag in ["release", "nightly", "", "nightly"] {
        let mut options = frozen();
        if !tag.is_empty() {
            options.add_tag(tag).unwrap();
        }
        place.back_up(&options).unwrap();
    }
    let mut retention = newest(1);
    retention.keep_tag("release").keep_tag("weekly");
    let verdicts = BackupRoot::at(place.root()).prune_by(&retention).unwrap();
    let gone = "no rule keeps it";
    assert_eq!(told(&verdicts)[1..], [gone, gone, "tagged release"]);
    assert_eq!(left(&place).len(), 2);
}

/// A listing reads the heads of manifests alone; what a prune relies on it reads whole.
#[test]
fn one_whose_manifest_is_bad_below_its_head_neither_counts_nor_goes() {
    let place = Place::in_memory();
    let all = root_of(&place, 5);
    for snapshot in [&all[0], &all[3]] {
        let manifest = snapshot.location().join("snapshot.manifest");
        let text = fs::read_to_string(&manifest).unwrap();
        fs::write(&manifest, text.replace("\"index\"", "\"indey\"")).unwrap();
    }
    let root = BackupRoot::at(place.root());
    assert!(root.list().unwrap().iter().all(|snapshot| snapshot.error().is_none()));
    let verdicts = root.prune_by(&newest(2)).unwrap();
    let first = "newest 1 of 2, the newest good one";
    let told = told(&verdicts);
    assert_eq!(told, ["unreadable", first, "newest 2 of 2", "unreadable", "no rule keeps it"]);
    assert_eq!(verdicts[0].snapshot().error().map(|error| error.code()), Some(Code::Corrupt));
    assert_eq!(left(&place), [all[0].location(), all[1].location(), all[2].location(), all[3].location()]);
    // The marker named the first of them, and still does: nothing that went was the latest.
    assert_eq!(root.retention_plan(&newest(2)).unwrap()[0].reasons()[0].to_string(), "newest 1 of 2");
}
