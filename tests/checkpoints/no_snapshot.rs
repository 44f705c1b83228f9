//! A checkpoint is no snapshot: nothing lists it, counts it, restores it or takes it for one.

use std::fs;

use crate::common::{Place, restore, tree, verify};
use crate::{checkpoint, checkpoints, database, listed, made_by, rocksdb};
use hotbackup::{BackupRoot, CheckpointOptions, Code, Coordinator, Snapshot};

fn with_both() -> (Place, std::path::PathBuf, std::path::PathBuf) {
    let place = database();
    let coordinator = Coordinator::open(place.data(), &rocksdb()).unwrap();
    let backup = coordinator.start().unwrap();
    backup.wait().unwrap();
    let made = made_by(&coordinator, CheckpointOptions::new()).unwrap();
    (place, backup.location().to_path_buf(), made.location().to_path_buf())
}

#[test]
fn it_is_in_no_roots_list_is_never_the_latest_and_no_prune_counts_it() {
    let (place, backup, made) = with_both();
    let root = BackupRoot::at(place.root());
    let all = || root.list().unwrap().iter().map(|one| one.location().to_path_buf()).collect::<Vec<_>>();
    assert_eq!(all(), [backup.clone()]);
    assert_eq!(root.latest().unwrap().location(), backup);
    assert_eq!(root.prune(1).unwrap(), 0);
    assert_eq!(all(), [backup]);
    assert!(made.is_dir());
    // Nor is where it lies a root.
    let beside = BackupRoot::at(checkpoints(&place));
    assert_eq!(beside.list().unwrap().len(), 0);
    assert_eq!(beside.latest().unwrap_err().code(), Code::NotFound);
    let name = made.file_name().unwrap().to_str().unwrap();
    assert_eq!(beside.delete(name).unwrap_err().code(), Code::NotFound);
    assert!(made.is_dir());
}

#[test]
fn what_takes_a_snapshot_refuses_it_clearly_wherever_it_lies() {
    let (place, _, made) = with_both();
    let copied = place.beside("copied");
    crate::common::scene::copy(&made, &copied);
    for location in [&made, &copied] {
        let refused = [
            Snapshot::open(location).map(drop),
            verify(location),
            restore(location, &place.beside("restored")),
            restore(location, &place.data()),
        ];
        for result in refused {
            let error = result.unwrap_err();
            let clear = error.message().contains("it is a checkpoint and no snapshot");
            assert!(clear || error.code() == Code::InvalidArgument, "{error}");
            assert_eq!(error.code(), Code::Unsupported, "{error}");
        }
    }
    assert!(!place.beside("restored").exists());
}

#[test]
fn one_that_is_moved_into_a_root_is_listed_with_its_error_and_neither_counted_nor_pruned() {
    let (place, backup, made) = with_both();
    fs::rename(&made, place.root().join("ts-99999999999")).unwrap();
    let root = BackupRoot::at(place.root());
    let all = root.list().unwrap();
    assert_eq!(all[0].error().unwrap().code(), Code::Unsupported);
    assert_eq!((all[1].location(), all.len()), (backup.as_path(), 2));
    assert_eq!(root.prune(1).unwrap(), 0);
    assert_eq!(root.list().unwrap().len(), 2);
    // Nor does a manifest that was given a snapshot's name make a snapshot.
    let moved = place.root().join("ts-99999999999");
    fs::rename(moved.join("checkpoint.manifest"), moved.join("snapshot.manifest")).unwrap();
    assert_eq!(Snapshot::open(&moved).unwrap_err().code(), Code::Corrupt);
}

#[test]
fn a_backup_holds_no_checkpoint_and_a_checkpoint_no_backup() {
    let (place, backup, made) = with_both();
    let next = place.back_up(&rocksdb()).unwrap();
    assert_eq!(tree(next.location()), tree(&backup));
    let again = checkpoint(&place, &rocksdb()).unwrap();
    let names = |top: &std::path::Path| tree(top).into_keys().collect::<Vec<_>>();
    assert_eq!(names(again.location()), names(&made));
    verify(next.location()).unwrap();
    assert_eq!(listed(&place).len(), 2);
}

#[test]
fn a_copy_of_one_is_a_database_whose_backups_leave_the_manifest_out() {
    let (place, backup, made) = with_both();
    let copied = Place::new();
    fs::remove_dir(copied.data()).unwrap();
    crate::common::scene::copy(&made, &copied.data());
    let job = copied.back_up(&rocksdb()).unwrap();
    assert_eq!(job.status().unwrap().files_skipped, 1);
    assert_eq!(tree(job.location()), tree(&backup));
    // And it is not what a removal takes.
    let error = hotbackup::checkpoint_remove(copied.data()).unwrap_err();
    assert_eq!(error.code(), Code::InvalidArgument, "{error}");
    drop(place);
}
