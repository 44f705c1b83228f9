//! `hotbackup remote prune`.

use clap::Args;
use hotbackup::{Options, VerifyLevel};

use super::naming::all;
use super::upkeep::{alone, run};
use super::verify::verify;
use crate::args::remote::{HostOption, RepositoryOption};
use crate::context::{Context, Run};
use crate::restic::Restic;
use crate::{Done, Outcome};

const EXAMPLES: &str = "\
Examples:
  hotbackup remote prune --repo s3://backups/db1
  hotbackup remote prune --repo s3://backups/db1 -- --max-unused 10%";

/// Remove from the store what no snapshot needs any more.
///
/// The program restic does it, which must be on PATH. It needs the repository for itself: no push runs meanwhile, and it
/// waits for one that does. Afterwards each snapshot is looked at: whether all that it needs is there.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub struct Prune {
    #[command(flatten)]
    repository: RepositoryOption,
    /// Say what would be removed, and change nothing
    #[arg(short = 'n', long)]
    dry_run: bool,
    /// Options of `restic prune`, after `--`
    #[arg(last = true, value_name = "OPTION")]
    further: Vec<String>,
}

impl Run for Prune {
    fn run(&self, context: &Context) -> Outcome {
        let restic = Restic::find()?;
        let repository = self.repository.open(context)?;
        alone(&repository, context)?;
        let mut arguments = vec!["prune".to_string()];
        arguments.extend(self.dry_run.then(|| "--dry-run".to_string()));
        arguments.extend(self.further.iter().cloned());
        let aftermath = "the snapshots are whole, and the next prune goes on; restic's lock may be left";
        let (mut upkept, failure) = run(&restic, &repository, arguments, aftermath, context)?;
        if self.dry_run || failure.is_some() {
            return Ok(Done { failure, ..upkept.into() });
        }
        let mut options = Options::new();
        options.set_verify_level(VerifyLevel::Size);
        let remote = &repository.remote;
        let (checked, failure) = verify(remote, &all(remote, &HostOption { host: None })?, &options, context);
        upkept.verified = Some(checked);
        Ok(Done { failure, ..upkept.into() })
    }
}
