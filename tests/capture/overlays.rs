//! What cannot be renamed: directories of an overlay's lower layers, entries between subvolumes and mounts.

use std::fs::{self, File};
use std::ops::ControlFlow;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::common::mounted::{Mounted, succeeds};
use crate::common::{Place, bytes, frozen, names, restore, tree, verify, write};
use hotbackup::{Code, Coordinator, FileClass, Options, Phase, Recovered};

/// A database that came with a container's image: its files lie in the lower layer.
fn in_an_image() -> Option<(Place, Mounted, PathBuf)> {
    let place = Place::new();
    let lower = place.beside("lower/data");
    write(&lower.join("index"), b"index");
    write(&lower.join("log"), &bytes(20_000, 1));
    write(&lower.join("pages"), &bytes(400_000, 2));
    write(&lower.join("tables/1.sst"), &bytes(300_000, 3));
    write(&lower.join("tables/deep/2.sst"), &bytes(1000, 4));
    write(&lower.join("old/going"), b"going");
    let mounted = Mounted::overlay(&place.beside("overlaid"))?;
    let data = mounted.path().join("data");
    Some((place, mounted, data))
}

fn options(place: &Place) -> Options {
    let mut options = frozen();
    options.set_root(&place.beside("root")).unwrap();
    options.add_rule("*.sst", FileClass::IMMUTABLE).unwrap();
    options.add_rule("log", FileClass::AppendOnly).unwrap();
    options.add_rule("pages", FileClass::Pinned).unwrap();
    options
}

#[test]
fn a_database_in_an_image_is_captured_as_it_was_though_it_goes_on() {
    let Some((place, _mounted, data)) = in_an_image() else { return };
    let expected = tree(&data);
    let mut options = options(&place);
    options.set_rate_limit(3_000_000);
    let writing = data.clone();
    options.hooks().progress(move |progress, _| {
        if progress.phase == Phase::Copy {
            use std::io::Write;
            File::options().append(true).open(writing.join("log")).unwrap().write_all(b"more").unwrap();
            let pages = File::options().write(true).open(writing.join("pages")).unwrap();
            pages.write_all_at(b"meta", 0).unwrap();
            let _ = fs::remove_file(writing.join("tables/1.sst"));
        }
        Ok(ControlFlow::Continue(()))
    });
    let coordinator = Coordinator::open(&data, &options).unwrap();
    let job = coordinator.start().unwrap();
    job.wait().unwrap();
    assert_eq!(tree(job.location()), expected);
    verify(job.location()).unwrap();
}

#[test]
fn a_restore_over_a_database_in_an_image_is_whole_and_can_be_undone() {
    for (keep_undo, keep_matching) in [(true, false), (false, false), (true, true), (false, true)] {
        let Some((place, _mounted, data)) = in_an_image() else { return };
        // A snapshot without one of its directories, and with a new one.
        let other = place.beside("other");
        let copied = Command::new("cp").arg("-a").arg(&data).arg(&other).status().unwrap();
        assert!(copied.success());
        fs::remove_dir_all(other.join("old")).unwrap();
        write(&other.join("index"), b"another index");
        write(&other.join("tables/deep/3.sst"), b"new");
        write(&other.join("new/er/file"), b"new");
        fs::remove_file(other.join("tables/1.sst")).unwrap();
        let coordinator = Coordinator::open(&other, &options(&place)).unwrap();
        let job = coordinator.start().unwrap();
        job.wait().unwrap();

        let before = tree(&data);
        let mut options = Options::new();
        options.set_keep_undo(keep_undo);
        options.set_keep_matching(keep_matching);
        hotbackup::restore(job.location(), &data, &options).unwrap().wait().unwrap();
        assert_eq!(tree(&data), tree(&other));
        if keep_undo {
            hotbackup::restore_undo(&data).unwrap();
            assert_eq!(tree(&data), before);
            hotbackup::restore_undo(&data).unwrap();
            assert_eq!(tree(&data), tree(&other));
        }
        assert_eq!(hotbackup::recover(&data).unwrap(), Recovered::Nothing);
        let left = names(&data.join(".lifecycle"));
        assert!(!left.iter().any(|name| name.starts_with("restore")), "{left:?}");
    }
}

/// That a restore over `data` is refused before anything is copied, naming this.
fn is_refused_early(snapshot: &Path, data: &Path, named: &Path) {
    let before = tree(data);
    let options = Options::new();
    let job = hotbackup::restore(snapshot, data, &options).unwrap();
    let error = job.wait().unwrap_err();
    assert_eq!((error.code(), error.path()), (Code::Unsupported, Some(named)), "{error}");
    assert_eq!(job.status().unwrap().bytes_done, 0, "it was copied first");
    assert_eq!(tree(data), before);
}

#[test]
fn a_lifecycle_on_a_mount_of_its_own_is_found_before_anything_is_copied() {
    // Of another file system, and of the same one.
    for arguments in [&["-t", "tmpfs"][..], &["--bind"]] {
        let place = Place::with_files();
        let lifecycle = place.data().join(".lifecycle");
        let Some(_mounted) = Mounted::new(arguments, &lifecycle, &lifecycle) else { return };
        // A backup works: pins on another file system only cannot be links.
        let mut options = frozen();
        options.set_root(&place.beside("root")).unwrap();
        options.add_rule("*.sst", FileClass::IMMUTABLE).unwrap();
        let job = place.back_up(&options).unwrap();
        assert_eq!(tree(job.location()), tree(&place.data()));
        restore(job.location(), &place.beside("new")).unwrap();
        is_refused_early(job.location(), &place.data(), &lifecycle);
    }
}

#[test]
fn a_subvolume_is_no_mount() {
    let place = Place::new();
    let Some(mounted) = Mounted::image("btrfs", 300 << 20, &place.beside("disk")) else { return };
    let subvolume = |path: &Path| {
        assert!(succeeds(Command::new("btrfs").args(["subvolume", "create"]).arg(path)));
        assert_eq!(fs::metadata(path).unwrap().ino(), 256);
    };
    let data = mounted.path().join("data");
    subvolume(&data);
    subvolume(&data.join("tables"));
    write(&data.join("tables/1.sst"), &bytes(100_000, 1));
    write(&data.join("index"), b"index");
    let mut with_root = frozen();
    with_root.set_root(&place.beside("root")).unwrap();
    let job = {
        let coordinator = Coordinator::open(&data, &with_root).unwrap();
        let job = coordinator.start().unwrap();
        job.wait().unwrap();
        job
    };
    let expected = tree(&data);
    write(&data.join("tables/2.sst"), b"later");
    let before = tree(&data);
    restore(job.location(), &data).unwrap();
    assert_eq!(tree(&data), expected);
    hotbackup::restore_undo(&data).unwrap();
    assert_eq!(tree(&data), before);

    // One that holds what stays cannot be taken apart.
    let mut excluding = frozen();
    excluding.set_root(&place.beside("other-root")).unwrap();
    excluding.add_rule("LOCK", FileClass::Excluded).unwrap();
    write(&data.join("tables/LOCK"), b"");
    let coordinator = Coordinator::open(&data, &excluding).unwrap();
    let job = coordinator.start().unwrap();
    job.wait().unwrap();
    drop(coordinator);
    is_refused_early(job.location(), &data, &data.join("tables"));
}
