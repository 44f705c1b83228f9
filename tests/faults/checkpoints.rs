//! Checkpoints and their removal, killed at each call that changes names, and with each of these calls failing.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::sweep::{changes, failing, killing};
use crate::common::child::start;
use crate::common::{Place, frozen, like_rocksdb, residue, tree};
use hotbackup::{CheckpointOptions, Coordinator, Options};

fn database() -> Place {
    let place = Place::in_memory();
    like_rocksdb(&place.data());
    place
}

fn rocksdb() -> Options {
    let mut options = frozen();
    options.set_layout("rocksdb").unwrap();
    options
}

fn checkpoint(place: &Place) -> hotbackup::Result<PathBuf> {
    let coordinator = Coordinator::open(place.data(), &rocksdb())?;
    let job = coordinator.start_checkpoint(CheckpointOptions::new())?;
    job.wait().map(|()| job.location().to_path_buf())
}

/// Those that have their name, each of which must be whole.
fn whole(place: &Place, what: &str) -> Vec<PathBuf> {
    let top = place.data().join(".lifecycle/checkpoints");
    let entries = fs::read_dir(&top).into_iter().flatten().map(|entry| entry.unwrap().path());
    let all: Vec<_> = entries
        .filter(|path| path.file_name().unwrap().to_str().unwrap().starts_with("checkpoint-"))
        .collect();
    let mut expected = tree(&place.data());
    expected.remove(Path::new("LOCK"));
    for one in &all {
        let mut found = tree(one);
        assert!(found.remove(Path::new("checkpoint.manifest")).is_some(), "{what}");
        assert!(found == expected, "{what}: {:?}", found.keys());
    }
    all
}

fn clear(place: &Place, what: &str) {
    for one in whole(place, what) {
        hotbackup::checkpoint_remove(one).expect(what);
    }
    assert_eq!(residue(&place.data()), Vec::<PathBuf>::new(), "{what}");
    let table = fs::metadata(place.data().join("000005.sst")).unwrap();
    assert_eq!(table.nlink(), 1, "{what}: something still holds it");
}

#[test]
fn a_checkpoint_killed_at_any_call_is_whole_or_goes_with_the_next_backup() {
    let place = database();
    let mut left = 0;
    killing(
        || vec!["checkpoint".into(), place.data()],
        |what, killed| {
            assert!(killed || whole(&place, what).len() == 1, "{what}");
            left += residue(&place.data()).len();
            let mut options = rocksdb();
            options.set_root(place.beside("root")).unwrap();
            place.back_up(&options).expect(what);
            clear(&place, what);
        },
    );
    assert!(left > 10, "only {left} leavings");
}

#[test]
fn a_removal_killed_at_any_call_is_ended_by_the_next_checkpoint() {
    let place = database();
    killing(
        || vec!["remove the checkpoint".into(), checkpoint(&place).unwrap()],
        |what, killed| {
            assert!(killed || whole(&place, what).is_empty(), "{what}");
            checkpoint(&place).expect(what);
            clear(&place, what);
        },
    );
}

#[test]
fn a_checkpoint_whose_calls_fail_leaves_nothing() {
    let place = database();
    let before = tree(&place.data());
    failing(
        changes(),
        || vec!["checkpoint".into(), place.data()],
        |what, told| {
            let made = whole(&place, what);
            assert_eq!(made.len(), usize::from(told.is_ok()), "{what}: {told:?}");
            // What could not be removed either goes with the next one.
            drop(Coordinator::open(place.data(), &rocksdb()).expect(what));
            clear(&place, what);
            assert!(tree(&place.data()) == before, "{what}");
        },
    );
}

#[test]
fn checkpoints_killed_at_random_instants_are_whole_or_gone_after_a_recovery() {
    let place = database();
    let mut left = 0;
    for kill in 0..25 {
        let mut child = start(&[Path::new("checkpoint again and again"), &place.data()]);
        child.wait_for_sign();
        std::thread::sleep(std::time::Duration::from_micros(kill * 700));
        child.kill();
        left += residue(&place.data()).len();
        let what = format!("kill {kill}");
        hotbackup::recover(place.data()).expect(&what);

        clear(&place, &what);
    }
    assert!(left > 0, "no kill came while a checkpoint was at work");
}
