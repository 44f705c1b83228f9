//! `remote`: a repository on the other side of a `file://` URL, which restic reads, too.

mod examining;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::common::{Place, Ran, skip};

const PASSWORD: &str = "correct horse";

/// What must never be printed.
const SECRET: &str = "hush-hush";

/// A place with a repository, and how its commands are given.
struct Far {
    place: Place,
    url: String,
}

impl Far {
    /// A database with a snapshot, and a repository without one.
    fn new() -> Self {
        let place = Place::with_snapshots(1);
        fs::write(place.path("password"), format!("{PASSWORD}\n")).unwrap();
        let far = Self { url: format!("file://{}", place.path("far").display()), place };
        far.run(&["init"]).succeeds();
        far
    }

    /// The same with a snapshot in it.
    fn pushed() -> Self {
        let far = Self::new();
        far.run(&["push", "-r", "db"]).succeeds();
        far
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.place.command(["remote"].iter().chain(arguments));
        command.env("HOTBACKUP_REPO", &self.url).env("RESTIC_PASSWORD_FILE", self.place.path("password"));
        command.env("AWS_SECRET_ACCESS_KEY", SECRET);
        command
    }

    fn run(&self, arguments: &[&str]) -> Ran {
        ran(self.command(arguments))
    }

    fn json(&self, definition: &str, arguments: &[&str]) -> Value {
        let ran = self.run(&[arguments, &["--json"]].concat()).succeeds();
        assert_eq!(ran.err, "", "with --json nothing else is said");
        ran.json(definition)
    }

    /// What restic itself says.
    fn restic(&self, arguments: &[&str]) -> String {
        let mut restic = Command::new("restic");
        restic.arg("-r").arg(self.place.path("far")).args(arguments).arg("--no-cache");
        let done = restic.env("RESTIC_PASSWORD", PASSWORD).output().unwrap();
        assert!(done.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&done.stderr));
        String::from_utf8(done.stdout).unwrap()
    }

    fn snapshots(&self) -> Vec<Value> {
        self.json("remote_list", &["list"])["snapshots"].as_array().unwrap().clone()
    }

    fn packs(&self) -> usize {
        files(&self.place.path("far/data")).len()
    }

    fn equals(&self, target: &str) {
        for file in ["log", "tables/1.sst", "tables/2.sst"] {
            let read = |top: PathBuf| fs::read(top.join(file)).unwrap();
            assert!(read(self.place.path(target)) == read(self.place.path("db")), "{file}");
        }
    }
}

/// Runs it, and looks that no secret is in what it says.
fn ran(mut command: Command) -> Ran {
    let ran = Ran::of(command.output().unwrap());
    for secret in [PASSWORD, SECRET] {
        assert!(!ran.out.contains(secret) && !ran.err.contains(secret), "{ran:#?}");
    }
    ran
}

