//! `hotbackup remote repair`.

use clap::{Args, ValueEnum};
use hotbackup::Code;

use super::upkeep::{alone, run};
use crate::args::job::Consent;
use crate::args::remote::RepositoryOption;
use crate::context::{Context, Run};
use crate::failure::Failure;
use crate::restic::{Restic, Version};
use crate::{Done, Outcome};

const EXAMPLES: &str = "\
Examples:
  What `hotbackup remote verify` or `check` calls bad is made good like this, and by the next push of the same files:
    hotbackup remote repair packs 1f0c... --repo s3://backups/db1
    hotbackup remote repair index --repo s3://backups/db1
  Snapshots that stay without some of their files, restic makes anew without these:
    hotbackup remote repair snapshots --repo s3://backups/db1 -- --forget";

/// Mend a repository that has lost something.
///
/// The program restic does it, which must be on PATH. It needs the repository for itself: no push runs meanwhile.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub struct Repair {
    /// What is mended
    #[arg(value_name = "WHAT")]
    what: What,
    /// Of `packs`: their names
    #[arg(value_name = "ID")]
    ids: Vec<String>,
    #[command(flatten)]
    repository: RepositoryOption,
    #[command(flatten)]
    consent: Consent,
    /// Options of `restic repair`, after `--`
    #[arg(last = true, value_name = "OPTION")]
    further: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum What {
    /// Make the index anew of the packs that are there
    Index,
    /// Take what is good out of bad packs, and remove them
    Packs,
    /// Make snapshots anew without what they have lost
    Snapshots,
}

impl What {
    fn word(self) -> &'static str {
        match self {
            What::Index => "index",
            What::Packs => "packs",
            What::Snapshots => "snapshots",
        }
    }
}

impl Run for Repair {
    fn run(&self, context: &Context) -> Outcome {
        let word = self.what.word();
        if (self.what == What::Packs) == self.ids.is_empty() {
            let what = "the names of the bad packs are given with `repair packs`, and with nothing else";
            return Err(Failure::new(Code::InvalidArgument, what));
        }
        let restic = Restic::find()?;
        let mut arguments = match (restic.version >= Version::REPAIRS, self.what) {
            (true, _) => vec!["repair".to_string(), word.to_string()],
            (false, What::Index) => vec!["rebuild-index".to_string()],
            (false, _) => {
                let what = format!(
                    "restic {} has no `repair {word}`: 0.16 has; nothing was changed",
                    restic.release
                );
                return Err(Failure::new(Code::Unsupported, what).advise("update restic, and try again"));
            }
        };
        arguments.extend(self.ids.iter().chain(&self.further).cloned());
        let repository = self.repository.open(context)?;
        context.confirm(&format!("repairing the {word} of {}", repository.remote.url()), &self.consent)?;
        alone(&repository, context)?;
        let aftermath =
            "what was good is there; `hotbackup remote repair index` goes on; restic's lock may be left";
        let (upkept, failure) = run(&restic, &repository, arguments, aftermath, context)?;
        Ok(Done { failure, ..upkept.into() })
    }
}
