//! Stores that fail, refuse, hang or are slow: requests are bounded, the codes say what it is, and a cancel ends it.

use std::time::{Duration, Instant};

use hotbackup::{Code, Options};

use crate::common::proxy::{Fault, When};
use crate::scene::{Scene, cancel, fails, push, start, until};

const KINDS: [&str; 4] = ["data/", "index/", "snapshots/", "locks/"];

fn put(kind: &str) -> When {
    When::method("PUT").target(&format!("*/backups/db1/{kind}*"))
}

#[test]
fn requests_that_fail_now_and_then_are_made_again() {
    let Some(scene) = Scene::new() else { return };
    let mut snapshots = Vec::new();
    for (seed, share, status) in [(1, 0.01, 500), (2, 0.1, 503), (3, 0.3, 500)] {
        scene.write("pages.mdb", seed, 1 << 20);
        snapshots.push(scene.back_up());
        scene.rule(When::any().chance(share, seed), Fault::Status(status));
        let remote = scene.remote_with(&[("retries", "8"), ("retry_budget", "60s")]);
        push(&remote, snapshots.last().expect("one")).expect("a push");
        scene.proxy.clear();
    }
    let all: Vec<_> = snapshots.iter().map(|path| path.as_path()).collect();
    scene.assert_good(&all, true);
}

#[test]
fn half_of_all_requests_failing_ends_whole_or_not_at_all_with_few_requests() {
    let Some(scene) = Scene::new() else { return };
    let snapshot = scene.back_up();
    scene.proxy.forget();
    scene.rule(When::any().chance(0.5, 4), Fault::Status(503));
    let outcome = push(&scene.remote(), &snapshot);
    assert!(outcome.as_ref().is_ok_and(|()| true) || outcome.is_err_and(|error| error.code() == Code::Io));
    let made = scene.proxy.requests().len();
    assert!(made < 200, "{made} requests");
    scene.assert_good(&[&snapshot], false);
}

#[test]
fn an_answer_that_is_lost_costs_one_request_more() {
    for kind in KINDS {
        let Some(scene) = Scene::new() else { return };
        let snapshot = scene.back_up();
        scene.proxy.forget();
        scene.rule(put(kind).once(), Fault::ResetAfter);
        push(&scene.remote(), &snapshot).unwrap_or_else(|error| panic!("{kind}: {error}"));
        assert!(scene.proxy.count("PUT", "*") <= 8, "{} PUTs", scene.proxy.count("PUT", "*"));
        assert_eq!(scene.listed(), 1);
        if kind == "snapshots/" {
            // What has come is seen, and not sent again.
            assert_eq!(scene.proxy.count("PUT", "*/backups/db1/snapshots/*"), 1);
            scene.assert_good(&[&snapshot], true);
        }
    }
}

#[test]
fn a_store_that_fails_or_is_silent_for_good_ends_the_push_in_time() {
    let Some(scene) = Scene::new() else { return };
    let snapshot = scene.back_up();
    for (fault, code) in [
        (Fault::Status(500), Code::Io),
        (Fault::ResetBefore, Code::Unreachable),
        (Fault::Hang, Code::Unreachable),
    ] {
        let remote = scene.remote_with(&[("retries", "2"), ("idle_timeout", "500ms")]);
        scene.proxy.forget();
        scene.rule(put("data/"), fault);
        let since = Instant::now();
        let message = fails(push(&remote, &snapshot), code);
        assert!(since.elapsed() < Duration::from_secs(15), "{:?}", since.elapsed());
        let (sent, all) = (scene.proxy.count("PUT", "*/backups/db1/data/*"), scene.proxy.requests().len());
        assert!((3..=6).contains(&sent) && all < 40, "{sent} packs, {all} requests: {message}");
        assert_eq!(scene.bucket().list("locks/"), [], "its lock is gone");
        scene.proxy.clear();
    }
    push(&scene.remote(), &snapshot).expect("a push");
    scene.assert_good(&[&snapshot], true);
}

#[test]
fn a_cancel_ends_within_a_second_whatever_the_store_does() {
    let Some(scene) = Scene::new() else { return };
    let (mut snapshots, mut seed) = (Vec::new(), 30);
    for fault in [Fault::Hang, Fault::SlowUp(1000), Fault::Status(500), Fault::ResetBefore] {
        for kind in KINDS {
            seed += 1;
            scene.write("pages.mdb", seed, 300_000);
            snapshots.push(scene.back_up());
            // One with so much patience that only the cancel ends it.
            let remote =
                scene.remote_with(&[("idle_timeout", "30s"), ("retries", "100"), ("retry_budget", "10m")]);
            scene.proxy.forget();
            scene.rule(put(kind), fault.clone());
            let job = start(&remote, snapshots.last().expect("one"));
            until(|| scene.proxy.count("PUT", &format!("*/backups/db1/{kind}*")) > 0);
            // Small objects arrive however slowly, and a commit is not tried for ever.
            let may_be_over = kind != "data/" && !matches!(fault, Fault::Hang);
            cancel(&job, may_be_over);
            scene.proxy.clear();
        }
    }
    let all: Vec<_> = snapshots.iter().map(|path| path.as_path()).collect();
    scene.assert_good(&all, false);
}

