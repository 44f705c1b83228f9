//! Processes that are killed while they push or fetch. The child is this test program again.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};

use hotbackup::Options;

use crate::common::backend::{Backend, PREFIX};
use crate::common::proxy::{Fault, When};
use crate::scene::{MIB, PASSWORD, Scene, push, same};

const DEED: &str = "HOTBACKUP_TEST_REMOTE_DEED";

/// This program, to do a deed at the repository behind the scene's proxy.
pub fn doer(scene: &Scene, deed: &[&str], choices: &[(&str, &str)]) -> Command {
    doer_by(Command::new(std::env::current_exe().expect("this program")), scene, deed, choices)
}

/// The same by a command that takes this program as an argument.
pub fn doer_by(mut command: Command, scene: &Scene, deed: &[&str], choices: &[(&str, &str)]) -> Command {
    let through: Backend = scene.store.through(&scene.proxy);
    let mut settings: Vec<_> =
        through.settings().iter().map(|(key, value)| format!("{key}={value}")).collect();
    settings.extend(choices.iter().map(|(key, value)| format!("{key}={value}")));
    let words = [
        &[through.url(), settings.join(" ")],
        &deed.iter().map(|word| word.to_string()).collect::<Vec<_>>()[..],
    ];
    command.args(["--exact", "kills::child_process", "--nocapture", "--test-threads=1"]);
    command.env(DEED, words.concat().join("\n")).stdin(Stdio::null()).stdout(Stdio::null());
    command
}

/// In the child: does the deed and ends the process, with the code of its error.
#[test]
fn child_process() {
    let Ok(deed) = std::env::var(DEED) else { return };
    let words: Vec<&str> = deed.split('\n').collect();
    let mut options = hotbackup_remote::RemoteOptions::new();
    options.set_password_hook(|| Ok(PASSWORD.into())).unwrap();
    options.set("host", "db1").expect("a choice");
    for (key, value) in words[1].split(' ').filter_map(|setting| setting.split_once('=')) {
        options.set(key, value).expect("a choice");
    }
    let remote = hotbackup_remote::Remote::open(words[0], &options).expect("a remote");
    let job = match words[2] {
        "push" => remote.push(words[3], &Options::new()),
        "fetch" => remote.fetch("latest", words[3], &Options::new()),
        other => panic!("no such deed: {other}"),
    };
    let outcome = job.expect("a job").wait();
    std::process::exit(outcome.map_or_else(
        |error| {
            eprintln!("{error:?}");
            error.code() as i32
        },
        |()| 0,
    ));
}

/// Runs a deed in a child that is killed as the proxy sees this.
fn killed(scene: &Scene, deed: &[&str], when: When) -> bool {
    let running: Arc<Mutex<Option<Child>>> = Arc::default();
    let victim = running.clone();
    let mut started = running.lock().expect("nobody panicked");
    scene.rule(
        when,
        Fault::call(move || {
            let mut victim = victim.lock().expect("nobody panicked");
            let child = victim.as_mut().expect("a child");
            child.kill().expect("it is ours");
        }),
    );
    let mut command = doer(scene, deed, &[]);
    *started = Some(command.stderr(Stdio::null()).spawn().expect("a child"));
    drop(started);
    loop {
        let ended = running.lock().expect("nobody panicked").as_mut().expect("a child").try_wait();
        if let Some(status) = ended.expect("our child") {
            scene.proxy.clear();
            return !status.success();
        }
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
}

#[test]
fn a_push_that_is_killed_at_any_of_its_requests_is_taken_up_by_the_next() {
    let Some(scene) = Scene::new() else { return };
    let mut snapshots = Vec::new();
    // A lock, a pack of data, one of directories, the index, another lock, the snapshot.
    for number in 0..6 {
        scene.write("pages.mdb", 40 + number, 300_000);
        let snapshot = scene.back_up();
        let deed = ["push", snapshot.to_str().expect("a plain path")];
        assert!(killed(&scene, &deed, When::method("PUT").after(number).once()), "killed at PUT {number}");
        push(&scene.remote(), &snapshot).expect("the next push");
        snapshots.push(snapshot);
        assert_eq!(scene.listed(), snapshots.len());
    }
    let all: Vec<_> = snapshots.iter().map(|path| path.as_path()).collect();
    scene.assert_good(&all, true);
}

#[test]
fn what_has_arrived_before_a_kill_is_not_sent_again() {
    let Some(scene) = Scene::new() else { return };
    scene.write("sub/000002.sst", 7, 20 * MIB);
    let snapshot = scene.back_up();
    let deed = ["push", snapshot.to_str().expect("a plain path")];
    // At its snapshot's object, which does not come: all else is there by then.
    let commit = When::method("PUT").target(&format!("*/{PREFIX}/snapshots/*"));
    scene.rule(commit.clone(), Fault::Status(500));
    assert!(killed(&scene, &deed, commit));
    assert_eq!(scene.listed(), 0);
    scene.proxy.forget();
    push(&scene.remote(), &snapshot).expect("a push");
    let sent: usize = scene.proxy.requests().iter().map(|one| one.up).sum();
    assert!(sent < 64 << 10, "{sent} bytes were sent");
    scene.assert_good(&[&snapshot], true);
}

#[test]
fn a_fetch_that_is_killed_goes_on_with_what_is_missing() {
    let Some(scene) = Scene::new() else { return };
    for number in 2..16 {
        scene.write(&format!("sub/00000{number}.sst"), number, 5 * MIB);
    }
    let snapshot = scene.back_up();
    push(&scene.remote(), &snapshot).expect("a push");
    let target = scene.fresh("fetched");
    let deed = ["fetch", target.to_str().expect("a plain path")];
    assert!(killed(&scene, &deed, When::method("GET").target(&format!("*/{PREFIX}/data/*")).after(18)));
    assert!(!target.exists());
    scene.proxy.forget();
    let fetched = scene.remote().fetch("latest", &target, &Options::new()).expect("a job").wait();
    fetched.expect("a fetch");
    same(&snapshot, Path::new(&target));
    let came: usize = scene.proxy.requests().iter().map(|one| one.down).sum();
    assert!(came < 60 * MIB, "{} KiB of 73 MiB came again", came >> 10);
}
