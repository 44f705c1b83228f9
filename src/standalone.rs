//! Restores, verifications and scrubs: jobs without a coordinator, owned by their handles.

use std::path::{Path, PathBuf};

use crate::error::Result;
use crate::job::{Hooks, HooksThread, Job, JobContext, Kind, NewJob, PreparedJob};
use crate::options::Options;
use crate::paths::absolute;
use crate::restore::{self as restoration, Wanted};
use crate::scrub::{self as scrubbing, Budget};
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
        restoration::run(Wanted::At(&snapshot), &target, &settings, context)
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

/// Starts a scrub of a backup root and returns at once: it reads back stored files, each once however many snapshots
/// share it, those first that were not read for the longest time or were bad, as far as `budget` goes, and writes in
/// the root's ledger what it found ([`Snapshot::verified`](crate::Snapshot::verified),
/// [`Snapshot::is_damaged`](crate::Snapshot::is_damaged)). Each file that is bad is one of [`Job::warnings`], with all
/// snapshots that have it and the newest good copy; then the job fails with [`Code::Corrupt`](crate::Code::Corrupt),
/// once it has read the rest. Where snapshots share by clones, the newest of them is read. Of the options it uses rate
/// limit, verify level (`checksum` or `media`) and the progress hook; it reads on one thread.
/// [`Code::Conflict`](crate::Code::Conflict): another scrub is at work in the root. Backups go on meanwhile, and so
/// does pruning.
pub fn scrub(root: impl AsRef<Path>, budget: Budget, options: &Options) -> Result<Job> {
    let root = absolute(root.as_ref())?;
    start(Kind::Scrub, root.clone(), options, move |settings, context| {
        scrubbing::run(&root, budget, &settings, context)
    })
}

/// Starts a job of that kind.
pub(crate) fn start(
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
