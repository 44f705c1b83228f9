//! `hotbackup remote restore SNAPSHOT TARGET`.

use std::io::{self, Write};
use std::path::PathBuf;

use clap::Args;
use serde::Serialize;

use super::naming::{View, find};
use super::traffic::Traffic;
use crate::Outcome;
use crate::args::remote::{HostOption, RepositoryOption};
use crate::commands::restore::{Placing, stop_the_host};
use crate::context::{Context, Run};
use crate::failure::Failure;
use crate::output::{Report, style};
use crate::work::Ended;

const EXAMPLES: &str = "\
Examples:
  On a fresh machine:
    hotbackup remote restore latest /var/lib/db --repo s3://backups/db1
  Over a database whose host is stopped; what was there is kept for `hotbackup undo`:
    hotbackup remote restore 3f9a27c1 /var/lib/db --repo s3://backups/db1";

/// Put a snapshot of a repository in place as a database directory.
///
/// The target gets all of the snapshot, compared with the checksums of its manifest, or nothing there changes. What it
/// replaces is kept beside it until `hotbackup undo` takes the restore back, or the next restore.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub struct Restore {
    /// `latest`, or the beginning of its id or of its object's name
    #[arg(value_name = "SNAPSHOT")]
    snapshot: String,
    /// The directory to restore to; it need not be there
    #[arg(value_name = "TARGET")]
    target: PathBuf,
    #[command(flatten)]
    repository: RepositoryOption,
    #[command(flatten)]
    host: HostOption,
    #[command(flatten)]
    placing: Placing,
}

impl Run for Restore {
    fn run(&self, context: &Context) -> Outcome {
        let remote = self.repository.open(context)?.remote;
        let snapshot = find(&self.snapshot, &remote, &self.host)?;
        let view = View::of(&snapshot);
        context.display.explain(&format!("the snapshot is {}", view.shown()));
        let replaces = self.placing.confirm(&self.target, context)?;
        let job = remote.restore(&snapshot.object(), &self.target, &self.placing.options())?;
        let is_of_the_store = |failure: &Failure| failure.message().contains(remote.url());
        let ended = self
            .placing
            .attend(&job, &self.target, context)
            .map_err(|failure| if is_of_the_store(&failure) { failure } else { stop_the_host(failure) })?;
        Ok(Restored {
            repository: remote.url().to_string(),
            snapshot: view,
            target: job.location().to_string_lossy().into_owned(),
            has_undo: replaces && self.placing.keeps_undo(),
            job: ended,
            requests: Traffic::of(&remote),
        }
        .into())
    }
}

/// A restore that was made.
#[derive(Serialize)]
struct Restored {
    repository: String,
    snapshot: View,
    target: String,
    has_undo: bool,
    job: Ended,
    requests: Traffic,
}

impl Report for Restored {
    fn text(&self, out: &mut dyn Write, _: Option<usize>) -> io::Result<()> {
        let done = style::styled(style::GOOD, "restored");
        writeln!(out, "{done} {} to {}", self.snapshot.shown(), self.target)?;
        self.job.text(out)?;
        self.requests.text(out)?;
        if self.has_undo {
            writeln!(out, "`hotbackup undo {}` takes it back", self.target)?;
        }
        Ok(())
    }
}
