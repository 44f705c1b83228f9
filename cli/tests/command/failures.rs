//! What goes wrong: its exit code, its one line, its document.

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::common::{Place, Ran, skip};

/// A small file system, unmounted with the value.
struct Small(PathBuf);

impl Small {
    fn new(at: PathBuf, size: &str) -> Option<Self> {
        fs::create_dir_all(&at).unwrap();
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", &format!("size={size}"), "tmpfs"]).arg(&at).stderr(Stdio::null());
        let is_mounted = mount.status().is_ok_and(|status| status.success());
        if !is_mounted {
            skip("a mount needs root");
        }
        is_mounted.then_some(Self(at))
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(&self.0).status();
    }
}

/// An error is one line that says what to do, and with `--json` a document that says the same.
fn fails(place: &Place, arguments: &[&str], exit_code: i32, code: &str) -> Ran {
    let ran = place.run(arguments).exits(exit_code);
    assert!(ran.error().contains("; to do: "), "{ran:#?}");
    assert_eq!(ran.out, "");
    let json = place.run(arguments.iter().copied().chain(["--json"])).exits(exit_code);
    let error = &json.json("failed")["error"];
    assert_eq!((&error["code"], &error["exit_code"]), (&code.into(), &exit_code.into()));
    let message = error["message"].as_str().unwrap();
    let line = format!("hotbackup: {message}; to do: {}", error["to_do"].as_str().unwrap());
    assert_eq!(json.error(), line);
    ran
}

#[test]
fn a_command_line_that_is_wrong_is_exit_2_with_json_too() {
    let place = Place::new();
    for arguments in
        [&["list", "--nonsense"][..], &["backup"], &["undo"], &["backup", "db", "--rate", "fast"]]
    {
        let ran = place.run(arguments).exits(2);
        assert!(ran.err.starts_with("error: ") && ran.out.is_empty(), "{ran:#?}");
        let ran = place.run(arguments.iter().copied().chain(["--json"])).exits(2);
        assert_eq!(ran.json("failed")["error"]["code"], "INVALID_ARGUMENT");
    }
    fails(&place, &["list"], 2, "INVALID_ARGUMENT");
    fails(&place, &["prune", "db"], 2, "INVALID_ARGUMENT");
    fails(&place, &["backup", "db", "--rule", "[=mutable"], 2, "INVALID_ARGUMENT");
}

#[test]
fn what_is_not_there_is_exit_3() {
    let place = Place::with_snapshots(1);
    fails(&place, &["list", "nowhere"], 3, "NOT_FOUND");
    fails(&place, &["backup", "nowhere"], 3, "NOT_FOUND");
    fails(&place, &["show", "./nowhere"], 3, "NOT_FOUND");
    fails(&place, &["verify", "zzzz", "-r", "db"], 3, "NOT_FOUND");
    fails(&place, &["delete", "zzzz", "-r", "db", "--yes"], 3, "NOT_FOUND");
}

