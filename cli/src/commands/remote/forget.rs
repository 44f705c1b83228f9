//! `hotbackup remote forget SNAPSHOT...`.

use std::io::{self, Write};

use clap::Args;
use hotbackup_remote::RemoteSnapshot;
use serde::Serialize;

use super::naming::{View, all, pick};
use crate::args::job::Consent;
use crate::args::remote::{HostOption, RepositoryOption};
use crate::context::{Context, Run};
use crate::failure::Failure;
use crate::output::{Report, first_of};
use crate::{Done, Outcome};

const EXAMPLES: &str = "\
Examples:
  hotbackup remote forget 3f9a27c1 --repo s3://backups/db1
  hotbackup remote forget 3f9a27c1 8be4d0a7 --repo s3://backups/db1 --yes";

/// Take snapshots out of a repository.
///
/// No other snapshot is harmed. What they alone need stays in the store until `hotbackup remote prune` removes it.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub struct Forget {
    /// `latest`, or the beginning of its id or of its object's name
    #[arg(value_name = "SNAPSHOT", required = true)]
    snapshots: Vec<String>,
    #[command(flatten)]
    repository: RepositoryOption,
    #[command(flatten)]
    host: HostOption,
    #[command(flatten)]
    consent: Consent,
}

impl Run for Forget {
    fn run(&self, context: &Context) -> Outcome {
        let remote = self.repository.open(context)?.remote;
        let all = all(&remote, &self.host)?;
        // All are found before the first one goes: `latest` is another after it, and a wrong name harms nothing.
        let mut meant: Vec<&RemoteSnapshot> = Vec::new();
        for name in &self.snapshots {
            let found = &all[pick(name, &all, remote.url())?];
            if meant.iter().all(|other| other.object() != found.object()) {
                meant.push(found);
            }
        }
        let shown: Vec<_> = meant.iter().map(|snapshot| View::of(snapshot).shown()).collect();
        context.confirm(&format!("forgetting in {}: {}", remote.url(), shown.join(", ")), &self.consent)?;
        context.interrupts.aftermath("each of them is there whole, or forgotten");
        let mut forgotten = Vec::new();
        let mut failures = Vec::new();
        for snapshot in &meant {
            match remote.forget(&snapshot.object()) {
                Ok(()) => forgotten.push(View::of(snapshot)),
                Err(error) => failures.push(Failure::from(error)),
            }
        }
        let whole = |bad: usize, first: &Failure| {
            format!("{bad} of {} snapshots were not forgotten; the first: {}", meant.len(), first.message())
        };
        let failure = first_of(failures, whole);
        Ok(Done { failure, ..Forgotten { repository: remote.url().to_string(), forgotten }.into() })
    }
}

/// What is in the repository no more.
#[derive(Serialize)]
struct Forgotten {
    repository: String,
    forgotten: Vec<View>,
}

impl Report for Forgotten {
    fn text(&self, out: &mut dyn Write, _: Option<usize>) -> io::Result<()> {
        self.forgotten.iter().try_for_each(|snapshot| writeln!(out, "forgot {}", snapshot.shown()))?;
        match self.forgotten.is_empty() {
            true => Ok(()),
            false => writeln!(out, "`hotbackup remote prune` gives back the space that they alone took"),
        }
    }
}
