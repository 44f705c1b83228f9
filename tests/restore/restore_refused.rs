//! Restores that do not happen: the target is as it was, and the error says why.

use std::fs;
use std::ops::ControlFlow;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::common::child::{start, start_as};
use crate::common::{self, Place, bytes, frozen, names, restore, skip, tree, verify, write};
use hotbackup::{Code, Coordinator, Error, FileClass, Options, Phase};

fn snapshot(place: &Place) -> PathBuf {
    place.back_up(&frozen()).unwrap().location().to_path_buf()
}

fn a_target(place: &Place) -> PathBuf {
    let target = place.beside("target");
    write(&target.join("index"), b"the old index");
    write(&target.join("tables/old.sst"), b"old");
    target
}

/// The target holds what it held, and nothing new but the owner's file.
fn untouched(target: &Path, before: &std::collections::BTreeMap<PathBuf, Vec<u8>>) {
    assert_eq!(&tree(target), before);
    let lifecycle = names(&target.join(".lifecycle"));
    assert!(lifecycle.iter().all(|name| name == Path::new("owner")), "{lifecycle:?}");
}

fn refused(result: hotbackup::Result<()>, code: Code, path: &Path) -> Error {
    let error = result.unwrap_err();
    assert_eq!(error.code(), code, "{error}");
    assert!(error.message().contains(&*path.to_string_lossy()), "{error}");
    assert!(!error.message().contains('\n'));
    error
}

#[test]
fn a_target_that_is_a_file_or_lacks_its_parent_is_refused() {
    let place = Place::with_files();
    let snapshot = snapshot(&place);
    let file = place.beside("file");
    write(&file, b"mine");
    refused(restore(&snapshot, &file), Code::InvalidArgument, &file);
    assert_eq!(fs::read(&file).unwrap(), b"mine");
    let orphan = place.beside("missing/target");
    refused(restore(&snapshot, &orphan), Code::NotFound, &orphan);
    assert!(!place.beside("missing").exists());
    let link = place.beside("link");
    std::os::unix::fs::symlink("nowhere", &link).unwrap();
    restore(&snapshot, &link).unwrap_err();
    assert!(!place.beside("nowhere").exists() && link.is_symlink());
}

#[test]
fn a_target_that_is_the_snapshot_or_its_root_is_refused() {
    let place = Place::with_files();
    let mut options = frozen();
    options.set_root(&place.beside("root")).unwrap();
    let snapshot = place.back_up(&options).unwrap().location().to_path_buf();
    let before = names(&place.beside("root"));
    for target in [snapshot.clone(), snapshot.join("tables"), snapshot.join("new"), place.beside("root")] {
        refused(restore(&snapshot, &target), Code::InvalidArgument, &target);
    }
    assert_eq!(names(&place.beside("root")), before);
    verify(&snapshot).unwrap();
}

#[test]
fn a_directory_whose_host_has_it_open_is_a_conflict() {
    let place = Place::with_files();
    let snapshot = snapshot(&place);
    let target = a_target(&place);
    let before = tree(&target);
    let all_refuse = || {
        refused(restore(&snapshot, &target), Code::Conflict, &target);
        refused(hotbackup::recover(&target).map(drop), Code::Conflict, &target);
    };
    let coordinator = Coordinator::open(&target, &Options::new()).unwrap();
    all_refuse();
    coordinator.close();
    let mut other = start(&[Path::new("hold open"), &target]);
    other.wait_for_sign();
    all_refuse();
    other.kill();
    untouched(&target, &before);
    restore(&snapshot, &target).unwrap();
    let mut other = start(&[Path::new("hold open"), &target]);
    other.wait_for_sign();
    refused(hotbackup::restore_undo(&target), Code::Conflict, &target);
    assert_eq!(tree(&target), tree(&place.data()));
}

