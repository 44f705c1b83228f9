//! `hotbackup remote fetch SNAPSHOT TARGET`.

use std::io::{self, Write};
use std::path::PathBuf;

use clap::Args;
use hotbackup::Options;
use serde::Serialize;

use super::naming::{View, find};
use super::traffic::Traffic;
use crate::Outcome;
use crate::args::job::Speed;
use crate::args::remote::{HostOption, RepositoryOption};
use crate::args::values;
use crate::context::{Context, Run};
use crate::output::{Report, style};
use crate::work::{Ended, attend};

const EXAMPLES: &str = "\
Examples:
  hotbackup remote fetch latest /backup/fetched --repo s3://backups/db1
  hotbackup remote fetch 3f9a27c1 /backup/fetched --repo s3://backups/db1 --rate 50MiB";

/// Bring a snapshot as a directory, to look at.
///
/// The directory appears once all of it was compared with the manifest. A fetch that was interrupted goes on. To
/// restore, `hotbackup remote restore` needs no fetch before it, and less room.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub struct Fetch {
    /// `latest`, or the beginning of its id or of its object's name
    #[arg(value_name = "SNAPSHOT")]
    snapshot: String,
    /// The directory, which must not be there
    #[arg(value_name = "TARGET")]
    target: PathBuf,
    #[command(flatten)]
    repository: RepositoryOption,
    #[command(flatten)]
    host: HostOption,
    /// Leave so much space free, as in 10GiB
    #[arg(long, value_name = "SIZE", value_parser = values::size, default_value = "0")]
    min_free: u64,
    #[command(flatten)]
    speed: Speed,
}

impl Run for Fetch {
    fn run(&self, context: &Context) -> Outcome {
        let remote = self.repository.open(context)?.remote;
        let snapshot = find(&self.snapshot, &remote, &self.host)?;
        let mut options = Options::new();
        options.set_min_free(self.min_free);
        self.speed.apply(&mut options);
        let job = remote.fetch(&snapshot.object(), &self.target, &options)?;
        let ended =
            attend(context, &job, "what has come is kept for the next fetch of it to the same place")?;
        Ok(Fetched {
            repository: remote.url().to_string(),
            snapshot: View::of(&snapshot),
            target: job.location().to_string_lossy().into_owned(),
            job: ended,
            requests: Traffic::of(&remote),
        }
        .into())
    }
}

/// A snapshot that lies on this machine now.
#[derive(Serialize)]
struct Fetched {
    repository: String,
    snapshot: View,
    target: String,
    job: Ended,
    requests: Traffic,
}

impl Report for Fetched {
    fn text(&self, out: &mut dyn Write, _: Option<usize>) -> io::Result<()> {
        let done = style::styled(style::GOOD, "fetched");
        writeln!(out, "{done} {} to {}", self.snapshot.shown(), self.target)?;
        self.job.text(out)?;
        self.requests.text(out)
    }
}
