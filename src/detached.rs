//! Restores and verifications: jobs without a coordinator, owned by their handles.

use std::path::{Path, PathBuf};

use crate::error::{Error, Result};
use crate::io;
use crate::job::{Job, JobState, Kind};
use crate::mailbox::Link;
use crate::options::{Options, absolute};
use crate::restore as restoration;
use crate::sys::{random, thread};
use crate::verify as verification;
use crate::work::Work;

/// Starts a restore of `snapshot` to `target` and returns at once: [`Job::wait`] has its result. Of the options it uses threads,
/// rate limit, verify level, layout, the reserve of free space, the undo and the validate and
/// progress hooks. What the disk says about it is the job's result.
///
/// A job that is dropped is cancelled, so whoever forgets to wait restores nothing. The compiler says so:
///
/// ```compile_fail
/// # #![deny(unused_must_use)]
/// fn restored(snapshot: &str, target: &str) -> hotbackup::Result<()> {
///     hotbackup::restore(snapshot, target, &hotbackup::Options::new())?;
///     Ok(())
/// }
/// ```
///
/// ```
/// # #![deny(unused_must_use)]
/// fn restored(snapshot: &str, target: &str) -> hotbackup::Result<()> {
///     hotbackup::restore(snapshot, target, &hotbackup::Options::new())?.wait()?;
///     Ok(())
/// }
/// ```
pub fn restore(snapshot: impl AsRef<Path>, target: impl AsRef<Path>, options: &Options) -> Result<Job> {
    let (snapshot, target) = (absolute(snapshot.as_ref())?, absolute(target.as_ref())?);
    let location = target.clone();
    start(Kind::Restore, location, options, move |options, link| {
        restoration::run(&snapshot, &target, &options, link)
    })
}

/// Starts a verification of `snapshot` and returns at once: [`Job::wait`] has its result. Of the options it uses threads, rate
/// limit, verify level, layout and the validate and progress hooks.
pub fn verify(snapshot: impl AsRef<Path>, options: &Options) -> Result<Job> {
    let snapshot = absolute(snapshot.as_ref())?;
    start(Kind::Verify, snapshot.clone(), options, move |options, link| {
        verification::run(&snapshot, &options, link)
    })
}

fn start(
    kind: Kind,
    location: PathBuf,
    options: &Options,
    go: impl FnOnce(Options, &Link) -> Result<()> + Send + 'static,
) -> Result<Job> {
    let id = random::uuid()?;
    let mut options = options.clone();
    options.hooks = options.hooks.without_source();
    let work = match kind {
        Kind::Verify => io::Work::Verify,
        _ => io::Work::CopyAndVerify,
    };
    let link = Link::new(&options, work);
    // The I/O side gets no hooks: they may only be dropped before the job counts as ended.
    let io_options = Options { hooks: Default::default(), ..options.clone() };
    link.host.take_metadata();
    let ((), work) = Work::begin(&options, &link, || Ok(((), io_options)), go)?;
    let state = JobState::new(id, kind, location, link.monitor.clone());

    let (hand_over, take_over) = std::sync::mpsc::channel::<(Work, Job, Options)>();
    let ending = state.clone();
    let serve = move || {
        let Ok((work, job, options)) = take_over.recv() else { return };
        ending.begin();
        work.link().host.serve(&options.hooks, &job, None);
        let result = work.join();
        drop(options);
        drop(job);
        ending.end(result);
    };
    match thread::spawn("hotbackup-job", serve) {
        Ok(thread) => {
            let serving = Job::of_coordinator(&state);
            let job = Job::of_handles(&state, thread);
            let _ = hand_over.send((work, serving, options));
            Ok(job)
        }
        Err(error) => {
            work.abandon();
            Err(Error::system("making the thread of a job", error))
        }
    }
}
