//! What is wrong with the backup root, or who else is at work in it, gets a code of its own and one
//! line that names the path, and harms no older snapshot.

use std::fs::{self, Permissions};
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Stdio;
use std::sync::mpsc;
use std::time::Duration;

use crate::common::{
    Mount, Place, another_process, bytes, frozen, harmless_in, is_unprivileged, residue, skip,
    sound_snapshots, tree, write,
};
use hotbackup::{Code, Coordinator, Error, FileClass, Job, Options};

#[track_caller]
fn names(error: &Error, code: Code, path: &Path) {
    assert_eq!(error.code(), code, "{error}");
    assert!(error.message().contains(path.to_str().unwrap()), "{error}");
}

fn with_root(root: &Path) -> Options {
    let mut options = frozen();
    options.set_root(root).unwrap();
    options
}

/// A backup that stays in its checkpoint hook until it is let go. In the order in which a test
/// that fails must drop them: a coordinator waits for its job.
struct Staying {
    let_go: mpsc::Sender<()>,
    job: Job,
    coordinator: Coordinator,
}

impl Staying {
    fn start(data: &Path, mut options: Options) -> Self {
        let (arrived, arrival) = mpsc::channel();
        let (let_go, told) = mpsc::channel();
        let told = std::sync::Mutex::new(told);
        options.hooks().checkpoint(move |_| {
            let _ = arrived.send(());
            let _ = told.lock().unwrap().recv();
            Ok(())
        });
        let coordinator = Coordinator::open(data, &options).unwrap();
        let job = coordinator.start().unwrap();
        arrival.recv_timeout(Duration::from_secs(60)).expect("the backup runs");
        Self { let_go, job, coordinator }
    }

    fn finish(self) {
        drop(self.let_go);
        self.job.wait().unwrap();
    }
}

#[test]
fn a_root_that_cannot_be_written_is_found_at_the_start_not_at_opening() {
    if !is_unprivileged("errors_root::a_root_that_cannot_be_written_is_found_at_the_start_not_at_opening") {
        return;
    }
    let place = Place::with_files();
    let root = place.beside("root");
    place.back_up(&with_root(&root)).unwrap();
    let coordinator = Coordinator::open(&place.data(), &with_root(&root)).unwrap();
    fs::set_permissions(&root, Permissions::from_mode(0o555)).unwrap();
    let error = harmless_in(&root, || coordinator.start()?.wait());
    fs::set_permissions(&root, Permissions::from_mode(0o755)).unwrap();
    names(&error, Code::Io, &root);
    assert_eq!(residue(&place.data()), Vec::<std::path::PathBuf>::new());
    sound_snapshots(&root);
}

#[test]
fn a_root_that_cannot_be_made_is_found_at_the_start() {
    if !is_unprivileged("errors_root::a_root_that_cannot_be_made_is_found_at_the_start") {
        return;
    }
    let place = Place::with_files();
    let above = place.beside("above");
    fs::create_dir(&above).unwrap();
    fs::set_permissions(&above, Permissions::from_mode(0o555)).unwrap();
    let coordinator = Coordinator::open(&place.data(), &with_root(&above.join("root"))).unwrap();
    let error = coordinator.start().expect_err("no root, no start");
    fs::set_permissions(&above, Permissions::from_mode(0o755)).unwrap();
    names(&error, Code::Io, &above.join("root"));
    assert_eq!(fs::read_dir(&above).unwrap().count(), 0);
}

#[test]
fn a_root_that_is_a_file_is_an_invalid_argument() {
    let place = Place::with_files();
    write(&place.beside("file"), b"file");
    let coordinator = Coordinator::open(&place.data(), &with_root(&place.beside("file"))).unwrap();
    let error = coordinator.start().expect_err("a file is no root");
    names(&error, Code::InvalidArgument, &place.beside("file"));
    assert_eq!(fs::read(place.beside("file")).unwrap(), b"file");
}

#[test]
fn a_root_on_a_read_only_mount_is_named() {
    let Some(mount) = Mount::tmpfs("size=4m") else { return skip("mounting needs root") };
    let place = Place::with_files();
    place.back_up(&with_root(mount.path())).unwrap();
    let remount = |mode: &str| {
        let mut command = std::process::Command::new("mount");
        command.args(["-o", &format!("remount,{mode}")]).arg(mount.path());
        assert!(command.status().unwrap().success());
    };
    remount("ro");
    let error = harmless_in(mount.path(), || place.back_up(&with_root(mount.path())));
    names(&error, Code::Io, mount.path());
    assert_eq!(error.os_error(), libc::EROFS);
    remount("rw");
    place.back_up(&with_root(mount.path())).unwrap();
}

#[test]
fn a_root_without_the_room_is_no_space_whatever_fills_it() {
    for class in [FileClass::IMMUTABLE, FileClass::Mutable, FileClass::AppendOnly, FileClass::Pinned] {
        let Some(mount) = Mount::tmpfs("size=1m") else { return skip("mounting needs root") };
        let place = Place::with_files();
        let mut options = with_root(mount.path());
        options.add_rule("*.big", class).unwrap();
        place.back_up(&options).unwrap();
        write(&place.data().join("table.big"), &bytes(2 << 20, 1));
        let error = harmless_in(mount.path(), || place.back_up(&options));
        names(&error, Code::NoSpace, mount.path());
        assert_eq!(residue(&place.data()), Vec::<std::path::PathBuf>::new());
        sound_snapshots(mount.path());
    }
}

