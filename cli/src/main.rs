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
mod page;
mod restic;
mod survey;
mod view;
mod work;

use std::ffi::OsStr;
use std::process::ExitCode;

use clap::{ArgMatches, CommandFactory, FromArgMatches};
use hotbackup::Code;

use args::{Cli, Global};
use context::Context;
use failure::Failure;
use output::Report;
use output::metrics::Run;

fn main() -> ExitCode {
    let parsed = Cli::command().try_get_matches().and_then(|matches| {
        let run = Run::new(&named(&matches));
        Ok((Cli::from_arg_matches(&matches)?, run))
    });
    let (cli, run) = match parsed {
        Ok(parsed) => parsed,
        Err(error) => return unparsed(&error),
    };
    output::style::set(cli.global.color);
    let outcome = Context::new(&cli.global).and_then(|context| {
        let done = commands::run(&cli.command, &context)?;
        context.display.clear();
        Ok(done)
    });
    let (report, failure) = match outcome {
        Ok(done) => (Some(done.report), done.failure),
        Err(failure) => (None, Some(failure)),
    };
    let failure = tell_monitor(&cli.global, &run, report.as_deref(), failure);
    output::finish(&cli.global, report.as_deref(), failure)
}

/// Writes the metrics, if they are wanted. That they cannot be written is a failure where there is no other.
fn tell_monitor(
    global: &Global,
    run: &Run,
    report: Option<&dyn Report>,
    failure: Option<Failure>,
) -> Option<Failure> {
    let Some(file) = global.prometheus.as_deref() else { return failure };
    let Err(unwritten) = run.write(file, report, failure.as_ref()) else { return failure };
    if failure.is_some() {
        output::style::error(&unwritten);
        return failure;
    }
    Some(unwritten)
}

/// The command that was given, `remote` with its own.
fn named(matches: &ArgMatches) -> String {
    let Some((name, within)) = matches.subcommand() else { return String::new() };
    format!("{name} {}", named(within)).trim_end().to_string()
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
