//! Deleting snapshots, one or all but the newest.

use std::fs;
use std::path::{Path, PathBuf};

use crate::common::{Place, frozen, names, restore, sound_snapshots, tree, write};
use hotbackup::{BackupRoot, Code, Options, Snapshot};

/// A root with that many snapshots, and they, the newest first.
fn root_of(place: &Place, count: usize) -> Vec<Snapshot> {
    for number in 0..count {
        write(&place.data().join("index"), number.to_string().as_bytes());
        place.back_up(&frozen()).unwrap();
    }
    BackupRoot::at(place.root()).list().unwrap()
}

fn locations(root: &Path) -> Vec<PathBuf> {
    BackupRoot::at(root).list().unwrap().iter().map(|snapshot| snapshot.location().to_path_buf()).collect()
}

fn name(snapshot: &Snapshot) -> &str {
    snapshot.location().file_name().unwrap().to_str().unwrap()
}

#[test]
fn a_snapshot_is_deleted_by_its_id_or_its_name() {
    let place = Place::in_memory();
    let all = root_of(&place, 4);
    BackupRoot::at(place.root()).delete(all[1].id()).unwrap();
    BackupRoot::at(place.root()).delete(name(&all[3])).unwrap();
    assert_eq!(locations(&place.root()), [all[0].location(), all[2].location()]);
    let mut left = names(&place.root());
    left.retain(|name| name.components().count() == 1);
    assert_eq!(left.len(), 2 + 3, "{left:?}"); // `lock`, `source` and `latest`
    sound_snapshots(&place.root());
}

#[test]
fn deleting_the_newest_moves_latest_first_and_the_last_one_takes_it_away() {
    let place = Place::in_memory();
    let all = root_of(&place, 3);
    for (deleted, next) in [(0, 1), (1, 2)] {
        BackupRoot::at(place.root()).delete(all[deleted].id()).unwrap();
        assert_eq!(BackupRoot::at(place.root()).latest().unwrap().location(), all[next].location());
        let marker = fs::read(place.root().join("latest")).unwrap();
        assert_eq!(marker, all[next].location().as_os_str().as_encoded_bytes());
    }
    BackupRoot::at(place.root()).delete(all[2].id()).unwrap();
    assert_eq!(BackupRoot::at(place.root()).latest().unwrap_err().code(), Code::NotFound);
    assert!(!place.root().join("latest").exists());
    place.back_up(&frozen()).unwrap();
    assert_eq!(locations(&place.root()).len(), 1);
}

#[test]
fn an_unknown_id_is_not_found_and_nothing_outside_can_be_named() {
    let place = Place::in_memory();
    root_of(&place, 1);
    let before = names(&place.data());
    let nobody = uuid::Uuid::from_u128(7).to_string();
    for id in [&nobody, "", "ts-1", "latest", "source", ".", "..", "../backup", "/etc"] {
        let error = BackupRoot::at(place.root()).delete(id).unwrap_err();
        assert_eq!(error.code(), Code::NotFound, "{id}: {error}");
    }
    assert_eq!(names(&place.data()), before);
    let error = BackupRoot::at(place.beside("nowhere")).delete(&nobody).unwrap_err();
    assert_eq!(error.code(), Code::NotFound);
    assert!(!place.beside("nowhere").exists());
}

#[test]
fn a_prune_keeps_the_newest_and_tells_how_many_it_deleted() {
    let place = Place::in_memory();
    let all = root_of(&place, 5);
    assert_eq!(BackupRoot::at(place.root()).prune(5).unwrap(), 0);
    assert_eq!(BackupRoot::at(place.root()).prune(2).unwrap(), 3);
    assert_eq!(locations(&place.root()), [all[0].location(), all[1].location()]);
    assert_eq!(BackupRoot::at(place.root()).prune(u32::MAX).unwrap(), 0);
    assert_eq!(BackupRoot::at(place.root()).latest().unwrap().location(), all[0].location());
    sound_snapshots(&place.root());
}

#[test]
fn keeping_none_is_refused() {
    let place = Place::in_memory();
    root_of(&place, 2);
    assert_eq!(BackupRoot::at(place.root()).prune(0).unwrap_err().code(), Code::InvalidArgument);
    assert_eq!(locations(&place.root()).len(), 2);
}

