//! Each single system call that moves, makes, removes or syncs a name fails once, as a disk that
//! is full or broken lets it.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};

use hotbackup::BackupRoot;

use super::sweep::{Told, changes, failing, reads};
use crate::common::child::{Ended, has_strace, run};
use crate::common::scene::{Scene, copy};
use crate::common::{
    Place, frozen, frozen_with_tables, names, skip, sound_snapshots, tree, write, write_old,
};

/// A failed restore, undo or recovery: as before, or to be recovered.
fn ended_as_told(scene: &Scene, what: &str, told: Told, to_new: bool) {
    let target = scene.place.beside("target");
    let incoming = if to_new { &scene.new } else { &scene.old };
    match told {
        Ok(()) => {
            assert_eq!(scene.is_new(&target, what), to_new, "{what}");
            assert!(scene.settle(&target, incoming, what), "{what}");
        }
        Err((code, message)) if code == "RESTORE_UNFINISHED" => {
            assert!(message.contains("backup_recover"), "{what}: {message}");
            scene.settle(&target, incoming, what);
        }
        Err((code, message)) => {
            let what = format!("{what}: {code}: {message}");
            assert!(!target.join(".lifecycle/restore/journal").exists(), "{what}");
            assert_ne!(scene.is_new(&target, &what), to_new, "{what}");
            assert!(!scene.settle(&target, incoming, &what), "{what}");
        }
    }
}

#[test]
fn a_restore_whose_calls_fail_leaves_the_old_or_says_that_it_must_be_recovered() {
    let scene = Scene::new();
    for how in ["restore", "restore for good"] {
        failing(changes(), || scene.restore_over(how), |what, told| ended_as_told(&scene, what, told, true));
    }
}

#[test]
fn a_restore_that_keeps_files_and_whose_calls_fail_leaves_the_old_or_says_that_it_must_be_recovered() {
    let scene = Scene::with_the_same();
    let faults = || changes().into_iter().chain(reads());
    let when_it_links = |fault: &String| fault.starts_with("linkat") || fault.starts_with("fsync");
    let sweeps = [
        ("restore keeping", faults().collect()),
        ("restore keeping for good", faults().filter(when_it_links).collect()),
    ];
    for (how, faults) in sweeps {
        failing(faults, || scene.restore_over(how), |what, told| ended_as_told(&scene, what, told, true));
    }
}

#[test]
fn an_undo_whose_calls_fail_leaves_the_new_or_says_that_it_must_be_recovered() {
    let scene = Scene::new();
    failing(changes(), scene.undo(), |what, told| ended_as_told(&scene, what, told, false));
}

#[test]
fn a_restore_to_a_new_directory_whose_calls_fail_leaves_nothing() {
    let scene = Scene::new();
    let target = scene.new_target();
    let top = target.parent().unwrap();
    failing(
        changes(),
        || scene.restore_to_new(),
        |what, told| match told {
            Ok(()) => assert_eq!(tree(&target), tree(&scene.snapshot), "{what}"),
            Err(_) => assert_eq!(names(top), Vec::<PathBuf>::new(), "{what}"),
        },
    );
}

#[test]
fn a_backup_whose_calls_fail_leaves_the_root_as_it_was() {
    let place = Place::in_memory();
    write(&place.data().join("a"), b"a");
    write(&place.data().join("deep/er/b"), b"b");
    for name in ["1.sst", "deep/2.sst", "deep/3.sst"] {
        write_old(&place.data().join(name), name.as_bytes());
    }
    place.back_up(&frozen_with_tables()).unwrap();
    let kept = place.beside("kept");
    copy(&place.data().join(".lifecycle"), &kept);
    let before = tree(&kept);
    let lifecycle = place.data().join(".lifecycle");
    let mut shared = HashSet::new();
    failing(
        changes(),
        || {
            fs::remove_dir_all(&lifecycle).unwrap();
            copy(&kept, &lifecycle);
            vec!["back up".into(), place.data()]
        },
        |what, told| match told {
            Ok(()) => {
                let all = sound_snapshots(&place.root());
                assert_eq!(all.len(), 2, "{what}");
                let latest = hotbackup::BackupRoot::at(place.root()).latest().expect(what);
                assert_eq!(latest.location(), all[0].location(), "{what}");
                shared.insert(all[0].files_shared());
            }
            Err((code, message)) => {
                assert!(["IO", "NO_SPACE"].contains(&code.as_str()), "{what}: {code}: {message}");
                assert!(tree(&lifecycle) == before, "{what}: {message}: {:?}", names(&lifecycle));
            }
        },
    );
    assert_eq!(shared, HashSet::from([2, 3]), "what cannot be linked is copied, and no more");
}

/// A sandbox, or a kernel without them: what a backup can do without it does without.
#[test]
fn calls_that_are_refused_every_time_and_are_not_needed_are_done_without() {
    if !has_strace() {
        return skip("no strace");
    }
    let place = Place::in_memory();
    write(&place.data().join("a"), b"a");
    for call in ["fadvise64", "fstatfs", "fchmod", "fchown", "utimensat", "flock"] {
        for refusal in ["ENOSYS", "EPERM", "EACCES"] {
            let what = format!("{call}:error={refusal}");
            let (ended, has_come) = run(&[Path::new("back up"), &place.data()], &what);
            if let Ended::Failed(code, message) = ended {
                panic!("{what}: {code}: {message}");
            }
            assert!(has_come, "{what} is never called");
            sound_snapshots(&place.root());
        }
    }
}

