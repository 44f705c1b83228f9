//! A disk that is full, or away, on one side does not block work on the other.

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;

use crate::common::child::{self, Ended, has_strace};
use crate::common::mounted::Mounted;
use crate::common::{Place, bytes, frozen, names, skip, tree, verify, write};
use hotbackup::{BackupRoot, Code, Coordinator, FileClass, Options, Recovered};

fn options(root: &Path) -> Options {
    let mut options = frozen();
    options.set_root(root).unwrap();
    options.add_rule("*.sst", FileClass::IMMUTABLE).unwrap();
    options.add_rule("log", FileClass::AppendOnly).unwrap();
    options
}

/// Fills a file system until not one block is left.
fn fill(top: &Path) {
    let mut file = File::create(top.join("filler")).unwrap();
    for size in [1 << 16, 1 << 12, 1] {
        while file.write_all(&vec![b'f'; size]).is_ok() {}
    }
}

/// A database on a full file system is saved to another one, twice.
fn is_saved(data: &Path, place: &Place) {
    let expected = tree(data);
    for _ in 0..2 {
        let coordinator = Coordinator::open(data, &options(&place.beside("root"))).unwrap();
        let job = coordinator.start().unwrap();
        job.wait().unwrap();
        assert!(tree(job.location()) == expected);
        verify(job.location()).unwrap();
    }
    assert_eq!(hotbackup::recover(data).unwrap(), Recovered::Nothing);
    // Its own root has no room, and that is what it says.
    let error = Coordinator::open(data, &frozen()).unwrap().start().unwrap_err();
    assert_eq!(error.code(), Code::NoSpace, "{error}");
    assert!(tree(data) == expected);
}

#[test]
fn a_source_without_a_free_block_is_saved_to_another_disk() {
    for kind in ["ext4", "xfs"] {
        let place = Place::new();
        let Some(mounted) = Mounted::image(kind, 320 << 20, &place.beside("disk")) else { return };
        let data = mounted.path().join("data");
        write(&data.join("tables/1.sst"), &bytes(100_000, 1));
        write(&data.join("log"), &bytes(10_000, 2));
        write(&data.join("index"), b"index");
        fill(mounted.path());
        is_saved(&data, &place);
    }
}

#[test]
fn a_source_without_a_free_inode_is_saved_to_another_disk() {
    let place = Place::new();
    let disk = place.beside("disk");
    let Some(_mounted) =
        Mounted::new(&["-t", "tmpfs", "-o", "size=8m,nr_inodes=12"], Path::new("tmpfs"), &disk)
    else {
        return;
    };
    write(&disk.join("tables/1.sst"), &bytes(100_000, 1));
    write(&disk.join("log"), &bytes(10_000, 2));
    let taken = (0..).take_while(|n| File::create(disk.join(n.to_string())).is_ok()).count();
    assert!(taken < 12);
    is_saved(&disk, &place);
}

#[test]
fn a_quota_that_is_used_up_is_as_a_full_disk() {
    if !has_strace() {
        return skip("no strace here");
    }
    // Each call that would make something in the source.
    for call in ["mkdirat", "linkat"] {
        let place = Place::with_files();
        let deed = [Path::new("back up to"), &place.data(), &place.beside("root")];
        // The directories of the root come after those of the source.
        let when = if call == "mkdirat" { "1" } else { "1+" };
        let (ended, came) = child::run(&deed, &format!("{call}:error=EDQUOT:when={when}"));
        assert!(matches!(ended, Ended::Done) && came, "{call}: {ended:?}");
        let latest = BackupRoot::at(place.beside("root")).latest().unwrap();
        assert_eq!(tree(latest.location()), tree(&place.data()));
    }
}

/// A data directory with what a killed backup has left: pins that hold a deleted table.
fn with_pins_of_a_killed_backup(source: Option<&Path>) -> Place {
    let place = Place::with_files();
    for top in [Some(place.data().as_path()), source].into_iter().flatten() {
        let pins = top.join(".lifecycle/pins-5f0c9d0e-8a51-4b8e-9a56-0d2a3f4c5b6e");
        write(&pins.join("1"), b"a table that is deleted");
    }
    place
}

