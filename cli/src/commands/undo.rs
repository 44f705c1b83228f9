//! `hotbackup undo TARGET`.

use std::io::{self, Write};
use std::path::PathBuf;

use clap::Args;
use hotbackup::Code;
use serde::Serialize;

use crate::Outcome;
use crate::args::job::Consent;
use crate::context::{Context, Run};
use crate::failure::Failure;
use crate::output::Report;

const EXAMPLES: &str = "\
Examples:
  hotbackup undo /var/lib/db
  hotbackup undo /var/lib/db --yes";

/// Take the last restore of a directory back.
///
/// What the restore had brought is kept in turn: a second undo takes the first one back.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct Undo {
    /// The directory that was restored to
    #[arg(value_name = "TARGET")]
    target: PathBuf,
    #[command(flatten)]
    consent: Consent,
}

impl Run for Undo {
    fn run(&self, context: &Context) -> Outcome {
        let shown = self.target.display();
        context.confirm(
            &format!("taking back the last restore of {shown}: what it has now is put aside"),
            &self.consent,
        )?;
        context.interrupts.aftermath(format!(
            "`hotbackup recover {shown}` makes {shown} all of the old or all of the new, whichever is nearer"
        ));
        hotbackup::restore_undo(&self.target).map_err(|error| {
            let code = error.code();
            let failure = Failure::from(error);
            match code {
                Code::RestoreUnfinished => {
                    failure.advise(format!("`hotbackup recover {shown}`, then try again"))
                }
                Code::Conflict => failure.advise("stop the host that has it open, and try again"),
                Code::NotFound => {
                    failure.advise("look at the path; a restore with --no-undo cannot be undone")
                }
                _ => failure,
            }
        })?;
        Ok(Undone { target: self.target.to_string_lossy().into_owned() }.into())
    }
}

/// A restore that was taken back.
#[derive(Serialize)]
struct Undone {
    target: String,
}

impl Report for Undone {
    fn text(&self, out: &mut dyn Write, _: Option<usize>) -> io::Result<()> {
        writeln!(out, "{} is as it was before its last restore", self.target)
    }
}
