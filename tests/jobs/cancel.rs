//! A cancel ends a backup in any phase, soon, and as if it had never begun.

use std::ops::ControlFlow;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use crate::common::{Place, bytes, frozen, residue, sound_snapshots, write};
use hotbackup::{Code, Coordinator, FileClass, Job, Options, Phase, State, VerifyLevel};

/// Far more than the 100 ms of the promise, far less than what the cancelled work would take.
const SOON: Duration = Duration::from_secs(20);

#[test]
fn a_cancel_in_any_phase_leaves_everything_as_it_was() {
    let place = Place::with_snapshot();
    for phase in [Phase::Checkpoint, Phase::Pin, Phase::Freeze, Phase::Copy, Phase::Verify, Phase::Publish] {
        let mut options = frozen();
        let mut seen = None;
        let (tell, told) = mpsc::channel();
        options.hooks().progress(move |progress, hook| {
            if (progress.phase as u32) < phase as u32 {
                return Ok(ControlFlow::Continue(()));
            }
            let _ = tell.send(hook.job().clone());
            Ok(ControlFlow::Break(()))
        });
        let error = place.harmless(|| {
            let result = place.back_up(&options);
            seen = Some(told.try_recv().expect("it came so far"));
            result
        });
        assert_eq!(error.code(), Code::Cancelled, "{phase:?}: {error}");
        let status = seen.unwrap().status().unwrap();
        assert_eq!(status.state, State::Cancelled, "{phase:?}");
        assert!(status.percent < 100 && status.finished_at >= Some(status.started_at));
    }
    place.back_up(&frozen()).unwrap();
    assert_eq!(sound_snapshots(&place.root()).len(), 2);
}

#[test]
fn a_cancel_before_the_first_hook_calls_none() {
    let place = Place::with_snapshot();
    let mut options = Options::new();
    options.hooks().checkpoint(|_| unreachable!("it was cancelled before"));
    options.hooks().freeze_thaw(|_| unreachable!("it was cancelled before"), |_| Ok(()));
    options.hooks().release(|_| unreachable!("nothing was checkpointed"));
    let coordinator = Coordinator::open(&place.data(), &options).unwrap();
    let error = place.harmless(|| {
        let begun = coordinator.prepare()?;
        assert_eq!(begun.job().status()?.state, State::Queued);
        begun.job().cancel()?;
        begun.run()
    });
    assert_eq!(error.code(), Code::Cancelled, "{error}");
}

#[test]
fn a_backup_that_is_begun_and_given_up_is_cancelled() {
    let place = Place::with_snapshot();
    let coordinator = Coordinator::open(&place.data(), &frozen()).unwrap();
    let error = place.harmless(|| {
        let begun = coordinator.prepare()?;
        let job = begun.job();
        drop(begun);
        job.wait()
    });
    assert_eq!(error.code(), Code::Cancelled, "{error}");
    coordinator.start().unwrap().wait().unwrap();
}

#[test]
fn a_cancel_after_the_end_has_no_effect() {
    let place = Place::with_files();
    let job = place.back_up(&frozen()).unwrap();
    job.cancel().unwrap();
    job.wait().unwrap();
    assert_eq!(job.status().unwrap().state, State::Completed);
    assert_eq!(sound_snapshots(&place.root()).len(), 1);
}

/// Starts a backup that would take for ever, and cancels it once it is in this phase.
fn cancelled_in(place: &Place, mut options: Options, phase: Phase) -> (Job, Duration) {
    let (tell, told) = mpsc::channel();
    options.hooks().progress(move |progress, _| {
        if progress.phase == phase {
            let _ = tell.send(());
        }
        Ok(ControlFlow::Continue(()))
    });
    let coordinator = Coordinator::open(&place.data(), &options).unwrap();
    let job = coordinator.start().unwrap();
    told.recv_timeout(SOON).expect("it comes so far");
    // Well inside the phase, where it waits.
    std::thread::sleep(Duration::from_millis(150));
    assert!(!job.status().unwrap().state.has_ended());
    let asked = Instant::now();
    job.cancel().unwrap();
    assert_eq!(job.wait_for(SOON).unwrap_err().code(), Code::Cancelled);
    (job, asked.elapsed())
}

#[test]
fn a_copy_at_a_byte_a_second_is_cancelled_soon() {
    let place = Place::with_snapshot();
    let mut options = frozen();
    options.add_rule("*", FileClass::IMMUTABLE).unwrap();
    options.set_rate_limit(1);
    let error = place.harmless(|| cancelled_in(&place, options, Phase::Copy).0.wait());
    assert_eq!(error.code(), Code::Cancelled);
}

#[test]
fn a_verification_at_a_byte_a_second_is_cancelled_soon() {
    let place = Place::with_snapshot();
    let mut options = frozen();
    options.set_verify_level(VerifyLevel::Media);
    // Mutable files are copied inside the window, where no limit applies.
    options.set_rate_limit(1);
    let error = place.harmless(|| cancelled_in(&place, options, Phase::Verify).0.wait());
    assert_eq!(error.code(), Code::Cancelled);
}

#[test]
fn a_wait_for_quiet_is_cancelled_soon() {
    let place = Place::with_snapshot();
    write(&place.data().join("index"), b"just written");
    let error = place.harmless(|| cancelled_in(&place, Options::new(), Phase::Freeze).0.wait());
    assert_eq!(error.code(), Code::Cancelled);
}

#[test]
fn a_cancel_during_a_large_copy_does_not_wait_for_its_end() {
    let place = Place::with_snapshot();
    write(&place.data().join("large"), &bytes(64 << 20, 1));
    let mut options = frozen();
    options.add_rule("large", FileClass::IMMUTABLE).unwrap();
    // A minute's worth, so that what ends it is the cancel.
    options.set_rate_limit(1 << 20);
    let (job, took) = cancelled_in(&place, options, Phase::Copy);
    assert!(took < SOON);
    let status = job.status().unwrap();
    assert!(status.bytes_done < status.bytes_total, "{status:?}");
    assert!(residue(&place.data()).is_empty());
}

#[test]
fn closing_or_dropping_the_coordinator_cancels_what_runs() {
    for close in [Coordinator::close, drop] {
        let place = Place::with_snapshot();
        let mut options = frozen();
        options.add_rule("*", FileClass::IMMUTABLE).unwrap();
        options.set_rate_limit(1);
        let error = place.harmless(|| {
            let coordinator = Coordinator::open(&place.data(), &options)?;
            let job = coordinator.start()?;
            close(coordinator);
            assert!(job.status()?.state.has_ended(), "closing waits");
            job.wait()
        });
        assert_eq!(error.code(), Code::Cancelled, "{error}");
    }
}

#[test]
fn a_handle_that_is_dropped_lets_its_backup_go_on() {
    let place = Place::with_files();
    let coordinator = Coordinator::open(&place.data(), &frozen()).unwrap();
    let id = coordinator.start().unwrap().id();
    let job = coordinator.find(Some(id)).unwrap();
    job.wait().unwrap();
    assert_eq!(sound_snapshots(&place.root()).len(), 1);
}

#[test]
fn a_rate_limit_that_is_lifted_lets_a_slow_copy_end() {
    let place = Place::with_files();
    let mut options = frozen();
    options.add_rule("*", FileClass::IMMUTABLE).unwrap();
    options.set_rate_limit(1);
    options.hooks().progress(|progress, hook| {
        if progress.phase == Phase::Copy {
            hook.job().set_rate_limit(0).unwrap();
        }
        Ok(ControlFlow::Continue(()))
    });
    place.back_up(&options).unwrap();
}
