//! `hotbackup recover TARGET`.

use std::io::{self, Write};
use std::path::PathBuf;

use clap::Args;
use hotbackup::Recovered;
use serde::Serialize;

use crate::Outcome;
use crate::context::{Context, Run};
use crate::failure::Failure;
use crate::output::Report;

const EXAMPLES: &str = "\
Examples:
  hotbackup recover /var/lib/db";

/// Finish a restore that was interrupted, before the database is opened.
///
/// The directory ends with all of the old or all of the new. Without an interrupted restore nothing is done; an
/// interrupted recovery can be run again.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct Recover {
    /// The directory that was restored to
    #[arg(value_name = "TARGET")]
    target: PathBuf,
}

impl Run for Recover {
    fn run(&self, context: &Context) -> Outcome {
        context.interrupts.aftermath("run it again before the database is opened");
        // A host may ask always; a person who names what is not there has mistyped.
        if let Err(error) = self.target.symlink_metadata() {
            let looking = format!("looking at {}", self.target.display());
            return Err(Failure::io(looking, &error).at(&self.target));
        }
        let outcome = match hotbackup::recover(&self.target)? {
            Recovered::Old => "old",
            Recovered::New => "new",
            _ => "nothing",
        };
        Ok(Ended { target: self.target.to_string_lossy().into_owned(), outcome }.into())
    }
}

/// How it ended.
#[derive(Serialize)]
struct Ended {
    target: String,
    outcome: &'static str,
}

impl Report for Ended {
    fn text(&self, out: &mut dyn Write, _: Option<usize>) -> io::Result<()> {
        let target = &self.target;
        match self.outcome {
            "new" => writeln!(out, "recovered: {target} is what was restored"),
            "old" => writeln!(out, "recovered: {target} is as it was before the restore"),
            _ => writeln!(out, "nothing to recover: no restore of {target} was interrupted"),
        }
    }
}