#[test]
fn a_root_that_another_backup_holds_is_exit_4() {
    let place = Place::with_snapshots(2);
    place.write("db/large", 4 << 20);
    // It sits in its checkpoint until its pipe is closed.
    let mut first =
        place.command(["backup", "db", "--rule", "*=immutable", "--checkpoint-cmd", "echo here; cat fifo"]);
    rustix::fs::mkfifoat(rustix::fs::CWD, place.path("fifo"), rustix::fs::Mode::RWXU).unwrap();
    let mut first = first.stderr(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    let mut said = BufReader::new(first.stderr.take().unwrap());
    let mut line = String::new();
    said.read_line(&mut line).unwrap();
    assert_eq!(line, "checkpoint-cmd: here\n");
    fails(&place, &["backup", "db"], 4, "CONFLICT");
    fails(&place, &["prune", "db", "--keep-newest", "1", "--yes"], 4, "CONFLICT");
    // To look is always allowed.
    place.run(["list", "db"]).succeeds();
    place.run(["verify", "-r", "db"]).succeeds();
    drop(fs::File::options().write(true).open(place.path("fifo")).unwrap());
    assert!(first.wait().unwrap().success());
    assert_eq!(place.snapshots().len(), 3);
}

#[test]
fn a_full_disk_is_exit_5_and_the_snapshots_are_as_they_were() {
    let place = Place::new();
    let Some(small) = Small::new(place.path("small"), "1m") else { return };
    let root = small.0.join("root");
    let backup = ["backup", "db", "--rule", "*=immutable", "-r", root.to_str().unwrap()];
    place.run(backup).succeeds();
    let before = place.run(["list", root.to_str().unwrap()]).succeeds().out;
    place.write("db/large", 2 << 20);
    let ran = fails(&place, &backup, 5, "NO_SPACE");
    assert!(ran.error().contains("`latest` and older snapshots are as they were"), "{ran:#?}");
    assert_eq!(
        place.run(["list", root.to_str().unwrap()]).succeeds().out.lines().count(),
        before.lines().count()
    );
    let target = small.0.join("target");
    place.write("db2/large", 900 << 10);
    place.run(["backup", "db2", "--rule", "*=immutable"]).succeeds();
    fails(&place, &["restore", "latest", target.to_str().unwrap(), "-r", "db2"], 5, "NO_SPACE");
    assert!(!target.exists());
    // So is a reserve that would not be left.
    fails(&place, &["backup", "db2", "--min-free", "1000TiB"], 5, "NO_SPACE");
}

#[test]
fn a_root_that_may_not_be_read_is_exit_7() {
    let place = Place::with_snapshots(1);
    let closed = |mode| fs::set_permissions(place.root(), fs::Permissions::from_mode(mode)).unwrap();
    closed(0o000);
    let ran = place.run_as_nobody(&["list", "db"]);
    closed(0o755);
    let Some(ran) = ran else { return };
    let ran = ran.exits(7);
    assert!(ran.error().contains("Permission denied") && ran.error().contains("; to do: "), "{ran:#?}");
}

#[test]
fn a_file_in_the_place_of_a_root_is_none() {
    let place = Place::new();
    fs::write(place.path("file"), "no directory").unwrap();
    let ran = fails(&place, &["list", "file"], 3, "NOT_FOUND");
    assert!(ran.error().contains("file is no directory"), "{ran:#?}");
    fails(&place, &["backup", "db", "-r", "file"], 2, "INVALID_ARGUMENT");
}

#[test]
fn files_that_do_not_rest_are_exit_9() {
    let place = Place::new();
    let writing = std::sync::atomic::AtomicBool::new(true);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while writing.load(std::sync::atomic::Ordering::Relaxed) {
                fs::write(place.path("db/log"), "again").unwrap();
                std::thread::sleep(std::time::Duration::from_millis(5));
            }
        });
        let ran = place.run(["backup", "db"]);
        writing.store(false, std::sync::atomic::Ordering::Relaxed);
        let ran = ran.exits(9);
        assert!(ran.error().contains("--freeze-cmd and --thaw-cmd"), "{ran:#?}");
    });
}

#[test]
fn what_is_not_built_in_is_exit_11() {
    let place = Place::new();
    let ran = place.run(["backup", "db", "--layout", "oracle"]).exits(11);
    assert!(ran.error().contains("generic"), "it names those that are: {ran:#?}");
}

#[test]
fn output_that_nobody_reads_or_that_cannot_be_written_is_no_panic() {
    let place = Place::with_snapshots(3);
    let mut list = place.command(["list", "db"]);
    let mut list = list.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(list.stdout.take());
    let ran = Ran::of(list.wait_with_output().unwrap()).succeeds();
    assert_eq!(ran.err, "");
    if Path::new("/dev/full").exists() {
        let full = fs::File::options().write(true).open("/dev/full").unwrap();
        let output = place.command(["list", "db"]).stdout(full).output().unwrap();
        let ran = Ran::of(output).exits(5);
        assert!(ran.error().contains("writing to standard output"), "{ran:#?}");
    }
}
