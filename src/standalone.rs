//! Restores and verifications: jobs without a coordinator, owned by their handles.

use std::path::{Path, PathBuf};

use crate::error::Result;
use crate::job::{HooksThread, Job, JobContext, Kind, PreparedJob};
use crate::options::{Options, absolute};
use crate::restore as restoration;
use crate::sys::random;
use crate::verify as verification;

/// Starts a restore of `snapshot` to `target` and returns at once: [`Job::wait`] has its result, and so
/// what the disk says. Of the options it uses threads, rate limit, verify level, layout, the reserve of
/// free space, the undo and the validate and progress hooks.
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
    start(Kind::Restore, location, options, move |options, context| {
        restoration::run(&snapshot, &target, &options, context)
    })
}

/// Starts a verification of `snapshot` and returns at once: [`Job::wait`] has its result. Of the options
/// it uses threads, rate limit, verify level, layout and the validate and progress hooks.
pub fn verify(snapshot: impl AsRef<Path>, options: &Options) -> Result<Job> {
    let snapshot = absolute(snapshot.as_ref())?;
    start(Kind::Verify, snapshot.clone(), options, move |options, context| {
        verification::run(&snapshot, &options, context)
    })
}

fn start(
    kind: Kind,
    location: PathBuf,
    options: &Options,
    go: impl FnOnce(Options, &JobContext) -> Result<()> + Send + 'static,
) -> Result<Job> {
    let id = random::uuid()?;
    let mut options = options.clone();
    options.hooks = options.hooks.without_source();
    // The I/O side gets no hooks: they may only be dropped before the job counts as ended.
    let io_options = Options { hooks: Default::default(), ..options.clone() };
    let without_metadata = |options, context: &JobContext| {
        // It makes no snapshot, so no hook can give it any.
        context.host.take_metadata();
        go(options, context)
    };
    let job = PreparedJob::new(id, kind, &options, || Ok((location, io_options)), without_metadata)?;
    let state = job.state().clone();
    let ending = state.clone();
    let thread = HooksThread::spawn(move |(job, options): (PreparedJob, Options)| {
        let result = job.serve(&options.hooks, None);
        // Who waited for the end may rely on the hooks being destroyed with it.
        drop(options);
        ending.end(result);
    })?;
    Ok(Job::of_handles(&state, thread.serve((job, options))))
}
