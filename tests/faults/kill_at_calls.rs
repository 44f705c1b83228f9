//! SIGKILL at each single system call that moves, makes, removes or syncs a name.

use std::fs;
use std::path::Path;

use super::sweep::killing;
use crate::common::child::{Ended, has_strace, run};
use crate::common::scene::{Scene, copy};
use crate::common::{Place, frozen_with_tables, names, skip, sound_snapshots, tree, write, write_old};

#[test]
fn a_restore_killed_at_any_call_is_all_old_or_all_new_and_can_be_undone() {
    let scene = Scene::new();
    let target = scene.place.beside("target");
    killing(
        || scene.restore_over("restore"),
        |what, killed| {
            let is_new = scene.settle(&target, &scene.new, what);
            assert!(killed || is_new, "{what}");
            if is_new {
                hotbackup::restore_undo(&target).expect(what);
                assert!(!scene.is_new(&target, what), "{what}: undone");
            }
        },
    );
}

#[test]
fn a_restore_without_undo_killed_at_any_call_is_all_old_or_all_new() {
    let scene = Scene::new();
    let target = scene.place.beside("target");
    killing(
        || scene.restore_over("restore for good"),
        |what, killed| {
            let is_new = scene.settle(&target, &scene.new, what);
            assert!(killed || is_new, "{what}");
        },
    );
}

#[test]
fn a_restore_to_a_new_directory_killed_at_any_call_is_all_or_nothing() {
    let scene = Scene::new();
    let target = scene.new_target();
    let top = target.parent().unwrap();
    killing(
        || scene.restore_to_new(),
        |what, killed| {
            assert!(killed || target.exists(), "{what}");
            hotbackup::recover(&target).expect(what);
            if target.exists() {
                assert_eq!(tree(&target), tree(&scene.snapshot), "{what}");
            }
            let left = names(top).into_iter().find(|name| !name.starts_with("target"));
            assert_eq!(left, None, "{what}");
        },
    );
}

#[test]
fn an_undo_killed_at_any_call_is_all_old_or_all_new_and_can_be_undone() {
    let scene = Scene::new();
    let target = scene.place.beside("target");
    killing(scene.undo(), |what, killed| {
        let has_come = scene.settle(&target, &scene.old, what);
        assert!(killed || has_come, "{what}");
        hotbackup::restore_undo(&target).expect(what);
        assert_eq!(scene.is_new(&target, what), has_come, "{what}: undone");
    });
}

#[test]
fn a_recovery_killed_at_any_call_can_be_called_again() {
    if !has_strace() {
        return skip("no strace");
    }
    let scene = Scene::new();
    for at in [4, 8] {
        let target = scene.target(None);
        let fault = format!("renameat2:signal=SIGKILL:when={at}");
        let ended = run(&[Path::new("restore"), &scene.snapshot, &target], &fault).0;
        assert!(matches!(ended, Ended::Killed), "{ended:?}");
        assert!(target.join(".lifecycle/restore/journal").exists());
        let half = scene.place.beside("half");
        let _ = fs::remove_dir_all(&half);
        copy(&target, &half);
        assert!(![&scene.old, &scene.new].contains(&&tree(&half)), "a mixture to recover from");
        killing(
            || vec!["recover".into(), scene.target(Some(&half))],
            |what, _| {
                assert!(scene.settle(&target, &scene.new, what), "{what}");
            },
        );
    }
}

/// A root with three snapshots.
fn root_of_three(place: &Place) {
    write(&place.data().join("a"), b"a");
    write(&place.data().join("deep/er/b"), b"b");
    write_old(&place.data().join("deep/1.sst"), b"1");
    for _ in 0..3 {
        place.back_up(&frozen_with_tables()).unwrap();
    }
}

/// Whatever was killed: what is listed is sound, and the marker leads to one of them.
fn is_sound(root: &Path, what: &str) -> usize {
    let all = sound_snapshots(root);
    let latest = hotbackup::BackupRoot::at(root).latest().expect(what);
    assert!(all.iter().any(|snapshot| snapshot.location() == latest.location()), "{what}");
    all.len()
}

fn nothing_left_over(place: &Place, what: &str) {
    let lifecycle = names(&place.data().join(".lifecycle"));
    let left = lifecycle.iter().find(|name| {
        let name = name.to_string_lossy();
        name.contains(".staging-") || name.contains("pins-") || name.contains(".latest.")
    });
    assert_eq!(left, None, "{what}");
}

#[test]
fn a_backup_killed_at_any_call_leaves_only_what_the_next_one_removes() {
    let place = Place::in_memory();
    root_of_three(&place);
    let source = tree(&place.data());
    let mut count = 3;
    killing(
        || vec!["back up".into(), place.data()],
        |what, killed| {
            let found = is_sound(&place.root(), what);
            assert!((count..=count + 1).contains(&found) && (killed || found > count), "{what}: {found}");
            assert_eq!(tree(&place.data()), source, "{what}");
            let newest = place.back_up(&frozen_with_tables()).expect(what);
            assert_eq!(newest.status().expect(what).bytes_linked, 1, "{what}: it shares");
            assert_eq!(
                hotbackup::BackupRoot::at(place.root()).latest().expect(what).location(),
                newest.location()
            );
            nothing_left_over(&place, what);
            hotbackup::BackupRoot::at(place.root()).prune(2).expect(what);
            count = 2;
        },
    );
}

#[test]
fn a_deletion_killed_at_any_call_is_finished_by_the_next() {
    let place = Place::in_memory();
    root_of_three(&place);
    let kept = place.beside("kept");
    copy(&place.root(), &kept);
    let newest = hotbackup::BackupRoot::at(place.root()).latest().unwrap();
    let all = hotbackup::BackupRoot::at(place.root()).list().unwrap();
    let again = || {
        fs::remove_dir_all(place.root()).unwrap();
        copy(&kept, &place.root());
    };
    killing(
        || {
            again();
            vec!["delete".into(), place.root(), newest.id().into()]
        },
        |what, killed| {
            let found = is_sound(&place.root(), what);
            assert!((2..=3).contains(&found) && (killed || found == 2), "{what}: {found}");
            if let Err(error) = hotbackup::BackupRoot::at(place.root()).delete(newest.id()) {
                assert_eq!((error.code(), found), (hotbackup::Code::NotFound, 2), "{what}: {error}");
            }
            assert_eq!(is_sound(&place.root(), what), 2, "{what}");
            nothing_left_over(&place, what);
        },
    );
    killing(
        || {
            again();
            vec!["prune".into(), place.root()]
        },
        |what, killed| {
            let found = is_sound(&place.root(), what);
            assert!((1..=3).contains(&found) && (killed || found == 1), "{what}: {found}");
            let latest = hotbackup::BackupRoot::at(place.root()).latest().expect(what);
            assert_eq!(latest.location(), newest.location(), "{what}");
            let left = hotbackup::BackupRoot::at(place.root()).list().expect(what);
            let newest_left = left.iter().zip(&all).all(|(left, was)| left.location() == was.location());
            assert!(newest_left, "{what}: the oldest go first: {left:?}");
            assert_eq!(
                hotbackup::BackupRoot::at(place.root()).prune(1).expect(what) as usize,
                found - 1,
                "{what}"
            );
            assert_eq!(is_sound(&place.root(), what), 1, "{what}");
            nothing_left_over(&place, what);
        },
    );
}
