//! Snapshots, roots, stagings and pins that lie where data is expected, and data that lies in them.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use crate::common::{self, Place, bytes, frozen, sound_snapshots, tree, verify, write};
use hotbackup::{BackupRoot, Code, Coordinator, Options};

fn with_root(root: &Path) -> Options {
    let mut options = frozen();
    options.set_root(root).unwrap();
    options
}

#[test]
fn a_root_of_the_first_version_is_neither_captured_nor_removed() {
    let place = Place::with_files();
    let old = place.data().join("backups");
    let off_site = place.beside("off-site");
    let without = place.back_up(&with_root(&off_site)).unwrap();
    place.back_up(&with_root(&old)).unwrap();
    fs::write(old.join("source"), place.data().to_str().unwrap()).unwrap();
    let job = place.back_up(&with_root(&off_site)).unwrap();
    assert!(!job.location().join("backups").exists());
    let mut options = Options::new();
    options.set_keep_undo(false);
    hotbackup::restore(without.location(), &place.data(), &options).unwrap().wait().unwrap();
    assert_eq!(sound_snapshots(&old).len(), 1);
}

#[test]
fn a_snapshot_is_no_data_directory_and_stays_as_it_was() {
    let place = Place::with_snapshot();
    let snapshot = BackupRoot::at(place.root()).latest().unwrap().location().to_path_buf();
    for inside in [snapshot.clone(), snapshot.join("tables")] {
        let error = Coordinator::open(&inside, &frozen()).unwrap_err();
        assert_eq!((error.code(), error.path()), (Code::InvalidArgument, Some(inside.as_path())), "{error}");
        let mut options = frozen();
        options.add_source(&inside, Path::new("more")).unwrap();
        let other = Place::with_files();
        let error = Coordinator::open(&other.data(), &options).unwrap_err();
        assert_eq!(error.code(), Code::InvalidArgument, "{error}");
    }
    verify(&snapshot).unwrap();
}

#[test]
fn a_data_directory_in_its_own_root_could_not_be_restored_over_and_is_refused() {
    let place = Place::with_files();
    let above = place.data().parent().unwrap().to_path_buf();
    let error = Coordinator::open(&place.data(), &with_root(&above)).unwrap_err();
    assert_eq!((error.code(), error.path()), (Code::InvalidArgument, Some(above.as_path())), "{error}");
    assert!(!above.join("source").exists());
}

#[test]
fn the_pins_of_a_source_that_lies_in_another_data_directory_are_not_captured() {
    let (place, other) = (Place::with_files(), Place::with_files());
    let logs = other.data().join("logs");
    write(&logs.join("1.sst"), b"table");
    let mut options = frozen();
    options.add_source(&logs, Path::new("logs")).unwrap();
    options.add_rule("*.sst", hotbackup::FileClass::IMMUTABLE).unwrap();
    let outer = other.data();
    options.hooks().release(move |_| {
        // Its pins are there now.
        assert!(common::names(&outer.join("logs/.lifecycle")).len() > 2);
        let coordinator = Coordinator::open(&outer, &frozen()).unwrap();
        let job = coordinator.start().unwrap();
        job.wait().unwrap();
        assert!(!job.location().join("logs/.lifecycle").exists());
        assert!(job.location().join("logs/1.sst").exists());
        Ok(())
    });
    place.back_up(&options).unwrap();
}

#[test]
fn what_a_killed_restore_has_staged_is_not_captured() {
    let place = Place::with_files();
    let before = tree(&place.data());
    let staging = place.data().join(".new.hotbackup-4c3e7f2e-4e57-4b0e-9d9e-0d8a4c1d2b3a");
    write(&staging.join("index"), b"half");
    write(&place.data().join(".mine.hotbackup-1/file"), b"of the host's own");
    let job = place.back_up(&frozen()).unwrap();
    assert!(!job.location().join(staging.file_name().unwrap()).exists());
    assert!(job.location().join(".mine.hotbackup-1/file").exists());
    assert_eq!(job.status().unwrap().files_skipped, 1);
    assert_eq!(tree(job.location()).len(), before.len() + 2);
}

#[test]
fn a_database_below_whose_restore_was_interrupted_is_not_captured_half() {
    let place = Place::with_files();
    let inner = place.data().join("tenants/inner");
    write(&inner.join("index"), &bytes(1000, 5));
    Coordinator::open(&inner, &frozen()).unwrap().close();
    write(&inner.join(".lifecycle/restore/journal"), b"");
    let error = place.refused(&frozen());
    assert_eq!((error.code(), error.path()), (Code::RestoreUnfinished, Some(inner.as_path())), "{error}");
}

#[test]
fn a_root_that_was_moved_away_amid_a_backup_gets_no_snapshot_that_nobody_finds() {
    let place = Place::with_files();
    let (root, away) = (place.beside("root"), place.beside("away"));
    let mut options = with_root(&root);
    let (from, to) = (root.clone(), away.clone());
    let once = Arc::new(AtomicBool::new(false));
    options.hooks().release(move |_| {
        if !once.swap(true, Relaxed) {
            fs::rename(&from, &to).unwrap();
        }
        Ok(())
    });
    place.back_up(&options).unwrap_err();
    assert!(BackupRoot::at(&away).list().unwrap().is_empty());
    // Put back, it is as good as before.
    fs::rename(&away, &root).unwrap();
    place.back_up(&options).unwrap();
}
