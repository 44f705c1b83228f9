//! Where checkpoints lie, what else may be done there, and what restores, recoveries and backups do about them.

use std::fs;
use std::sync::mpsc;

use crate::common::{restore, tree, write};
use crate::{checkpoint, checkpoints, database, listed, made_by, rocksdb};
use hotbackup::{CheckpointOptions, Code, Coordinator, Options};

#[test]
fn nobody_opens_one_as_a_database_to_be_backed_up_or_keeps_a_root_among_them() {
    let place = database();
    let job = checkpoint(&place, &rocksdb()).unwrap();
    let error = Coordinator::open(job.location(), &rocksdb()).unwrap_err();
    assert_eq!(error.code(), Code::InvalidArgument, "{error}");
    for root in [checkpoints(&place), job.location().join("backups")] {
        let mut options = rocksdb();
        options.set_root(&root).unwrap();
        let error = Coordinator::open(place.data(), &options).unwrap_err();
        assert_eq!(error.code(), Code::InvalidArgument, "{error}");
        assert!(error.message().contains("it lies where checkpoints do"), "{error}");
    }
    let error = restore(job.location(), &job.location().join("target")).unwrap_err();
    assert_eq!(error.code(), Code::Unsupported, "{error}");
    let backup = place.back_up(&rocksdb()).unwrap();
    let error = restore(backup.location(), job.location()).unwrap_err();
    assert_eq!(error.code(), Code::InvalidArgument, "{error}");
}

#[test]
fn restores_over_the_directory_and_their_undo_leave_checkpoints_as_they_are() {
    let place = database();
    let backup = place.back_up(&rocksdb()).unwrap();
    let job = checkpoint(&place, &rocksdb()).unwrap();
    let before = tree(job.location());
    write(&place.data().join("000005.sst.new"), b"goes");
    restore(backup.location(), &place.data()).unwrap();
    assert_eq!(tree(job.location()), before);
    hotbackup::restore_undo(place.data()).unwrap();
    assert_eq!(hotbackup::recover(place.data()).unwrap(), hotbackup::Recovered::Nothing);
    assert_eq!(tree(job.location()), before);
    assert!(place.data().join("000005.sst.new").exists());
    hotbackup::checkpoint_remove(job.location()).unwrap();
    assert_eq!(
        fs::read(place.data().join("000005.sst")).unwrap(),
        before[std::path::Path::new("000005.sst")]
    );
}

#[test]
fn a_coordinator_makes_one_thing_at_a_time() {
    let place = database();
    let (waits, waiting) = mpsc::channel();
    let (go, goes) = mpsc::channel::<()>();
    let (waits, goes) = (std::sync::Mutex::new(waits), std::sync::Mutex::new(goes));
    let mut options = rocksdb();
    options.hooks().validate(move |_, _| {
        waits.lock().unwrap().send(())?;
        Ok(goes.lock().unwrap().recv()?)
    });
    let coordinator = Coordinator::open(place.data(), &options).unwrap();
    let another = Coordinator::open(place.data(), &rocksdb()).unwrap();
    let conflict = |result: hotbackup::Result<hotbackup::Job>| {
        assert_eq!(result.unwrap_err().code(), Code::Conflict);
    };
    let making = coordinator.start_checkpoint(CheckpointOptions::new()).unwrap();
    waiting.recv().unwrap();
    for coordinator in [&coordinator, &another] {
        conflict(coordinator.start());
        conflict(coordinator.start_checkpoint(CheckpointOptions::new()));
    }
    assert_eq!(coordinator.find(None).unwrap().id(), making.id());
    go.send(()).unwrap();
    making.wait().unwrap();
    let backing_up = coordinator.start().unwrap();
    waiting.recv().unwrap();
    conflict(coordinator.start_checkpoint(CheckpointOptions::new()));
    go.send(()).unwrap();
    backing_up.wait().unwrap();
}

#[test]
fn it_needs_no_root_and_touches_none() {
    let place = database();
    let mut options = rocksdb();
    // No directory can be made there.
    options.set_root(place.data().join("CURRENT/backups")).unwrap();
    let coordinator = Coordinator::open(place.data(), &options).unwrap();
    coordinator.start().unwrap_err();
    made_by(&coordinator, CheckpointOptions::new()).unwrap();
    assert!(!place.root().exists());
}

#[test]
fn a_cancelled_one_leaves_nothing() {
    let place = database();
    let mut options = rocksdb();
    options.hooks().release(|hook| Ok(hook.job().cancel()?));
    let error = place.harmless(|| checkpoint(&place, &options));
    assert_eq!(error.code(), Code::Cancelled, "{error}");
    assert_eq!(listed(&place), Vec::<String>::new());
}

#[test]
fn without_hooks_files_are_proved_quiet_first() {
    let place = database();
    let mut options = Options::new();
    options.set_layout("leveldb").unwrap();
    let job = checkpoint(&place, &options).unwrap();
    assert_eq!(job.status().unwrap().bytes_linked, 370_000);
}
