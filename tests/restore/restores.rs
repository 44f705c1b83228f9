//! What a restore puts in place, and what it leaves where it is.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use crate::common::{Place, frozen, names, restore, skip, tree, verify, write};
use hotbackup::{BackupRoot, FileClass, Options};

/// A snapshot of some files that excludes `LOCK`s, and a directory with something else in it.
fn snapshot_and_target(place: &Place) -> (std::path::PathBuf, std::path::PathBuf) {
    let mut options = frozen();
    options.add_rule("LOCK", FileClass::Excluded).unwrap();
    let snapshot = place.back_up(&options).unwrap().location().to_path_buf();
    let target = place.beside("target");
    write(&target.join("index"), b"the old index");
    write(&target.join("tables/1.sst"), b"old");
    write(&target.join("gone/deep/file"), b"old");
    (snapshot, target)
}

#[test]
fn an_empty_directory_gets_the_snapshot() {
    let place = Place::with_files();
    let (snapshot, _) = snapshot_and_target(&place);
    let target = place.beside("empty");
    fs::create_dir(&target).unwrap();
    restore(&snapshot, &target).unwrap();
    assert_eq!(tree(&target), tree(&place.data()));
    hotbackup::restore_undo(&target).unwrap();
    assert!(tree(&target).is_empty());
}

#[test]
fn what_was_there_is_put_aside_and_an_undo_puts_it_back_and_a_second_undo_redoes() {
    let place = Place::with_files();
    let (snapshot, target) = snapshot_and_target(&place);
    fs::set_permissions(target.join("index"), fs::Permissions::from_mode(0o604)).unwrap();
    let old = tree(&target);
    let stamp = |path: &str| {
        let stat = fs::metadata(target.join(path)).unwrap();
        (stat.ino(), stat.mode(), stat.mtime_nsec())
    };
    let stamps = [stamp("index"), stamp("gone/deep"), stamp("tables/1.sst")];
    restore(&snapshot, &target).unwrap();
    assert_eq!(tree(&target), tree(&place.data()));
    let asides: Vec<_> = fs::read_dir(target.join(".lifecycle/restore-backup"))
        .unwrap()
        .map(|entry| entry.unwrap())
        .filter(|entry| entry.file_type().unwrap().is_dir())
        .collect();
    assert_eq!(asides.len(), 1);
    let number = asides[0].file_name().into_string().unwrap();
    assert!(number.strip_prefix("ts-").unwrap().parse::<u64>().is_ok(), "{number}");
    assert_eq!(tree(&asides[0].path()), old);
    hotbackup::restore_undo(&target).unwrap();
    assert_eq!(tree(&target), old);
    assert_eq!([stamp("index"), stamp("gone/deep"), stamp("tables/1.sst")], stamps);
    hotbackup::restore_undo(&target).unwrap();
    assert_eq!(tree(&target), tree(&place.data()));
}

#[test]
fn an_undo_keeps_what_was_written_since_the_restore() {
    let place = Place::with_files();
    let (snapshot, target) = snapshot_and_target(&place);
    let old = tree(&target);
    restore(&snapshot, &target).unwrap();
    write(&target.join("written/since"), b"since");
    let since = tree(&target);
    hotbackup::restore_undo(&target).unwrap();
    assert_eq!(tree(&target), old);
    hotbackup::restore_undo(&target).unwrap();
    assert_eq!(tree(&target), since);
}

#[test]
fn a_restore_that_gives_up_its_undo_keeps_nothing_of_the_old() {
    let place = Place::with_files();
    let (snapshot, target) = snapshot_and_target(&place);
    let mut options = Options::new();
    options.set_keep_undo(false);
    hotbackup::restore(&snapshot, &target, &options).unwrap().wait().unwrap();
    assert_eq!(tree(&target), tree(&place.data()));
    let left = names(&target.join(".lifecycle"));
    assert!(left.iter().all(|name| name == Path::new("owner")), "{left:?}");
    assert_eq!(hotbackup::restore_undo(&target).unwrap_err().code(), hotbackup::Code::NotFound);
}

