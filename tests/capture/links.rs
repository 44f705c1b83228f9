//! Symbolic links in a data directory: what the error of one says to do works, all the way to the restored
//! database.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use crate::common::{Place, frozen, restore, sound_snapshots, tree, verify, write};
use hotbackup::{Code, FileClass, Options, Symlinks};

/// A database whose logs lie on another disk, where a link leads to.
fn with_linked_logs() -> (Place, PathBuf) {
    let place = Place::with_files();
    let fast = place.beside("fast/logs");
    write(&fast.join("000001.log"), b"the first log");
    fs::create_dir(place.data().join("db")).unwrap();
    symlink(&fast, place.data().join("db/wal")).unwrap();
    (place, fast)
}

fn with_source(fast: &Path, prefix: &str) -> Options {
    let mut options = frozen();
    options.add_source(fast, Path::new(prefix)).unwrap();
    options
}

#[test]
fn a_linked_directory_of_logs_is_captured_in_the_links_place_as_its_error_says() {
    let (place, fast) = with_linked_logs();
    let error = place.refused(&frozen());
    let link = place.data().join("db/wal");
    assert_eq!((error.code(), error.path()), (Code::Unsupported, Some(link.as_path())), "{error}");
    for what in [fast.to_str().unwrap(), "add that as a source", "the prefix db/wal"] {
        assert!(error.message().contains(what), "{what}: {error}");
    }
    // As it says, whether other links are preserved or not.
    for symlinks in [Symlinks::Fail, Symlinks::Preserve] {
        let mut options = with_source(&fast, "db/wal");
        options.set_symlinks(symlinks);
        let job = place.back_up(&options).unwrap();
        verify(job.location()).unwrap();
        let target = place.beside(&format!("restored-{symlinks:?}"));
        restore(job.location(), &target).unwrap();
        // The logs are there, and are not the live ones.
        assert!(!target.join("db/wal").is_symlink());
        write(&fast.join("000001.log"), b"the live log goes on");
        assert_eq!(fs::read(target.join("db/wal/000001.log")).unwrap(), b"the first log");
        write(&fast.join("000001.log"), b"the first log");
        assert_eq!(job.status().unwrap().files_skipped, 0);
    }
}

#[test]
fn a_restore_over_a_linked_directory_of_logs_leaves_the_live_logs_alone_and_can_be_undone() {
    let (place, fast) = with_linked_logs();
    let job = place.back_up(&with_source(&fast, "db/wal")).unwrap();
    write(&fast.join("000002.log"), b"the second log");
    restore(job.location(), &place.data()).unwrap();
    let link = place.data().join("db/wal");
    assert!(!link.is_symlink());
    assert_eq!(fs::read(link.join("000001.log")).unwrap(), b"the first log");
    assert!(!link.join("000002.log").exists());
    assert_eq!(fs::read(fast.join("000002.log")).unwrap(), b"the second log");
    hotbackup::restore_undo(&place.data()).unwrap();
    assert!(link.is_symlink());
    assert_eq!(fs::read(link.join("000002.log")).unwrap(), b"the second log");
}

#[test]
fn a_link_to_a_source_with_another_prefix_is_refused_with_both() {
    let (place, fast) = with_linked_logs();
    for symlinks in [Symlinks::Fail, Symlinks::Preserve] {
        let mut options = with_source(&fast, "logs");
        options.set_symlinks(symlinks);
        let error = place.refused(&options);
        assert_eq!(error.code(), Code::InvalidArgument, "{error}");
        for what in ["db/wal", "not logs", fast.to_str().unwrap()] {
            assert!(error.message().contains(what), "{what}: {error}");
        }
    }
}

#[test]
fn a_source_whose_prefix_is_taken_by_a_directory_is_refused() {
    let (place, fast) = with_linked_logs();
    fs::remove_file(place.data().join("db/wal")).unwrap();
    write(&place.data().join("db/wal/000001.log"), b"another");
    let error = place.refused(&with_source(&fast, "db/wal"));
    assert_eq!(error.code(), Code::InvalidArgument, "{error}");
    assert!(error.message().contains("db/wal"), "{error}");
}

#[test]
fn a_root_that_is_a_link_in_the_data_directory_is_no_data() {
    let place = Place::with_files();
    let expected = tree(&place.data());
    let backups = place.beside("backups");
    fs::create_dir(&backups).unwrap();
    let link = place.data().join("backups");
    symlink(&backups, &link).unwrap();
    for root in [&link, &backups] {
        for symlinks in [Symlinks::Fail, Symlinks::Preserve] {
            let mut options = frozen();
            options.set_root(root).unwrap();
            options.set_symlinks(symlinks);
            let job = place.back_up(&options).unwrap();
            assert_eq!(tree(job.location()), expected, "{symlinks:?}");
            assert_eq!(job.status().unwrap().files_skipped, 1);
        }
    }
    sound_snapshots(&backups);
}

#[test]
fn a_link_within_the_data_is_said_to_be_one_that_can_be_preserved() {
    let place = Place::with_files();
    symlink("tables", place.data().join("current")).unwrap();
    let error = place.refused(&frozen());
    assert!(error.message().contains("set_symlinks can preserve it"), "{error}");
    assert!(!error.message().contains("add that as a source"), "{error}");
    let mut options = frozen();
    options.set_symlinks(Symlinks::Preserve);
    let job = place.back_up(&options).unwrap();
    let target = place.beside("restored");
    restore(job.location(), &target).unwrap();
    assert_eq!(tree(&target.join("current")), tree(&place.data().join("tables")));
    // An absolute one would lead to the original's, and its error says so.
    fs::remove_file(place.data().join("current")).unwrap();
    symlink(place.data().join("tables"), place.data().join("current")).unwrap();
    let error = place.refused(&frozen());
    assert!(error.message().contains("the same place as this one"), "{error}");
}

#[test]
fn links_to_files_and_to_nothing_are_called_so() {
    let place = Place::with_files();
    let link = place.data().join("link");
    for (target, said) in
        [(place.beside("file"), "to the file"), (place.beside("nothing"), "where nothing is")]
    {
        write(&place.beside("file"), b"outside");
        symlink(&target, &link).unwrap();
        let error = place.refused(&frozen());
        assert_eq!((error.code(), error.path()), (Code::Unsupported, Some(link.as_path())), "{error}");
        assert!(error.message().contains(said) && !error.message().contains("add that"), "{error}");
        fs::remove_file(&link).unwrap();
    }
}

/// What its error says to do can be done: a source cannot hold another.
#[test]
fn a_link_to_what_holds_the_data_is_not_said_to_be_a_source() {
    let place = Place::with_files();
    for target in ["..", "/", "../data"] {
        let link = place.data().join("up");
        symlink(target, &link).unwrap();
        let error = place.refused(&frozen());
        assert_eq!((error.code(), error.path()), (Code::Unsupported, Some(link.as_path())), "{error}");
        assert!(!error.message().contains("add that as a source"), "{error}");
        let mut options = frozen();
        options.add_rule("up", FileClass::Excluded).unwrap();
        let job = place.back_up(&options).unwrap();
        assert!(!job.location().join("up").exists());
        fs::remove_file(link).unwrap();
    }
}

#[test]
fn a_link_that_leads_in_a_circle_is_called_so() {
    let place = Place::with_files();
    symlink("round", place.data().join("round")).unwrap();
    let error = place.refused(&frozen());
    assert!(error.code() == Code::Unsupported && error.message().contains("in a circle"), "{error}");
}
