//! restic's upkeep beside a push: never both at once, no damage, and the process that pushes lives.

use std::process::{Child, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::common::Random;
use crate::common::proxy::{Fault, When};
use crate::common::restic::{Ran, Restic};
use crate::scene::{Scene, push, start, until};

/// restic, whose prune has taken its lock and is then stopped.
pub fn stopped_with_its_lock(scene: &Scene) -> Child {
    let mut command = scene.restic().command();
    command.args(["check", "--read-data"]).stdout(Stdio::null()).stderr(Stdio::null());
    let child = command.spawn().expect("restic is there");
    let bucket = scene.bucket();
    until(|| !bucket.list("locks/").is_empty());
    signal(&child, rustix::process::Signal::STOP);
    child
}

pub fn go_on(child: &mut Child) {
    signal(child, rustix::process::Signal::CONT);
    child.wait().expect("our child");
}

fn signal(child: &Child, signal: rustix::process::Signal) {
    let pid = rustix::process::Pid::from_child(child);
    rustix::process::kill_process(pid, signal).expect("our child");
}

/// What an operator runs.
const DEEDS: [&[&str]; 5] = [
    &["prune", "--max-unused", "0"],
    &["forget", "--keep-last", "1", "--prune"],
    &["check"],
    &["unlock"],
    &["unlock", "--remove-all"],
];

#[test]
fn what_restic_does_at_each_step_of_a_push_harms_nothing() {
    let Some(scene) = Scene::new() else { return };
    let mut last = scene.back_up();
    push(&scene.remote(), &last).expect("a push");
    let mut seed = 50;
    // A lock, a pack of data, one of directories, the index, the next lock, the snapshot.
    for step in [1, 3, 5] {
        for deed in DEEDS {
            seed += 1;
            scene.write("pages.mdb", seed, 300_000);
            last = scene.back_up();
            let ran: Arc<Mutex<Option<Ran>>> = Arc::default();
            let (restic, told) = (scene.restic(), ran.clone());
            let act = move || *told.lock().expect("nobody panicked") = Some(restic.run(deed));
            scene.rule(When::method("PUT").after(step).once(), Fault::call(act));
            // This process lives: it has no handler for SIGHUP.
            push(&scene.remote_with(&[("idle_timeout", "30s"), ("lock_wait", "60s")]), &last)
                .expect("a push");
            scene.proxy.clear();
            let ran = ran.lock().expect("nobody panicked").take().expect("it ran");
            let is_exclusive = deed[0] != "unlock";
            assert_eq!(ran.code != Some(0), is_exclusive, "{deed:?} at {step}: {ran:?}");
        }
    }
    let last_only = scene.direct();
    let (listed, _) = last_only.list(None).expect("a list");
    let newest = listed.last().expect("one").number().expect("a number");
    assert!(last.ends_with(format!("ts-{newest}")));
    scene.restic().check();
    let back = scene.fresh("back");
    last_only.restore("latest", &back, &hotbackup::Options::new()).expect("a job").wait().expect("a restore");
    crate::scene::same(&last, &back);
}

#[test]
fn a_prune_between_an_unlock_and_the_commit_makes_the_push_begin_anew() {
    let Some(scene) = Scene::new() else { return };
    let snapshot = scene.back_up();
    let restic = scene.restic();
    let act = move || {
        restic.unlock(true);
        restic.prune();
    };
    // The index is there, the snapshot is not.
    let when = When::method("PUT").target("*/backups/db1/index/*").once();
    scene.rule(when, Fault::call_after(act));
    push(&scene.remote_with(&[("idle_timeout", "30s")]), &snapshot).expect("a push");
    assert!(scene.proxy.count("PUT", "*/backups/db1/data/*") >= 4, "its packs were sent again");
    scene.assert_good(&[&snapshot], true);
}

#[test]
fn races_with_random_starts_lose_nothing() {
    let Some(scene) = Scene::new() else { return };
    let mut random = Random::new(std::process::id().into());
    // Each takes some ten seconds: more of them when there is time.
    let races = std::env::var("HOTBACKUP_TEST_RACES").ok().and_then(|count| count.parse().ok()).unwrap_or(4);
    for number in 0..races {
        scene.write("pages.mdb", 100 + number, 200_000);
        let snapshot = scene.back_up();
        let restic: Restic = scene.restic();
        let (ours, theirs) = (random.below(500), random.below(500));
        let pruning = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(theirs));
            restic.run(&["forget", "--keep-last", "1", "--prune", "--max-unused", "0"])
        });
        std::thread::sleep(Duration::from_millis(ours));
        let remote = scene.remote_with(&[("lock_wait", "60s")]);
        start(&remote, &snapshot).wait().unwrap_or_else(|error| panic!("{number}: {ours} {theirs}: {error}"));
        let pruned = pruning.join().expect("restic ran");
        assert!(matches!(pruned.code, Some(0 | 1 | 11)), "{number}: {pruned:?}");
        let verified = scene.direct().verify("latest", &hotbackup::Options::new()).expect("a job").wait();
        verified.unwrap_or_else(|error| panic!("{number}: {ours} {theirs}: {error}"));
    }
    scene.restic().check();
}
