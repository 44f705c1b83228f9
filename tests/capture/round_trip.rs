//! What goes into a backup comes out of a restore.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::common::{Place, frozen, restore, tree, verify, write};
use hotbackup::{BackupRoot, Coordinator, FileClass, Kind, Options, State, Symlinks};

#[test]
fn a_resting_directory_is_backed_up_without_hooks_and_restored() {
    let place = Place::with_files();
    let job = place.back_up(&Options::new()).unwrap();
    assert_eq!(tree(job.location()), tree(&place.data()));
    verify(job.location()).unwrap();
    restore(job.location(), &place.beside("again")).unwrap();
    assert_eq!(tree(&place.beside("again")), tree(&place.data()));
}

#[test]
fn a_job_tells_what_it_did() {
    let place = Place::with_files();
    let job = place.back_up(&frozen()).unwrap();
    let progress = job.status().unwrap();
    assert_eq!((progress.kind, progress.state, progress.percent), (Kind::Backup, State::Completed, 100));
    assert_eq!((progress.files_done, progress.files_total), (6, 6));
    assert_eq!((progress.bytes_done, progress.bytes_total), (420_006, 420_006));
    assert!(!progress.freeze.is_zero());
    assert!(progress.started_at > UNIX_EPOCH && progress.finished_at >= Some(progress.started_at));
}

#[test]
fn each_class_comes_out_as_it_went_in() {
    let place = Place::with_files();
    let mut options = frozen();
    options.add_rule("*.sst", FileClass::IMMUTABLE).unwrap();
    options.add_rule("log", FileClass::AppendOnly).unwrap();
    options.add_rule("tables/2.sst", FileClass::Pinned).unwrap();
    options.add_rule("empty", FileClass::Excluded).unwrap();
    let job = place.back_up(&options).unwrap();
    let mut expected = tree(&place.data());
    expected.remove(Path::new("empty"));
    assert_eq!(tree(job.location()), expected);
}

/// It is long enough to be shared out among threads, in the window, after it, when it is read back and restored.
#[test]
fn a_large_file_comes_out_as_it_went_in() {
    use std::os::unix::fs::FileExt;
    let place = Place::with_files();
    let bytes: Vec<u8> = (0..36_000_003_u32).map(|at| (at % 251) as u8 ^ (at >> 18) as u8).collect();
    for name in ["tree.db", "table.sst", "log", "pages.mdb"] {
        write(&place.data().join(name), &bytes);
    }
    let holes = fs::File::options().write(true).open(place.data().join("pages.mdb")).unwrap();
    holes.set_len(20 << 20).unwrap();
    holes.set_len(50 << 20).unwrap();
    holes.write_all_at(b"end", (40 << 20) - 1).unwrap();
    let mut options = frozen();
    options.add_rule("*.sst", FileClass::IMMUTABLE).unwrap();
    options.add_rule("log", FileClass::AppendOnly).unwrap();
    for threads in [1, 3] {
        options.set_threads(threads);
        let job = place.back_up(&options).unwrap();
        verify(job.location()).unwrap();
        let target = place.beside(&format!("again-{threads}"));
        restore(job.location(), &target).unwrap();
        assert!(tree(&target) == tree(&place.data()), "{threads}");
        let progress = job.status().unwrap();
        assert_eq!((progress.percent, progress.bytes_done), (100, progress.bytes_total));
    }
}

#[test]
fn modes_times_links_and_strange_names_are_kept() {
    use std::os::unix::ffi::OsStrExt;
    let place = Place::with_files();
    let data = place.data();
    let strange = data.join(std::ffi::OsStr::from_bytes(b"new\nline \xff \"quoted\""));
    write(&strange, b"strange");
    fs::set_permissions(&strange, fs::Permissions::from_mode(0o640)).unwrap();
    fs::set_permissions(data.join("hollow"), fs::Permissions::from_mode(0o555)).unwrap();
    fs::set_permissions(data.join("tables/deep"), fs::Permissions::from_mode(0o555)).unwrap();
    symlink("../nowhere", data.join("link")).unwrap();
    let mut options = frozen();
    options.set_symlinks(Symlinks::Preserve);
    let job = place.back_up(&options).unwrap();
    let target = place.beside("again");
    restore(job.location(), &target).unwrap();
    assert_eq!(tree(&target), tree(&data));
    for name in [
        Path::new("hollow"),
        Path::new("tables/deep"),
        Path::new("log"),
        strange.strip_prefix(&data).unwrap(),
    ] {
        let (before, after) =
            (fs::metadata(data.join(name)).unwrap(), fs::metadata(target.join(name)).unwrap());
        assert_eq!(after.mode(), before.mode(), "{name:?}");
        assert_eq!(after.modified().unwrap(), before.modified().unwrap(), "{name:?}");
    }
}

#[test]
fn a_further_source_lies_below_its_prefix() {
    let place = Place::with_files();
    write(&place.beside("wal/000001.log"), b"log");
    let mut options = frozen();
    options.add_source(&place.beside("wal"), Path::new("wal")).unwrap();
    let job = place.back_up(&options).unwrap();
    assert_eq!(fs::read(job.location().join("wal/000001.log")).unwrap(), b"log");
}

#[test]
fn latest_is_an_absolute_path_to_the_newest() {
    let place = Place::with_files();
    let coordinator = Coordinator::open(&place.data(), &frozen()).unwrap();
    let mut newest = None;
    for _ in 0..3 {
        let job = coordinator.start().unwrap();
        job.wait().unwrap();
        newest = Some(job.location().to_path_buf());
    }
    let newest = newest.unwrap();
    assert_eq!(fs::read(place.root().join("latest")).unwrap(), newest.as_os_str().as_encoded_bytes());
    assert!(newest.is_absolute() && newest.is_dir());
    assert_eq!(BackupRoot::at(place.root()).latest().unwrap().location(), newest);
    let listed = BackupRoot::at(place.root()).list().unwrap();
    assert_eq!(listed.len(), 3);
    assert_eq!(listed[0].location(), newest);
}

#[test]
fn a_snapshot_is_as_old_as_its_backup_and_what_is_restored_as_its_data() {
    let place = Place::with_files();
    let long_ago = SystemTime::now() - Duration::from_secs(40 * 24 * 3600);
    let root = place.beside("root");
    let mut options = frozen();
    options.set_root(&root).unwrap();
    place.back_up(&options).unwrap();
    fs::File::open(place.data()).unwrap().set_modified(long_ago).unwrap();
    let job = place.back_up(&options).unwrap();
    // As `find -mtime` sees it, which prunes by age.
    let age = |path: &std::path::Path| {
        fs::metadata(path).unwrap().modified().unwrap().elapsed().unwrap_or_default()
    };
    assert!(age(job.location()) < Duration::from_secs(3600), "{:?}", age(job.location()));
    let target = place.beside("restored");
    restore(job.location(), &target).unwrap();
    assert!(age(&target) > Duration::from_secs(39 * 24 * 3600), "{:?}", age(&target));
}
