//! A restore from a root on the same file system shares blocks with the snapshot, where that can. The file
//! systems are mounted from images, which needs root.

use std::fs::{self, File};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::Path;
use std::time::{Duration, SystemTime};

use crate::common::child::{Ended, has_strace, run, run_traced};
use crate::common::mounted::Mounted;
use crate::common::{Place, bytes, frozen, harmless_in, names, skip, tree, verify, write};
use hotbackup::{BackupRoot, Code, FileClass, Options, Progress, VerifyLevel};

const PAGES: usize = 3_000_000;
const SPARSE: u64 = 16 << 20;

/// A snapshot of files of all sorts, in a data directory that is a file system of its own.
fn of(kind: &str) -> Option<(Place, Mounted)> {
    let place = Place::new();
    let mounted = Mounted::image(kind, 400 << 20, &place.data())?;
    write(&place.data().join("pages"), &bytes(PAGES, 1));
    write(&place.data().join("tables/1.sst"), &bytes(200_000, 2));
    write(&place.data().join("small"), b"small");
    let sparse = File::create(place.data().join("sparse")).unwrap();
    sparse.write_all_at(&bytes(100_000, 3), 8 << 20).unwrap();
    sparse.set_len(SPARSE).unwrap();
    let settled = SystemTime::now() - Duration::from_secs(1_000);
    File::options()
        .write(true)
        .open(place.data().join("tables/1.sst"))
        .unwrap()
        .set_modified(settled)
        .unwrap();
    place.back_up(&with_tables()).unwrap();
    Some((place, mounted))
}

fn with_tables() -> Options {
    let mut options = frozen();
    options.add_rule("*.sst", FileClass::IMMUTABLE).unwrap();
    options
}

fn snapshot_of(place: &Place) -> std::path::PathBuf {
    BackupRoot::at(place.root()).latest().unwrap().location().to_path_buf()
}

/// A restore that completes.
fn restored(snapshot: &Path, target: &Path, options: &Options) -> Progress {
    let job = hotbackup::restore(snapshot, target, options).unwrap();
    job.wait().unwrap();
    job.status().unwrap()
}

fn both(test: impl Fn(&Place, &str)) {
    for kind in ["xfs", "btrfs"] {
        let Some((place, _mounted)) = of(kind) else { return };
        test(&place, kind);
    }
}

#[test]
fn a_restore_shares_blocks_with_its_snapshot_and_neither_changes_the_other() {
    both(|place, kind| {
        let (snapshot, target) = (snapshot_of(place), place.data().join("restored"));
        let before = tree(&snapshot);
        for level in [VerifyLevel::None, VerifyLevel::Checksum, VerifyLevel::Media] {
            let mut options = Options::new();
            options.set_verify_level(level);
            let done = restored(&snapshot, &target, &options);
            assert_eq!(done.bytes_cloned, PAGES as u64 + 200_000 + SPARSE, "{kind}: {done:?}");
            assert_eq!(
                (done.bytes_copied, done.bytes_done, done.percent),
                (5, done.bytes_total, 100),
                "{kind}"
            );
            assert_eq!(tree(&target), before, "{kind}");
        }
        let stamps = |path: &Path| {
            let stat = fs::metadata(path).unwrap();
            (stat.mode(), stat.mtime(), stat.mtime_nsec(), stat.nlink())
        };
        for name in ["pages", "sparse", "tables/1.sst"] {
            assert_eq!(stamps(&target.join(name)), stamps(&snapshot.join(name)), "{kind}: {name}");
        }
        // What the database writes now.
        let pages = File::options().write(true).open(target.join("pages")).unwrap();
        pages.write_all_at(&bytes(500_000, 4), 1_000_000).unwrap();
        assert_eq!(tree(&snapshot), before, "{kind}");
        verify(&snapshot).unwrap();
    });
}

#[test]
fn bytes_of_a_snapshot_that_are_not_the_manifests_are_refused_though_they_could_be_cloned() {
    both(|place, kind| {
        let (snapshot, target) = (snapshot_of(place), place.data().join("restored"));
        write(&target.join("pages"), b"the old ones");
        let old = tree(&target);
        File::options()
            .write(true)
            .open(snapshot.join("pages"))
            .unwrap()
            .write_all_at(b"!", 2_000_000)
            .unwrap();
        for level in [VerifyLevel::None, VerifyLevel::Checksum] {
            let mut options = Options::new();
            options.set_verify_level(level);
            let error = harmless_in(&target, || hotbackup::restore(&snapshot, &target, &options)?.wait());
            assert_eq!(error.code(), Code::Corrupt, "{kind}: {error}");
            assert_eq!(error.path(), Some(snapshot.join("pages").as_path()), "{kind}: {error}");
            assert_eq!(tree(&target), old, "{kind}");
        }
    });
}

