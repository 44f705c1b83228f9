//! The host's `fcntl` locks survive all that the library does to its files. Closing any descriptor
//! of a file drops every such lock that the process holds on it, so a careless guest would
//! silently unlock its host's database.
#![allow(unsafe_code, reason = "fcntl locks have no safe wrapper in std")]

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::alone;
use crate::common::guest::{another_process_can_lock, lock};
use crate::common::{self, Place, frozen, names};
use hotbackup::{BackupRoot, Coordinator, FileClass, Options, VerifyLevel};

/// Files whose locks this process holds.
struct Locked {
    files: Vec<(PathBuf, File)>,
}

impl Locked {
    /// Locks all files below a directory but the library's own.
    fn all_below(directory: &Path) -> Self {
        let own = |path: &PathBuf| !path.starts_with(".lifecycle");
        let paths = names(directory).into_iter().filter(own).map(|path| directory.join(path));
        let open = |path: PathBuf| {
            let file = File::options().read(true).write(true).open(&path).unwrap();
            assert!(lock(&file), "{}", path.display());
            (path, file)
        };
        let files: Vec<_> = paths.filter(|path| path.is_file()).map(open).collect();
        assert!(!files.is_empty());
        Self { files }
    }

    /// Another process is refused each of the locks.
    fn assert_held(&self, when: &str) {
        for (path, _) in &self.files {
            assert!(!another_process_can_lock(path), "{when}: the lock of {} is lost", path.display());
        }
    }
}

/// A rule for each class, so that files are pinned, copied early, or left alone.
fn of_every_class(mut options: Options) -> Options {
    options.add_rule("tables/1.sst", FileClass::IMMUTABLE).unwrap();
    options.add_rule("tables/2.sst", FileClass::Pinned).unwrap();
    options.add_rule("tables/deep/er/3.sst", FileClass::Immutable { unfinished_ok: true }).unwrap();
    options.add_rule("log", FileClass::AppendOnly).unwrap();
    options.add_rule("empty", FileClass::Excluded).unwrap();
    options
}

#[test]
fn a_descriptor_closed_in_the_process_drops_its_lock() {
    let _alone = alone();
    // What all the others must not do: they could not fail if this were otherwise.
    let place = Place::with_files();
    let locked = Locked::all_below(&place.data());
    locked.assert_held("before");
    drop(File::open(place.data().join("log")).unwrap());
    assert!(another_process_can_lock(&place.data().join("log")));
    assert!(!another_process_can_lock(&place.data().join("index")));
}

#[test]
fn locks_survive_a_backup_before_during_and_after() {
    let _alone = alone();
    let place = Place::with_files();
    let locked = Arc::new(Locked::all_below(&place.data()));
    let mut options = of_every_class(Options::new());
    let (freeze, thaw, release, validate) = (locked.clone(), locked.clone(), locked.clone(), locked.clone());
    options.hooks().freeze_thaw(
        move |_| {
            freeze.assert_held("at the freeze");
            Ok(())
        },
        move |_| {
            thaw.assert_held("at the thaw");
            Ok(())
        },
    );
    options.hooks().release(move |_| {
        release.assert_held("at the release");
        Ok(())
    });
    options.hooks().validate(move |_, _| {
        validate.assert_held("at the validation");
        Ok(())
    });
    locked.assert_held("before");
    let coordinator = Coordinator::open(&place.data(), &options).unwrap();
    locked.assert_held("with an open coordinator");
    coordinator.start().unwrap().wait().unwrap();
    locked.assert_held("after a backup");
    coordinator.prepare().unwrap().run().unwrap();
    locked.assert_held("after a backup with its hooks on this thread");
    coordinator.close();
    locked.assert_held("after the close");
}

#[test]
fn locks_survive_a_backup_that_proves_its_source_quiet() {
    let _alone = alone();
    let place = Place::with_files();
    let locked = Locked::all_below(&place.data());
    place.back_up(&Options::new()).unwrap();
    locked.assert_held("after a backup without hooks");
}