#[test]
fn while_a_restore_is_at_work_no_host_and_no_other_restore_gets_in() {
    let place = Place::with_files();
    let snapshot = snapshot(&place);
    let target = a_target(&place);
    let (inner, again) = (target.clone(), snapshot.clone());
    let mut options = Options::new();
    options.hooks().validate(move |_, _| {
        let opened = Coordinator::open(&inner, &Options::new()).map(drop);
        for result in [opened, restore(&again, &inner), hotbackup::restore_undo(&inner)] {
            assert!([Code::Conflict, Code::NotFound].contains(&result.unwrap_err().code()));
        }
        let opened = Coordinator::open(&inner, &Options::new()).map(drop);
        assert_eq!(opened.unwrap_err().code(), Code::Conflict);
        Ok(())
    });
    hotbackup::restore(&snapshot, &target, &options).unwrap().wait().unwrap();
    Coordinator::open(&target, &Options::new()).unwrap().close();
}

#[test]
fn a_validate_hook_that_refuses_leaves_the_target_as_it_was() {
    let place = Place::with_files();
    let snapshot = snapshot(&place);
    let target = a_target(&place);
    let before = tree(&target);
    let mut options = Options::new();
    options.hooks().validate(|_, _| Err("the catalog does not open".into()));
    for target in [&target, &place.beside("new")] {
        let job = hotbackup::restore(&snapshot, target, &options).unwrap();
        let error = job.wait().unwrap_err();
        assert_eq!(error.code(), Code::HookFailed);
        assert!(error.message().contains("the catalog does not open"), "{error}");
    }
    untouched(&target, &before);
    assert_eq!(
        names(place.data().parent().unwrap()).iter().filter(|name| name.starts_with("new")).count(),
        0
    );
}

#[test]
fn a_validate_hook_that_changes_the_staging_is_caught() {
    let place = Place::with_files();
    let snapshot = snapshot(&place);
    let target = a_target(&place);
    let before = tree(&target);
    let mut options = Options::new();
    options.hooks().validate(|staging, _| {
        fs::remove_file(staging.join("log")).unwrap();
        Ok(())
    });
    let result = hotbackup::restore(&snapshot, &target, &options).unwrap().wait();
    refused(result.map(drop), Code::Corrupt, Path::new("log"));
    untouched(&target, &before);
}

