//! `hotbackup prune ROOT`.

use std::io::{self, Write};

use clap::Args;
use serde::Serialize;

use crate::Outcome;
use crate::args::job::Consent;
use crate::args::root::RootArgument;
use crate::context::{Context, Run};
use crate::output::{Report, size};

const EXAMPLES: &str = "\
Examples:
  hotbackup prune /backup/db --keep-newest 7
  hotbackup prune /backup/db --keep-newest 7 --yes     from a timer";

/// Delete old snapshots of a root.
///
/// Snapshots that cannot be read neither count nor go, and those that somebody reads stay for a later prune.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct Prune {
    #[command(flatten)]
    root: RootArgument,
    /// Keep the newest so many
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    keep_newest: u32,
    #[command(flatten)]
    consent: Consent,
}

impl Run for Prune {
    fn run(&self, context: &Context) -> Outcome {
        let root = self.root.resolve()?;
        let readable = root.list()?.iter().filter(|snapshot| snapshot.error().is_none()).count();
        let surplus = readable.saturating_sub(self.keep_newest as usize) as u64;
        if surplus > 0 {
            let number = size::things(surplus, "snapshot", "snapshots");
            context.confirm(
                &format!("deleting {number} of {readable} in {}", root.path().display()),
                &self.consent,
            )?;
        }
        context.interrupts.aftermath("what was deleted is gone, the others are whole; a later prune goes on");
        let deleted = root.prune(self.keep_newest)?;
        Ok(Pruned { root: root.path().to_string_lossy().into_owned(), deleted }.into())
    }
}

/// What was deleted.
#[derive(Serialize)]
struct Pruned {
    root: String,
    deleted: u32,
}

impl Report for Pruned {
    fn text(&self, out: &mut dyn Write, _: Option<usize>) -> io::Result<()> {
        writeln!(out, "{} deleted", size::things(u64::from(self.deleted), "snapshot", "snapshots"))
    }
}
