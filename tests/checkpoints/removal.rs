//! How checkpoints go: by their own call, with their coordinator, after a crash.

use std::fs::{self, File};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use crate::common::{child, tree};
use crate::{checkpoint, database, listed, made_by, rocksdb};
use hotbackup::{CheckpointOptions, Code, Coordinator};

#[test]
fn the_live_database_keeps_its_files_and_what_it_deleted_goes_with_the_checkpoint() {
    let place = database();
    let before = tree(&place.data());
    let (one, other) = (checkpoint(&place, &rocksdb()).unwrap(), checkpoint(&place, &rocksdb()).unwrap());
    let table = place.data().join("000005.sst");
    assert_eq!(fs::metadata(&table).unwrap().nlink(), 3);
    hotbackup::checkpoint_remove(one.location()).unwrap();
    assert_eq!(fs::metadata(&table).unwrap().nlink(), 2);
    assert_eq!(tree(&place.data()), before);
    fs::remove_file(&table).unwrap();
    let held = File::open(other.location().join("000005.sst")).unwrap();
    hotbackup::checkpoint_remove(other.location()).unwrap();
    assert_eq!(held.metadata().unwrap().nlink(), 0);
    assert_eq!(listed(&place), Vec::<String>::new());
}

#[test]
fn only_a_checkpoint_in_its_place_is_removed() {
    let place = database();
    let job = checkpoint(&place, &rocksdb()).unwrap();
    let backup = place.back_up(&rocksdb()).unwrap();
    let refused = |path: &Path, code| {
        let error = hotbackup::checkpoint_remove(path).unwrap_err();
        assert_eq!(error.code(), code, "{error}");
    };
    let beside = job.location().with_file_name("checkpoint-7");
    refused(&beside, Code::NotFound);
    refused(&place.beside("nowhere").join(".lifecycle/checkpoints/checkpoint-1"), Code::NotFound);
    fs::create_dir(&beside).unwrap();
    refused(&beside, Code::InvalidArgument);
    for path in [place.data(), place.root(), backup.location().to_path_buf(), job.location().join("cold")] {
        refused(&path, Code::InvalidArgument);
    }
    refused(job.location().parent().unwrap(), Code::InvalidArgument);
    hotbackup::checkpoint_remove(job.location()).unwrap();
    refused(job.location(), Code::NotFound);
}

#[test]
fn one_that_somebody_holds_a_lock_on_stays() {
    let place = database();
    let job = checkpoint(&place, &rocksdb()).unwrap();
    let holds = File::open(job.location()).unwrap();
    holds.lock_shared().unwrap();
    let error = hotbackup::checkpoint_remove(job.location()).unwrap_err();
    assert_eq!((error.code(), error.path()), (Code::Conflict, Some(job.location())), "{error}");
    drop(holds);
    hotbackup::checkpoint_remove(job.location()).unwrap();
}

#[test]
fn closing_the_coordinator_removes_those_that_were_to_go_with_it_and_no_other() {
    let place = database();
    let coordinator = Coordinator::open(place.data(), &rocksdb()).unwrap();
    let stays = made_by(&coordinator, CheckpointOptions::new()).unwrap();
    let goes = made_by(&coordinator, CheckpointOptions::new().until_close()).unwrap();
    let went = made_by(&coordinator, CheckpointOptions::new().until_close()).unwrap();
    hotbackup::checkpoint_remove(went.location()).unwrap();
    assert!(goes.location().is_dir());
    coordinator.close();
    assert!(!goes.location().exists());
    assert_eq!(listed(&place), [stays.location().file_name().unwrap().to_str().unwrap()]);
}

#[test]
fn what_a_crash_left_of_them_goes_by_a_recovery_and_while_a_coordinator_is_open_nothing_does() {
    let place = database();
    let data = place.data();
    let stays = checkpoint(&place, &rocksdb()).unwrap();
    let mut child = child::start(&[Path::new("hold a checkpoint"), &data]);
    child.wait_for_sign();
    assert_eq!(listed(&place).len(), 2);
    assert_eq!(hotbackup::recover(&data).unwrap_err().code(), Code::Conflict);
    drop(Coordinator::open(&data, &rocksdb()).unwrap());
    place.back_up(&rocksdb()).unwrap();
    assert_eq!(listed(&place).len(), 2);
    child.kill();
    drop(Coordinator::open(&data, &rocksdb()).unwrap());
    assert_eq!(listed(&place).len(), 2);
    hotbackup::recover(&data).unwrap();
    assert_eq!(listed(&place), [stays.location().file_name().unwrap().to_str().unwrap()]);
}