#[test]
fn an_excluded_file_stays_where_it_is_at_the_top_and_below() {
    let place = Place::with_files();
    let (snapshot, target) = snapshot_and_target(&place);
    let mut old = tree(&target);
    let locks =
        ["LOCK", "tables/LOCK", "gone/deep/LOCK", "tables/deep/er/LOCK"].map(|lock| target.join(lock));
    for lock in &locks {
        write(lock, b"held");
        old.insert(lock.strip_prefix(&target).unwrap().to_path_buf(), b"held".to_vec());
    }
    let old_with_locks = tree(&target);
    let inodes = locks.each_ref().map(|lock| fs::metadata(lock).unwrap().ino());
    restore(&snapshot, &target).unwrap();
    assert_eq!(locks.each_ref().map(|lock| fs::metadata(lock).unwrap().ino()), inodes);
    let mut expected = tree(&place.data());
    for lock in ["LOCK", "tables/LOCK", "gone/deep/LOCK", "tables/deep/er/LOCK"] {
        expected.insert(lock.into(), b"held".to_vec());
    }
    for directory in ["gone", "gone/deep"] {
        expected.insert(directory.into(), b"directory".to_vec());
    }
    assert_eq!(tree(&target), expected);
    hotbackup::restore_undo(&target).unwrap();
    assert_eq!(tree(&target), old_with_locks);
    assert_eq!(locks.each_ref().map(|lock| fs::metadata(lock).unwrap().ino()), inodes);
}

#[test]
fn a_log_that_no_hook_named_is_not_played_into_the_restored_database() {
    // SQLite's way with the smallest window: the database is named, and its log is not needed.
    let place = Place::new();
    write(&place.data().join("app.db"), b"the database at the freeze");
    write(&place.data().join("app.db-wal"), b"frames that are in it");
    let mut options = frozen();
    options.set_layout("sqlite").unwrap();
    options.hooks().checkpoint(|hook| {
        let named = hook.add_file(Path::new("app.db"), FileClass::Pinned, None);
        named.map_err(|error| error.to_string().into())
    });
    let snapshot = place.back_up(&options).unwrap().location().to_path_buf();
    write(&place.data().join("app.db-wal"), b"frames of later commits");
    restore(&snapshot, &place.data()).unwrap();
    assert!(!place.data().join("app.db-wal").exists());
    assert_eq!(fs::read(place.data().join("app.db")).unwrap(), b"the database at the freeze");
}

#[test]
fn a_recovery_finds_nothing_where_there_is_nothing_yet() {
    let place = Place::new();
    for absent in ["absent", "absent/too"] {
        assert_eq!(hotbackup::recover(&place.beside(absent)).unwrap(), hotbackup::Recovered::Nothing);
        assert!(!place.beside("absent").exists());
    }
}

#[test]
fn an_undo_works_though_a_lock_came_or_went_since_the_restore() {
    let place = Place::with_files();
    let (snapshot, target) = snapshot_and_target(&place);
    let mut old = tree(&target);
    restore(&snapshot, &target).unwrap();
    write(&target.join("tables/LOCK"), b"of a host that ran");
    hotbackup::restore_undo(&target).unwrap();
    old.insert("tables/LOCK".into(), b"of a host that ran".to_vec());
    assert_eq!(tree(&target), old);
    fs::remove_file(target.join("tables/LOCK")).unwrap();
    hotbackup::restore_undo(&target).unwrap();
    assert_eq!(tree(&target), tree(&place.data()));
    let mode = |path: &Path| fs::metadata(path.join("tables")).unwrap().mode();
    assert_eq!(mode(&target), mode(&place.data()));
}

#[test]
fn the_lost_and_found_of_a_mount_is_left_alone() {
    let place = Place::with_files();
    let (snapshot, target) = snapshot_and_target(&place);
    write(&target.join("lost+found/#12"), b"found");
    let inode = fs::metadata(target.join("lost+found")).unwrap().ino();
    restore(&snapshot, &target).unwrap();
    assert_eq!(fs::metadata(target.join("lost+found")).unwrap().ino(), inode);
    assert_eq!(fs::read(target.join("lost+found/#12")).unwrap(), b"found");
    assert!(!target.join("gone").exists());
}

