//! `hotbackup report ROOT -o FILE`.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::Args;
use hotbackup::Code;
use serde::Serialize;

use crate::Outcome;
use crate::args::policy::Policy;
use crate::args::root::RootArgument;
use crate::context::{Context, Run};
use crate::failure::Failure;
use crate::output::replace::replace;
use crate::output::{self, metrics::Metrics};
use crate::page;
use crate::survey::{Survey, json::Numbers};

const EXAMPLES: &str = "\
Examples:
  hotbackup report /backup/db -o report.html
  hotbackup report /backup/db -o report.html --keep-daily 14 --keep-monthly 12
  hotbackup report /backup/db -o - | ssh web 'cat > backups.html'
  hotbackup report /backup/db --json                  the numbers alone";

/// Write a page about a root, to be looked at in a browser.
///
/// The page is one file, which needs no network and no script: the snapshots on a time line, what they share, how
/// long backups took and stopped writes, when each was read back, what is bad, and what a policy would delete.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct Report {
    #[command(flatten)]
    root: RootArgument,
    /// The page's file, which is replaced when the new one is whole; `-`: standard output
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    #[command(flatten)]
    policy: Policy,
}

impl Run for Report {
    fn run(&self, context: &Context) -> Outcome {
        let to_output = self.output.as_deref() == Some(Path::new("-"));
        if self.output.is_none() && !context.json || to_output && context.json {
            let what =
                if context.json { "-o - and --json both want standard output" } else { "no file was given" };
            let message = format!("writing a page: {what}");
            return Err(Failure::new(Code::InvalidArgument, message)
                .advise("give -o FILE for the page, -o - for standard output, or --json for the numbers"));
        }
        let survey = Survey::of(&self.root.resolve()?, Some(&self.policy))?;
        let file = self.output.as_ref().filter(|_| !to_output);
        if let Some(file) = file {
            replace(file, page::of(&survey).as_bytes(), None).map_err(|error| {
                let what = format!("writing the page {} (one that was there is as it was)", file.display());
                Failure::io(what, &error).at(file)
            })?;
        }
        let page = to_output.then(|| page::of(&survey));
        let file = file.map(|file| file.to_string_lossy().into_owned());
        let numbers = Numbers::of(&survey);
        Ok(Reported { file, numbers, page, survey }.into())
    }
}

/// What was written.
#[derive(Serialize)]
struct Reported {
    file: Option<String>,
    #[serde(flatten)]
    numbers: Numbers,
    #[serde(skip)]
    page: Option<String>,
    #[serde(skip)]
    survey: Survey,
}

impl output::Report for Reported {
    fn text(&self, out: &mut dyn Write, _: Option<usize>) -> io::Result<()> {
        match (&self.page, &self.file) {
            (Some(page), _) => out.write_all(page.as_bytes()),
            (None, Some(file)) => writeln!(out, "the page is {file}"),
            (None, None) => Ok(()),
        }
    }

    fn metrics(&self, metrics: &mut Metrics) {
        metrics.root(&self.survey);
    }
}
