//! Clocks that are days apart: the pusher's, the store's, and that of who removes locks which he takes for stale.

use std::path::PathBuf;
use std::process::Command;

use hotbackup::Options;

use crate::common::bucket::Bucket;
use crate::common::moto;
use crate::common::proxy::{Fault, When};
use crate::kills::doer;
use crate::scene::{Scene, same};
use crate::sleeps::{Woken, put, stopped};

const DAY: i64 = 86_400;

/// The process that it starts has a clock which is so many seconds off; `false`, and it is said: there is no faketime.
pub fn is_off(command: &mut Command, seconds: i64) -> bool {
    let mut places = std::fs::read_dir("/usr/lib").expect("libraries").flatten().map(|place| place.path());
    let library = |place: std::path::PathBuf| place.join("faketime/libfaketimeMT.so.1");
    let Some(library) = places.by_ref().map(library).find(|library| library.exists()) else {
        crate::common::skip("libfaketime is not there: apt-get install faketime");
        return false;
    };
    // What measures how long something takes goes on as it is, and so do the times of files.
    let as_they_are = ["FAKETIME_DONT_FAKE_MONOTONIC", "DONT_FAKE_MONOTONIC", "NO_FAKE_STAT"];
    command.env("LD_PRELOAD", library).env("FAKETIME", format!("{seconds:+}"));
    command.envs(as_they_are.map(|name| (name, "1")));
    true
}

/// What restic saw of a push that was stopped, and how its own runs ended.
#[derive(Debug)]
struct Seen {
    lock: String,
    codes: Vec<Option<i32>>,
    locks_left: usize,
}

/// Pushes a new snapshot from a machine whose clock is off, stopped there while restic does this. `None`: there is no
/// faketime.
fn pushed(
    scene: &Scene,
    seconds: i64,
    when: When,
    deeds: &'static [&[&str]],
) -> Option<(PathBuf, Woken<Seen>)> {
    let snapshot = scene.back_up();
    let deed = ["push", snapshot.to_str().expect("a plain path")];
    let mut command = doer(scene, &deed, &[("lock_wait", "30s")]);
    is_off(&mut command, seconds).then_some(())?;
    let (restic, store) = (scene.restic(), scene.store.clone());
    let act = move || {
        let bucket = Bucket::of(&store);
        let name = bucket.list("locks/").first().map(|(name, _)| name.clone()).unwrap_or_default();
        let lock = restic.run(&["cat", "--no-lock", "lock", name.trim_start_matches("locks/")]).stdout;
        let codes = deeds.iter().map(|deed| restic.run(deed).code).collect();
        Seen { lock, codes, locks_left: bucket.list("locks/").len() }
    };
    let woken = stopped(scene, &mut command, when, act);
    Some((snapshot, woken))
}

/// How many seconds after now it says it is.
#[track_caller]
fn later(lock: &str) -> i64 {
    let lock: serde_json::Value =
        serde_json::from_str(lock).unwrap_or_else(|error| panic!("{error}: {lock:?}"));
    let time = chrono::DateTime::parse_from_rfc3339(lock["time"].as_str().expect("a time")).expect("a time");
    time.timestamp() - chrono::DateTime::<chrono::Utc>::from(std::time::SystemTime::now()).timestamp()
}

#[test]
fn a_lock_has_the_stores_time_though_the_pushers_clock_is_days_off() {
    // It looks at no signature: else nothing of this machine would get in.
    let Some(store) = moto::bucket() else { return };
    let scene = Scene::before(store);
    for (seed, off) in [(1, 2 * DAY), (2, -2 * DAY)] {
        scene.write("pages.mdb", 500 + seed, 300_000);
        let Some((_, woken)) = pushed(&scene, off, put("data/"), &[&["unlock"]]) else { return };
        assert!(later(&woken.meanwhile.lock).abs() < 120, "{off}: {woken:?}");
        // So who removes what is stale leaves it.
        assert_eq!((&*woken.meanwhile.codes, woken.meanwhile.locks_left), (&[Some(0)][..], 1), "{woken:?}");
        match off > 0 {
            // What it signed for five minutes would be taken for days.
            true => assert!(woken.said.contains("clock is ahead of the store's"), "{woken:?}"),
            false => assert_eq!(woken.code, Some(0), "{woken:?}"),
        }
    }
    assert_eq!(scene.listed(), 1);
}

#[test]
fn an_unlocker_whose_clock_is_days_ahead_harms_nothing_and_one_who_is_behind_removes_nothing() {
    const DEEDS: &[&[&str]] = &[&["unlock"], &["prune", "--max-unused", "0"]];
    let Some(store) = moto::bucket() else { return };
    let scene = Scene::before(store);
    // The store's clock and the pusher's agree. All is sent by then, and nothing needs it yet.
    for (seed, off, ended) in [(1, -2 * DAY, [Some(0), Some(0)]), (2, 2 * DAY, [Some(0), Some(1)])] {
        scene.write("pages.mdb", 600 + seed, 300_000);
        scene.rule(When::any(), Fault::Date(off));
        let Some((snapshot, woken)) = pushed(&scene, off, put("locks/").after(1), DEEDS) else { return };
        assert!((later(&woken.meanwhile.lock) - off).abs() < 120, "{off}: {woken:?}");
        assert_eq!(woken.meanwhile.codes, ended, "{woken:?}");
        assert_eq!(woken.code, Some(0), "{woken:?}");
        scene.restic().check();
        let back = scene.fresh("back");
        let restored = scene.direct().restore("latest", &back, &Options::new()).expect("a job").wait();
        restored.expect("a restore");
        same(&snapshot, &back);
    }
}