#[test]
fn a_validator_that_changes_a_clone_is_found_out_whatever_it_does_to_its_times() {
    both(|place, kind| {
        let (snapshot, target) = (snapshot_of(place), place.data().join("restored"));
        let mut options = Options::new();
        options.hooks().validate(|staging, _| {
            let pages = File::options().write(true).open(staging.join("pages"))?;
            let modified = pages.metadata()?.modified()?;
            pages.write_all_at(b"!", 1_000)?;
            pages.set_modified(modified)?;
            Ok(())
        });
        let error = hotbackup::restore(&snapshot, &target, &options).unwrap().wait().unwrap_err();
        assert_eq!(error.code(), Code::Corrupt, "{kind}: {error}");
        assert!(!target.exists(), "{kind}");
    });
}

#[test]
fn clones_can_be_forbidden_to_backups_and_restores() {
    both(|place, kind| {
        let target = place.data().join("restored");
        let before = snapshot_of(place);
        let mut options = with_tables();
        options.set_clone(false);
        let job = place.back_up(&options).unwrap();
        let done = job.status().unwrap();
        assert_eq!((done.bytes_cloned, done.bytes_linked), (0, 200_000), "{kind}: {done:?}");
        // What is shared with the snapshot before is a link then.
        let inode = |snapshot: &Path| fs::metadata(snapshot.join("tables/1.sst")).unwrap().ino();
        assert_eq!(inode(job.location()), inode(&before), "{kind}");
        let done = restored(job.location(), &target, &options);
        assert_eq!(done.bytes_cloned, 0, "{kind}: {done:?}");
        assert!(done.bytes_copied > PAGES as u64, "{kind}: {done:?}");
        assert_eq!(tree(&target), tree(job.location()), "{kind}");
    });
}

#[test]
fn what_is_cloned_needs_no_room() {
    both(|place, kind| {
        write(&place.data().join("large"), &bytes(20 << 20, 5));
        let snapshot = place.back_up(&frozen()).unwrap().location().to_path_buf();
        let stat = rustix::fs::statvfs(&place.data()).unwrap();
        let mut options = Options::new();
        options.set_min_free(stat.f_bavail * stat.f_frsize - (15 << 20));
        let target = place.data().join("restored");
        options.set_clone(false);
        let error = hotbackup::restore(&snapshot, &target, &options).unwrap().wait().unwrap_err();
        assert_eq!(error.code(), Code::NoSpace, "{kind}: {error}");
        assert!(!target.exists(), "{kind}");
        options.set_clone(true);
        let done = restored(&snapshot, &target, &options);
        assert!(done.bytes_cloned > 20 << 20, "{kind}: {done:?}");
        assert_eq!(tree(&target), tree(&snapshot), "{kind}");
    });
}

#[test]
fn a_file_system_that_cannot_clone_is_asked_once_and_the_files_are_copied() {
    if !has_strace() {
        return skip("no strace");
    }
    let place = Place::in_memory();
    (0..5).for_each(|n| write(&place.data().join(n.to_string()), &bytes(100_000, n)));
    let snapshot = place.back_up(&frozen()).unwrap().location().to_path_buf();
    for refusal in ["EOPNOTSUPP", "EXDEV", "EINVAL", "ENOTTY", "EPERM"] {
        let target = place.beside(refusal);
        let fault = format!("ioctl:error={refusal}");
        let (ended, calls) = run_traced(&[Path::new("restore"), &snapshot, &target], &fault);
        assert!(matches!(ended, Ended::Done), "{refusal}: {ended:?}");
        assert_eq!(calls.matches("FICLONE").count(), 1, "{refusal}: {calls}");
        assert_eq!(tree(&target), tree(&snapshot), "{refusal}");
    }
}

#[test]
fn a_clone_that_is_refused_later_on_is_a_copy() {
    if !has_strace() {
        return skip("no strace");
    }
    both(|place, kind| {
        let (snapshot, target) = (snapshot_of(place), place.data().join("restored"));
        // The first only tries; then one file has been cloned.
        let fault = "ioctl:error=EINVAL:when=3";
        let (ended, has_come) = run(&[Path::new("restore"), &snapshot, &target], fault);
        assert!(matches!(ended, Ended::Done) && has_come, "{kind}: {ended:?}");
        assert_eq!(tree(&target), tree(&snapshot), "{kind}");
        let left = names(&place.data()).into_iter().find(|name| name.starts_with(".restored"));
        assert_eq!(left, None, "{kind}");
    });
}
