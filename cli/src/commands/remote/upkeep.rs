//! What restic does for a repository, as a command of ours tells it.

use std::io::{self, Write};

use serde::Serialize;

use super::verify::Checked;
use crate::args::remote::Repository;
use crate::context::Context;
use crate::failure::Failure;
use crate::output::{Report, size, style};
use crate::restic::{Restic, Task};
use crate::{Done, Outcome};

/// Lets restic do it, and tells how it ended. `aftermath`: what is so if it is ended on its way.
pub fn run(
    restic: &Restic,
    repository: &Repository,
    arguments: Vec<String>,
    aftermath: &str,
    context: &Context,
) -> Result<(Upkept, Option<Failure>), Failure> {
    let warnings: Vec<String> = restic.warning().into_iter().collect();
    if !context.json {
        let said = |warning| format!("{} {warning}", style::styled(style::BAD, "warning:"));
        warnings.iter().for_each(|warning| context.display.say(&said(warning)));
    }
    let ended = restic.run(&Task { repository, arguments, aftermath }, context)?;
    let upkept = Upkept {
        repository: repository.remote.url().to_string(),
        restic: restic.release.clone(),
        command: ended.command,
        exit_code: ended.exit_code,
        output: ended.output,
        messages: ended.messages,
        warnings,
        verified: None,
    };
    Ok((upkept, ended.failure))
}

/// The same for what is over with that.
pub fn outcome(
    repository: &Repository,
    arguments: Vec<String>,
    aftermath: &str,
    context: &Context,
) -> Outcome {
    let (upkept, failure) = run(&Restic::find()?, repository, arguments, aftermath, context)?;
    Ok(Done { failure, ..upkept.into() })
}

/// What was done.
#[derive(Serialize)]
pub struct Upkept {
    repository: String,
    /// Its version.
    restic: String,
    command: Vec<String>,
    /// None, if a signal ended it.
    exit_code: Option<i32>,
    output: String,
    messages: String,
    warnings: Vec<String>,
    /// The snapshots that were looked at afterwards.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verified: Option<Vec<Checked>>,
}

impl Report for Upkept {
    /// What restic has said was seen as it came.
    fn text(&self, out: &mut dyn Write, _: Option<usize>) -> io::Result<()> {
        let Some(verified) = &self.verified else { return Ok(()) };
        let bad: Vec<_> = verified.iter().filter(|checked| !checked.is_good()).collect();
        bad.iter().try_for_each(|checked| checked.text(out))?;
        let number = size::things((verified.len() - bad.len()) as u64, "snapshot", "snapshots");
        let good = style::styled(style::GOOD, "good");
        writeln!(out, "{good} {number} of {}: nothing is missing", self.repository)
    }
}
