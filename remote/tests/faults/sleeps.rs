//! A process that pushes and is stopped, as on a machine that sleeps, while others unlock and prune: what it does once
//! it wakes does no harm. That its lock is removed stands for the half hour after which it would be stale.

use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use hotbackup::{Code, Options};
use rustix::process::{Pid, Signal, kill_process};

use crate::clocks::is_off;
use crate::common::bucket::Bucket;
use crate::common::proxy::{Fault, When};
use crate::common::restic::Ran;
use crate::kills::doer;
use crate::scene::{Scene, push};

/// How a process ended that was stopped.
#[derive(Debug)]
pub struct Woken<T> {
    pub code: Option<i32>,
    pub said: String,
    /// What came of that which was done meanwhile.
    pub meanwhile: T,
}

/// Runs a process that is stopped as the proxy sees this, and goes on once something was done.
#[track_caller]
pub fn stopped<T: Send + 'static>(
    scene: &Scene,
    command: &mut Command,
    when: When,
    act: impl Fn() -> T + Send + Sync + 'static,
) -> Woken<T> {
    let pid: Arc<Mutex<Option<Pid>>> = Arc::default();
    let done: Arc<Mutex<Option<T>>> = Arc::default();
    let (victim, told) = (pid.clone(), done.clone());
    let mut started = pid.lock().expect("nobody panicked");
    scene.rule(
        when.once(),
        Fault::call(move || {
            let pid = victim.lock().expect("nobody panicked").expect("a child");
            kill_process(pid, Signal::STOP).expect("our child");
            *told.lock().expect("nobody panicked") = Some(act());
            kill_process(pid, Signal::CONT).expect("our child");
        }),
    );
    let child = command.stderr(Stdio::piped()).spawn().expect("a child");
    *started = Some(Pid::from_child(&child));
    drop(started);
    let output = child.wait_with_output().expect("our child");
    scene.proxy.clear();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let done = done.lock().expect("nobody panicked").take();
    let meanwhile = done.unwrap_or_else(|| panic!("it never came to that: {:?} {said}", output.status));
    Woken { code: output.status.code(), said, meanwhile }
}

/// Removes all locks, the snapshots that are there now, and all that no other needs.
pub fn unlock_and_prune(scene: &Scene) -> impl Fn() -> Ran + Send + Sync + 'static {
    let (restic, store) = (scene.restic(), scene.store.clone());
    let listed = scene.bucket().list("snapshots/");
    move || {
        let bucket = Bucket::of(&store);
        bucket.delete_all("locks/");
        listed.iter().for_each(|(name, _)| bucket.delete(name));
        restic.run(&["prune", "--max-unused", "0"])
    }
}

/// What becomes of the request at which a process sleeps.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Late {
    /// It comes, by a store that asks for no time.
    Comes,
    /// It is too old for the store, and its answer is for nobody.
    IsLost,
}

/// Pushes a new snapshot for each of these, stopped there: it ends without a snapshot, by a conflict, or whole.
#[track_caller]
fn harm_nothing(scene: &Scene, seed: u64, steps: &[(&str, When, Late)]) {
    push(&scene.remote(), &scene.back_up()).expect("a push");
    for (number, (step, when, late)) in steps.iter().enumerate() {
        scene.write("pages.mdb", seed + number as u64, 300_000);
        let snapshot = scene.back_up();
        let deed = ["push", snapshot.to_str().expect("a plain path")];
        // What was on its way has timed out by the time that it wakes.
        let mut command = doer(scene, &deed, &[("idle_timeout", "500ms"), ("lock_wait", "30s")]);
        if *late == Late::IsLost {
            scene.rule(when.clone().once(), Fault::Hang);
        }
        let woken = stopped(scene, &mut command, when.clone(), unlock_and_prune(scene));
        assert_eq!(woken.meanwhile.code, Some(0), "{step}: {woken:?}");
        let listed = scene.listed();
        let is_conflict = woken.code == Some(Code::Conflict as i32);
        assert!(
            woken.code == Some(0) && listed == 1 || is_conflict && listed == 0,
            "{step}: {listed} {woken:?}"
        );
        // What the store has answered to is settled.
        let is_settled = !woken.said.contains("may still take");
        assert!(is_settled || *step == "its snapshot", "{step}: {woken:?}");
        // A lock stays where a commit may still arrive, or where what was late has made it anew. It would age.
        scene.bucket().delete_all("locks/");
        // Each by itself, before the next push could heal it.
        scene.restic().check();
        if listed == 1 {
            let verified = scene.direct().verify("latest", &Options::new()).expect("a job").wait();
            verified.unwrap_or_else(|error| panic!("{step}: {error}"));
        }
    }
}

pub fn put(kind: &str) -> When {
    When::method("PUT").target(&format!("*/backups/db1/{kind}*"))
}

#[test]
fn a_push_that_sleeps_before_its_commit_while_all_is_pruned_harms_nothing() {
    let Some(scene) = Scene::new() else { return };
    let steps = [
        ("what is there", When::listing("data/"), Late::Comes),
        ("a pack", put("data/"), Late::IsLost),
        ("its index", put("index/"), Late::IsLost),
    ];
    harm_nothing(&scene, 200, &steps);
}

#[test]
fn a_push_that_sleeps_in_its_commit_while_all_is_pruned_harms_nothing() {
    let Some(scene) = Scene::new() else { return };
    let steps = [
        ("its second lock", put("locks/").after(1), Late::Comes),
        (
            "a look at the repository",
            When::method("GET").target("*/backups/db1/config").after(1),
            Late::Comes,
        ),
        ("its snapshot", put("snapshots/"), Late::Comes),
    ];
    harm_nothing(&scene, 300, &steps);
}

#[test]
fn a_commit_that_slept_for_longer_than_its_signature_lasts_is_refused_and_begun_anew() {
    let Some(scene) = Scene::new() else { return };
    let snapshot = scene.back_up();
    let deed = ["push", snapshot.to_str().expect("a plain path")];
    let mut command = doer(&scene, &deed, &[]);
    // By its own clock it signs for five minutes, by the store's for eight seconds.
    if !is_off(&mut command, -292) {
        return;
    }
    let prune = unlock_and_prune(&scene);
    let act = move || {
        let since = Instant::now();
        let ran = prune();
        std::thread::sleep(Duration::from_secs(9).saturating_sub(since.elapsed()));
        ran
    };
    // It was signed, the lock was looked at, and the snapshot is not sent yet.
    let when = When::method("GET").target("*/backups/db1/config").after(1);
    let woken = stopped(&scene, &mut command, when, act);
    assert!(woken.meanwhile.code == Some(0) && woken.code == Some(0), "{woken:?}");
    let sent = scene
        .proxy
        .requests()
        .into_iter()
        .filter(|one| one.method == "PUT" && one.target.contains("/backups/db1/snapshots/"));
    let answers: Vec<_> = sent.map(|one| one.stored).collect();
    assert_eq!(answers, [Some(403), Some(200)]);
    scene.assert_good(&[&snapshot], true);
}