#[test]
fn unreadable_snapshots_are_listed_with_their_error_and_neither_counted_nor_pruned() {
    let place = Place::in_memory();
    let all = root_of(&place, 4);
    // The newest and the oldest, and one that somebody made by hand.
    fs::write(all[0].location().join("snapshot.manifest"), b"{}").unwrap();
    fs::remove_file(all[3].location().join("snapshot.manifest")).unwrap();
    let by_hand = place.root().join("ts-5");
    fs::create_dir(&by_hand).unwrap();
    let listed = BackupRoot::at(place.root()).list().unwrap();
    let codes: Vec<_> = listed.iter().map(|snapshot| snapshot.error().map(|error| error.code())).collect();
    assert_eq!(codes, [Some(Code::Corrupt), None, None, Some(Code::NotFound), Some(Code::NotFound)]);
    assert_eq!(listed[0].id(), name(&listed[0]));
    assert_eq!(BackupRoot::at(place.root()).prune(1).unwrap(), 1);
    let left = [all[0].location(), all[1].location(), all[3].location(), &by_hand];
    assert_eq!(locations(&place.root()), left);
    // By its name even such a one can be deleted.
    BackupRoot::at(place.root()).delete(name(&all[0])).unwrap();
    assert_eq!(BackupRoot::at(place.root()).latest().unwrap().location(), all[1].location());
    BackupRoot::at(place.root()).delete("ts-5").unwrap();
    assert!(!by_hand.exists());
}

#[test]
fn a_snapshot_that_is_being_read_cannot_be_deleted_and_a_prune_skips_it() {
    let place = Place::in_memory();
    let all = root_of(&place, 4);
    let target = place.beside("target");
    let used = &all[2];
    let ids = [used.id().to_string(), all[3].id().to_string()];
    // A restore: the other old one goes.
    let (root, [id, _]) = (place.root(), ids.clone());
    let mut options = Options::new();
    options.hooks().validate(move |_, _| {
        assert_eq!(BackupRoot::at(&root).delete(&id).unwrap_err().code(), Code::Conflict);
        assert_eq!(BackupRoot::at(&root).prune(2).unwrap(), 1);
        Ok(())
    });
    hotbackup::restore(used.location(), &target, &options).unwrap().wait().unwrap();
    assert_eq!(fs::read(target.join("index")).unwrap(), b"1");
    // A verification: none is left to go.
    let (root, [id, other]) = (place.root(), ids);
    let mut options = Options::new();
    options.hooks().validate(move |_, _| {
        assert_eq!(BackupRoot::at(&root).delete(&id).unwrap_err().code(), Code::Conflict);
        assert_eq!(BackupRoot::at(&root).delete(&other).unwrap_err().code(), Code::NotFound);
        assert_eq!(BackupRoot::at(&root).prune(2).unwrap(), 0);
        Ok(())
    });
    hotbackup::verify(used.location(), &options).unwrap().wait().unwrap();
    assert_eq!(BackupRoot::at(place.root()).prune(2).unwrap(), 1);
    assert_eq!(locations(&place.root()), [all[0].location(), all[1].location()]);
}

#[test]
fn while_a_backup_runs_nothing_is_deleted() {
    let place = Place::in_memory();
    let all = root_of(&place, 2);
    let (root, id) = (place.root(), all[1].id().to_string());
    let mut options = frozen();
    options.hooks().checkpoint(move |_| {
        assert_eq!(BackupRoot::at(&root).delete(&id).unwrap_err().code(), Code::Conflict);
        assert_eq!(BackupRoot::at(&root).prune(1).unwrap_err().code(), Code::Conflict);
        Ok(())
    });
    place.back_up(&options).unwrap();
    assert_eq!(locations(&place.root()).len(), 3);
}

