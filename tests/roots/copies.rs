//! Copies of data directories with their ids, of roots, and what takes the place of a source: a path, an
//! inode and an id may all be equal, and it is another all the same.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::common::mounted::Mounted;
use crate::common::{self, Ended, Place, frozen, harmless_in, sound_snapshots, tree, write};
use hotbackup::{Code, Coordinator, Error, Options};

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

#[track_caller]
fn says(error: &Error, code: Code, what: &[&str]) {
    assert_eq!(error.code(), code, "{error}");
    what.iter().for_each(|what| assert!(error.message().contains(what), "{what}: {error}"));
}

fn copy(from: &Path, to: &Path) {
    assert!(Command::new("cp").arg("-a").args([from, to]).status().unwrap().success());
}

/// A container's view of an image's `/data`, at one path for all of them: the inodes are the image's.
struct Image(Place);

impl Image {
    fn container(&self, name: &str) -> Option<Mounted> {
        let beside = |part: &str| self.0.beside(&format!("{name}-{part}"));
        let (upper, work) = (beside("upper"), beside("work"));
        [&upper, &work].into_iter().for_each(|made| fs::create_dir_all(made).unwrap());
        let image = self.0.beside("image");
        let layers =
            format!("lowerdir={},upperdir={},workdir={}", image.display(), upper.display(), work.display());
        Mounted::new(&["-t", "overlay", "-o", &layers], Path::new("overlay"), &self.0.data())
    }
}

#[test]
fn containers_of_one_image_that_has_an_id_do_not_share_a_root_by_mistake() {
    for has_used_the_root in [false, true] {
        let image = Image(Place::new());
        let (data, lower, root) = (image.0.data(), image.0.beside("image"), image.0.beside("root"));
        write(&lower.join("index"), b"of the image");
        // The image was made of a database that was backed up.
        let first = if has_used_the_root { root.clone() } else { image.0.beside("another root") };
        back_up(&lower, &with_root(&first)).unwrap();
        {
            let Some(_mounted) = image.container("one") else { return };
            back_up(&data, &adopting(&root)).unwrap();
            back_up(&data, &with_root(&root)).unwrap();
        }
        {
            let Some(_mounted) = image.container("other") else { return };
            let error = harmless_in(&root, || back_up(&data, &with_root(&root)));
            says(&error, Code::Conflict, &["another copy", data.to_str().unwrap(), "set_adopt_root"]);
        }
        let Some(_mounted) = image.container("one") else { return };
        back_up(&data, &with_root(&root)).unwrap();
        sound_snapshots(&root);
    }
}

#[test]
fn a_file_system_that_is_another_at_the_same_path_is_another_database_though_it_has_no_id() {
    let place = Place::new();
    let (data, root) = (place.data(), place.beside("root"));
    let read_only = |name: &str| {
        let volume = Mounted::image("ext4", 16 << 20, &place.beside(name))?;
        write(&volume.path().join("index"), name.as_bytes());
        let shown = Mounted::new(&["--bind", "-o", "ro"], volume.path(), &data)?;
        Some((shown, volume))
    };
    let Some(one) = read_only("one") else { return };
    back_up(&data, &with_root(&root)).unwrap();
    back_up(&data, &with_root(&root)).unwrap();
    drop(one);
    let Some(_other) = read_only("other") else { return };
    let error = harmless_in(&root, || back_up(&data, &with_root(&root)));
    says(&error, Code::Conflict, &["on another file system"]);
}

#[test]
fn roots_that_are_copies_of_each_other_take_turns() {
    let place = Place::with_files();
    let roots = ["one", "other"].map(|name| place.beside(name));
    place.back_up(&with_root(&roots[0])).unwrap();
    copy(&roots[0], &roots[1]);
    for _ in 0..3 {
        roots.iter().for_each(|root| drop(place.back_up(&with_root(root)).unwrap()));
    }
    roots.iter().for_each(|root| assert_eq!(sound_snapshots(root).len(), 4));
    // Each is missed by its own path.
    for root in &roots {
        fs::remove_dir_all(root).unwrap();
        says(&place.back_up(&with_root(root)).unwrap_err(), Code::NotFound, &["is its disk mounted?"]);
        assert!(!root.exists());
    }
}