fn pins_in(top: &Path) -> usize {
    names(top).iter().filter(|name| name.to_string_lossy().contains("pins-")).count()
}

#[test]
fn opening_and_recovering_remove_the_pins_of_a_killed_backup_though_the_root_is_away() {
    let place = with_pins_of_a_killed_backup(None);
    hotbackup::recover(&place.data()).unwrap();
    assert_eq!(pins_in(&place.data()), 0);

    let other = Place::new();
    let wal = other.data();
    let place = with_pins_of_a_killed_backup(Some(&wal));
    let mut options = options(Path::new("/nowhere/at/all/root"));
    options.add_source(&wal, Path::new("wal")).unwrap();
    let _open = Coordinator::open(&place.data(), &options).unwrap();
    assert_eq!((pins_in(&place.data()), pins_in(&wal)), (0, 0));
}

#[test]
fn opening_leaves_the_pins_of_a_backup_that_is_running_alone() {
    let place = Place::with_files();
    let (reached, is_reached) = std::sync::mpsc::channel();
    let (go_on, goes_on) = std::sync::mpsc::channel::<()>();
    let (reached, goes_on) = (std::sync::Mutex::new(reached), std::sync::Mutex::new(goes_on));
    let mut options = options(&place.beside("root"));
    options.hooks().freeze_thaw(
        move |_| {
            reached.lock().unwrap().send(()).unwrap();
            let _ = goes_on.lock().unwrap().recv();
            Ok(())
        },
        |_| Ok(()),
    );
    let coordinator = Coordinator::open(&place.data(), &options).unwrap();
    let job = coordinator.start().unwrap();
    is_reached.recv().unwrap();
    let pins = pins_in(&place.data());
    assert!(pins > 1, "{pins}");
    // Here and in another process.
    let _second = Coordinator::open(&place.data(), &frozen()).unwrap();
    let mut other = child::start(&[Path::new("hold open"), &place.data()]);
    other.wait_for_sign();
    assert_eq!(pins_in(&place.data()), pins);
    drop(go_on);
    job.wait().unwrap();
    assert_eq!(tree(job.location()), tree(&place.data()));
    assert_eq!(pins_in(&place.data()), 0);
}

#[test]
fn a_full_root_can_be_emptied_its_newest_snapshot_too() {
    let place = Place::with_files();
    let small = place.beside("small");
    let Some(_mounted) = Mounted::new(&["-t", "tmpfs", "-o", "size=4m"], Path::new("tmpfs"), &small) else {
        return;
    };
    let root = small.join("root");
    for _ in 0..3 {
        place.back_up(&options(&root)).unwrap();
    }
    fill(&small);
    let error = place.back_up(&options(&root)).unwrap_err();
    assert_eq!(error.code(), Code::NoSpace, "{error}");
    let all = BackupRoot::at(&root).list().unwrap();
    BackupRoot::at(&root).delete(all[0].id()).unwrap();
    assert_eq!(BackupRoot::at(&root).latest().unwrap().location(), all[1].location());
    fill(&small);
    assert_eq!(BackupRoot::at(&root).prune(1).unwrap(), 1);
    verify(all[1].location()).unwrap();
}

#[test]
fn blocks_that_are_allocated_ahead_and_hold_nothing_need_no_room() {
    let place = Place::new();
    let log = File::create(place.data().join("log")).unwrap();
    if rustix::fs::fallocate(&log, rustix::fs::FallocateFlags::empty(), 0, 200 << 20).is_err() {
        return skip("no space can be allocated ahead here");
    }
    drop(log);
    fs::write(place.data().join("table"), bytes(100_000, 1)).unwrap();
    let Some(small) =
        Mounted::new(&["-t", "tmpfs", "-o", "size=8m"], Path::new("tmpfs"), &place.beside("small"))
    else {
        return;
    };
    for class in [FileClass::Mutable, FileClass::IMMUTABLE] {
        let mut options = frozen();
        options.set_root(&small.path().join("root")).unwrap();
        options.add_rule("log", class).unwrap();
        let job = place.back_up(&options).unwrap();
        assert_eq!(fs::metadata(job.location().join("log")).unwrap().len(), 200 << 20);
        verify(job.location()).unwrap();
    }
}
