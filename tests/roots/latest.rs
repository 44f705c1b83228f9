//! Names and order of snapshots, and the marker of the newest, whatever the clock or a copy does.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::common::{Place, frozen, verify, write};
use hotbackup::{BackupRoot, Code, Options};

fn number(location: &Path) -> u64 {
    location.file_name().unwrap().to_str().unwrap().strip_prefix("ts-").unwrap().parse().unwrap()
}

fn place() -> Place {
    let place = Place::in_memory();
    write(&place.data().join("index"), b"index");
    place
}

#[test]
fn names_rise_and_order_snapshots_though_the_clock_jumps_back() {
    let place = place();
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    let first = place.back_up(&frozen()).unwrap();
    assert!((now..now + 60).contains(&number(first.location())));
    // As if made by a clock that ran ahead.
    let ahead = now + 1_000_000_000;
    fs::rename(first.location(), place.root().join(format!("ts-{ahead}"))).unwrap();
    for more in 1..=3 {
        let job = place.back_up(&frozen()).unwrap();
        assert_eq!(number(job.location()), ahead + more);
        assert_eq!(BackupRoot::at(place.root()).latest().unwrap().location(), job.location());
    }
    let listed: Vec<_> = BackupRoot::at(place.root())
        .list()
        .unwrap()
        .iter()
        .map(|snapshot| number(snapshot.location()))
        .collect();
    assert_eq!(listed, [ahead + 3, ahead + 2, ahead + 1, ahead]);
    assert_eq!(BackupRoot::at(place.root()).prune(1).unwrap(), 3);
    assert_eq!(number(BackupRoot::at(place.root()).latest().unwrap().location()), ahead + 3);
}

#[test]
fn a_name_is_never_used_twice_in_one_second_nor_over_a_directory_that_is_no_snapshot() {
    let place = place();
    fs::create_dir_all(place.root().join("ts-99999999999")).unwrap();
    write(&place.root().join("ts-99999999999/mine"), b"mine");
    for number_expected in [100_000_000_000, 100_000_000_001] {
        let job = place.back_up(&frozen()).unwrap();
        assert_eq!(number(job.location()), number_expected);
    }
    assert_eq!(fs::read(place.root().join("ts-99999999999/mine")).unwrap(), b"mine");
}

#[test]
fn names_that_are_not_ours_do_not_count() {
    let place = place();
    for name in ["ts-", "ts-007", "ts-+9", "ts-1e9", "ts-99999999999999999999", "TS-5", ".staging-x", "other"]
    {
        fs::create_dir_all(place.root().join(name)).unwrap();
    }
    write(&place.root().join("ts-7"), b"a file");
    assert!(BackupRoot::at(place.root()).list().unwrap().is_empty());
    place.back_up(&frozen()).unwrap();
    assert_eq!(BackupRoot::at(place.root()).list().unwrap().len(), 1);
    assert!(place.root().join("ts-007").is_dir() && place.root().join("other").is_dir());
}

#[test]
fn where_the_highest_name_is_taken_a_backup_is_refused() {
    let place = place();
    fs::create_dir_all(place.root().join(format!("ts-{}", u64::MAX))).unwrap();
    assert_eq!(place.back_up(&frozen()).map(drop).unwrap_err().code(), Code::Conflict);
}

#[test]
fn latest_in_a_copied_directory_leads_to_the_copy() {
    let place = place();
    let original = place.back_up(&frozen()).unwrap();
    let copy = place.beside("copy");
    assert!(Command::new("cp").arg("-a").arg(place.data()).arg(&copy).status().unwrap().success());
    let root = copy.join(".lifecycle/backup");
    // The marker still holds the original's path.
    assert_eq!(fs::read(root.join("latest")).unwrap(), original.location().as_os_str().as_encoded_bytes());
    let latest = BackupRoot::at(&root).latest().unwrap();
    assert_eq!(latest.location(), root.join(original.location().file_name().unwrap()));
    verify(latest.location()).unwrap();
    // Even where the copy lacks that snapshot, it is not the original's.
    BackupRoot::at(&root).delete(latest.id()).unwrap();
    assert_eq!(BackupRoot::at(&root).latest().unwrap_err().code(), Code::NotFound);
    verify(original.location()).unwrap();
}

#[test]
fn the_root_of_a_copied_directory_belongs_to_the_original_until_it_is_adopted() {
    let place = place();
    place.back_up(&frozen()).unwrap();
    let copy = place.beside("copy");
    assert!(Command::new("cp").arg("-a").arg(place.data()).arg(&copy).status().unwrap().success());
    let back_up = |options: &Options| {
        let coordinator = hotbackup::Coordinator::open(&copy, options).unwrap();
        coordinator.start().and_then(|job| job.wait()).map(drop)
    };
    let error = back_up(&frozen()).unwrap_err();
    assert_eq!(error.code(), Code::Conflict);
    for owner in [place.data(), copy.clone()] {
        assert!(error.message().contains(owner.to_str().unwrap()), "{error}");
    }
    let mut options = frozen();
    options.set_adopt_root(true);
    back_up(&options).unwrap();
    back_up(&frozen()).unwrap();
    let marker = fs::read_to_string(copy.join(".lifecycle/backup/latest")).unwrap();
    assert!(Path::new(&marker).starts_with(&copy), "{marker}");
    assert_eq!(BackupRoot::at(place.root()).list().unwrap().len(), 1);
}

#[test]
fn a_marker_whose_snapshot_is_gone_is_not_found_and_the_next_backup_mends_it() {
    let place = place();
    place.back_up(&frozen()).unwrap();
    let newest = place.back_up(&frozen()).unwrap();
    fs::remove_dir_all(newest.location()).unwrap();
    let error = BackupRoot::at(place.root()).latest().unwrap_err();
    assert_eq!(error.code(), Code::NotFound);
    let name = newest.location().file_name().unwrap().to_str().unwrap();
    assert!(error.message().contains(name), "{error}");
    let next = place.back_up(&frozen()).unwrap();
    assert_eq!(BackupRoot::at(place.root()).latest().unwrap().location(), next.location());
}

#[test]
fn a_marker_that_holds_nonsense_leads_nowhere() {
    let place = place();
    place.back_up(&frozen()).unwrap();
    for marker in ["", "/", "..", "../..", "\n", "ts-1\nts-2", "/etc", "source"] {
        fs::write(place.root().join("latest"), marker).unwrap();
        let error = BackupRoot::at(place.root()).latest().unwrap_err();
        assert_eq!(error.code(), Code::NotFound, "{marker:?}: {error}");
    }
}

#[test]
fn without_a_root_there_is_no_latest_and_no_snapshot() {
    let place = place();
    assert_eq!(BackupRoot::at(place.root()).latest().unwrap_err().code(), Code::NotFound);
    assert!(BackupRoot::at(place.root()).list().unwrap().is_empty());
    assert!(!place.root().exists());
    let file = place.data().join("index");
    assert_eq!(BackupRoot::at(&file).list().unwrap_err().code(), Code::InvalidArgument);
}

#[test]
fn a_failed_backup_never_becomes_the_latest() {
    let place = place();
    let good = place.back_up(&frozen()).unwrap();
    let mut options = frozen();
    options.hooks().validate(|_, _| Err("no".into()));
    assert_eq!(place.back_up(&options).map(drop).unwrap_err().code(), Code::HookFailed);
    assert_eq!(BackupRoot::at(place.root()).latest().unwrap().location(), good.location());
    assert_eq!(BackupRoot::at(place.root()).list().unwrap().len(), 1);
}
