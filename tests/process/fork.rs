//! After `fork` the child gets errors and no deadlocks from its parent's handles, inherits no
//! descriptor but the eventfd, and keeps no lock. And a killed process leaves none either.
#![allow(unsafe_code, reason = "fork has no safe wrapper in std")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::alone;
use crate::common::guest::{LONG, descriptors, fork, until};
use crate::common::{self, Place, another_process, frozen, residue, sound_snapshots};
use hotbackup::{BackupRoot, Code, Coordinator, Job, Options, State};

/// So slow that it runs for as long as a test needs it.
fn slow() -> Options {
    let mut options = frozen();
    options.set_rate_limit(20_000);
    options
}

/// A handle of each kind, with jobs that run and one that has ended.
struct Handles {
    coordinator: Coordinator,
    ended: Job,
    jobs: Vec<Job>,
}

impl Handles {
    fn open(place: &Place) -> Self {
        let ended = place.back_up(&frozen()).unwrap().0;
        let coordinator = Coordinator::open(&place.data(), &slow()).unwrap();
        let backup = coordinator.start().unwrap();
        let restore = hotbackup::restore(ended.location(), &place.beside("restored"), &slow()).unwrap();
        let verify = hotbackup::verify(ended.location(), &slow()).unwrap();
        let jobs = vec![backup, restore, verify];
        for job in &jobs {
            assert!(job.eventfd().is_some());
            until("the job runs", || job.status().unwrap().bytes_done > 0);
        }
        Self { coordinator, ended, jobs }
    }

    /// In a child: every call is an error, and freeing is harmless. 0: so it was.
    fn refuse_and_free(self) -> i32 {
        let Self { coordinator, ended, jobs } = self;
        let conflict =
            |result: hotbackup::Result<()>| result.is_err_and(|error| error.code() == Code::Conflict);
        let mut right = conflict(coordinator.start().map(drop))
            && conflict(coordinator.prepare().map(drop))
            && conflict(coordinator.find(None).map(drop))
            && conflict(coordinator.find(Some(ended.id())).map(drop));
        for job in jobs.iter().chain([&ended]) {
            right = right
                && conflict(job.wait())
                && conflict(job.wait_for(Duration::ZERO).map(drop))
                && conflict(job.status().map(drop))
                && conflict(job.cancel())
                && conflict(job.set_rate_limit(1))
                && job.eventfd().is_none()
                && job.location().is_absolute();
        }
        let another = jobs[0].clone();
        drop(jobs);
        drop(coordinator);
        drop(another);
        drop(ended);
        i32::from(!right)
    }

    /// In the parent: nothing has happened to its jobs.
    fn complete(self) {
        for job in &self.jobs {
            assert_eq!(job.status().unwrap().state, State::Running);
            job.set_rate_limit(0).unwrap();
            job.wait().unwrap();
        }
    }
}

/// A copy of a value for a child, which owns what it has inherited.
fn inherited<T>(value: &T) -> T {
    // SAFETY: called in a forked child alone, where nobody else uses or drops the original: its
    // memory is a copy, and it leaves without unwinding to the original's owner.
    unsafe { std::ptr::read(value) }
}

#[test]
fn a_child_gets_errors_from_its_parents_handles_and_may_free_them() {
    let _alone = alone();
    let place = Place::with_files();
    let handles = Handles::open(&place);
    let child = fork(|| inherited(&handles).refuse_and_free());
    assert_eq!(child.wait(), 0, "a call did not fail, or failed otherwise");
    handles.complete();
}

#[test]
fn a_fork_at_any_moment_of_a_backup_makes_no_deadlock() {
    let _alone = alone();
    let place = Place::with_files();
    let coordinator = Coordinator::open(&place.data(), &frozen()).unwrap();
    for _ in 0..10 {
        let job = coordinator.start().unwrap();
        let mut children = Vec::new();
        while !job.status().unwrap().state.has_ended() {
            children.push(fork(|| {
                let (coordinator, job) = (inherited(&coordinator), inherited(&job));
                let refused = coordinator.start().is_err() && job.wait().is_err() && job.cancel().is_err();
                drop(coordinator);
                drop(job);
                i32::from(!refused)
            }));
        }
        assert!(children.into_iter().all(|child| child.wait() == 0));
        job.wait().unwrap();
    }
    assert_eq!(sound_snapshots(&place.root()).len(), 10);
}