fn files(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

fn has_restic() -> bool {
    let is_there = Command::new("restic").arg("version").output().is_ok();
    if !is_there {
        skip("restic is missing");
    }
    is_there
}

#[test]
fn a_snapshot_goes_there_and_comes_back_and_restic_reads_it_too() {
    let far = Far::new();
    let listed = far.json("remote_list", &["list"]);
    assert_eq!(listed["snapshots"], Value::Array(Vec::new()));
    let pushed = far.json("remote_push", &["push", "-r", "db", "-o", "host=db1"]);
    let first = far.snapshots();
    assert_eq!((first.len(), &first[0]["id"]), (1, &pushed["snapshot"]["id"]));
    assert!(pushed["requests"]["bytes_up"].as_u64().unwrap() > 10_000, "{pushed:#}");
    assert_eq!((&first[0]["host"], &first[0]["is_pushed"]), (&"db1".into(), &true.into()));

    far.place.write("db/log", 3_000);
    far.place.back_up();
    let latest = far.place.snapshots()[0].display().to_string();
    let ran = far.run(&["push", &latest, "-o", "host=db1"]).succeeds();
    assert!(ran.out.starts_with(&format!("pushed {latest} to {}", far.url)), "{ran:#?}");
    let both = far.snapshots();
    assert_eq!((both.len(), &both[1]), (2, &first[0]), "the newest is the first");
    let table = far.run(&["list"]).succeeds().out;
    let id = &both[0]["id"].as_str().unwrap()[..8];
    assert!(table.contains(id) && table.contains("db1") && table.contains("2 snapshots in"), "{table}");

    let restored = far.json("remote_restore", &["restore", "latest", "out"]);
    assert_eq!((&restored["has_undo"], &restored["snapshot"]), (&false.into(), &both[0]));
    far.equals("out");
    let object = &both[0]["object"].as_str().unwrap()[..8];
    far.json("remote_fetch", &["fetch", object, "fetched"]);
    far.equals("fetched");
    far.place.run(["verify", "./fetched"]).succeeds();
    if has_restic() {
        far.restic(&["check", "--read-data"]);
        assert!(far.restic(&["snapshots"]).contains("2 snapshots"));
    }
}

#[test]
fn snapshots_are_named_by_what_the_list_shows_of_them() {
    let far = Far::pushed();
    let snapshot = far.snapshots().remove(0);
    let (id, object) = (snapshot["id"].as_str().unwrap(), snapshot["object"].as_str().unwrap());
    for name in ["latest", id, &id[..8], object, &object[..8]] {
        let verified = far.json("remote_verify", &["verify", name, "--level", "size"]);
        assert_eq!(verified["requests"]["puts"], 0, "{verified:#}");
        assert_eq!(verified["snapshots"][0]["snapshot"], snapshot, "{name}");
    }
    for name in ["zzzzzzzz", &id[..3]] {
        let ran = far.run(&["verify", name]).exits(3);
        assert!(ran.error().contains("; to do: `hotbackup remote list`"), "{ran:#?}");
    }
}

#[test]
fn whose_latest_is_meant_must_be_said_where_there_are_several_hosts() {
    let far = Far::new();
    far.run(&["push", "-r", "db", "-o", "host=db1"]).succeeds();
    far.place.back_up();
    far.run(&["push", "-r", "db", "-o", "host=db2"]).succeeds();
    let ran = far.run(&["restore", "latest", "out"]).exits(2);
    assert!(ran.error().contains("--host") && !far.place.path("out").exists(), "{ran:#?}");
    let restored = far.json("remote_restore", &["restore", "latest", "out", "--host", "db1"]);
    assert_eq!(restored["snapshot"]["host"], "db1");
    assert_eq!(far.json("remote_list", &["list", "--host", "db2"])["snapshots"].as_array().unwrap().len(), 1);
}

#[test]
fn a_restore_over_files_asks_and_is_undone() {
    let far = Far::pushed();
    far.place.write("db/log", 10);
    let log = || fs::read(far.place.path("db/log")).unwrap().len();
    let ran = far.run(&["restore", "latest", "db"]).exits(12);
    assert!(ran.error().contains("nothing was changed") && log() == 10, "{ran:#?}");
    let ran = far.run(&["restore", "latest", "db", "--yes"]).succeeds();
    assert!(ran.out.contains("takes it back") && log() == 2_000, "{ran:#?}");
    far.place.run(["undo", "db", "--yes"]).succeeds();
    assert_eq!(log(), 10);
    let _host = hotbackup::Coordinator::open(far.place.path("db"), &hotbackup::Options::new()).unwrap();
    let ran = far.run(&["restore", "latest", "db", "--yes"]).exits(4);
    assert!(ran.error().ends_with("stop the host that has it open, and try again"), "{ran:#?}");
}

#[test]
fn what_is_forgotten_is_gone_once_somebody_says_yes_and_pruned_by_restic() {
    if !has_restic() {
        return;
    }
    let far = Far::pushed();
    far.place.write("db/large", 3 << 20);
    far.place.back_up();
    far.run(&["push", "-r", "db"]).succeeds();
    let before = far.packs();
    let newest = far.snapshots().remove(0);
    let ran = far.run(&["forget", "latest"]).exits(12);
    assert!(ran.error().contains(newest["id"].as_str().unwrap()) && far.snapshots().len() == 2, "{ran:#?}");
    far.run(&["forget", "latest", "nothing-like-it", "--yes"]).exits(3);
    assert_eq!(far.snapshots().len(), 2, "a wrong name harms nothing");
    let forgotten = far.json("remote_forget", &["forget", "latest", "--yes"]);
    assert_eq!(forgotten["forgotten"][0], newest);
    assert_eq!((far.snapshots().len(), far.packs()), (1, before));

    far.json("remote_prune", &["prune", "--dry-run"]);
    assert_eq!(far.packs(), before);
    let pruned = far.json("remote_prune", &["prune"]);
    assert!(far.packs() < before, "{pruned:#}");
    assert_eq!((&pruned["exit_code"], &pruned["verified"][0]["is_good"]), (&0.into(), &true.into()));
    let command = pruned["command"].as_array().unwrap();
    assert_eq!((&command[0], command.last().unwrap()), (&"restic".into(), &"prune".into()));
    let ran = far.run(&["prune", "--", "--max-unused", "unlimited"]).succeeds();
    assert!(
        ran.err.contains("running restic -r /") && ran.err.contains(" prune --max-unused unlimited"),
        "{ran:#?}"
    );
    assert!(ran.out.contains("good 1 snapshot of "), "{ran:#?}");
    far.run(&["restore", "latest", "out"]).succeeds();
}

#[test]
fn damage_is_found_by_both_readers_and_a_prune_says_what_is_missing() {
    if !has_restic() {
        return;
    }
    let far = Far::pushed();
    far.json("remote_verify", &["verify"]);
    assert_eq!(far.json("remote_check", &["check", "--read-data"])["exit_code"], 0);
    let largest =
        files(&far.place.path("far/data")).into_iter().max_by_key(|path| path.metadata().unwrap().len());
    let largest = largest.unwrap();
    let mut bytes = fs::read(&largest).unwrap();
    bytes[100] ^= 1;
    fs::set_permissions(&largest, fs::Permissions::from_mode(0o600)).unwrap();
    fs::write(&largest, bytes).unwrap();
    let ran = far.run(&["verify", "--all", "--json"]).exits(6);
    let document = ran.json("remote_verify");
    assert_eq!(
        (&document["snapshots"][0]["is_good"], &document["error"]["code"]),
        (&false.into(), &"CORRUPT".into())
    );
    far.run(&["verify", "--level", "size"]).succeeds();
    let ran = far.run(&["check", "--read-data", "--json"]).exits(6);
    assert_eq!(ran.json("remote_check")["exit_code"], 1);
    fs::remove_file(&largest).unwrap();
    far.run(&["verify", "--level", "size"]).exits(6);
    far.run(&["repair", "index"]).exits(12);
    assert_eq!(far.json("remote_repair", &["repair", "index", "--yes"])["exit_code"], 0);
    far.run(&["push", "-r", "db"]).succeeds();
}

#[test]
fn keys_are_restics_and_each_opens_the_repository() {
    if !has_restic() {
        return;
    }
    let far = Far::pushed();
    fs::write(far.place.path("second"), "another one\n").unwrap();
    far.run(&["key", "add"]).exits(2);
    far.run(&["key", "remove"]).exits(2);
    far.json("remote_key", &["key", "add", "--new-password-file", "second"]);
    let listed = far.run(&["key", "list"]).succeeds().out;
    assert!(listed.lines().count() > 3, "{listed}");
    far.run(&["list", "--password-file", "second"]).succeeds();
    // It comes by a pipe, which can be read once alone.
    let line = format!(
        "{} remote prune --repo {} --password-file <(cat second)",
        env!("CARGO_BIN_EXE_hotbackup"),
        far.url
    );
    let mut bash = Command::new("bash");
    bash.args(["-c", &line]).current_dir(far.place.path("")).env("XDG_CACHE_HOME", far.place.path("cache"));
    let ran = ran(bash).succeeds();
    assert!(ran.out.contains("good 1 snapshot"), "{ran:#?}");
}

#[test]
fn a_wrong_password_is_exit_14_for_both_readers() {
    let far = Far::pushed();
    fs::write(far.place.path("password"), "wrong\n").unwrap();
    let ran = far.run(&["list"]).exits(14);
    assert!(
        ran.error().contains("password") && ran.error().contains("to do: give the repository's password"),
        "{ran:#?}"
    );
    let ran = far.run(&["list", "--json"]).exits(14);
    assert_eq!(ran.json("failed")["error"]["code"], "UNAUTHORIZED");
    if has_restic() {
        let ran = far.run(&["check", "--json"]).exits(14);
        assert_eq!(ran.json("remote_check")["error"]["code"], "UNAUTHORIZED");
    }
}

#[test]
fn what_is_not_given_or_not_there_is_said() {
    let far = Far::new();
    let ran = ran(far.place.command(["remote", "list"])).exits(2);
    assert!(ran.error().contains("--repo URL"), "{ran:#?}");
    let ran = self::ran(far.place.command(["remote", "list", "--repo", &far.url])).exits(2);
    assert!(ran.error().contains("--password-file"), "{ran:#?}");
    let elsewhere = format!("file://{}", far.place.path("elsewhere").display());
    let ran = far.run(&["list", "--repo", &elsewhere]).exits(3);
    assert!(ran.error().contains("`hotbackup remote init` makes a repository there"), "{ran:#?}");
    let ran = far.run(&["init"]).exits(4);
    assert!(ran.error().contains("use it as it is"), "{ran:#?}");
    let ran = far.run(&["restore", "latest", "out"]).exits(3);
    assert!(ran.error().contains("there is no snapshot in file://"), "{ran:#?}");
    far.run(&["list", "-o", "colour=red"]).exits(2);
    far.run(&["list", "--password-file", "nowhere"]).exits(3);
}

#[test]
fn a_secret_is_refused_on_a_command_line_and_in_a_file_that_all_can_read() {
    let far = Far::new();
    let proxy = format!("proxy=http://me:{SECRET}@proxy:3128");
    for option in [&format!("secret_key={SECRET}"), &format!("session_token={SECRET}"), &proxy] {
        let ran = far.run(&["list", "-o", option]).exits(2);
        assert!(ran.error().contains("can be read by every user of this machine"), "{ran:#?}");
        let ran = far.run(&["list", "-o", option, "--json"]).exits(2);
        assert_eq!(ran.json("failed")["error"]["code"], "INVALID_ARGUMENT");
    }
    let options = far.place.path("options");
    fs::write(&options, format!("# of the store\nhost = db7\n\nsecret_key={SECRET}\n")).unwrap();
    fs::set_permissions(&options, fs::Permissions::from_mode(0o644)).unwrap();
    let ran = far.run(&["push", "-r", "db", "--options-file", "options"]).exits(2);
    assert!(ran.error().contains("to do: chmod 600"), "{ran:#?}");
    fs::write(&options, format!("{SECRET}\n")).unwrap();
    let ran = far.run(&["push", "-r", "db", "--options-file", "options"]).exits(2);
    assert!(ran.error().contains("line 1 is not KEY=VALUE"), "{ran:#?}");
    fs::write(&options, "# of the store\nhost = db7\n").unwrap();
    far.run(&["push", "-r", "db", "--options-file", "options"]).succeeds();
    assert_eq!(far.snapshots()[0]["host"], "db7");
}

#[test]
fn without_restic_on_path_upkeep_says_how_to_install_it_and_the_rest_works() {
    let far = Far::pushed();
    let empty = far.place.path("empty");
    fs::create_dir(&empty).unwrap();
    for arguments in [&["prune"][..], &["check"], &["repair", "index", "--yes"], &["key", "list"]] {
        let mut command = far.command(arguments);
        let ran = ran_with(command.env("PATH", &empty)).exits(11);
        assert!(
            ran.error().contains("not on PATH") && ran.error().contains("apt install restic"),
            "{ran:#?}"
        );
    }
    ran_with(far.command(&["verify"]).env("PATH", &empty)).succeeds();
    // Nor is one of use that is too old, or something else.
    for (said, why) in [("restic 0.9.6 compiled with go1.12", "cannot read"), ("hello", "does not answer")] {
        let program = empty.join("restic");
        fs::write(&program, format!("#!/bin/sh\necho {said}\n")).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        let ran = ran_with(far.command(&["prune"]).env("PATH", &empty)).exits(11);
        assert!(ran.error().contains(why), "{ran:#?}");
    }
}

fn ran_with(command: &mut Command) -> Ran {
    Ran::of(command.output().unwrap())
}

/// A restic that writes down what it was given, and ends as it is told.
fn fake(far: &Far, version: &str, then: &str) -> String {
    let bin = far.place.path("bin");
    fs::create_dir_all(&bin).unwrap();
    let program = bin.join("restic");
    let script = format!(
        "#!/bin/sh\nif [ \"$1\" = version ]; then echo 'restic {version} compiled with go'; exit 0; fi\n\
         echo \"$@\" >> arguments\nenv > environment\nwhile [ $# -gt 1 ]; do\n\
         [ \"$1\" = --password-file ] && cat \"$2\" > given; shift; done\n{then}\n"
    );
    fs::write(&program, script).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    format!("{}:{}", bin.display(), std::env::var("PATH").unwrap())
}

#[test]
fn restic_gets_the_password_by_a_descriptor_and_nothing_of_it_in_its_arguments_or_environment() {
    let far = Far::pushed();
    let path = fake(&far, "0.18.0", "exit 0");
    let mut command = far.command(&["prune"]);
    command.env("PATH", &path).env("RESTIC_PASSWORD", PASSWORD).env("RESTIC_REPOSITORY", "/elsewhere");
    ran(command).succeeds();
    let read = |name: &str| fs::read_to_string(far.place.path(name)).unwrap();
    assert_eq!(read("given"), PASSWORD);
    assert!(!read("environment").contains(PASSWORD) && !read("environment").contains("/elsewhere"));
    assert!(read("environment").contains(SECRET), "but credentials of the store are there");
    let arguments = read("arguments");
    assert!(!arguments.contains(PASSWORD) && arguments.contains("--retry-lock 900s prune"), "{arguments}");
}

#[test]
fn an_old_restic_is_warned_of_and_tried_again_while_another_holds_the_repository() {
    let far = Far::pushed();
    let locked = "echo 'unable to create lock in backend: repository is already locked by PID 7' >&2; exit 1";
    let path = fake(&far, "0.14.0", locked);
    let mut command = far.command(&["check", "-o", "lock_wait=1s"]);
    command.env("PATH", &path);
    let ran = ran(command).exits(4);
    assert!(ran.err.contains("warning: restic 0.14.0 goes on when it has lost its lock"), "{ran:#?}");
    assert!(
        ran.err.contains("already locked by PID 7") && ran.error().contains("hotbackup remote unlock"),
        "{ran:#?}"
    );
    assert!(!ran.err.contains("--retry-lock"), "it has none: {ran:#?}");
    let tries = fs::read_to_string(far.place.path("arguments")).unwrap().lines().count();
    assert_eq!(tries, 2);
    let mut command = far.command(&["repair", "packs", "abcd", "--yes"]);
    command.env("PATH", &path);
    self::ran(command).exits(11);
}

#[test]
fn a_signal_interrupts_restic_in_order_and_waits_for_its_end() {
    use rustix::process::{Pid, Signal, kill_process};
    let far = Far::pushed();
    let path =
        fake(&far, "0.18.0", "trap 'touch tidied; exit 130' INT; touch begun; while :; do sleep 0.05; done");
    let child =
        far.command(&["check"]).env("PATH", &path).stderr(std::process::Stdio::piped()).spawn().unwrap();
    while !far.place.path("begun").exists() {
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130), "{output:?}");
    assert!(far.place.path("tidied").exists());
}

