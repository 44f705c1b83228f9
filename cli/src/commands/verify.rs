//! `hotbackup verify SNAPSHOT`.

use std::io::{self, Write};

use clap::Args;
use hotbackup::{Code, Options, Snapshot};
use serde::Serialize;

use crate::args::job::Speed;
use crate::args::root::RootOption;
use crate::args::values;
use crate::context::{Context, Run};
use crate::failure::{Failure, View};
use crate::naming::find;
use crate::output::{Report, first_of, style};
use crate::view;
use crate::work::{Ended, attend};
use crate::{Done, Outcome};

const EXAMPLES: &str = "\
Examples:
  hotbackup verify -r /backup/db                      the latest
  hotbackup verify 3f9a -r /backup/db --level media   read from the disk, not from memory
  hotbackup verify --all -r /backup/db --rate 100MiB";

/// Read snapshots and compare them with their manifests.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct Verify {
    /// `latest`, an id or the beginning of one, a name, or a path
    #[arg(value_name = "SNAPSHOT", default_value = "latest")]
    snapshot: String,
    /// Every snapshot of the root, the newest first; a bad one does not end it
    #[arg(long, conflicts_with = "snapshot")]
    all: bool,
    #[command(flatten)]
    root: RootOption,
    /// What is compared: size, checksum, or media (checksums, read from the disk and not from memory)
    #[arg(long, value_name = "LEVEL", value_parser = values::level, default_value = "checksum")]
    level: hotbackup::VerifyLevel,
    #[command(flatten)]
    speed: Speed,
}

impl Run for Verify {
    fn run(&self, context: &Context) -> Outcome {
        let snapshots = match self.all {
            true => self.root.resolve()?.list()?,
            false => vec![find(&self.snapshot, &self.root, context)?.snapshot],
        };
        let mut options = Options::new();
        options.set_verify_level(self.level);
        self.speed.apply(&mut options);
        let mut checked = Vec::with_capacity(snapshots.len());
        let mut failures = Vec::new();
        for snapshot in &snapshots {
            let outcome = self.verify(snapshot, &options, context);
            failures.extend(outcome.as_ref().err().cloned());
            let is_cancelled = outcome.as_ref().is_err_and(|failure| failure.is(Code::Cancelled));
            checked.push(Checked::of(snapshot, outcome));
            if is_cancelled {
                break;
            }
        }
        let whole = |bad: usize, first: &Failure| {
            format!("{bad} of {} snapshots are not good; the first: {}", snapshots.len(), first.message())
        };
        let failure = first_of(failures, whole);
        Ok(Done { failure, ..Verified { snapshots: checked }.into() })
    }
}

impl Verify {
    fn verify(&self, snapshot: &Snapshot, options: &Options, context: &Context) -> Result<Ended, Failure> {
        if let Some(error) = snapshot.error() {
            return Err(error.clone().into());
        }
        let job = hotbackup::verify(snapshot.location(), options)?;
        attend(context, &job, "the snapshots are as they were")
    }
}

/// What was looked at.
#[derive(Serialize)]
struct Verified {
    snapshots: Vec<Checked>,
}

#[derive(Serialize)]
struct Checked {
    id: String,
    name: String,
    location: String,
    is_good: bool,
    job: Option<Ended>,
    error: Option<View>,
}

impl Checked {
    fn of(snapshot: &Snapshot, outcome: Result<Ended, Failure>) -> Self {
        let error = outcome.as_ref().err().map(Failure::view);
        Self {
            id: snapshot.id().to_string(),
            name: view::name(snapshot),
            location: snapshot.location().to_string_lossy().into_owned(),
            is_good: error.is_none(),
            job: outcome.ok(),
            error,
        }
    }
}

impl Report for Verified {
    fn text(&self, out: &mut dyn Write, _: Option<usize>) -> io::Result<()> {
        for snapshot in &self.snapshots {
            match (&snapshot.job, &snapshot.error) {
                (Some(job), _) => {
                    write!(out, "{} {}: ", style::styled(style::GOOD, "good"), snapshot.location)?;
                    job.text(out)?;
                }
                (None, Some(error)) => {
                    let word = if error.code == "CORRUPT" { "bad " } else { "not verified" };
                    writeln!(
                        out,
                        "{} {}: {}",
                        style::styled(style::BAD, word),
                        snapshot.location,
                        error.message
                    )?;
                }
                (None, None) => {}
            }
        }
        Ok(())
    }
}
