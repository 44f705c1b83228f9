//! A job that returned OK survives a power cut an instant later, bit for bit. What was not synced
//! is gone when a file system is shut down without a flush and mounted again.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use hotbackup::{FileClass, Options};

use crate::common::scene::copy;
use crate::common::{Place, bytes, frozen, restore, skip, tree, verify, write};

/// A file system in a file, unmounted with the value.
struct Disk {
    image: PathBuf,
    at: PathBuf,
}

impl Disk {
    fn make(kind: &str, place: &Place) -> Option<Self> {
        let disk = Self { image: place.beside("image"), at: place.beside("disk") };
        File::create(&disk.image).unwrap().set_len(400 << 20).unwrap();
        std::fs::create_dir(&disk.at).unwrap();
        let made = succeeds(Command::new(format!("mkfs.{kind}")).arg("-q").arg(&disk.image));
        (made && disk.mount()).then_some(disk)
    }

    fn mount(&self) -> bool {
        succeeds(Command::new("mount").args(["-o", "loop"]).arg(&self.image).arg(&self.at))
    }

    /// The power goes, and comes back.
    fn cut(&self) {
        assert!(succeeds(Command::new("xfs_io").args(["-x", "-c", "shutdown"]).arg(&self.at)));
        assert!(succeeds(Command::new("umount").arg(&self.at)));
        assert!(self.mount());
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        succeeds(Command::new("umount").arg(&self.at));
    }
}

fn succeeds(command: &mut Command) -> bool {
    command.stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
}

/// Few files are synced one by one, many with their file system.
fn survives(kind: &str, files: usize) {
    let place = Place::new();
    let Some(disk) = Disk::make(kind, &place) else { return skip("no loop mounts, or no mkfs") };
    if !succeeds(Command::new("xfs_io").arg("-V")) {
        return skip("xfs_io is not there");
    }
    let data = place.data();
    for number in 0..files {
        write(&data.join(format!("tables/{number}")), &bytes(number * 97 % 90_000, number as u64));
    }
    let before = tree(&data);

    // In directories that are new: their names must last too.
    let root = disk.at.join("a/b/root");
    let mut options = frozen();
    options.set_root(&root).unwrap();
    let snapshot = place.back_up(&options).unwrap().location().to_path_buf();
    disk.cut();
    assert_eq!(hotbackup::BackupRoot::at(&root).latest().unwrap().location(), snapshot);
    verify(&snapshot).unwrap();
    assert!(tree(&snapshot) == before, "not as it was before the cut");

    let target = disk.at.join("target");
    restore(&snapshot, &target).unwrap();
    disk.cut();
    assert!(tree(&target) == before, "not as it was before the cut");

    write(&target.join("tables/0"), b"changed");
    write(&target.join("more"), b"more");
    // What its host had not synced is the host's loss, by a restore or without one.
    assert!(succeeds(Command::new("sync").arg("-f").arg(&target)));
    let changed = tree(&target);
    restore(&snapshot, &target).unwrap();
    disk.cut();
    assert!(tree(&target) == before, "not as it was before the cut");

    hotbackup::restore_undo(&target).unwrap();
    disk.cut();
    assert!(tree(&target) == changed, "not as it was before the cut");
    assert_eq!(hotbackup::recover(&target).unwrap(), hotbackup::Recovered::Nothing);
    assert!(Path::new(&target).is_dir());
}

/// What was written to the target and not synced before it was kept must last too.
fn what_is_kept_survives(kind: &str, files: usize) {
    let place = Place::new();
    let Some(disk) = Disk::make(kind, &place) else { return skip("no loop mounts, or no mkfs") };
    if !succeeds(Command::new("xfs_io").arg("-V")) {
        return skip("xfs_io is not there");
    }
    let data = place.data();
    for number in 0..files {
        write(&data.join(format!("tables/{number}.sst")), &bytes(number * 97 % 90_000, number as u64));
    }
    let mut options = frozen();
    options.add_rule("*.sst", FileClass::IMMUTABLE).unwrap();
    let snapshot = place.back_up(&options).unwrap().location().to_path_buf();
    for keep_undo in [true, false] {
        let target = disk.at.join(format!("target-{keep_undo}"));
        copy(&data, &target);
        std::fs::remove_dir_all(target.join(".lifecycle")).unwrap();
        write(&target.join("tables/0.sst"), b"another");
        let mut options = Options::new();
        options.set_keep_matching(true);
        options.set_keep_undo(keep_undo);
        let job = hotbackup::restore(&snapshot, &target, &options).unwrap();
        job.wait().unwrap();
        assert!(job.status().unwrap().bytes_linked > 0);
        disk.cut();
        assert!(tree(&target) == tree(&data), "not as it was before the cut, with an undo: {keep_undo}");
        // Without an undo, what was given up may have come back.
        assert_ne!(hotbackup::recover(&target).unwrap(), hotbackup::Recovered::Old);
        assert!(tree(&target) == tree(&data), "recovered, with an undo: {keep_undo}");
    }
}

#[test]
fn what_a_restore_has_kept_survives_on_ext4() {
    what_is_kept_survives("ext4", 20);
    what_is_kept_survives("ext4", 400);
}

#[test]
fn what_a_restore_has_kept_survives_on_xfs() {
    what_is_kept_survives("xfs", 20);
    what_is_kept_survives("xfs", 400);
}

#[test]
fn few_files_survive_on_ext4() {
    survives("ext4", 20);
}

#[test]
fn many_files_survive_on_ext4() {
    survives("ext4", 400);
}

#[test]
fn few_files_survive_on_xfs() {
    survives("xfs", 20);
}

#[test]
fn many_files_survive_on_xfs() {
    survives("xfs", 400);
}
