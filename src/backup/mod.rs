//! The life of a backup: checkpoint → pin → freeze → copy → verify → publish.
//!
//! Each phase is a function of the [`Context`] that returns what the next one takes; this file alone
//! knows them all. What each class of files means in each of them stands in `policy.rs`. To be read in
//! this order:
//!
//! * prepare: `plan`, `prepare`, `context`, `source`;
//! * what is known of the sources: `catalog` with `blocks`, `record`, `survey`, `observation`;
//! * an observation: `observe`, `list` with `met`, `named` and `links`, `pin` with `lanes`;
//! * pin and freeze: `capture`, `in_window`, without a freeze hook `rest`;
//! * sharing with the snapshot before: `previous`, `reread`, `share`;
//! * copy: `room`, `copy`, `contents`; of a checkpoint `linking`, `live`;
//! * verify and publish: `finish`;
//! * without doing any of it: `preview`.

mod blocks;
mod capture;
mod catalog;
mod contents;
mod context;
mod copy;
mod finish;
mod ids;
mod in_window;
mod lanes;
mod linking;
mod links;
mod list;
mod live;
mod met;
mod named;
mod observation;
mod observe;
mod open_directory;
mod pin;
mod plan;
mod policy;
mod prepare;
mod preview;
mod previous;
mod record;
mod reread;
mod rest;
mod room;
mod share;
mod source;
mod survey;

pub use plan::Plan;
pub use prepare::{Prepared, prepare, prepare_checkpoint};
pub use preview::{Outcome, OutcomeTotals, Preview, PreviewEntry, Space, preview};

use crate::datadir::names::{LIFECYCLE, PROBE};
use crate::error::{Code, Error, Result};
use crate::io::probe::Follower;
use crate::io::remove::remove_tree;
use crate::job::JobContext;
use crate::monitor::Phase;
use contents::Contents;
use context::Context;
use survey::Survey;

/// How often a point is captured because a file of it has shrunk: an engine deletes what it truncates, so
/// the second time mostly finds it gone.
const CAPTURES: usize = 4;

const UNHARMED: &str = "no snapshot was made, and `latest` and older snapshots are as they were";

/// Makes the backup. Whatever happens, the host is let go of first and no residue stays.
pub fn run(prepared: Prepared, job: &JobContext) -> Result<()> {
    let outcome = job.host.enter(Phase::Checkpoint).and_then(|()| open_and_make(&prepared, job));
    let (doing, unharmed) = match prepared.linking {
        None => ("backing up", UNHARMED),
        Some(_) => ("making a checkpoint of", "no checkpoint was made, and the database is as it was"),
    };
    outcome.map_err(|error| error.or_at(doing, &prepared.plan.data_dir).aftermath(unharmed))
}

fn open_and_make(prepared: &Prepared, job: &JobContext) -> Result<()> {
    let _follower = follow_latency(prepared, job);
    let context = Context::open(prepared, job)?;
    let outcome = Survey::new(&context).and_then(|survey| make_or_let_go(&context, survey));
    if outcome.is_err() {
        discard(&context);
    }
    outcome
}

/// Its rate follows what synced writes take where the host makes its own.
fn follow_latency(prepared: &Prepared, job: &JobContext) -> Option<Follower> {
    let lifecycle = || {
        let data_dir = prepared.plan.sources[0].open()?;
        let path = data_dir.full(LIFECYCLE.as_ref());
        data_dir.open_dir(LIFECYCLE.as_ref()).map_err(|error| Error::io("opening", &path, error))
    };
    Follower::start(prepared.plan.job.latency_target, &job.monitor, lifecycle, PROBE.as_ref())
}

fn make_or_let_go(context: &Context<'_>, mut survey: Survey) -> Result<()> {
    let job = context.job;
    make(context, &mut survey).map_err(|error| {
        // Whoever asked the job to stop did so before its work failed for that reason.
        let first = job.monitor.check().err().unwrap_or(error);
        // The first failure is the job's; that of a hook here could only be a second one.
        let _ = job.host.thaw();
        let _ = job.host.release();
        // What cannot be removed the next backup tries again.
        let _ = survey.unpin();
        first
    })
}

fn make(context: &Context<'_>, survey: &mut Survey) -> Result<()> {
    let host = context.host();
    if context.prepared.linking.is_some() {
        live::require_links(context, survey)?;
    }
    host.checkpoint()?;
    let contents = capture_and_copy(context, survey)?;
    host.release()?;
    survey.unpin()?;
    host.enter(Phase::Verify)?;
    finish::verify(context, contents)?;
    host.enter(Phase::Publish)?;
    finish::publish(context)
}

/// A file that has shrunk under its pin belongs to a point that is gone: an engine may truncate what
/// it deletes. The next capture most likely finds it deleted.
fn capture_and_copy(context: &Context<'_>, survey: &mut Survey) -> Result<Contents> {
    let mut first = None;
    for _ in 1..CAPTURES {
        match capture_and_copy_once(context, survey) {
            Err(error) if error.is_of_a_point_that_is_gone() => {
                first.get_or_insert(error);
                survey.start_over()?;
                context.monitor().starts_over();
            }
            // What a checkpoint named is not named anew, and by now it is deleted: it had shrunk first.
            Err(error) if error.code() == Code::NotFound => return Err(first.unwrap_or(error)),
            other => return other,
        }
    }
    capture_and_copy_once(context, survey)
}

fn capture_and_copy_once(context: &Context<'_>, survey: &mut Survey) -> Result<Contents> {
    context.host().enter(Phase::Pin)?;
    let point = capture::capture(context, survey)?;
    context.host().enter(Phase::Copy)?;
    copy::copy(context, survey, point)
}

/// Removes the staging. What cannot be removed the next backup tries again.
fn discard(context: &Context<'_>) {
    let staging = context.staging.dir.path().file_name().unwrap_or_default().to_os_string();
    let _ = remove_tree(&context.prepared.root.dir, staging.as_ref());
}