#[test]
fn a_cancel_in_any_phase_before_the_swap_is_done_leaves_the_target_as_it_was() {
    let place = Place::with_files();
    let snapshot = snapshot(&place);
    for phase in [Phase::Copy, Phase::Verify, Phase::Swap] {
        for target in [a_target(&place), place.beside("new")] {
            let before = target.exists().then(|| tree(&target));
            let mut options = Options::new();
            options.hooks().progress(move |progress, _| {
                Ok(if progress.phase == phase { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
            });
            let job = hotbackup::restore(&snapshot, &target, &options).unwrap();
            let error = job.wait().unwrap_err();
            assert_eq!(error.code(), Code::Cancelled, "{phase:?}");
            assert_eq!(job.status().unwrap().state, hotbackup::State::Cancelled);
            match before {
                Some(before) => untouched(&target, &before),
                None => assert!(!target.exists()),
            }
        }
    }
    let beside = fs::read_dir(place.data().parent().unwrap()).unwrap();
    let left: Vec<_> = beside.map(|entry| entry.unwrap().file_name()).collect();
    assert!(left.iter().all(|name| !name.to_string_lossy().contains("hotbackup-")), "{left:?}");
}

#[test]
fn the_last_handle_dropped_cancels_the_restore_and_waits() {
    let place = Place::with_files();
    let snapshot = snapshot(&place);
    let target = a_target(&place);
    let before = tree(&target);
    let mut options = Options::new();
    options.set_rate_limit(1000);
    drop(hotbackup::restore(&snapshot, &target, &options).unwrap());
    untouched(&target, &before);
}

#[test]
fn an_excluded_file_in_the_way_of_the_snapshot_is_a_conflict() {
    let place = Place::with_files();
    let mut options = frozen();
    options.add_rule("index/LOCK", FileClass::Excluded).unwrap();
    let snapshot = place.back_up(&options).unwrap().location().to_path_buf();
    let target = place.beside("target");
    write(&target.join("index/LOCK"), b"held");
    let before = tree(&target);
    refused(restore(&snapshot, &target), Code::Conflict, &target.join("index"));
    untouched(&target, &before);
}

/// A mount that goes with the value; `None`: it may not be made here.
struct Mount(PathBuf);

impl Mount {
    fn new(at: &Path, arguments: &[&str]) -> Option<Self> {
        fs::create_dir_all(at).unwrap();
        let done = Command::new("mount").args(arguments).arg(at).output();
        done.is_ok_and(|output| output.status.success()).then(|| Self(at.to_path_buf()))
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

#[test]
fn a_mount_below_the_target_is_unsupported_before_anything_is_touched() {
    let place = Place::with_files();
    let snapshot = snapshot(&place);
    let elsewhere = place.beside("elsewhere");
    write(&elsewhere.join("file"), b"of the same file system");
    let bind = ["--bind", elsewhere.to_str().unwrap()];
    for (name, arguments) in [("t1", &["-t", "tmpfs", "none"][..]), ("t2", &bind[..])] {
        let target = place.beside(name);
        write(&target.join("old"), b"old");
        let Some(mount) = Mount::new(&target.join("deep/mounted"), arguments) else {
            return skip("mounting is not allowed");
        };
        let before = tree(&target);
        refused(restore(&snapshot, &target), Code::Unsupported, &mount.0);
        untouched(&target, &before);
        // The target itself may be one.
        drop(mount);
    }
    let Some(mount) = Mount::new(&place.beside("whole"), &["-t", "tmpfs", "none"]) else { return };
    restore(&snapshot, &mount.0).unwrap();
    assert_eq!(tree(&mount.0), tree(&place.data()));
}

#[test]
fn a_file_system_that_is_full_or_becomes_so_leaves_the_target_as_it_was() {
    let place = Place::with_files();
    let snapshot = snapshot(&place);
    // Too small for the bytes; for the inodes; and filled by somebody else once it began.
    for (name, size) in [("m1", "size=100k"), ("m2", "nr_inodes=10"), ("m3", "size=700k")] {
        let Some(mount) = Mount::new(&place.beside(name), &["-t", "tmpfs", "-o", size, "none"]) else {
            return skip("mounting is not allowed");
        };
        let filler = mount.0.join("filler");
        write(&mount.0.join("target/old"), b"old");
        let before = tree(&mount.0.join("target"));
        for target in [mount.0.join("target"), mount.0.join("new")] {
            let mut options = Options::new();
            options.set_threads(1);
            // Slow enough for a call of the hook while the copy is under way.
            options.set_rate_limit(if name == "m3" { 500_000 } else { 0 });
            let (filler, is_filled) = (filler.clone(), name == "m3");
            options.hooks().progress(move |progress, _| {
                if is_filled && progress.bytes_done > 0 {
                    let _ = fs::write(&filler, bytes(400_000, 1));
                }
                Ok(ControlFlow::Continue(()))
            });
            let result = hotbackup::restore(&snapshot, &target, &options).unwrap().wait();
            refused(result.map(drop), Code::NoSpace, &mount.0);
            let was_filled = fs::remove_file(mount.0.join("filler")).is_ok();
            assert_eq!(was_filled, name == "m3", "{name}");
        }
        untouched(&mount.0.join("target"), &before);
        let left = names(&mount.0);
        assert!(left.iter().all(|name| name.starts_with("target")), "{left:?}");
    }
}

#[test]
fn a_reserve_that_is_not_free_is_no_space() {
    let place = Place::with_files();
    let snapshot = snapshot(&place);
    let target = a_target(&place);
    let before = tree(&target);
    let mut options = Options::new();
    options.set_min_free(u64::MAX);
    let result = hotbackup::restore(&snapshot, &target, &options).unwrap().wait();
    refused(result.map(drop), Code::NoSpace, &target);
    untouched(&target, &before);
}

#[test]
fn a_damaged_journal_is_refused_and_nothing_is_touched() {
    let place = Place::with_files();
    let target = a_target(&place);
    write(&target.join(".lifecycle/restore/journal"), b"{\"version\": 1}\n00000000\n");
    write(&target.join(".lifecycle/restore/staging/index"), b"new");
    let before = (tree(&target), names(&target.join(".lifecycle/restore")));
    let error = hotbackup::recover(&target).unwrap_err();
    assert_eq!(error.code(), Code::Corrupt, "{error}");
    assert_eq!((tree(&target), names(&target.join(".lifecycle/restore"))), before);
    let opened = Coordinator::open(&target, &Options::new()).map(drop);
    assert_eq!(opened.unwrap_err().code(), Code::RestoreUnfinished);
}

#[test]
fn recovery_and_undo_of_what_was_never_restored() {
    use hotbackup::Recovered;
    let place = Place::with_files();
    assert_eq!(hotbackup::recover(&place.data()).unwrap(), Recovered::Nothing);
    assert_eq!(hotbackup::recover(&place.beside("missing")).unwrap(), Recovered::Nothing);
    assert_eq!(hotbackup::restore_undo(&place.data()).unwrap_err().code(), Code::NotFound);
    assert_eq!(hotbackup::restore_undo(&place.beside("missing")).unwrap_err().code(), Code::NotFound);
    assert!(!place.data().join(".lifecycle").exists());
}

#[test]
fn staging_is_private_whatever_the_umask() {
    let place = Place::with_files();
    let snapshot = snapshot(&place);
    for umask in [0o000, 0o777] {
        let target = place.beside(&format!("target-{umask}"));
        let mut child = start_as(&[Path::new("restore slowly"), &snapshot, &target], Some(umask), None);
        child.wait_for_sign();
        let beside = fs::read_dir(place.data().parent().unwrap()).unwrap();
        let staging = beside
            .map(|entry| entry.unwrap())
            .find(|entry| entry.file_name().to_string_lossy().contains(&format!("target-{umask}.hotbackup-")))
            .expect("a staging");
        assert_eq!(staging.metadata().unwrap().permissions().mode() & 0o7777, 0o700);
        child.kill();
        assert_eq!(hotbackup::recover(&target).unwrap(), hotbackup::Recovered::Old);
        assert!(!staging.path().exists());
        let mut child = start_as(&[Path::new("restore and sign"), &snapshot, &target], Some(umask), None);
        child.wait_for_sign();
        for name in tree(&snapshot).keys() {
            let mode = |top: &Path| fs::metadata(top.join(name)).unwrap().permissions().mode();
            assert_eq!(mode(&target), mode(&place.data()), "{name:?} with umask {umask:o}");
        }
    }
}

#[test]
fn inside_an_open_database_or_among_the_librarys_own_files_nothing_is_restored() {
    let place = Place::with_files();
    let snapshot = snapshot(&place);
    let _open = Coordinator::open(&place.data(), &Options::new()).unwrap();
    let before = names(&place.data());
    for (inside, code) in [
        ("tables", Code::Conflict),
        ("new", Code::Conflict),
        ("tables/deep/new", Code::Conflict),
        (".lifecycle", Code::InvalidArgument),
        (".lifecycle/backup/ts-5", Code::InvalidArgument),
        (".lifecycle/restore-backup", Code::InvalidArgument),
    ] {
        let error = restore(&snapshot, &place.data().join(inside)).unwrap_err();
        assert_eq!(error.code(), code, "{inside}: {error}");
        assert_eq!(names(&place.data()), before, "{inside}");
    }
    let mut options = common::frozen();
    options.set_root(&place.beside("root")).unwrap();
    drop(_open);
    place.back_up(&options).unwrap();
    let error = restore(&snapshot, &place.beside("root/ts-5")).unwrap_err();
    assert_eq!(error.code(), Code::InvalidArgument, "{error}");
}