#[test]
fn locks_survive_backups_that_fail_or_are_cancelled() {
    let _alone = alone();
    let place = Place::with_files();
    let locked = Locked::all_below(&place.data());
    let mut options = of_every_class(frozen());
    options.hooks().validate(|_, _| Err("no".into()));
    place.refused(&options);
    locked.assert_held("after a backup that failed");

    let mut options = of_every_class(frozen());
    options.set_rate_limit(1);
    let coordinator = Coordinator::open(&place.data(), &options).unwrap();
    let job = coordinator.start().unwrap();
    job.cancel().unwrap();
    job.wait().unwrap_err();
    locked.assert_held("after a backup that was cancelled");
}

#[test]
fn locks_survive_where_the_host_says_that_it_has_none() {
    let _alone = alone();
    let place = Place::with_files();
    let locked = Locked::all_below(&place.data());
    let mut options = of_every_class(frozen());
    options.set_no_posix_locks(true);
    place.back_up(&options).unwrap();
    locked.assert_held("after a backup: the table can be left here, so it is");
}

#[test]
fn locks_on_a_snapshot_survive_its_verification_and_its_restore() {
    let _alone = alone();
    // A host that has the snapshot itself open, read-only, as a database of its own.
    let place = Place::with_files();
    let job = place.back_up(&of_every_class(frozen())).unwrap();
    let locked = Locked::all_below(job.location());
    for level in [VerifyLevel::None, VerifyLevel::Size, VerifyLevel::Checksum, VerifyLevel::Media] {
        let mut options = Options::new();
        options.set_verify_level(level);
        hotbackup::verify(job.location(), &options).unwrap().wait().unwrap();
        locked.assert_held("after a verification");
    }
    common::restore(job.location(), &place.beside("restored")).unwrap();
    locked.assert_held("after a restore");
}

#[test]
fn locks_survive_all_that_is_done_to_a_root() {
    let _alone = alone();
    let place = Place::with_files();
    let coordinator = Coordinator::open(&place.data(), &frozen()).unwrap();
    let mut snapshots = Vec::new();
    for _ in 0..4 {
        let job = coordinator.start().unwrap();
        job.wait().unwrap();
        snapshots.push(job.location().to_path_buf());
    }
    let data = Locked::all_below(&place.data());
    let newest = Locked::all_below(&snapshots[3]);
    let both = |when: &str| {
        data.assert_held(when);
        newest.assert_held(when);
    };
    both("before");
    assert_eq!(BackupRoot::at(place.root()).list().unwrap().len(), 4);
    both("after a listing");
    BackupRoot::at(place.root()).latest().unwrap();
    hotbackup::Snapshot::open(&snapshots[3]).unwrap();
    both("after a look at a snapshot");
    BackupRoot::at(place.root()).delete("nothing").unwrap_err();
    BackupRoot::at(place.root()).delete(snapshots[0].file_name().unwrap().to_str().unwrap()).unwrap();
    both("after a deletion");
    assert_eq!(BackupRoot::at(place.root()).prune(1).unwrap(), 2);
    both("after a prune");
}

#[test]
fn the_lock_of_an_excluded_file_survives_a_restore_around_it() {
    let _alone = alone();
    // A server that restores into its own directory, which its lock keeps others away from.
    let place = Place::with_files();
    let mut options = frozen();
    options.add_rule("empty", FileClass::Excluded).unwrap();
    let job = place.back_up(&options).unwrap();
    let file = File::options().read(true).write(true).open(place.data().join("empty")).unwrap();
    assert!(lock(&file));
    let held = |when: &str| assert!(!another_process_can_lock(&place.data().join("empty")), "{when}");
    common::restore(job.location(), &place.data()).unwrap();
    held("after a restore");
    hotbackup::restore_undo(&place.data()).unwrap();
    held("after its undo");
    hotbackup::recover(&place.data()).unwrap();
    held("after a recovery");
}
