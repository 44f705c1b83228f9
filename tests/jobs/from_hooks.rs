//! What a host may do from inside its hooks: anything, without a deadlock.

use std::ops::ControlFlow;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::common::{self, Place, restore, sound_snapshots, verify};
use hotbackup::{BackupRoot, Code, Coordinator, Hook, HookResult, METADATA_MAX, Options, State};

#[test]
fn from_a_hook_anything_may_be_called_but_its_own_job_is_not_waited_for() {
    let place = Place::with_snapshot();
    let (root, data) = (place.root(), place.data());
    let older = BackupRoot::at(&root).latest().unwrap().location().to_path_buf();
    let coordinator = Arc::new(Mutex::new(None::<Coordinator>));
    let mut options = common::frozen();
    let (mine, seen) = (coordinator.clone(), Arc::new(Mutex::new(0)));
    let count = seen.clone();
    options.hooks().validate(move |staging, hook| {
        let job = hook.job();
        for timeout in [Duration::ZERO, Duration::from_secs(60)] {
            assert_eq!(job.wait_for(timeout).unwrap_err().code(), Code::Conflict);
        }
        assert_eq!(job.wait().unwrap_err().code(), Code::Conflict);
        assert_eq!(job.clone().wait().unwrap_err().code(), Code::Conflict);
        assert_eq!(job.status().unwrap().state, State::Running);
        job.set_rate_limit(0).unwrap();
        let coordinator = mine.lock().unwrap();
        let coordinator = coordinator.as_ref().unwrap();
        assert_eq!(coordinator.find(None).unwrap().wait().unwrap_err().code(), Code::Conflict);
        assert_eq!(coordinator.start().err().unwrap().code(), Code::Conflict);
        assert_eq!(BackupRoot::at(&root).prune(1).unwrap_err().code(), Code::Conflict);
        assert_eq!(BackupRoot::at(&root).list().unwrap().len(), 1);
        assert!(staging.join("index").exists());
        // Other jobs are others: they may be waited for.
        verify(&older).unwrap();
        assert_eq!(restore(&older, &data).unwrap_err().code(), Code::Conflict);
        *count.lock().unwrap() += 1;
        Ok(())
    });
    *coordinator.lock().unwrap() = Some(Coordinator::open(&place.data(), &options).unwrap());
    let job = coordinator.lock().unwrap().as_ref().unwrap().start().unwrap();
    job.wait().unwrap();
    // A hook that panics has failed, so the assertions in it count.
    assert_eq!(*seen.lock().unwrap(), 1);
    assert_eq!(sound_snapshots(&place.root()).len(), 2);
    drop(coordinator.lock().unwrap().take());
}

#[test]
fn closing_the_coordinator_from_a_hook_cancels_and_does_not_wait() {
    for which in ["checkpoint", "freeze", "thaw", "release", "validate", "progress"] {
        let place = Place::with_snapshot();
        let coordinator = Arc::new(Mutex::new(None::<Coordinator>));
        let mut options = Options::new();
        let close = |name: &'static str| {
            let coordinator = coordinator.clone();
            move |_: &Hook<'_>| -> HookResult {
                if name == which {
                    drop(coordinator.lock().unwrap().take());
                }
                Ok(())
            }
        };
        let hooks = options.hooks();
        hooks.checkpoint(close("checkpoint"));
        hooks.freeze_thaw(close("freeze"), close("thaw"));
        hooks.release(close("release"));
        let validate = close("validate");
        hooks.validate(move |_, hook| validate(hook));
        let progress = close("progress");
        hooks.progress(move |_, hook| progress(hook).map(ControlFlow::Continue));
        let error = place.harmless(|| {
            let mut kept = coordinator.lock().unwrap();
            let job = kept.insert(Coordinator::open(&place.data(), &options)?).start()?;
            drop(kept);
            job.wait()
        });
        assert_eq!(error.code(), Code::Cancelled, "{which}: {error}");
        // The data directory is nobody's any more: a restore may move its files.
        let older = BackupRoot::at(place.root()).latest().unwrap().location().to_path_buf();
        restore(&older, &place.data()).unwrap();
    }
}

#[test]
fn metadata_from_a_hook_takes_the_place_of_that_of_the_options_for_one_backup() {
    let place = Place::with_files();
    let mut options = Options::new();
    options.set_metadata(b"of the options").unwrap();
    let first = std::sync::atomic::AtomicBool::new(true);
    options.hooks().checkpoint(|hook| {
        let error = hook.set_metadata(&vec![0; METADATA_MAX + 1]).unwrap_err();
        assert_eq!(error.code(), Code::InvalidArgument);
        Ok(())
    });
    options.hooks().freeze_thaw(
        move |hook| {
            if first.swap(false, std::sync::atomic::Ordering::Relaxed) {
                hook.set_metadata(b"said too early").unwrap();
                hook.set_metadata(b"of the hook \0\xff").unwrap();
            }
            Ok(())
        },
        |_| Ok(()),
    );
    let coordinator = Coordinator::open(&place.data(), &options).unwrap();
    for expected in [b"of the hook \0\xff".as_slice(), b"of the options"] {
        coordinator.start().unwrap().wait().unwrap();
        assert_eq!(BackupRoot::at(place.root()).latest().unwrap().metadata(), expected);
    }
}
