//! File systems that clone, that are read-only, that lie one in the other. They are mounted from
//! images in temporary files, which needs root.

use std::fs::{self, File};
use std::ops::ControlFlow;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::common::mounted::{Mounted, succeeds};
use crate::common::{
    Ended, Place, bytes, frozen, frozen_with_tables, names, residue, restore, tree, verify, write, write_old,
};
use hotbackup::{BackupRoot, Code, Coordinator, FileClass, Options, Phase, Share};

fn device(path: &Path) -> u64 {
    fs::metadata(path).unwrap().dev()
}

/// A mutable file that is large enough is cloned inside the window, and is the snapshot's own.
fn mutable_files_are_cloned(kind: &str) {
    let place = Place::new();
    let Some(_mounted) = Mounted::image(kind, 400 << 20, &place.data()) else { return };
    let pages = place.data().join("pages");
    write(&pages, &bytes(3_000_000, 1));
    write(&place.data().join("small"), b"small");
    let sparse = File::create(place.data().join("sparse")).unwrap();
    sparse.write_all_at(&bytes(100_000, 2), 8 << 20).unwrap();
    sparse.set_len(16 << 20).unwrap();
    let expected = tree(&place.data());

    let job = place.back_up(&frozen()).unwrap();
    let progress = job.status().unwrap();
    assert_eq!(progress.bytes_cloned, 3_000_000 + (16 << 20), "{progress:?}");
    // What comes later in the source does not show in the snapshot.
    File::options().write(true).open(&pages).unwrap().write_all_at(&bytes(500_000, 3), 1_000_000).unwrap();
    assert_eq!(tree(job.location()), expected);
    verify(job.location()).unwrap();
    restore(job.location(), &place.beside("restored")).unwrap();
    assert_eq!(tree(&place.beside("restored")), expected);
}

#[test]
fn mutable_files_are_cloned_on_xfs() {
    mutable_files_are_cloned("xfs");
}

#[test]
fn mutable_files_are_cloned_on_btrfs() {
    mutable_files_are_cloned("btrfs");
}

/// Tables are cloned, and those that have not changed are cloned from the snapshot before: each snapshot has inodes
/// of its own, so that nobody who writes into one harms another.
fn tables_are_cloned_and_shared_by_clones(kind: &str) {
    let place = Place::new();
    let Some(_mounted) = Mounted::image(kind, 400 << 20, &place.data()) else { return };
    for (name, seed) in [("1.sst", 1), ("deep/2.sst", 2)] {
        write_old(&place.data().join(name), &bytes(3_000_000, seed));
    }
    let mut options = frozen_with_tables();
    let counts = |job: &Ended| {
        let progress = job.status().unwrap();
        (progress.bytes_copied, progress.bytes_cloned, progress.bytes_linked)
    };
    let first = place.back_up(&options).unwrap();
    assert_eq!(counts(&first), (0, 6_000_000, 0), "{kind}");
    // Beneath a validator too: what it writes to is a clone.
    options.hooks().validate(|_, _| Ok(()));
    let second = place.back_up(&options).unwrap();
    assert_eq!(counts(&second), (0, 0, 6_000_000), "{kind}");
    let inode = |job: &Ended| fs::metadata(job.location().join("1.sst")).unwrap().ino();
    assert_ne!(inode(&first), inode(&second), "{kind}");
    options.hooks().validate(|staging, _| {
        File::options().write(true).open(staging.join("1.sst"))?.write_all_at(b"other", 0)?;
        Ok(())
    });
    assert_eq!(place.refused(&options).code(), Code::Corrupt, "{kind}");
    for job in [first, second] {
        verify(job.location()).unwrap();
        assert_eq!(tree(job.location()), tree(&place.data()), "{kind}");
    }
    let mut forbidden = frozen_with_tables();
    forbidden.set_clone(false);
    let third = place.back_up(&forbidden).unwrap();
    assert_eq!(
        (counts(&third), fs::metadata(third.location().join("1.sst")).unwrap().nlink()),
        ((0, 0, 6_000_000), 2)
    );
    forbidden.set_share(Share::Never);
    assert_eq!(counts(&place.back_up(&forbidden).unwrap()), (6_000_000, 0, 0), "{kind}");
}

#[test]
fn tables_are_cloned_and_shared_by_clones_on_xfs() {
    tables_are_cloned_and_shared_by_clones("xfs");
}

#[test]
fn tables_are_cloned_and_shared_by_clones_on_btrfs() {
    tables_are_cloned_and_shared_by_clones("btrfs");
}

/// Rules for a file of each class, and what there is once the source's tables are gone: they are
/// deleted as soon as the window has closed, as a compaction would.
fn deleting(data: &Path) -> Options {
    let mut options = frozen();
    options.add_rule("*.sst", FileClass::IMMUTABLE).unwrap();
    options.add_rule("log", FileClass::AppendOnly).unwrap();
    let tables = data.join("tables");
    options.hooks().progress(move |progress, _| {
        if progress.phase == Phase::Copy && tables.join("1.sst").exists() {
            fs::remove_file(tables.join("1.sst")).unwrap();
            fs::remove_file(tables.join("2.sst")).unwrap();
        }
        Ok(ControlFlow::Continue(()))
    });
    options
}

