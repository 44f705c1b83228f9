//! A database is known by more than its path: each container has its own `/data`, disks are not always
//! mounted, directories are copied and replaced.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::common::mounted::Mounted;
use crate::common::{Ended, Place, frozen, harmless_in, names, restore, sound_snapshots, tree, write};
use hotbackup::{BackupRoot, Code, Coordinator, Error, Options};

fn with_root(root: &Path) -> Options {
    let mut options = frozen();
    options.set_root(root).unwrap();
    options
}

fn adopting(root: &Path) -> Options {
    let mut options = with_root(root);
    options.set_adopt_root(true);
    options
}

fn back_up(data: &Path, options: &Options) -> hotbackup::Result<Ended> {
    let coordinator = Coordinator::open(data, options)?;
    let job = coordinator.start()?;
    job.wait()?;
    Ok(Ended(job))
}

/// The id of a data directory.
fn id(data: &Path) -> String {
    fs::read_to_string(data.join(".lifecycle/id")).unwrap().trim().to_string()
}

/// That an error is of this code, and speaks of these.
#[track_caller]
fn says(error: &Error, code: Code, what: &[&str]) {
    assert_eq!(error.code(), code, "{error}");
    for what in what {
        assert!(error.message().contains(what), "{what}: {error}");
    }
}

/// A database of its own in `volume`.
fn database(volume: &Path, content: &[u8]) {
    write(&volume.join("index"), content);
}

/// Two volumes that have one path in turn, as in two containers.
struct Containers {
    place: Place,
    volumes: [PathBuf; 2],
}

impl Containers {
    fn new() -> Self {
        let place = Place::new();
        let volumes = ["one", "other"].map(|name| place.beside(name));
        database(&volumes[0], b"one");
        database(&volumes[1], b"other");
        Self { place, volumes }
    }

    /// Runs in one of them. `None`: this user may not mount.
    fn inside<T>(&self, number: usize, act: impl FnOnce(&Path) -> T) -> Option<T> {
        let _mounted = Mounted::new(&["--bind"], &self.volumes[number], &self.place.data())?;
        Some(act(&self.place.data()))
    }
}

#[test]
fn two_containers_with_equal_paths_do_not_share_a_root_by_mistake() {
    let containers = Containers::new();
    let root = containers.place.beside("root");
    let Some(made) = containers.inside(0, |data| back_up(data, &with_root(&root)).map(drop)) else { return };
    made.unwrap();
    let one = id(&containers.volumes[0]);
    let error = containers.inside(1, |data| harmless_in(&root, || back_up(data, &with_root(&root)))).unwrap();
    let other = id(&containers.volumes[1]);
    assert_ne!(one, other);
    says(&error, Code::Conflict, &[&one, &other, "set_adopt_root"]);
    assert_eq!(fs::read(BackupRoot::at(&root).latest().unwrap().location().join("index")).unwrap(), b"one");
    // The one goes on as ever; adopted, the root is the other's.
    containers.inside(0, |data| back_up(data, &with_root(&root)).map(drop)).unwrap().unwrap();
    containers.inside(1, |data| back_up(data, &adopting(&root)).map(drop)).unwrap().unwrap();
    containers.inside(1, |data| back_up(data, &with_root(&root)).map(drop)).unwrap().unwrap();
    let error = containers.inside(0, |data| harmless_in(&root, || back_up(data, &with_root(&root)))).unwrap();
    says(&error, Code::Conflict, &[&one, &other]);
    assert_eq!(sound_snapshots(&root).len(), 4);
}

#[test]
fn a_container_whose_volume_is_a_copy_of_anothers_is_another() {
    let containers = Containers::new();
    let root = containers.place.beside("root");
    let Some(made) = containers.inside(0, |data| back_up(data, &with_root(&root)).map(drop)) else { return };
    made.unwrap();
    fs::remove_dir_all(&containers.volumes[1]).unwrap();
    let copied = Command::new("cp").arg("-a").args(&containers.volumes).status().unwrap();
    assert!(copied.success());
    assert_eq!(id(&containers.volumes[0]), id(&containers.volumes[1]));
    let error = containers.inside(1, |data| harmless_in(&root, || back_up(data, &with_root(&root)))).unwrap();
    says(&error, Code::Conflict, &["inode", "copy"]);
    containers.inside(0, |data| back_up(data, &with_root(&root)).map(drop)).unwrap().unwrap();
}