#[test]
fn the_bare_snapshots_of_alopex_are_listed_verified_restored_and_pruned_like_ours() {
    let place = Place::in_memory();
    let bare = |number: u32| {
        let snapshot = place.root().join(format!("ts-{number}"));
        write(&snapshot.join("lsm.wal"), b"wal");
        write(&snapshot.join("sst/1.sst"), &number.to_be_bytes());
        let entry = |path: &str| {
            let bytes = fs::read(snapshot.join(path)).unwrap();
            serde_json::json!({"path": path, "size": bytes.len(), "crc32": crc32fast::hash(&bytes)})
        };
        let manifest = serde_json::json!({"version": 1, "entries": [entry("lsm.wal"), entry("sst/1.sst")]});
        write(&snapshot.join("snapshot.manifest"), manifest.to_string().as_bytes());
        write(&place.root().join("latest"), snapshot.as_os_str().as_encoded_bytes());
        snapshot
    };
    let (older, newer) = (bare(1000), bare(2000));
    assert_eq!(BackupRoot::at(place.root()).latest().unwrap().id(), "ts-2000");
    assert_eq!(sound_snapshots(&place.root()).len(), 2);
    restore(&newer, &place.beside("again")).unwrap();
    assert_eq!(tree(&place.beside("again")), tree(&newer));
    write(&place.data().join("index"), b"index");
    let ours = place.back_up(&frozen()).unwrap();
    assert_eq!(locations(&place.root()), [ours.location(), &newer, &older]);
    assert_eq!(BackupRoot::at(place.root()).prune(2).unwrap(), 1);
    assert_eq!(locations(&place.root()), [ours.location(), &newer]);
    BackupRoot::at(place.root()).delete("ts-2000").unwrap();
    assert_eq!(locations(&place.root()), [ours.location()]);
}

#[test]
fn a_directory_that_is_no_root_is_left_without_a_trace() {
    let place = Place::with_files();
    let before = names(&place.data());
    let error = BackupRoot::at(place.data()).prune(1).unwrap_err();
    assert_eq!(error.code(), Code::NotFound, "{error}");
    assert_eq!(BackupRoot::at(place.data()).delete("ts-1").unwrap_err().code(), Code::NotFound);
    assert_eq!(names(&place.data()), before);
}

#[test]
fn whoever_looks_beside_a_prune_sees_no_damaged_snapshot_and_always_a_latest() {
    let place = Place::in_memory();
    write(&place.data().join("index"), b"index");
    place.back_up(&frozen()).unwrap();
    let done = std::sync::atomic::AtomicBool::new(false);
    let looks = std::sync::atomic::AtomicUsize::new(0);
    use std::sync::atomic::Ordering::Relaxed;
    std::thread::scope(|all| {
        let look = all.spawn(|| {
            while !done.load(Relaxed) {
                let latest = BackupRoot::at(place.root()).latest();
                assert!(latest.is_ok(), "{latest:?}");
                for snapshot in BackupRoot::at(place.root()).list().unwrap() {
                    assert!(snapshot.error().is_none(), "{snapshot:?}");
                }
                looks.fetch_add(1, Relaxed);
            }
        });
        for _ in 0..150 {
            let newest = place.back_up(&frozen()).unwrap();
            if looks.load(Relaxed).is_multiple_of(2) {
                BackupRoot::at(place.root()).prune(1).unwrap();
            } else {
                BackupRoot::at(place.root()).delete(&newest.id().to_string()).unwrap();
            }
        }
        done.store(true, Relaxed);
        look.join().unwrap();
    });
    assert!(looks.load(Relaxed) > 20, "{looks:?}");
}

#[test]
fn a_hosts_own_directory_that_is_called_like_a_snapshot_is_never_deleted() {
    let place = Place::in_memory();
    write(&place.data().join("ts-9/deep/precious"), b"1");
    for called in ["lock", "latest", "source"] {
        write(&place.data().join(called), b"a database's own");
        let root = BackupRoot::at(place.data());
        let before = names(&place.data());
        for refused in [root.delete("ts-9").unwrap_err(), root.prune(1).unwrap_err()] {
            assert_eq!(refused.code(), Code::NotFound, "{refused}");
        }
        assert_eq!(names(&place.data()), before);
    }
    // Not even beside a snapshot, where nothing says that this is a root.
    let all = root_of(&place, 1);
    fs::rename(all[0].location(), place.data().join("ts-5")).unwrap();
    let refused = BackupRoot::at(place.data()).delete("ts-9").unwrap_err();
    assert!(refused.message().contains("nothing was deleted"), "{refused}");
    assert!(place.data().join("ts-9/deep/precious").exists());
    // In a root one that has lost its manifest goes.
    fs::create_dir(place.root().join("ts-7")).unwrap();
    BackupRoot::at(place.root()).delete("ts-7").unwrap();
}

#[test]
fn without_its_marker_a_root_says_that_it_has_snapshots() {
    let place = Place::in_memory();
    root_of(&place, 1);
    fs::remove_file(place.root().join("latest")).unwrap();
    let error = BackupRoot::at(place.root()).latest().unwrap_err();
    assert!(
        error.code() == Code::NotFound && error.message().contains("its snapshots can be named"),
        "{error}"
    );
}
