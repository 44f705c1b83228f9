//! What restic does for a repository, as a command of ours tells it.

use std::io::{self, Write};
use std::thread;
use std::time::{Duration, Instant};

use hotbackup::Code;
use serde::Serialize;

use super::unlock::shown;
use super::verify::Checked;
use crate::args::remote::Repository;
use crate::context::Context;
use crate::failure::Failure;
use crate::output::{Report, size, style};
use crate::restic::{Restic, Task, lock_wait};
use crate::{Done, Outcome};

/// How often locks are looked at.
const BETWEEN: Duration = Duration::from_secs(2);

/// Waits until nobody is at work, as long as a lock may be waited for. restic goes by the clock of this machine, and some
/// of its releases take a lock that they cannot read for none: here a lock is one whatever it says, and as old as the store's
/// clock says. A stale one restic itself refuses.
pub fn alone(repository: &Repository, context: &Context) -> Result<(), Failure> {
    let until = Instant::now() + lock_wait(repository)?;
    context.interrupts.aftermath("nothing was changed");
    let mut is_said = false;
    loop {
        let locks = match repository.remote.locks() {
            // Who cannot open it sees no locks, and cannot do anything either: restic says so.
            Err(error) if error.code() == Code::Unauthorized => return Ok(()),
            locks => locks?,
        };
        let Some(young) = locks.iter().find(|lock| !lock.is_stale()) else { return Ok(()) };
        let left = until.saturating_duration_since(Instant::now());
        let who = shown(young);
        if left.is_zero() {
            let what = format!("{} is in use: {who}; nothing was changed", repository.remote.url());
            return Err(Failure::new(Code::Conflict, what).advise(
                "wait until it has ended, and try again; the lock of a push that was killed `hotbackup remote unlock` \
                 removes once it is 30 minutes old, that of a restic `restic unlock`",
            ));
        }
        if !context.json && !is_said {
            context.display.say(&format!("waiting: {who}"));
            is_said = true;
        }
        thread::sleep(left.min(BETWEEN));
    }
}

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