#[test]
fn read_only_sources_with_equal_paths_are_told_apart_too() {
    let containers = Containers::new();
    let root = containers.place.beside("root");
    let read_only = |number: usize| {
        Mounted::new(&["--bind", "-o", "ro"], &containers.volumes[number], &containers.place.data())
    };
    let data = containers.place.data();
    for _ in 0..2 {
        let Some(_mounted) = read_only(0) else { return };
        back_up(&data, &with_root(&root)).unwrap();
    }
    {
        let Some(_mounted) = read_only(1) else { return };
        says(&harmless_in(&root, || back_up(&data, &with_root(&root))), Code::Conflict, &["no id"]);
    }
    // Writable now, it gets an id, and the root is still its own.
    containers.inside(0, |data| back_up(data, &with_root(&root)).map(drop)).unwrap().unwrap();
    let Some(_mounted) = read_only(0) else { return };
    back_up(&data, &with_root(&root)).unwrap();
}

#[test]
fn a_restore_over_a_directory_keeps_its_id_and_a_new_directory_gets_a_new_one() {
    let place = Place::with_files();
    let root = place.beside("root");
    let job = place.back_up(&with_root(&root)).unwrap();
    let own = id(&place.data());
    restore(job.location(), &place.data()).unwrap();
    assert_eq!(id(&place.data()), own);
    place.back_up(&with_root(&root)).unwrap();

    let new = place.beside("new");
    restore(job.location(), &new).unwrap();
    assert!(!new.join(".lifecycle").exists());
    back_up(&new, &frozen()).unwrap();
    assert_ne!(id(&new), own);
    // A new directory in the old one's place is another, until it adopts the root.
    fs::rename(place.data(), place.beside("old")).unwrap();
    restore(job.location(), &place.data()).unwrap();
    let error = harmless_in(&root, || place.back_up(&with_root(&root)));
    says(&error, Code::Conflict, &[&own, &id(&place.data())]);
    place.back_up(&adopting(&root)).unwrap();
    place.back_up(&with_root(&root)).unwrap();
}

#[test]
fn each_manifest_has_the_id_of_its_data_directory() {
    let place = Place::with_files();
    let job = place.back_up(&frozen()).unwrap();
    let manifest = fs::read_to_string(job.location().join("snapshot.manifest")).unwrap();
    let expected = format!("\"data_dir_id\": \"{}\"", id(&place.data()));
    assert!(manifest.contains(&expected), "{manifest}");
}

#[test]
fn a_root_whose_disk_is_not_mounted_is_not_made_anew() {
    let place = Place::with_files();
    let disk = place.beside("disk");
    for root in [disk.clone(), disk.join("deep/root")] {
        let mounted = Mounted::tmpfs(&disk);
        let Some(mounted) = mounted else { return };
        place.back_up(&with_root(&root)).unwrap();
        drop(mounted);
        let before = names(&disk);
        let coordinator = Coordinator::open(&place.data(), &with_root(&root)).unwrap();
        let error = coordinator.start().unwrap_err();
        says(&error, Code::NotFound, &["is its disk mounted?", root.to_str().unwrap()]);
        assert_eq!(error.path(), Some(root.as_path()));
        assert_eq!(names(&disk), before, "something was made on the system's disk");
        // Adopted, it is begun anew.
        back_up(&place.data(), &adopting(&root)).unwrap();
        back_up(&place.data(), &with_root(&root)).unwrap();
        fs::remove_dir_all(&disk).unwrap();
    }
}

#[test]
fn disks_that_take_turns_at_one_path_are_each_known() {
    let place = Place::with_files();
    let disk = place.beside("disk");
    let disks = ["monday", "tuesday"].map(|name| place.beside(name));
    disks.iter().for_each(|disk| fs::create_dir(disk).unwrap());
    let on = |number: usize, options: Options| {
        let _mounted = Mounted::new(&["--bind"], &disks[number], &disk)?;
        Some(back_up(&place.data(), &options).map(drop))
    };
    let root = disk.join("root");
    let Some(made) = on(0, with_root(&root)) else { return };
    made.unwrap();
    says(&on(1, with_root(&root)).unwrap().unwrap_err(), Code::NotFound, &["mounted"]);
    on(1, adopting(&root)).unwrap().unwrap();
    for number in [0, 1, 0, 1] {
        on(number, with_root(&root)).unwrap().unwrap();
    }
    let counts = disks.map(|disk| sound_snapshots(&disk.join("root")).len());
    assert_eq!(counts, [3, 3]);
}

