//! `hotbackup remote check`.

use clap::Args;

use super::upkeep::{alone, outcome};
use crate::Outcome;
use crate::args::remote::RepositoryOption;
use crate::context::{Context, Run};

const EXAMPLES: &str = "\
Examples:
  hotbackup remote check --repo s3://backups/db1
  hotbackup remote check --repo s3://backups/db1 --read-data
  hotbackup remote check --repo s3://backups/db1 -- --read-data-subset 5%";

/// Look for what is wrong with a whole repository.
///
/// The program restic does it, which must be on PATH: another reader than ours. It needs the repository for itself: no
/// push runs meanwhile.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub struct Check {
    #[command(flatten)]
    repository: RepositoryOption,
    /// Read all data, too
    #[arg(long)]
    read_data: bool,
    /// Options of `restic check`, after `--`
    #[arg(last = true, value_name = "OPTION")]
    further: Vec<String>,
}

impl Run for Check {
    fn run(&self, context: &Context) -> Outcome {
        let mut arguments = vec!["check".to_string()];
        arguments.extend(self.read_data.then(|| "--read-data".to_string()));
        arguments.extend(self.further.iter().cloned());
        let repository = self.repository.open(context)?;
        if !self.further.iter().any(|option| option == "--no-lock") {
            alone(&repository, context)?;
        }
        outcome(&repository, arguments, "the repository is as it was; restic's lock may be left", context)
    }
}
