//! Where no checkpoint can be made: it says so before the host is stopped, and nothing is left.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::common::fuse::{Less, Lesser};
use crate::common::mounted::Mounted;
use crate::common::{Place, like_rocksdb, names, residue, skip, write};
use crate::{checkpoint, checkpoints, database, listed, made_by, rocksdb};
use hotbackup::{CheckpointOptions, Code, Coordinator, Error, FileClass, Options};

/// That of a checkpoint, for which no hook may be called.
fn refused(place: &Place, mut options: Options) -> Error {
    let calls = Arc::new(AtomicU32::new(0));
    let hooks = options.hooks();
    let count = || {
        let calls = calls.clone();
        move || {
            calls.fetch_add(1, Ordering::Relaxed);
        }
    };
    let (one, two) = (count(), count());
    hooks.checkpoint(move |_| Ok(one()));
    hooks.freeze_thaw(move |_| Ok(two()), |_| Ok(()));
    let error = place.harmless(|| checkpoint(place, &options));
    assert_eq!(calls.load(Ordering::Relaxed), 0, "{error}");
    assert_eq!(listed(place), Vec::<String>::new(), "{error}");
    error
}

#[test]
fn a_layout_of_which_nobody_knows_what_becomes_of_deleted_files_is_refused_at_the_start() {
    for layout in ["generic", "sqlite", "lmdb"] {
        let place = database();
        let mut options = Options::new();
        options.set_layout(layout).unwrap();
        options.add_rule("*.sst", FileClass::IMMUTABLE).unwrap();
        let error = refused(&place, options);
        assert_eq!(error.code(), Code::Unsupported, "{error}");
        assert!(error.message().contains(layout) && error.message().contains("links_are_safe"), "{error}");
        assert!(!checkpoints(&place).exists());
    }
}

#[test]
fn a_host_that_vouches_for_links_may_have_them_under_any_layout() {
    let place = database();
    let mut options = crate::common::frozen();
    options.add_rule("*.sst", FileClass::IMMUTABLE).unwrap();
    let coordinator = Coordinator::open(place.data(), &options).unwrap();
    let job = made_by(&coordinator, CheckpointOptions::new().links_are_safe()).unwrap();
    assert_eq!(job.status().unwrap().bytes_linked, 370_000);
}

#[test]
fn a_further_source_on_another_file_system_is_refused_and_named() {
    let place = database();
    let Some(memory) = Mounted::tmpfs(&place.beside("logs")) else { return };
    write(&memory.path().join("000008.log"), b"logged");
    let mut options = rocksdb();
    options.add_source(memory.path(), "wal").unwrap();
    let error = refused(&place, options);
    assert_eq!((error.code(), error.path()), (Code::Unsupported, Some(memory.path())), "{error}");
    assert_eq!(fs::metadata(place.data().join("000005.sst")).unwrap().nlink(), 1);
}

#[test]
fn a_directory_on_another_file_system_within_the_data_directory_is_refused_and_its_table_named() {
    let place = database();
    let Some(memory) = Mounted::tmpfs(&place.data().join("hot")) else { return };
    let table = memory.path().join("000010.sst");
    write(&table, b"a table");
    let error = place.harmless(|| checkpoint(&place, &rocksdb()));
    assert_eq!((error.code(), error.path()), (Code::Unsupported, Some(table.as_path())), "{error}");
    assert_eq!(listed(&place), Vec::<String>::new());
}

#[test]
fn a_file_system_that_refuses_links_is_refused() {
    let place = Place::new();
    let without = Less { link: Some(libc::EPERM), ..Less::default() };
    let Some(served) = Lesser::mount(&place.data(), without) else { return skip("this user may not mount") };
    let data = served.path().join("data");
    like_rocksdb(&data);
    let error = Coordinator::open(&data, &rocksdb())
        .and_then(|coordinator| made_by(&coordinator, CheckpointOptions::new()))
        .unwrap_err();
    assert_eq!((error.code(), error.path()), (Code::Unsupported, Some(data.as_path())), "{error}");
    assert_eq!(names(&data.join(".lifecycle/checkpoints")), [PathBuf::from("lock")]);
    assert_eq!(residue(&data), Vec::<PathBuf>::new());
}