#[test]
fn a_root_of_the_first_version_is_known_by_its_path_and_gets_the_rest() {
    let (place, other) = (Place::with_files(), Place::with_files());
    let root = place.beside("root");
    fs::create_dir(&root).unwrap();
    fs::write(root.join("source"), place.data().to_str().unwrap()).unwrap();
    says(&harmless_in(&root, || other.back_up(&with_root(&root))), Code::Conflict, &["set_adopt_root"]);
    place.back_up(&with_root(&root)).unwrap();
    let record = fs::read_to_string(root.join("source")).unwrap();
    assert!(record.contains(&id(&place.data())), "{record}");
}

#[test]
fn a_record_that_is_damaged_or_not_the_librarys_is_refused_until_it_is_adopted() {
    let place = Place::with_files();
    let root = place.beside("root");
    for damaged in ["{\"hotbackup_root\": 1}", "a file of something else", "{}"] {
        fs::create_dir_all(&root).unwrap();
        fs::write(root.join("source"), damaged).unwrap();
        let error = harmless_in(&root, || place.back_up(&with_root(&root)));
        says(&error, Code::Conflict, &["source", "set_adopt_root"]);
        place.back_up(&adopting(&root)).unwrap();
        place.back_up(&with_root(&root)).unwrap();
        fs::remove_dir_all(&root).unwrap();
        fs::remove_file(place.data().join(".lifecycle/roots")).unwrap();
    }
    fs::create_dir_all(&root).unwrap();
    fs::write(root.join("source"), "{\"hotbackup_root\": 2}").unwrap();
    let error = harmless_in(&root, || place.back_up(&with_root(&root)));
    says(&error, Code::Unsupported, &["version 2"]);
}

#[test]
fn a_damaged_id_or_memory_of_roots_is_named() {
    for name in ["id", "roots"] {
        let place = Place::with_snapshot();
        let path = place.data().join(".lifecycle").join(name);
        fs::write(&path, "damaged").unwrap();
        let error = place.harmless(|| place.back_up(&frozen()));
        assert_eq!((error.code(), error.path()), (Code::Corrupt, Some(path.as_path())), "{error}");
        // As its message says.
        fs::remove_file(path).unwrap();
        let mut options = frozen();
        options.set_adopt_root(true);
        place.back_up(&options).unwrap();
    }
}

#[test]
fn a_data_directory_that_was_replaced_under_an_open_coordinator_is_a_conflict() {
    let place = Place::with_files();
    let root = place.beside("root");
    let coordinator = Coordinator::open(&place.data(), &with_root(&root)).unwrap();
    coordinator.start().unwrap().wait().unwrap();
    fs::rename(place.data(), place.beside("moved")).unwrap();
    says(&coordinator.start().unwrap_err(), Code::NotFound, &[place.data().to_str().unwrap()]);
    let copied = Command::new("cp").arg("-a").arg(place.beside("moved")).arg(place.data()).status().unwrap();
    assert!(copied.success());
    let error = harmless_in(&root, || coordinator.start());
    says(&error, Code::Conflict, &[place.data().to_str().unwrap(), "opened anew"]);
    // The original is back.
    fs::remove_dir_all(place.data()).unwrap();
    fs::rename(place.beside("moved"), place.data()).unwrap();
    coordinator.start().unwrap().wait().unwrap();
}

#[test]
fn a_further_source_that_was_replaced_under_an_open_coordinator_is_a_conflict() {
    let place = Place::with_files();
    let wal = place.beside("wal");
    write(&wal.join("1.log"), b"log");
    let mut options = frozen();
    options.add_source(&wal, Path::new("wal")).unwrap();
    let coordinator = Coordinator::open(&place.data(), &options).unwrap();
    fs::rename(&wal, place.beside("moved")).unwrap();
    write(&wal.join("1.log"), b"another");
    says(&coordinator.start().unwrap_err(), Code::Conflict, &[wal.to_str().unwrap()]);
    assert!(BackupRoot::at(place.root()).list().unwrap().is_empty());
    assert_eq!(tree(&wal).len(), 1);
}
