//! `hotbackup scrub ROOT`.

use std::io::{self, Write};

use clap::Args;
use hotbackup::{Budget, Code, Options, VerifyLevel};
use serde::Serialize;

use crate::args::job::Rate;
use crate::args::root::RootArgument;
use crate::args::values;
use crate::context::{Context, Run};
use crate::output::{Report, size};
use crate::work::{Ended, watch};
use crate::{Done, Outcome};

const EXAMPLES: &str = "\
Examples:
  A share each night, so that each file is read back now and then:
    hotbackup scrub /backup/db --budget 50GiB
    hotbackup scrub /backup/db --budget 30m --rate 100MiB
  All of it:
    hotbackup scrub /backup/db";

/// Read back stored files, those first that were not for the longest time.
///
/// Each file is read once, however many snapshots share it. One that is bad is named with every snapshot that has it
/// and the newest good copy of it; those snapshots are listed as damaged from then on, until they are found good.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct Scrub {
    #[command(flatten)]
    root: RootArgument,
    /// So much, or for so long, as in 50GiB or 30m; by default everything
    #[arg(long, value_name = "SIZE|TIME", value_parser = values::budget)]
    budget: Option<Budget>,
    /// checksum, or media (read from the disk and not from memory)
    #[arg(long, value_name = "LEVEL", value_parser = values::level, default_value = "media")]
    level: VerifyLevel,
    #[command(flatten)]
    rate: Rate,
}

impl Run for Scrub {
    fn run(&self, context: &Context) -> Outcome {
        let root = self.root.resolve()?;
        let mut options = Options::new();
        options.set_verify_level(self.level);
        self.rate.apply(&mut options);
        let job = hotbackup::scrub(root.path(), self.budget.unwrap_or_default(), &options)?;
        let aftermath = "the snapshots are as they were; most of what was read is known";
        let (ended, failure) = watch(context, &job, aftermath)?;
        if let Some(failure) = failure.as_ref().filter(|failure| !failure.is(Code::Corrupt)) {
            return Err(failure.clone());
        }
        let failure = failure.map(|failure| {
            let number = size::things(faults(&ended), "fault was", "faults were");
            let says = format!("{number} found in {}; each is named in a warning", root.path().display());
            failure.says(says).advise(
                "make a new backup now, look at the disk (smartctl), and restore from a snapshot that is not damaged",
            )
        });
        Ok(Done {
            failure,
            ..Scrubbed { root: root.path().to_string_lossy().into_owned(), job: ended }.into()
        })
    }
}

/// How many files, or manifests, are bad. What could not be written down is a warning too.
fn faults(ended: &Ended) -> u64 {
    ended.warnings().iter().filter(|warning| warning.code == Code::Corrupt.name()).count() as u64
}

/// What was read back. What is bad is named in its warnings.
#[derive(Serialize)]
struct Scrubbed {
    root: String,
    job: Ended,
}

impl Report for Scrubbed {
    fn text(&self, out: &mut dyn Write, _: Option<usize>) -> io::Result<()> {
        let (files, bytes) = self.job.done();
        let files = size::things(files, "file", "files");
        let bad = faults(&self.job);
        let found = if bad == 0 { "all good".into() } else { size::things(bad, "fault", "faults") };
        writeln!(out, "read back {files}, {}: {found}", size::readable(bytes))
    }
}