#[test]
fn a_root_may_lie_on_another_file_system() {
    let place = Place::with_files();
    let Some(mounted) = Mounted::tmpfs(&place.beside("backups")) else { return };
    assert_ne!(device(mounted.path()), device(&place.data()));
    let expected = tree(&place.data());
    let mut options = deleting(&place.data());
    options.set_root(&mounted.path().join("root")).unwrap();
    let job = place.back_up(&options).unwrap();
    assert!(!place.data().join("tables/1.sst").exists());
    assert_eq!(tree(job.location()), expected);
    assert_eq!(residue(&place.data()), Vec::<PathBuf>::new());
    restore(job.location(), &place.beside("restored")).unwrap();
    assert_eq!(tree(&place.beside("restored")), expected);
}

#[test]
fn files_of_a_mount_inside_the_source_are_pinned_though_no_link_leads_there() {
    let place = Place::with_files();
    let tables = place.data().join("tables");
    fs::rename(&tables, place.beside("kept")).unwrap();
    let Some(mounted) = Mounted::tmpfs(&tables) else { return };
    for (path, bytes) in
        tree(&place.beside("kept")).into_iter().filter(|(path, _)| path.extension().is_some())
    {
        write(&tables.join(path), &bytes);
    }
    assert_ne!(device(mounted.path()), device(&place.data()));
    let expected = tree(&place.data());
    let job = place.back_up(&deleting(&place.data())).unwrap();
    assert!(!tables.join("1.sst").exists());
    assert_eq!(tree(job.location()), expected);
    verify(job.location()).unwrap();
    // Nothing may be moved onto or under it.
    let before = tree(&place.data());
    let refused = restore(job.location(), &place.data()).unwrap_err();
    assert_eq!(refused.code(), Code::Unsupported, "{refused}");
    assert_eq!(tree(&place.data()), before);
    // And no descriptor holds it.
    fs::remove_dir_all(tables.join("deep")).unwrap();
    assert!(succeeds(Command::new("umount").arg(mounted.path())));
}

#[test]
fn a_file_that_shrinks_under_a_pin_that_is_no_link_is_refused() {
    let place = Place::with_files();
    let tables = place.data().join("mounted");
    let Some(_mounted) = Mounted::tmpfs(&tables) else { return };
    write(&tables.join("9.sst"), &bytes(100_000, 9));
    let mut options = frozen();
    options.add_rule("*.sst", FileClass::Immutable { unfinished_ok: false }).unwrap();
    let table = tables.join("9.sst");
    options.hooks().progress(move |progress, _| {
        if progress.phase == Phase::Copy {
            File::options().write(true).open(&table).unwrap().set_len(10).unwrap();
        }
        Ok(ControlFlow::Continue(()))
    });
    let error = place.refused(&options);
    assert_eq!(error.code(), Code::SourceChanged, "{error}");
    assert_eq!(error.path(), Some(tables.join("9.sst").as_path()));
}

#[test]
fn a_read_only_source_is_backed_up_to_a_root_elsewhere_and_stays_as_it_is() {
    let place = Place::with_files();
    let real = place.beside("real");
    fs::rename(place.data(), &real).unwrap();
    let Some(_mounted) = Mounted::new(&["--bind", "-o", "ro"], &real, &place.data()) else { return };
    assert!(fs::write(place.data().join("new"), "").is_err(), "it is not read-only");
    let (before, listed) = (tree(&real), names(&real));
    let mut options = frozen();
    options.add_rule("*.sst", FileClass::IMMUTABLE).unwrap();
    options.add_rule("log", FileClass::AppendOnly).unwrap();
    options.set_root(&place.beside("root")).unwrap();
    let coordinator = Coordinator::open(&place.data(), &options).unwrap();
    for _ in 0..2 {
        let job = coordinator.start().unwrap();
        job.wait().unwrap();
        assert_eq!(tree(job.location()), before);
        verify(job.location()).unwrap();
    }
    // Without hooks too, by the proof of quiet.
    options = Options::new();
    options.set_root(&place.beside("root")).unwrap();
    place.back_up(&options).unwrap();
    assert_eq!(BackupRoot::at(place.beside("root")).list().unwrap().len(), 3);
    assert_eq!((tree(&real), names(&real)), (before, listed));
}

#[test]
fn the_default_root_of_a_read_only_source_is_an_error_that_names_it() {
    let place = Place::with_files();
    let real = place.beside("real");
    fs::rename(place.data(), &real).unwrap();
    let Some(_mounted) = Mounted::new(&["--bind", "-o", "ro"], &real, &place.data()) else { return };
    let coordinator = Coordinator::open(&place.data(), &frozen()).unwrap();
    let error = coordinator.start().map(drop).unwrap_err();
    assert_eq!(error.code(), Code::Io, "{error}");
    assert!(error.path().is_some_and(|path| path.starts_with(place.data())), "{error}");
}

#[test]
fn a_source_in_memory_comes_back_with_its_holes() {
    let place = Place::new();
    let Some(_mounted) = Mounted::tmpfs(&place.data()) else { return };
    let sparse = File::create(place.data().join("sparse")).unwrap();
    sparse.write_all_at(b"end", 64 << 20).unwrap();
    write(&place.data().join("log"), &bytes(20_000, 4));
    let job = place.back_up(&frozen()).unwrap();
    let allocated = |at: &Path| fs::metadata(at.join("sparse")).unwrap().blocks() * 512;
    assert!(allocated(job.location()) < 1 << 20);
    restore(job.location(), &place.beside("restored")).unwrap();
    assert_eq!(tree(&place.beside("restored")), tree(&place.data()));
    assert!(allocated(&place.beside("restored")) < 1 << 20);
}