/// Kernels before 6.14, and file systems that keep all they are given in the cache.
#[test]
fn a_limited_backup_needs_no_write_that_leaves_the_cache() {
    if !has_strace() {
        return skip("no strace");
    }
    let place = Place::new();
    let bytes: Vec<u8> = (0..3_000_017_u32).map(|at| (at % 251) as u8).collect();
    write(&place.data().join("a.sst"), &bytes);
    let deed = [Path::new("back up within a limit"), &place.data()];
    for refusal in ["EOPNOTSUPP", "EINVAL", "ENOSYS", "EPERM"] {
        // Once at the first piece, and once where some of the file has been written so.
        for when in ["1", "4"] {
            let fault = format!("pwritev2:error={refusal}:when={when}");
            let (ended, has_come) = run(&deed, &fault);
            assert!(matches!(ended, Ended::Done), "{fault}: {ended:?}");
            assert!(has_come || when == "4", "{fault} never came");
            let newest = hotbackup::BackupRoot::at(place.root()).latest().unwrap();
            assert!(std::fs::read(newest.location().join("a.sst")).unwrap() == bytes, "{fault}");
        }
    }
    for (error, expected) in [("ENOSPC", "NO_SPACE"), ("EIO", "IO")] {
        let (ended, _) = run(&deed, &format!("pwritev2:error={error}:when=1"));
        assert!(matches!(&ended, Ended::Failed(code, _) if code == expected), "{error}: {ended:?}");
    }
    sound_snapshots(&place.root());
}

/// Who waits for a stretch is told of its error, and the sync at the end is not told again.
#[test]
fn a_writeback_that_fails_fails_the_backup_and_one_that_is_refused_does_not() {
    if !has_strace() {
        return skip("no strace");
    }
    let place = Place::new();
    write(&place.data().join("a.sst"), &vec![7; 5 << 20]);
    let deed = [Path::new("back up to"), &place.data(), &place.root()];
    for (error, expected) in [("EIO", Some("IO")), ("ENOSPC", Some("NO_SPACE")), ("ENOSYS", None)] {
        let (ended, has_come) = run(&deed, &format!("sync_file_range:error={error}"));
        assert!(has_come, "{error} never came");
        match (&ended, expected) {
            (Ended::Failed(code, _), Some(expected)) => assert_eq!(code, expected),
            (Ended::Done, None) => {}
            _ => panic!("{error}: {ended:?}"),
        }
    }
    sound_snapshots(&place.root());
}

#[test]
fn what_cannot_be_read_fails_the_verification() {
    if !has_strace() {
        return skip("no strace");
    }
    let scene = Scene::new();
    // In no root, whose ledger would be read too.
    let snapshot = scene.place.beside("alone");
    fs::rename(&scene.snapshot, &snapshot).unwrap();
    let mut well = 0;
    failing(
        reads(),
        || vec!["verify".into(), snapshot.clone()],
        |what, told| match told {
            Ok(()) => well += 1,
            Err((code, message)) => {
                assert_eq!(code, "IO", "{what}: {message}");
                assert!(message.contains(snapshot.to_str().unwrap()), "{what}: {message}");
            }
        },
    );
    assert_eq!(well, reads().len(), "some of what could not be read was overlooked");
}

#[test]
fn what_cannot_be_read_or_written_of_a_ledger_fails_no_verification_and_no_list() {
    let scene = Scene::new();
    let listed = || BackupRoot::at(scene.place.root()).list().unwrap().remove(0);
    let mut well = 0;
    failing(
        changes().into_iter().chain(reads()).collect(),
        || vec!["verify".into(), scene.snapshot.clone()],
        |what, told| {
            match told {
                Ok(()) => well += 1,
                Err((code, message)) => {
                    assert_eq!(code, "IO", "{what}: {message}");
                    assert!(message.contains(scene.snapshot.to_str().unwrap()), "{what}: {message}");
                }
            }
            assert!(listed().error().is_none(), "{what}");
        },
    );
    assert!(well > changes().len(), "what fails beside the snapshot's own reads is no fault of it");
    // What a disk did not give counts as bad until it does.
    hotbackup::verify(&scene.snapshot, &hotbackup::Options::new()).unwrap().wait().unwrap();
    assert!(!listed().is_damaged());
}

#[test]
fn a_restore_whose_reads_fail_leaves_the_old_or_says_that_it_must_be_recovered() {
    let scene = Scene::new();
    failing(reads(), || scene.restore_over("restore"), |what, told| ended_as_told(&scene, what, told, true));
}

#[test]
fn a_write_that_the_kernel_loses_is_found_before_the_snapshot_is_published() {
    if !has_strace() {
        return skip("no strace");
    }
    let place = Place::in_memory();
    ["a", "b", "c"].iter().for_each(|name| write(&place.data().join(name), name.repeat(5000).as_bytes()));
    place.back_up(&frozen()).unwrap();
    let mut lost = 0;
    for nth in 1..=4 {
        // The first byte is said to be written and is not.
        let fault = format!("pwrite64:retval=1:when={nth}");
        let data = place.data();
        match run(&[Path::new("back up"), &data], &fault) {
            (Ended::Failed(code, message), true) => {
                assert_eq!(code, "CORRUPT", "{message}");
                lost += 1;
            }
            (Ended::Done, false) => {}
            (ended, came) => panic!("{nth}: {ended:?}, {came}"),
        }
        sound_snapshots(&place.root());
    }
    assert_eq!(lost, 3);
}
