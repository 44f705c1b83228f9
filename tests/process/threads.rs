//! The library's threads and what the process looks like with them and after them.
#![allow(unsafe_code, reason = "signals have no safe wrapper in std")]

use std::os::unix::process::CommandExt;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicUsize, Ordering::Relaxed};
use std::thread;

use crate::alone;
use crate::common::guest::{descriptors, our_threads, status_of, statuses_of, threads, until};
use crate::common::{self, Place, another_process, bytes, frozen, write};
use hotbackup::{BackupRoot, Coordinator, FileClass, Job, Options};

/// A store of many tables, and options under which its backup takes a while on all its threads.
fn busy() -> (Place, Options) {
    let place = Place::new();
    for table in 0..8 {
        write(&place.data().join(format!("{table}.sst")), &bytes(100_000, table));
    }
    let mut options = frozen();
    options.add_rule("*.sst", FileClass::IMMUTABLE).unwrap();
    options.set_rate_limit(400_000);
    (place, options)
}

/// Looks at the threads for as long as a job runs.
fn watch(job: &Job, mut look: impl FnMut()) {
    while !job.status().unwrap().state.has_ended() {
        look();
        thread::sleep(std::time::Duration::from_millis(1));
    }
    job.wait().unwrap();
}

fn assert_success(command: &mut Command) {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&[output.stdout, output.stderr].concat()));
}

/// All signals that can be blocked, but the two that the C library keeps for itself.
fn blocks_all_signals(thread: i32) -> bool {
    let [mask, alive] = statuses_of(&thread.to_string(), ["SigBlk", "Threads"]);
    // It has ended meanwhile. While it ends, the kernel shows no thread and an empty mask.
    let ended = alive.is_empty() || alive == "0";
    let blocked = if ended { u64::MAX } else { u64::from_str_radix(&mask, 16).unwrap() };
    let left = |signal: i32| [libc::SIGKILL, libc::SIGSTOP, 32, 33].contains(&signal);
    (1..=64).filter(|signal| !left(*signal)).all(|signal| blocked & (1 << (signal - 1)) != 0)
}

#[test]
fn threads_are_named_and_few_and_block_all_signals_and_are_gone_after_the_close() {
    let _alone = alone();
    // In a process without threads of other tests.
    let test = "threads::threads_are_named_and_few_and_block_all_signals_and_are_gone_after_the_close";
    if let Some(mut command) = another_process(test) {
        return assert_success(&mut command);
    }
    let (place, options) = busy();
    let hosts = threads();
    let coordinator = Coordinator::open(&place.data(), &options).unwrap();
    assert!(our_threads().len() <= 1, "a coordinator at rest has {:?}", our_threads());
    let most = AtomicUsize::new(0);
    let look = || {
        let ours = our_threads();
        most.fetch_max(ours.len(), Relaxed);
        for id in threads().into_keys().filter(|id| !hosts.contains_key(id)) {
            // A new thread has its maker's name for a moment.
            let name = || threads().get(&id).cloned();
            until("each thread has a name of ours", || {
                name().is_none_or(|name| name.starts_with("hotbackup-"))
            });
        }
        for (id, name) in ours {
            assert!(blocks_all_signals(id), "{name} does not block all signals");
        }
    };
    let job = coordinator.start().unwrap();
    watch(&job, look);
    watch(&hotbackup::restore(job.location(), &place.beside("restored"), &options).unwrap(), look);
    watch(&hotbackup::verify(job.location(), &options).unwrap(), look);
    // One that keeps the lock, one for the hooks, two for the work.
    assert!((2..=4).contains(&most.load(Relaxed)), "at most {most:?} threads at once");
    coordinator.close();
    until("no thread is left", || our_threads().is_empty());
}

#[test]
fn more_threads_are_used_when_asked_for_but_not_more_than_cores() {
    let _alone = alone();
    let (place, mut options) = busy();
    options.set_threads(1000);
    let coordinator = Coordinator::open(&place.data(), &options).unwrap();
    let job = coordinator.start().unwrap();
    let cores = thread::available_parallelism().unwrap().get();
    watch(&job, || assert!(our_threads().len() <= 2 + cores.max(2), "{:?}", our_threads()));
}

#[test]
fn nothing_is_left_of_a_thousand_coordinators() {
    let _alone = alone();
    let place = Place::with_files();
    let resident = || status_of(&std::process::id().to_string(), "VmRSS");
    let kilobytes = || resident().trim_end_matches(" kB").parse::<i64>().unwrap();
    let mut options = frozen();
    // So that a job has each thread that one can have.
    options.set_latency_target(std::time::Duration::from_secs(1));
    let open_and_close = |times: usize| {
        for time in 0..times {
            let coordinator = Coordinator::open(&place.data(), &options).unwrap();
            if time.is_multiple_of(50) {
                coordinator.start().unwrap().wait().unwrap();
                BackupRoot::at(place.root()).prune(1).unwrap();
            }
        }
    };
    open_and_close(100);
    until("no thread is left", || our_threads().is_empty());
    let (open, used) = (descriptors(), kilobytes());
    open_and_close(1000);
    until("no thread is left", || our_threads().is_empty());
    assert_eq!(descriptors(), open);
    assert!(kilobytes() - used < 8_000, "{used} kB became {} kB", kilobytes());
}