#[test]
fn a_snapshot_in_a_root_inside_its_target_survives_its_own_restore() {
    let place = Place::with_files();
    let mut options = frozen();
    options.set_root(&place.data().join("my/backups")).unwrap();
    let snapshot = place.back_up(&options).unwrap().location().to_path_buf();
    write(&place.data().join("index"), b"changed since");
    write(&place.data().join("my/own"), b"made since");
    restore(&snapshot, &place.data()).unwrap();
    verify(&snapshot).unwrap();
    assert_eq!(fs::read(place.data().join("index")).unwrap(), b"index");
    assert!(!place.data().join("my/own").exists());
    assert_eq!(BackupRoot::at(&place.data().join("my/backups")).latest().unwrap().location(), snapshot);
    place.back_up(&options).unwrap();
}

#[test]
fn no_inode_is_shared_between_source_snapshot_and_restored_tree() {
    let place = Place::with_files();
    let mut options = frozen();
    options.add_rule("*", FileClass::IMMUTABLE).unwrap();
    let snapshot = place.back_up(&options).unwrap().location().to_path_buf();
    let again = place.beside("again");
    restore(&snapshot, &again).unwrap();
    let mut seen = std::collections::HashSet::new();
    for top in [&place.data(), &snapshot, &again] {
        for name in tree(top).keys() {
            let stat = fs::metadata(top.join(name)).unwrap();
            assert!(seen.insert(stat.ino()), "{}", top.join(name).display());
            assert!(stat.is_dir() || stat.nlink() == 1, "{}", top.join(name).display());
        }
    }
}

#[test]
fn owners_come_back_and_privileges_do_not() {
    let place = Place::with_files();
    let log = place.data().join("log");
    if chown(&log, Some(12_345), Some(54_321)).is_err() {
        return skip("not root");
    }
    fs::set_permissions(&log, fs::Permissions::from_mode(0o6755)).unwrap();
    chown(place.data().join("hollow"), Some(7), Some(8)).unwrap();
    fs::set_permissions(place.data().join("hollow"), fs::Permissions::from_mode(0o2750)).unwrap();
    let snapshot = place.back_up(&frozen()).unwrap().location().to_path_buf();
    restore(&snapshot, &place.beside("again")).unwrap();
    for top in [snapshot, place.beside("again")] {
        let stat = |name: &str| fs::metadata(top.join(name)).unwrap();
        assert_eq!((stat("log").uid(), stat("log").gid()), (12_345, 54_321));
        assert_eq!(stat("log").mode() & 0o7777, 0o755);
        assert_eq!((stat("hollow").uid(), stat("hollow").gid()), (7, 8));
        // Which group files get that are made there is no privilege.
        assert_eq!(stat("hollow").mode() & 0o7777, 0o2750);
    }
}

#[test]
fn the_validate_hook_sees_the_whole_staged_tree_before_anything_moves() {
    let place = Place::with_files();
    let (snapshot, target) = snapshot_and_target(&place);
    let (old, new) = (tree(&target), tree(&snapshot));
    let calls = Arc::new(AtomicU32::new(0));
    let (counted, top) = (calls.clone(), target.clone());
    let mut options = Options::new();
    options.hooks().validate(move |staging, _| {
        assert_eq!(tree(staging), new);
        assert_eq!(tree(&top), old);
        assert_eq!(fs::metadata(staging).unwrap().mode() & 0o7777, 0o700);
        counted.fetch_add(1, Relaxed);
        Ok(())
    });
    hotbackup::restore(&snapshot, &target, &options).unwrap().wait().unwrap();
    assert_eq!(calls.load(Relaxed), 1);
}

#[test]
fn an_undo_does_not_reach_past_a_restore_that_gave_its_own_up() {
    let place = Place::with_files();
    let snapshot = place.back_up(&frozen()).unwrap().location().to_path_buf();
    let target = place.beside("target");
    write(&target.join("oldest"), b"oldest");
    restore(&snapshot, &target).unwrap();
    let mut options = Options::new();
    options.set_keep_undo(false);
    hotbackup::restore(&snapshot, &target, &options).unwrap().wait().unwrap();
    let before = tree(&target);
    let error = hotbackup::restore_undo(&target).unwrap_err();
    assert_eq!(error.code(), hotbackup::Code::NotFound);
    assert!(error.message().contains("restore-backup"), "{error}");
    assert_eq!(tree(&target), before);
    restore(&snapshot, &target).unwrap();
    hotbackup::restore_undo(&target).unwrap();
    assert_eq!(tree(&target), before);
}
