//! A job, from its start to its end: shown, cancelled by signals, and told.

use std::io::{self, Write};
use std::time::Duration;

use hotbackup::{Code, Job, Progress, State};
use serde::Serialize;

use crate::context::Context;
use crate::failure::{Failure, View};
use crate::output::display::TICK;
use crate::output::{size, style, time};

/// Waits for a job and shows how far it is. `aftermath`: what is so if the process ends at once.
pub fn attend(context: &Context, job: &Job, aftermath: &str) -> Result<Ended, Failure> {
    let (ended, failure) = watch(context, job, aftermath)?;
    failure.map_or(Ok(ended), Err)
}

/// The same for a job that has something to tell though it fails.
pub fn watch(context: &Context, job: &Job, aftermath: &str) -> Result<(Ended, Option<Failure>), Failure> {
    context.interrupts.aftermath(aftermath);
    context.interrupts.job(Some(job));
    context.display.begin();
    let result = loop {
        match job.wait_for(TICK) {
            Ok(State::Completed) => break Ok(()),
            Ok(_) => context.display.show(&job.status()?),
            Err(error) => break Err(error),
        }
    };
    context.interrupts.job(None);
    match &result {
        // Who asked for the end does not wait for what others still say.
        Err(error) if error.code() == Code::Cancelled => context.display.hide(),
        _ => context.display.clear(),
    }
    let warnings: Vec<Failure> = job.warnings()?.into_iter().map(Failure::from).collect();
    for warning in &warnings {
        context.display.must_say(&format!("{} {}", style::styled(style::BAD, "warning:"), warning.message()));
    }
    let warnings = warnings.iter().map(Failure::view).collect();
    let ended = Ended { numbers: Numbers::of(&job.status()?), warnings };
    Ok((ended, result.err().map(Failure::from)))
}

/// What a job has done.
#[derive(Serialize)]
pub struct Ended {
    #[serde(flatten)]
    numbers: Numbers,
    warnings: Vec<View>,
}

#[derive(Serialize)]
struct Numbers {
    seconds: f64,
    freeze_seconds: Option<f64>,
    files: u64,
    bytes: u64,
    files_done: u64,
    bytes_done: u64,
    bytes_copied: u64,
    bytes_cloned: u64,
    bytes_linked: u64,
    bytes_holes: u64,
    files_skipped: u64,
    files_left_out: u64,
}

impl Numbers {
    fn of(progress: &Progress) -> Self {
        let took = progress.finished_at.and_then(|end| end.duration_since(progress.started_at).ok());
        Self {
            seconds: took.unwrap_or_default().as_secs_f64(),
            freeze_seconds: Some(progress.freeze.as_secs_f64()).filter(|seconds| *seconds > 0.0),
            files: progress.files_total,
            bytes: progress.bytes_total,
            files_done: progress.files_done,
            bytes_done: progress.bytes_done,
            bytes_copied: progress.bytes_copied,
            bytes_cloned: progress.bytes_cloned,
            bytes_linked: progress.bytes_linked,
            bytes_holes: progress.bytes_holes,
            files_skipped: progress.files_skipped,
            files_left_out: progress.files_left_out,
        }
    }
}

impl Ended {
    /// How many bytes and files it has dealt with.
    pub fn done(&self) -> (u64, u64) {
        (self.numbers.files_done, self.numbers.bytes_done)
    }

    /// What is wrong, though it did not fail the job.
    pub fn warnings(&self) -> &[View] {
        &self.warnings
    }

    /// What was done, on a line: how much, how, how long.
    pub fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        let numbers = &self.numbers;
        let files = size::things(numbers.files, "file", "files");
        write!(out, "{files}, {}", size::readable(numbers.bytes))?;
        let ways = [
            ("copied", numbers.bytes_copied),
            ("cloned", numbers.bytes_cloned),
            ("shared", numbers.bytes_linked),
        ];
        let ways = ways.iter().filter(|(_, bytes)| *bytes > 0);
        let ways: Vec<_> = ways.map(|(way, bytes)| format!("{} {way}", size::readable(*bytes))).collect();
        if ways.len() > 1 {
            write!(out, " ({})", ways.join(", "))?;
        }
        write!(out, ", in {}", time::took(Duration::from_secs_f64(numbers.seconds)))?;
        if let Some(freeze) = numbers.freeze_seconds {
            write!(out, "; writes stopped for {}", time::took(Duration::from_secs_f64(freeze)))?;
        }
        writeln!(out)
    }
}
