//! What is printed: the result on standard output, all else on standard error.

pub mod display;
pub mod json;
pub mod metrics;
pub mod pace;
pub mod replace;
pub mod size;
pub mod style;
pub mod table;
pub mod time;

use std::io::{self, Write};
use std::process::ExitCode;

use hotbackup::Code;

use crate::args::Global;
use crate::failure::Failure;

/// What a command has found or done.
pub trait Report: json::Document {
    /// Writes it for a person. `width`: the columns that there are; `None`: as many as are wanted.
    fn text(&self, out: &mut dyn Write, width: Option<usize>) -> io::Result<()>;

    /// Adds what a monitor should know beside how the run ended.
    fn metrics(&self, _: &mut metrics::Metrics) {}
}

/// Prints a command's result and its failure. The exit code is the failure's.
pub fn finish(global: &Global, report: Option<&dyn Report>, failure: Option<Failure>) -> ExitCode {
    let printed = print(global, report, failure.as_ref());
    let failure = failure.or_else(|| {
        // Whoever reads has seen enough.
        let error = printed.err().filter(|error| error.kind() != io::ErrorKind::BrokenPipe)?;
        Some(Failure::io("writing to standard output", &error))
    });
    let Some(failure) = failure else { return ExitCode::SUCCESS };
    style::error(&failure);
    ExitCode::from(failure.kind.exit_code())
}

fn print(global: &Global, report: Option<&dyn Report>, failure: Option<&Failure>) -> io::Result<()> {
    let mut text = Vec::new();
    match report {
        Some(report) if global.json => json::write(report, failure, &mut text)?,
        None if global.json => {
            failure.into_iter().for_each(json::write_error);
            return Ok(());
        }
        Some(report) => report.text(&mut text, style::width())?,
        None => return Ok(()),
    }
    json::nothing_more_is_printed();
    let mut out = anstream::stdout().lock();
    out.write_all(&text)?;
    out.flush()
}

/// The failure of several things, of which the first counts.
pub fn first_of(failures: Vec<Failure>, whole: impl FnOnce(usize, &Failure) -> String) -> Option<Failure> {
    let first = failures.first()?;
    if failures.len() == 1 || first.is(Code::Cancelled) {
        return failures.into_iter().next();
    }
    let message = whole(failures.len(), first);
    Some(first.clone().says(message))
}