#[test]
fn a_root_is_missed_whichever_way_it_is_named() {
    let place = Place::with_files();
    let (disk, link) = (place.beside("disk"), place.beside("link"));
    fs::create_dir(&disk).unwrap();
    symlink(&disk, &link).unwrap();
    place.back_up(&with_root(&link.join("root"))).unwrap();
    fs::rename(disk.join("root"), place.beside("away")).unwrap();
    let around = place.data().join("../disk/root");
    for root in [link.join("root"), disk.join("root"), around] {
        says(&place.back_up(&with_root(&root)).unwrap_err(), Code::NotFound, &["is its disk mounted?"]);
    }
    assert_eq!(fs::read_dir(&disk).unwrap().count(), 0);
}

#[test]
fn a_root_whose_record_is_lost_is_still_known_by_its_snapshots() {
    let (place, other) = (Place::with_files(), Place::with_files());
    let root = place.beside("root");
    place.back_up(&with_root(&root)).unwrap();
    for lost in [true, false] {
        match lost {
            true => fs::remove_file(root.join("source")).unwrap(),
            false => fs::write(root.join("source"), "").unwrap(),
        }
        let error = harmless_in(&root, || other.back_up(&with_root(&root)));
        says(&error, Code::Conflict, &["set_adopt_root"]);
        place.back_up(&with_root(&root)).unwrap();
    }
    assert_eq!(sound_snapshots(&root).len(), 3);
}

/// A database with logs in a directory of their own.
fn with_logs(place: &Place, logs: &[(&str, &Path)]) -> Options {
    let mut options = with_root(&place.beside("root"));
    logs.iter().for_each(|(prefix, logs)| options.add_source(logs, Path::new(prefix)).unwrap());
    options
}

#[test]
fn a_source_whose_disk_is_not_mounted_is_not_captured_as_empty() {
    let place = Place::with_files();
    let logs = place.beside("logs");
    {
        let Some(_mounted) = Mounted::tmpfs(&logs) else { return };
        write(&logs.join("1.log"), b"log");
        place.back_up(&with_logs(&place, &[("wal", &logs)])).unwrap();
        place.back_up(&with_logs(&place, &[("wal", &logs)])).unwrap();
    }
    let options = with_logs(&place, &[("wal", &logs)]);
    let error = harmless_in(&place.beside("root"), || place.back_up(&options));
    says(&error, Code::NotFound, &[logs.to_str().unwrap(), "is its disk mounted?"]);
    // What was restored and put in its place is the source from now on.
    write(&logs.join("2.log"), b"restored");
    let job = place.back_up(&options).unwrap();
    assert_eq!(fs::read(job.location().join("wal/2.log")).unwrap(), b"restored");
}

#[test]
fn sources_that_have_changed_places_are_a_conflict_until_they_are_adopted() {
    let place = Place::with_files();
    let [one, other]: [PathBuf; 2] = ["one", "other"].map(|name| place.beside(name));
    write(&one.join("file"), b"one");
    write(&other.join("file"), b"other");
    place.back_up(&with_logs(&place, &[("a", &one), ("b", &other)])).unwrap();
    let mut crosswise = with_logs(&place, &[("a", &other), ("b", &one)]);
    let error = harmless_in(&place.beside("root"), || place.back_up(&crosswise));
    says(&error, Code::Conflict, &[other.to_str().unwrap(), "set_adopt_root"]);
    crosswise.set_adopt_root(true);
    let job = place.back_up(&crosswise).unwrap();
    assert_eq!(fs::read(job.location().join("a/file")).unwrap(), b"other");
    place.back_up(&with_logs(&place, &[("a", &other), ("b", &one)])).unwrap();
}

#[test]
fn nothing_moves_in_a_further_source_of_an_open_host() {
    let place = Place::with_files();
    let outer = place.beside("outer");
    let logs = outer.join("logs");
    write(&logs.join("1.log"), b"log");
    let snapshot = back_up(&outer, &with_root(&place.beside("outer root"))).unwrap();
    write(&logs.join("2.log"), b"log");
    let open = Coordinator::open(&place.data(), &with_logs(&place, &[("wal", &logs)])).unwrap();
    let before = tree(&outer);
    for target in [&outer, &logs] {
        let error = common::restore(snapshot.location(), target).unwrap_err();
        says(&error, Code::Conflict, &[logs.to_str().unwrap()]);
    }
    assert!(tree(&outer) == before);
    open.close();
    common::restore(snapshot.location(), &outer).unwrap();
}
