//! The life of a restore: copy to a staging → verify → swap. Until the swap the target is as it
//! was; after it, it is the snapshot; and whatever is killed when, never a mixture of both.
//!
//! Each phase is a function of [`Restore`]; this file alone knows them all.

mod aside;
mod context;
mod copy;
mod fetch;
mod journal;
mod keep;
mod leftovers;
mod origin;
mod recover;
mod seen;
mod supply;
mod swap;
mod target;
mod units;

use std::path::Path;

pub use fetch::run as fetch;
pub use leftovers::Recovered;
pub use origin::Wanted;
pub use recover::{recover, restore_undo};
pub use seen::{interrupted, put_aside};
pub use supply::{Supply, SupplyReader};

use crate::datadir::names::PROBE;
use crate::error::{Error, Result};
use crate::io::probe::Follower;
use crate::job::JobContext;
use crate::monitor::Phase;
use crate::settings::Settings;
use crate::snapshot::Imprint;
use crate::staging::{Proof, Staging};
use context::Restore;
use target::Target;

const UNHARMED: &str = "the target is as it was";

/// Restores what is wanted to `target`.
pub fn run(wanted: Wanted<'_>, target: &Path, settings: &Settings, job: &JobContext) -> Result<()> {
    let outcome = job.host.enter(wanted.phase()).and_then(|()| open_and_make(wanted, target, settings, job));
    outcome.map_err(|error| {
        job.monitor.check().err().unwrap_or(error).or_at("restoring to", target).aftermath(UNHARMED)
    })
}

fn open_and_make(wanted: Wanted<'_>, target: &Path, settings: &Settings, job: &JobContext) -> Result<()> {
    let restore = Restore::of(wanted, settings, job)?;
    let target = Target::open(target, restore.root_in_target(target)?)?;
    let outcome = make(&restore, &target);
    if outcome.is_err() {
        target.discard();
    }
    outcome
}

fn make(restore: &Restore<'_>, target: &Target) -> Result<()> {
    target.check(restore)?;
    let staging = target.make_staging(&restore.job.monitor)?;
    let _follower = follow_latency(restore, &staging);
    copy::try_to_clone(restore, &staging);
    let keeper = target.keeper(restore, &staging)?;
    let source = copy::Sources { restore, staging: &staging, keeper: keeper.as_ref(), resumes: false };
    target.require_room(restore, restore.room_needed(|entry| source.takes_nothing(entry)))?;
    let copied = source.copy()?;
    restore.job.host.enter(Phase::Verify)?;
    verify(restore, &staging, &copied.imprints)?;
    restore.job.host.enter(Phase::Swap)?;
    target.swap(restore, &staging, copied.shared)
}

/// Its rate follows what synced writes take where the target is. The staging is empty yet, so that no name in it is
/// taken.
fn follow_latency(restore: &Restore<'_>, staging: &Staging) -> Option<Follower> {
    let reopened = || {
        let opened = staging.dir.open_dir(Path::new(""));
        opened.map_err(|error| Error::io("opening", staging.dir.path(), error))
    };
    let target = restore.settings.job.latency_target;
    Follower::start(target, &restore.job.monitor, reopened, PROBE.as_ref())
}

/// Proves what is staged; the directories are closed last.
fn verify(restore: &Restore<'_>, staging: &Staging, imprints: &[Imprint]) -> Result<()> {
    let proof = Proof {
        manifest: &restore.manifest,
        layout: restore.layout,
        rules: &restore.rules,
        level: restore.settings.job.verify,
        threads: restore.settings.job.io_threads(),
        job: restore.job,
    };
    proof.of_staged(staging, imprints)?;
    staging.seal(&restore.manifest.directories)
}
