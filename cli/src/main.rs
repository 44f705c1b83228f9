//! The operator's command: what can be done with a database's snapshots while its host is down.

mod args;
mod commands;
mod context;
mod exit;
mod failure;
mod hooks;
mod interrupts;
mod naming;
mod output;
mod view;
mod work;

use std::ffi::OsStr;
use std::process::ExitCode;

use clap::Parser;
use hotbackup::Code;

use args::Cli;
use context::Context;
use failure::Failure;
use output::Report;

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return unparsed(&error),
    };
    output::style::set(cli.global.color);
    let outcome = Context::new(&cli.global).and_then(|context| {
        let done = commands::run(&cli.command, &context)?;
        context.display.clear();
        Ok(done)
    });
    match outcome {
        Ok(done) => output::finish(&cli.global, Some(done.report.as_ref()), done.failure),
        Err(failure) => output::finish(&cli.global, None, Some(failure)),
    }
}

/// Help and versions are printed as they are; what is wrong with a command line is an error like any other.
fn unparsed(error: &clap::Error) -> ExitCode {
    let wants_json = std::env::args_os().any(|argument| argument == OsStr::new("--json"));
    if error.use_stderr() && wants_json {
        let text = error.to_string();
        let line = text.lines().next().unwrap_or_default().trim_start_matches("error: ");
        output::json::write_error(&Failure::new(Code::InvalidArgument, line));
    }
    let _ = error.print();
    ExitCode::from(if error.use_stderr() { 2 } else { 0 })
}

/// What a command has done, and what was wrong all the same.
struct Done {
    report: Box<dyn Report>,
    failure: Option<Failure>,
}

impl<R: Report + 'static> From<R> for Done {
    fn from(report: R) -> Self {
        Self { report: Box::new(report), failure: None }
    }
}

type Outcome = Result<Done, Failure>;