#[test]
fn a_child_may_open_a_coordinator_of_its_own() {
    let _alone = alone();
    let (parents, childs) = (Place::with_files(), Place::with_files());
    let coordinator = Coordinator::open(&parents.data(), &frozen()).unwrap();
    coordinator.start().unwrap().wait().unwrap();
    // The child also opens the parent's directory, which each of them may have open.
    let child = fork(|| {
        let here = childs.back_up(&frozen()).map(drop);
        let there = parents.back_up(&frozen()).map(drop);
        i32::from(here.is_err()) + 2 * i32::from(there.is_err())
    });
    assert_eq!(child.wait(), 0);
    assert_eq!(sound_snapshots(&childs.root()).len(), 1);
    assert_eq!(sound_snapshots(&parents.root()).len(), 2);
}

/// What a child finds open that was not open before.
fn inherited_descriptors(before: &BTreeMap<i32, PathBuf>) -> Vec<PathBuf> {
    let report = tempfile::NamedTempFile::new().unwrap();
    let path = report.path();
    // What the report itself needs is open before and after.
    let known: Vec<i32> =
        descriptors().into_iter().filter(|(_, target)| target == path).map(|(fd, _)| fd).collect();
    let child = fork(|| {
        let new = descriptors().into_iter().filter(|(fd, target)| before.get(fd) != Some(target));
        let new: Vec<String> = new
            .filter(|(fd, _)| !known.contains(fd))
            .map(|(_, target)| target.display().to_string())
            .collect();
        i32::from(fs::write(path, new.join("\n")).is_err())
    });
    assert_eq!(child.wait(), 0);
    fs::read_to_string(path).unwrap().lines().map(PathBuf::from).collect()
}

#[test]
fn a_child_inherits_no_descriptor_but_the_eventfds() {
    let _alone = alone();
    let place = Place::with_files();
    let before = descriptors();
    let handles = Handles::open(&place);
    for _ in 0..20 {
        let events = vec![PathBuf::from("anon_inode:[eventfd]"); handles.jobs.len()];
        assert_eq!(inherited_descriptors(&before), events);
    }
    handles.complete();
    until("nothing is open", || descriptors() == before);

    // At full speed, without an eventfd, at any moment of a backup: nothing at all.
    let coordinator = Coordinator::open(&place.data(), &frozen()).unwrap();
    for _ in 0..5 {
        let job = coordinator.start().unwrap();
        while !job.status().unwrap().state.has_ended() {
            assert_eq!(inherited_descriptors(&before), Vec::<PathBuf>::new());
        }
        job.wait().unwrap();
    }
}

/// The other process, which backs up `place` for ever and is at it when this returns.
fn holder(mut command: Command, place: &Place) -> std::process::Child {
    command.env(PLACE, place.data()).stdout(Stdio::null()).stderr(Stdio::null());
    let holder = command.spawn().unwrap();
    until("the holder is ready", || place.beside("ready").exists());
    holder
}

const PLACE: &str = "HOTBACKUP_TEST_PLACE";

/// In the other process: a backup that does not end, and whatever `also` does.
fn hold(also: impl FnOnce(&Path)) {
    let data = PathBuf::from(std::env::var_os(PLACE).unwrap());
    let coordinator = Coordinator::open(&data, &slow()).unwrap();
    let job = coordinator.start().unwrap();
    until("it runs", || job.status().unwrap().bytes_done > 0);
    also(&data);
    fs::write(data.with_file_name("ready"), "").unwrap();
    std::thread::sleep(LONG);
}