#[test]
fn the_process_is_as_it_was() {
    let _alone = alone();
    let look = || {
        let thread = std::fs::read_link("/proc/thread-self").unwrap();
        let thread = thread.file_name().unwrap().to_str().unwrap().to_owned();
        let fields = ["Umask", "SigBlk", "SigIgn", "SigCgt"].map(|field| status_of(&thread, field));
        assert!(fields.iter().all(|field| !field.is_empty()));
        (fields, std::env::current_dir().unwrap(), std::env::vars_os().collect::<Vec<_>>())
    };
    let before = look();
    let place = Place::with_files();
    let coordinator = Coordinator::open(&place.data(), &frozen()).unwrap();
    let job = coordinator.start().unwrap();
    assert_eq!(look(), before, "while a backup runs");
    job.wait().unwrap();
    coordinator.prepare().unwrap().run().unwrap();
    assert_eq!(look(), before, "after a backup on this thread");
    common::verify(job.location()).unwrap();
    coordinator.close();
    common::restore(job.location(), &place.data()).unwrap();
    hotbackup::restore_undo(&place.data()).unwrap();
    BackupRoot::at(place.root()).prune(1).unwrap();
    assert_eq!(look(), before, "after all else");
}

/// Where the handler ran, the first thousand times.
static RAN_ON: [AtomicI32; 1000] = [const { AtomicI32::new(0) }; 1000];
static TIMES: AtomicUsize = AtomicUsize::new(0);

extern "C" fn handler(_signal: i32) {
    if let Some(slot) = RAN_ON.get(TIMES.fetch_add(1, Relaxed)) {
        // SAFETY: it returns a number.
        slot.store(unsafe { libc::gettid() }, Relaxed);
    }
}

/// Blocks or unblocks a signal on this thread.
fn mask(how: i32, signal: i32) {
    // SAFETY: the set is initialised before it is used; the calls touch this thread's mask alone.
    unsafe {
        let mut set = std::mem::zeroed();
        libc::sigemptyset(&mut set);
        libc::sigaddset(&mut set, signal);
        assert_eq!(libc::pthread_sigmask(how, &set, std::ptr::null_mut()), 0);
    }
}

#[test]
fn a_hosts_signal_handlers_never_run_on_the_librarys_threads() {
    let _alone = alone();
    let test = "threads::a_hosts_signal_handlers_never_run_on_the_librarys_threads";
    if let Some(mut command) = another_process(test) {
        // There all threads but one block the signal: it can only be handled on that one, or on a
        // thread of the library that does not block it.
        // SAFETY: it only changes the mask, which exec keeps.
        unsafe {
            command.pre_exec(|| {
                mask(libc::SIG_BLOCK, libc::SIGUSR1);
                Ok(())
            })
        };
        return assert_success(&mut command);
    }
    // SAFETY: the handler only touches atomics.
    let before = unsafe { libc::signal(libc::SIGUSR1, handler as *const () as libc::sighandler_t) };
    assert_ne!(before, libc::SIG_ERR);
    let (place, options) = busy();
    let enough = Arc::new(AtomicBool::new(false));
    let stop = enough.clone();
    let bombard = thread::spawn(move || {
        while !stop.load(Relaxed) {
            // SAFETY: it sends this process a signal that it handles.
            unsafe { libc::kill(libc::getpid(), libc::SIGUSR1) };
            thread::sleep(std::time::Duration::from_micros(200));
        }
    });
    mask(libc::SIG_UNBLOCK, libc::SIGUSR1);
    let coordinator = Coordinator::open(&place.data(), &options).unwrap();
    let job = coordinator.start().unwrap();
    watch(&job, || ());
    watch(&hotbackup::verify(job.location(), &options).unwrap(), || ());
    enough.store(true, Relaxed);
    bombard.join().unwrap();
    // SAFETY: it returns a number.
    let this = unsafe { libc::gettid() };
    let ran_on: Vec<i32> = RAN_ON.iter().map(|slot| slot.load(Relaxed)).filter(|id| *id != 0).collect();
    assert!(!ran_on.is_empty(), "no signal was handled");
    assert!(ran_on.iter().all(|id| *id == this), "{this} is the host's, the handler ran on {ran_on:?}");
}
