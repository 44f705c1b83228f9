//! What the library keeps for itself is never taken for a host's data: backup roots and the `.lifecycle`
//! of another database, wherever they lie.

use std::fs;
use std::path::{Path, PathBuf};

use crate::common::{Place, bytes, frozen, residue, restore, sound_snapshots, tree, verify, write};
use hotbackup::{Code, Coordinator, Options};

fn with_root(root: &Path) -> Options {
    let mut options = frozen();
    options.set_root(root).unwrap();
    options
}

/// What a snapshot has.
fn paths(snapshot: &Path) -> Vec<PathBuf> {
    tree(snapshot).into_keys().collect()
}

#[test]
fn two_roots_inside_a_data_directory_do_not_back_each_other_up() {
    let place = Place::with_files();
    let expected = tree(&place.data());
    let roots = ["backups/hourly", "deep/er/daily"].map(|root| place.data().join(root));
    let mut with_directories = expected.clone();
    for directory in ["backups", "deep", "deep/er"] {
        with_directories.insert(directory.into(), b"directory".to_vec());
    }
    for round in 0..3 {
        for root in &roots {
            let job = place.back_up(&with_root(root)).unwrap();
            if round > 0 {
                assert_eq!(paths(job.location()), Vec::from_iter(with_directories.keys().cloned()));
                let status = job.status().unwrap();
                assert_eq!(status.files_skipped, 1, "the other root");
            }
            let snapshot = tree(job.location());
            expected.iter().for_each(|(path, bytes)| assert_eq!(snapshot.get(path), Some(bytes)));
        }
    }
    roots.iter().for_each(|root| assert_eq!(sound_snapshots(root).len(), 3));
}

#[test]
fn a_restore_leaves_every_root_in_its_target_whether_what_it_replaces_is_kept_or_not() {
    for keep_undo in [true, false] {
        let place = Place::with_files();
        let inside = place.data().join("backups/own");
        place.back_up(&with_root(&inside)).unwrap();
        let off_site = place.back_up(&with_root(&place.beside("off-site"))).unwrap();
        let expected = tree(off_site.location());
        write(&place.data().join("index"), b"later");
        write(&place.data().join("backups/stray"), b"a file beside the root");
        let mut options = Options::new();
        options.set_keep_undo(keep_undo);
        hotbackup::restore(off_site.location(), &place.data(), &options).unwrap().wait().unwrap();
        assert_eq!(sound_snapshots(&inside).len(), 1);
        let without_root = |mut found: std::collections::BTreeMap<PathBuf, Vec<u8>>| {
            found.retain(|path, _| !path.starts_with("backups/own"));
            found
        };
        assert_eq!(without_root(tree(&place.data())), without_root(expected));
        // And it is still a root to which the next backup goes.
        place.back_up(&with_root(&inside)).unwrap();
        if keep_undo {
            hotbackup::restore_undo(&place.data()).unwrap();
            assert_eq!(fs::read(place.data().join("index")).unwrap(), b"later");
            assert_eq!(fs::read(place.data().join("backups/stray")).unwrap(), b"a file beside the root");
        }
        assert_eq!(sound_snapshots(&inside).len(), 2);
        assert_eq!(residue(&place.data()), Vec::<PathBuf>::new());
    }
}

/// A database with another one below its directory, which its host has backed up.
fn nested() -> (Place, PathBuf) {
    let place = Place::with_files();
    let inner = place.data().join("tenants/inner");
    write(&inner.join("index"), &bytes(1000, 5));
    let coordinator = Coordinator::open(&inner, &frozen()).unwrap();
    coordinator.start().unwrap().wait().unwrap();
    (place, inner)
}

#[test]
fn the_lifecycle_of_a_database_below_is_not_captured_and_its_data_is() {
    let (place, inner) = nested();
    let job = place.back_up(&frozen()).unwrap();
    assert_eq!(fs::read(job.location().join("tenants/inner/index")).unwrap(), bytes(1000, 5));
    assert!(!job.location().join("tenants/inner/.lifecycle").exists());
    assert_eq!(job.status().unwrap().files_skipped, 1);
    verify(job.location()).unwrap();

    // Nor is it moved or removed by a restore.
    write(&inner.join("index"), b"later");
    for keep_undo in [true, false] {
        let mut options = Options::new();
        options.set_keep_undo(keep_undo);
        hotbackup::restore(job.location(), &place.data(), &options).unwrap().wait().unwrap();
        assert_eq!(fs::read(inner.join("index")).unwrap(), bytes(1000, 5));
        assert_eq!(sound_snapshots(&inner.join(".lifecycle/backup")).len(), 1);
    }
}

#[test]
fn nothing_moves_under_a_host_that_has_a_database_below_the_target_open() {
    let (place, inner) = nested();
    let job = place.back_up(&frozen()).unwrap();
    let before = tree(&place.data());
    let open = Coordinator::open(&inner, &frozen()).unwrap();
    let error = restore(job.location(), &place.data()).unwrap_err();
    assert_eq!((error.code(), error.path()), (Code::Conflict, Some(inner.as_path())), "{error}");
    assert_eq!(tree(&place.data()), before);
    open.close();
    restore(job.location(), &place.data()).unwrap();
}

#[test]
fn files_of_a_database_that_are_called_like_the_librarys_are_data() {
    let place = Place::with_files();
    let data = place.data();
    write(&data.join("lock"), b"a file of the database");
    write(&data.join("source"), b"another");
    write(&data.join("sub/lock"), b"a file of the database");
    write(&data.join("sub/source"), b"/another/path");
    write(&data.join("sub/latest"), b"another");
    write(&data.join("sub/.lifecycle/file"), b"no owner, so not the library's");
    let job = place.back_up(&frozen()).unwrap();
    assert_eq!(tree(job.location()), tree(&data));
    assert_eq!(job.status().unwrap().files_skipped, 0);
    let target = data.join("sub/restored");
    restore(job.location(), &target).unwrap();
    assert_eq!(tree(&target), tree(job.location()));
}

#[test]
fn a_backup_root_is_no_data_directory_and_no_target() {
    let place = Place::with_files();
    let root = place.beside("root");
    let job = place.back_up(&with_root(&root)).unwrap();
    let error = Coordinator::open(&root, &frozen()).unwrap_err();
    assert_eq!((error.code(), error.path()), (Code::InvalidArgument, Some(root.as_path())), "{error}");
    let other = place.beside("other");
    place.back_up(&with_root(&other)).unwrap();
    for target in [&root, &other, &root.join("in"), &other.join("in")] {
        let error = restore(job.location(), target).unwrap_err();
        assert_eq!((error.code(), error.path()), (Code::InvalidArgument, Some(target.as_path())), "{error}");
    }
    sound_snapshots(&other);
}