#[test]
fn the_lock_of_a_killed_push_keeps_restic_out_until_it_is_old_and_is_unlocked() {
    let far = Far::new();
    let locks = far.place.path("far/locks");
    // It looks for others for a fifth of a second before it goes on.
    let mut push = far.command(&["push", "-r", "db"]).spawn().unwrap();
    while !locks.exists() || files(&locks).is_empty() {
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    push.kill().unwrap();
    push.wait().unwrap();
    let path = fake(&far, "0.18.0", "exit 0");
    let upkeep = |arguments: &[&str]| {
        let mut command = far.command(&[arguments, &["-o", "lock_wait=1s"]].concat());
        command.env("PATH", &path);
        ran(command)
    };
    let told = |ran: Ran| {
        let error = ran.error().to_string();
        assert!(
            error.contains("hotbackup:") && error.contains(" s old") && error.contains("remote unlock"),
            "{error}"
        );
    };
    fs::write(far.place.path("new"), "another").unwrap();
    let new = far.place.path("new").display().to_string();
    for arguments in [&["prune"][..], &["check"], &["repair", "index", "--yes"]] {
        told(upkeep(arguments).exits(4));
    }
    told(upkeep(&["key", "passwd", "--new-password-file", &new]).exits(4));
    assert!(!far.place.path("arguments").exists(), "restic was not started");
    upkeep(&["key", "list"]).succeeds();
    upkeep(&["check", "--", "--no-lock"]).succeeds();
    let ran = far.run(&["unlock", "--json"]).exits(4);
    let left = ran.json("remote_unlock");
    assert_eq!(
        (left["removed"].as_array().unwrap().len(), left["left"][0]["is_pushs"].as_bool()),
        (0, Some(true))
    );

    // One that nobody can read may be anybody's, however old.
    fs::write(locks.join("ab".repeat(32)), "nonsense").unwrap();
    let long_ago = std::time::SystemTime::now() - std::time::Duration::from_secs(31 * 60);
    for file in files(&locks) {
        fs::File::options().write(true).open(file).unwrap().set_modified(long_ago).unwrap();
    }
    upkeep(&["check"]).succeeds();
    let ran = far.run(&["unlock"]).exits(4);
    assert!(ran.out.contains("removed the lock locks/") && ran.out.contains("31 min old"), "{ran:#?}");
    assert!(ran.error().contains("of nobody that can be read"), "{ran:#?}");
    assert_eq!(files(&locks).len(), 1);
    fs::remove_file(locks.join("ab".repeat(32))).unwrap();
    let ran = far.run(&["unlock"]).succeeds();
    assert!(ran.out.contains("no push has left a lock"), "{ran:#?}");
}
