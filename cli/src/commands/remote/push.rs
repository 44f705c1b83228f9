//! `hotbackup remote push SNAPSHOT`.

use std::io::{self, Write};
use std::path::Path;

use clap::Args;
use hotbackup::{Options, Snapshot};
use serde::Serialize;

use super::traffic::Traffic;
use crate::Outcome;
use crate::args::job::Speed;
use crate::args::remote::RepositoryOption;
use crate::args::root::RootOption;
use crate::context::{Context, Run};
use crate::failure::Failure;
use crate::naming::find;
use crate::output::{Report, style};
use crate::view::View;
use crate::work::{Ended, attend};

const EXAMPLES: &str = "\
Examples:
  hotbackup remote push -r /backup/db --repo s3://backups/db1
  hotbackup remote push /var/lib/db/.lifecycle/checkpoints/checkpoint-1764288000 --repo s3://backups/db1
  hotbackup remote push /backup/db/ts-1764288000 --repo s3://backups/db1 --rate 20MiB";

/// Send a snapshot of this machine to a repository.
///
/// One that is there already is not sent again. What an earlier push of this host sent and has not changed is neither
/// read nor sent. The repository lists the snapshot once all of it is there; a push that was interrupted goes on. A
/// checkpoint, by its path, arrives as a snapshot too, and is removed once it has.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub struct Push {
    /// `latest`, an id or the beginning of one, a name, or a path, which may be a checkpoint's
    #[arg(value_name = "SNAPSHOT", default_value = "latest")]
    snapshot: String,
    #[command(flatten)]
    root: RootOption,
    #[command(flatten)]
    repository: RepositoryOption,
    #[command(flatten)]
    speed: Speed,
}

impl Run for Push {
    fn run(&self, context: &Context) -> Outcome {
        let (snapshot, is_latest) = self.named(context)?;
        let remote = self.repository.open(context)?.remote;
        let mut options = Options::new();
        self.speed.apply(&mut options);
        let job = remote.push(snapshot.location(), &options)?;
        let aftermath =
            "the repository does not list this snapshot, and the next push goes on with what was sent";
        let ended = attend(context, &job, aftermath)?;
        Ok(Pushed {
            repository: remote.url().to_string(),
            snapshot: View::of(&snapshot, is_latest),
            job: ended,
            requests: Traffic::of(&remote),
        }
        .into())
    }
}

impl Push {
    /// What is meant, readable, and whether it is its root's newest.
    fn named(&self, context: &Context) -> Result<(Snapshot, bool), Failure> {
        let path = Path::new(&self.snapshot);
        if self.snapshot.contains('/') && path.join("checkpoint.manifest").exists() {
            return Ok((Snapshot::of_checkpoint(path)?, false));
        }
        let named = find(&self.snapshot, &self.root, context)?;
        if let Some(error) = named.snapshot.error() {
            return Err(error.clone().into());
        }
        let latest = named.root.latest().ok();
        let is_latest = latest.is_some_and(|latest| latest.location() == named.snapshot.location());
        Ok((named.snapshot, is_latest))
    }
}

/// A snapshot that a repository has now.
#[derive(Serialize)]
struct Pushed {
    repository: String,
    snapshot: View,
    job: Ended,
    requests: Traffic,
}

impl Report for Pushed {
    fn text(&self, out: &mut dyn Write, _: Option<usize>) -> io::Result<()> {
        let done = style::styled(style::GOOD, "pushed");
        writeln!(out, "{done} {} to {}", self.snapshot.location, self.repository)?;
        self.job.text(out)?;
        self.requests.text(out)
    }
}
