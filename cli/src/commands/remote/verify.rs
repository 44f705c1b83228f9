//! `hotbackup remote verify SNAPSHOT`.

use std::io::{self, Write};

use clap::builder::PossibleValuesParser;
use clap::{Args, builder::TypedValueParser};
use hotbackup::{Code, Options, VerifyLevel};
use hotbackup_remote::{Remote, RemoteSnapshot};
use serde::Serialize;

use super::naming::{View, all, pick};
use super::traffic::Traffic;
use crate::args::job::Speed;
use crate::args::remote::{HostOption, RepositoryOption};
use crate::args::values;
use crate::context::{Context, Run};
use crate::failure::{Failure, View as FailureView};
use crate::output::{Report, first_of, style};
use crate::work::{Ended, attend};
use crate::{Done, Outcome};

const EXAMPLES: &str = "\
Examples:
  hotbackup remote verify --repo s3://backups/db1                      all of the latest is fetched and compared
  hotbackup remote verify --all --level size --repo s3://backups/db1   all that they need is there";

/// Look whether snapshots of a repository are whole.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub struct Verify {
    /// `latest`, or the beginning of its id or of its object's name
    #[arg(value_name = "SNAPSHOT", default_value = "latest")]
    snapshot: String,
    /// Every snapshot, the newest first; a bad one does not end it
    #[arg(long, conflicts_with = "snapshot")]
    all: bool,
    #[command(flatten)]
    repository: RepositoryOption,
    #[command(flatten)]
    host: HostOption,
    /// What is looked at: size (all that it needs is listed by the store), checksum (all of it is fetched and compared)
    #[arg(long, value_name = "LEVEL", value_parser = level(), default_value = "checksum")]
    level: VerifyLevel,
    #[command(flatten)]
    speed: Speed,
}

fn level() -> impl TypedValueParser<Value = VerifyLevel> {
    PossibleValuesParser::new(["size", "checksum"]).try_map(|text| values::level(&text))
}

impl Run for Verify {
    fn run(&self, context: &Context) -> Outcome {
        let remote = self.repository.open(context)?.remote;
        let mut snapshots = all(&remote, &self.host)?;
        if !self.all {
            let at = pick(&self.snapshot, &snapshots, remote.url())?;
            snapshots = vec![snapshots.swap_remove(at)];
        }
        let mut options = Options::new();
        options.set_verify_level(self.level);
        self.speed.apply(&mut options);
        let (checked, failure) = verify(&remote, &snapshots, &options, context);
        let verified = Verified {
            repository: remote.url().to_string(),
            snapshots: checked,
            requests: Traffic::of(&remote),
        };
        Ok(Done { failure, ..verified.into() })
    }
}

/// Verifies each, and what is wrong with them.
pub fn verify(
    remote: &Remote,
    snapshots: &[RemoteSnapshot],
    options: &Options,
    context: &Context,
) -> (Vec<Checked>, Option<Failure>) {
    let mut checked = Vec::with_capacity(snapshots.len());
    let mut failures = Vec::new();
    for snapshot in snapshots {
        let job = remote.verify(&snapshot.object(), options).map_err(Failure::from);
        let outcome = job.and_then(|job| attend(context, &job, "the repository is as it was"));
        let is_cancelled = outcome.as_ref().is_err_and(|failure| failure.is(Code::Cancelled));
        let error = outcome.as_ref().err().map(Failure::view);
        failures.extend(outcome.as_ref().err().cloned());
        let is_good = outcome.is_ok();
        checked.push(Checked { snapshot: View::of(snapshot), is_good, job: outcome.ok(), error });
        if is_cancelled {
            break;
        }
    }
    let whole = |bad: usize, first: &Failure| {
        format!("{bad} of {} snapshots are not good; the first: {}", snapshots.len(), first.message())
    };
    (checked, first_of(failures, whole))
}

/// What was looked at.
#[derive(Serialize)]
struct Verified {
    repository: String,
    snapshots: Vec<Checked>,
    requests: Traffic,
}

/// A snapshot, and what was found.
#[derive(Serialize)]
pub struct Checked {
    snapshot: View,
    is_good: bool,
    job: Option<Ended>,
    error: Option<FailureView>,
}

impl Report for Verified {
    fn text(&self, out: &mut dyn Write, _: Option<usize>) -> io::Result<()> {
        if self.snapshots.is_empty() {
            return writeln!(out, "no snapshots in {}", self.repository);
        }
        self.snapshots.iter().try_for_each(|checked| checked.text(out))?;
        self.requests.text(out)
    }
}

impl Checked {
    pub fn is_good(&self) -> bool {
        self.is_good
    }

    /// What was found of it, on a line.
    pub fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        match (&self.job, &self.error) {
            (Some(job), _) => {
                write!(out, "{} {}: ", style::styled(style::GOOD, "good"), self.snapshot.shown())?;
                job.text(out)
            }
            (None, Some(error)) => {
                let word = if error.code == "CORRUPT" { "bad" } else { "not verified" };
                writeln!(
                    out,
                    "{} {}: {}",
                    style::styled(style::BAD, word),
                    self.snapshot.shown(),
                    error.message
                )
            }
            (None, None) => Ok(()),
        }
    }
}