/// While the other process lives it is in the way; once it is killed nothing is.
fn assert_freed_by_its_death(mut holder: std::process::Child, place: &Place) {
    let coordinator = Coordinator::open(&place.data(), &frozen()).unwrap();
    let refused = coordinator.start().map(drop).unwrap_err();
    assert_eq!(refused.code(), Code::Conflict, "{refused}");
    assert_eq!(BackupRoot::at(place.root()).prune(1).unwrap_err().code(), Code::Conflict);
    assert!(!residue(&place.data()).is_empty(), "what a live process uses was removed");

    holder.kill().unwrap();
    holder.wait().unwrap();
    let job = coordinator.start().unwrap();
    job.wait().unwrap();
    assert_eq!(residue(&place.data()), Vec::<PathBuf>::new());
    assert_eq!(sound_snapshots(&place.root()).len(), 1);
    drop(coordinator);
    // Not the coordinator of the killed process either is in the way of a restore.
    common::restore(job.location(), &place.data()).unwrap();
}

#[test]
fn a_killed_process_is_no_longer_in_the_way_and_its_residue_is_removed() {
    let _alone = alone();
    let test = "fork::a_killed_process_is_no_longer_in_the_way_and_its_residue_is_removed";
    let Some(command) = another_process(test) else { return hold(|_| ()) };
    let place = Place::with_files();
    assert_freed_by_its_death(holder(command, &place), &place);
}

#[test]
fn a_child_that_survives_its_killed_parent_keeps_no_lock() {
    let _alone = alone();
    let test = "fork::a_child_that_survives_its_killed_parent_keeps_no_lock";
    let Some(command) = another_process(test) else {
        return hold(|data| {
            let child = fork(|| {
                std::thread::sleep(LONG);
                0
            });
            fs::write(data.with_file_name("child"), child.id().to_string()).unwrap();
            std::mem::forget(child);
        });
    };
    let place = Place::with_files();
    let holder = holder(command, &place);
    let child: i32 = fs::read_to_string(place.beside("child")).unwrap().parse().unwrap();
    assert_freed_by_its_death(holder, &place);
    let state = fs::read_to_string(format!("/proc/{child}/stat")).unwrap_or_default();
    assert!(state.contains(") S"), "the child did not survive: {state}");
    // SAFETY: that child was forked for this test and still runs.
    unsafe { libc::kill(child, libc::SIGKILL) };
}

#[test]
fn a_child_may_open_its_own_while_its_parents_backup_runs() {
    let _alone = alone();
    let parents = Place::with_files();
    let coordinator = Coordinator::open(&parents.data(), &slow()).unwrap();
    let job = coordinator.start().unwrap();
    until("it runs", || job.status().unwrap().bytes_done > 0);
    for _ in 0..20 {
        let childs = Place::with_files();
        let child = fork(|| i32::from(childs.back_up(&frozen()).is_err()));
        assert_eq!(child.wait(), 0);
    }
}

/// Its threads are the parent's: it would wait for them, and the parent for it.
#[test]
fn a_child_that_a_hook_forks_and_that_comes_back_from_it_ends() {
    let _alone = alone();
    let place = Place::with_files();
    let mut options = Options::new();
    let fork_in = |name: &'static str| {
        move || {
            // SAFETY: the child does nothing but return.
            let child = unsafe { libc::fork() };
            if child == 0 {
                return;
            }
            let mut status = 0;
            // SAFETY: `status` is valid, and the child is this process's own.
            assert_eq!(unsafe { libc::waitpid(child, &raw mut status, 0) }, child);
            assert_eq!((libc::WIFEXITED(status), libc::WEXITSTATUS(status)), (true, 1), "{name}");
        }
    };
    let done = |act: &dyn Fn()| {
        act();
        Ok(())
    };
    options.hooks().checkpoint(move |_| done(&fork_in("checkpoint")));
    options.hooks().freeze_thaw(move |_| done(&fork_in("freeze")), move |_| done(&fork_in("thaw")));
    options.hooks().release(move |_| done(&fork_in("release")));
    options.hooks().validate(move |_, _| done(&fork_in("validate")));
    place.back_up(&options).unwrap();
    assert_eq!(sound_snapshots(&place.root()).len(), 1);
}