#[test]
fn a_commit_without_an_answer_leaves_the_lock_that_keeps_a_prune_off() {
    let Some(scene) = Scene::new() else { return };
    let snapshot = scene.back_up();
    scene.rule(put("snapshots/"), Fault::Hang);
    let job = start(&scene.remote_with(&[("idle_timeout", "30s")]), &snapshot);
    until(|| scene.proxy.count("PUT", "*/backups/db1/snapshots/*") > 0);
    job.cancel().expect("a job");
    let message = fails(job.wait(), Code::Cancelled);
    assert!(message.contains("the lock stays"), "{message}");
    assert!(!scene.bucket().list("locks/").is_empty());
    scene.proxy.clear();
    push(&scene.remote(), &snapshot).expect("a push");
    scene.assert_good(&[&snapshot], true);
}

#[test]
fn a_cancel_ends_within_a_second_where_nothing_at_all_answers() {
    let Some(scene) = Scene::new() else { return };
    let snapshot = scene.back_up();
    let remote = scene.remote_with(&[("idle_timeout", "30s")]);
    scene.rule(put("data/"), Fault::Hang);
    let job = start(&remote, &snapshot);
    until(|| scene.proxy.count("PUT", "*/backups/db1/data/*") > 0);
    scene.rule(When::any(), Fault::Hang);
    cancel(&job, false);
    scene.proxy.clear();
    assert_eq!(scene.bucket().list("locks/").len(), 1, "what could not be removed is left to its age");
    push(&scene.remote(), &snapshot).expect("a shared lock is in nobody's way");
    scene.assert_good(&[&snapshot], true);
}

#[test]
fn a_fetch_from_a_store_that_hangs_is_cancelled_within_a_second() {
    let Some(scene) = Scene::new() else { return };
    let snapshot = scene.back_up();
    push(&scene.remote(), &snapshot).expect("a push");
    for fault in [Fault::Hang, Fault::SlowDown(1000), Fault::Status(503)] {
        let remote =
            scene.remote_with(&[("idle_timeout", "30s"), ("retries", "100"), ("retry_budget", "10m")]);
        remote.list(None).expect("it is open");
        scene.proxy.forget();
        scene.rule(When::method("GET").target("*/backups/db1/data/*"), fault);
        let target = scene.fresh("target");
        let job = remote.restore("latest", &target, &Options::new()).expect("a job");
        until(|| scene.proxy.count("GET", "*/backups/db1/data/*") > 0);
        cancel(&job, false);
        assert!(!target.exists());
        scene.proxy.clear();
    }
}

#[test]
fn what_a_store_refuses_is_told_at_once_by_its_code() {
    let Some(scene) = Scene::new() else { return };
    let snapshot = scene.back_up();
    // In the order in which a push sends them: what was refused has left nothing that the next one could do without.
    for kind in ["locks/", "data/", "index/", "snapshots/"] {
        for (fault, code) in [
            (Fault::full(), Code::NoSpace),
            (Fault::quota(), Code::NoSpace),
            (Fault::denied(), Code::Unauthorized),
            (Fault::expired(), Code::Unauthorized),
        ] {
            scene.proxy.forget();
            scene.rule(put(kind), fault.clone());
            fails(push(&scene.remote(), &snapshot), code);
            // A commit is tried thrice, each time with a new signature and a fresh lock.
            let most = if kind == "snapshots/" { 3 } else { 2 };
            let sent = scene.proxy.count("PUT", &format!("*/backups/db1/{kind}*"));
            assert!(sent <= most || kind == "locks/", "{kind}: sent {sent} times");
            scene.proxy.clear();
            assert_eq!((scene.listed(), scene.bucket().list("locks/").len()), (0, 0), "{kind}");
        }
    }
    push(&scene.remote(), &snapshot).expect("a push");
    scene.assert_good(&[&snapshot], true);
}

#[test]
fn where_nothing_can_be_deleted_the_push_is_done_and_the_lock_is_told() {
    let Some(scene) = Scene::new() else { return };
    let snapshot = scene.back_up();
    scene.rule(When::method("DELETE"), Fault::denied());
    let job = start(&scene.remote(), &snapshot);
    job.wait().expect("a push");
    let warnings = job.warnings().expect("warnings");
    assert!(warnings.iter().any(|one| one.message().contains("locks/")), "{warnings:?}");
    assert!(!scene.bucket().list("locks/").is_empty());
    scene.assert_good(&[&snapshot], true);
}
