//! Many threads, two coordinators and all calls on one root: one backup at a time, CONFLICT for
//! the rest, no deadlock, and every snapshot sound.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use crate::common::guest;
use crate::common::{self, Place, frozen, residue, sound_snapshots};
use hotbackup::{BackupRoot, Code, Coordinator, Options, Result};

/// Options whose hooks count the backups between checkpoint and release.
fn counting(at_once: &Arc<AtomicUsize>, made: &Arc<AtomicU64>) -> Options {
    let mut options = frozen();
    let (enter, leave, made) = (at_once.clone(), at_once.clone(), made.clone());
    options.hooks().checkpoint(move |_| {
        assert_eq!(enter.fetch_add(1, Relaxed), 0, "two backups at once");
        Ok(())
    });
    options.hooks().release(move |_| {
        leave.fetch_sub(1, Relaxed);
        made.fetch_add(1, Relaxed);
        Ok(())
    });
    options
}

/// What a call may end with when others are at work.
fn expected<T>(what: &str, result: Result<T>, codes: &[Code]) -> Option<T> {
    result.map_err(|error| assert!(codes.contains(&error.code()), "{what}: {error:?}")).ok()
}

/// One of the calls, chosen by a number.
fn one_call(choice: u64, coordinator: &Coordinator, target: PathBuf) {
    let root = coordinator.root();
    let newest = || expected("latest", root.latest(), &[Code::NotFound]);
    match choice % 10 {
        0..=2 => {
            let Some(job) = expected("start", coordinator.start(), &[Code::Conflict]) else { return };
            if choice.is_multiple_of(4) {
                job.cancel().unwrap();
            }
            expected("backup", job.wait(), &[Code::Cancelled]);
        }
        3 => {
            let Some(begun) = expected("begin", coordinator.prepare(), &[Code::Conflict]) else { return };
            match choice.is_multiple_of(4) {
                true => drop(begun),
                false => drop(expected("run", begun.run(), &[Code::Cancelled])),
            }
        }
        4 => {
            let Some(job) = expected("find", coordinator.find(None), &[Code::NotFound]) else { return };
            assert!(coordinator.find(Some(job.id())).is_ok_and(|again| again.id() == job.id()));
            job.status().unwrap();
            assert!(job.eventfd().is_some());
            job.set_rate_limit(choice % 3 * 1_000_000).unwrap();
            expected("waiting", job.wait_for(Duration::from_millis(5)), &[Code::Cancelled]);
        }
        // The root may not be made yet.
        5 => drop(expected("prune", root.prune(2), &[Code::Conflict, Code::NotFound])),
        6 => {
            let listed = root.list().unwrap();
            let Some(oldest) = listed.last().filter(|_| listed.len() > 2) else { return };
            let name = oldest.location().file_name().unwrap().to_str().unwrap();
            expected("delete", root.delete(name), &[Code::Conflict, Code::NotFound]);
        }
        7 | 8 => {
            // It may be deleted before it is opened, and not once it is.
            let Some(snapshot) = newest() else { return };
            let verified = common::verify(snapshot.location());
            expected("verify", verified, &[Code::NotFound, Code::Conflict]);
        }
        _ => {
            let Some(snapshot) = newest() else { return };
            let restored = common::restore(snapshot.location(), &target);
            expected("restore", restored, &[Code::NotFound, Code::Conflict]);
        }
    }
}

#[test]
fn threads_that_call_everything_on_one_root_get_one_backup_at_a_time_and_no_deadlock() {
    const THREADS: u64 = 8;
    let place = Place::with_files();
    let (at_once, made) = (Arc::default(), Arc::default());
    let open = || Arc::new(Coordinator::open(&place.data(), &counting(&at_once, &made)).unwrap());
    let coordinators = [open(), open()];
    let until = Instant::now() + Duration::from_secs(5);
    let running: Vec<_> = (0..THREADS)
        .map(|number| {
            let coordinator = coordinators[number as usize % 2].clone();
            let target = place.beside(&format!("restored-{number}"));
            thread::spawn(move || {
                let mut choice = number;
                while Instant::now() < until {
                    choice = choice
                        .wrapping_mul(6_364_136_223_846_793_005)
                        .wrapping_add(1_442_695_040_888_963_407);
                    one_call(choice >> 33, &coordinator, target.clone());
                }
            })
        })
        .collect();
    guest::until("no thread is stuck", || running.iter().all(|thread| thread.is_finished()));
    for thread in running {
        thread.join().unwrap();
    }
    drop(coordinators);
    assert!(made.load(Relaxed) > 2, "only {made:?} backups were made: this test shows little");
    assert_eq!(residue(&place.data()), Vec::<PathBuf>::new());
    let snapshots = sound_snapshots(&place.root());
    let newest = BackupRoot::at(place.root()).latest().unwrap();
    assert_eq!(newest.location(), snapshots[0].location());
}

#[test]
fn a_coordinator_may_be_closed_while_others_use_its_jobs() {
    let place = Place::with_files();
    for _ in 0..30 {
        let mut options = frozen();
        options.set_rate_limit(100_000);
        let coordinator = Coordinator::open(&place.data(), &options).unwrap();
        let job = coordinator.start().unwrap();
        let users: Vec<_> = (0..4)
            .map(|_| {
                let job = job.clone();
                thread::spawn(move || {
                    while !job.status().unwrap().state.has_ended() {
                        assert!(job.eventfd().is_some());
                        drop(job.clone());
                    }
                    let ended = job.wait();
                    expected("backup", ended, &[Code::Cancelled]);
                })
            })
            .collect();
        coordinator.close();
        assert!(job.status().unwrap().state.has_ended());
        for user in users {
            user.join().unwrap();
        }
    }
}