#[test]
fn a_root_without_inodes_is_no_space() {
    let Some(mount) = Mount::tmpfs("size=4m,nr_inodes=40") else { return skip("mounting needs root") };
    let place = Place::with_files();
    place.back_up(&with_root(mount.path())).unwrap();
    for n in 0..50 {
        write(&place.data().join(format!("many/{n}")), b"small");
    }
    let error = harmless_in(mount.path(), || place.back_up(&with_root(mount.path())));
    names(&error, Code::NoSpace, mount.path());
    sound_snapshots(mount.path());
}

#[test]
fn a_reserve_that_is_not_free_is_no_space_and_names_the_directory() {
    let place = Place::with_snapshot();
    let mut options = frozen();
    options.set_min_free(u64::MAX);
    names(&place.refused(&options), Code::NoSpace, &place.data());
}

#[test]
fn a_reserve_holds_for_the_root_too() {
    let Some(mount) = Mount::tmpfs("size=4m") else { return skip("mounting needs root") };
    let place = Place::with_files();
    let mut options = with_root(mount.path());
    place.back_up(&options).unwrap();
    options.set_min_free(8 << 20);
    let error = harmless_in(mount.path(), || place.back_up(&options));
    names(&error, Code::NoSpace, mount.path());
}

#[test]
fn a_second_backup_of_one_coordinator_is_a_conflict_until_the_first_has_ended() {
    let place = Place::with_snapshot();
    let first = Staying::start(&place.data(), frozen());
    let coordinator = &first.coordinator;
    let error = coordinator.start().expect_err("one backup at a time");
    names(&error, Code::Conflict, &place.data());
    assert_eq!(coordinator.prepare().expect_err("nor by hand").code(), Code::Conflict);
    assert_eq!(coordinator.find(None).unwrap().id(), first.job.id());
    drop(first.let_go);
    first.job.wait().unwrap();
    coordinator.start().unwrap().wait().unwrap();
    assert_eq!(sound_snapshots(&place.root()).len(), 3);
}

#[test]
fn a_second_coordinator_of_a_directory_conflicts_whatever_its_root() {
    let place = Place::with_snapshot();
    let first = Staying::start(&place.data(), frozen());
    for options in [frozen(), with_root(&place.beside("elsewhere"))] {
        let second = Coordinator::open(&place.data(), &options).unwrap();
        let error = second.start().expect_err("one backup at a time");
        names(&error, Code::Conflict, &place.data());
    }
    first.finish();
    place.back_up(&frozen()).unwrap();
}

#[test]
fn a_second_process_conflicts_until_the_first_lets_go_even_by_dying() {
    const TEST: &str = "errors_root::a_second_process_conflicts_until_the_first_lets_go_even_by_dying";
    const DATA: &str = "HOTBACKUP_TEST_DATA";
    let Some(mut another) = another_process(TEST) else {
        let data = std::env::var_os(DATA).expect("the parent says where");
        let first = Staying::start(Path::new(&data), frozen());
        println!("\nit runs");
        // Until it is killed.
        let _ = std::io::stdin().read_to_end(&mut Vec::new());
        drop(first);
        return;
    };
    let place = Place::with_snapshot();
    another.env(DATA, place.data()).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = another.spawn().unwrap();
    let mut lines = std::io::BufRead::lines(std::io::BufReader::new(child.stdout.take().unwrap()));
    assert!(lines.any(|line| line.unwrap() == "it runs"), "the other process ended");
    let coordinator = Coordinator::open(&place.data(), &frozen()).unwrap();
    let before = tree(&place.root());
    let error = coordinator.start().expect_err("one backup at a time");
    names(&error, Code::Conflict, &place.data());
    assert!(tree(&place.root()) == before, "what the other process stages is its own");
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(!residue(&place.data()).is_empty(), "a kill leaves something to clean up");
    coordinator.start().unwrap().wait().unwrap();
    assert_eq!(residue(&place.data()), Vec::<std::path::PathBuf>::new());
    assert_eq!(sound_snapshots(&place.root()).len(), 2);
}

#[test]
fn a_root_belongs_to_one_data_directory_until_another_adopts_it() {
    let (place, other) = (Place::with_files(), Place::with_files());
    let root = place.beside("root");
    place.back_up(&with_root(&root)).unwrap();
    let error = harmless_in(&root, || other.back_up(&with_root(&root)));
    names(&error, Code::Conflict, &place.data());
    names(&error, Code::Conflict, &other.data());

    let mut adopting = with_root(&root);
    adopting.set_adopt_root(true);
    other.back_up(&adopting).unwrap();
    assert_eq!(sound_snapshots(&root).len(), 2);
    // It has a new owner for good, and the old one is now another.
    other.back_up(&with_root(&root)).unwrap();
    let error = harmless_in(&root, || place.back_up(&with_root(&root)));
    names(&error, Code::Conflict, &other.data());
}

#[test]
fn two_data_directories_that_start_at_once_in_one_root_conflict() {
    let (place, other) = (Place::with_files(), Place::with_files());
    let root = place.beside("root");
    let first = Staying::start(&place.data(), with_root(&root));
    let mut adopting = with_root(&root);
    adopting.set_adopt_root(true);
    let error = other.back_up(&adopting).expect_err("the root is in use");
    names(&error, Code::Conflict, &root);
    first.finish();
    assert_eq!(sound_snapshots(&root).len(), 1);
}
