//! Restores and verifications: jobs without a coordinator, owned by their handles.

use std::path::{Path, PathBuf};

use crate::error::Result;
use crate::job::{Hooks, HooksThread, Job, JobContext, Kind, NewJob, PreparedJob};
use crate::options::Options;
use crate::paths::absolute;
use crate::restore as restoration;
use crate::settings::Settings;
use crate::sys::random;
use crate::verify as verification;

/// Starts a restore of `snapshot` to `target` and returns at once: [`Job::wait`] has its result, and so
/// what the disk says. Of the options it uses threads, rate limit, latency target, verify level, layout, the
/// reserve of free space, the undo and the validate and progress hooks.
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
    start(Kind::Restore, location, options, move |settings, context| {
        restoration::run(&snapshot, &target, &settings, context)
    })
}

/// Starts a verification of `snapshot` and returns at once: [`Job::wait`] has its result. Of the options
/// it uses threads, rate limit, verify level, layout and the validate and progress hooks.
pub fn verify(snapshot: impl AsRef<Path>, options: &Options) -> Result<Job> {
    let snapshot = absolute(snapshot.as_ref())?;
    start(Kind::Verify, snapshot.clone(), options, move |settings, context| {
        verification::run(&snapshot, &settings, context)
    })
}

fn start(
    kind: Kind,
    location: PathBuf,
    options: &Options,
    go: impl FnOnce(Settings, &JobContext) -> Result<()> + Send + 'static,
) -> Result<Job> {
    let id = random::uuid()?;
    let hooks = options.hooks.without_source();
    let settings = options.settings.clone();
    let without_notes = |settings, context: &JobContext| {
        context.host.refuse_notes();
        go(settings, context)
    };
    let job = NewJob { id, kind, settings: &options.settings.job, hooks: &hooks };
    let job = job.prepare(|| Ok((location, settings)), without_notes)?;
    let state = job.state().clone();
    let ending = state.clone();
    let thread = HooksThread::spawn(move |(job, hooks): (PreparedJob, Hooks)| {
        let result = job.serve(&hooks, None);
        // Who waited for the end may rely on the hooks being destroyed with it.
        drop(hooks);
        ending.end(result);
    })?;
    Ok(Job::of_handles(&state, thread.serve((job, hooks))))
}
