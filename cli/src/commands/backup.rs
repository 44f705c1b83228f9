//! `hotbackup backup DIR`.

use std::io::{self, Write};
use std::time::Duration;

use clap::Args;
use hotbackup::{Coordinator, Options, Snapshot};
use serde::Serialize;

use crate::args::capture::Capture;
use crate::args::job::{Level, Speed};
use crate::args::values;
use crate::context::{Context, Run};
use crate::failure::Failure;
use crate::hooks::HookCommands;
use crate::output::Report;
use crate::view::{self, View};
use crate::work::{Ended, attend};
use crate::{Outcome, output};

const EXAMPLES: &str = "\
Examples:
  A database that is stopped, or whose files rest, into its own root:
    hotbackup backup /var/lib/db
  To another disk, slowly enough for the others on it:
    hotbackup backup /var/lib/db -r /backup/db --rate 50MiB
  A running one that can be stopped and resumed by commands:
    hotbackup backup /var/lib/db --freeze-cmd 'dbctl pause' --thaw-cmd 'dbctl resume'
  RocksDB's files, its tables shared with the snapshot before:
    hotbackup backup /var/lib/db --layout rocksdb";

/// Make a snapshot of a database directory.
///
/// The host need not be there: the files must rest while mutable ones are read, or --freeze-cmd and --thaw-cmd stop
/// and resume writes. A hook command finds in its environment HOTBACKUP_DATA_DIR, HOTBACKUP_ROOT, HOTBACKUP_SNAPSHOT
/// (the snapshot's path once it is published), HOTBACKUP_JOB, HOTBACKUP_HOOK, and --validate-cmd HOTBACKUP_STAGING.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct Backup {
    #[command(flatten)]
    capture: Capture,
    /// Text to be kept in the snapshot
    #[arg(long, value_name = "TEXT", help_heading = "Snapshot")]
    metadata: Option<String>,
    /// A word by which `prune` may keep the snapshot; can be given several times
    #[arg(long = "tag", value_name = "TAG", help_heading = "Snapshot")]
    tags: Vec<String>,
    #[command(flatten)]
    level: Level,
    #[command(flatten)]
    speed: Speed,
    #[command(flatten)]
    hooks: HookCommands,
    /// The longest that writes may be stopped; 0: however long it takes
    #[arg(long, value_name = "TIME", value_parser = values::duration, default_value = "30s")]
    #[arg(help_heading = "Hooks")]
    freeze_timeout: Duration,
}

const AFTERMATH: &str =
    "the snapshots that were there are as they were; what was copied the next backup removes";

impl Backup {
    fn options(&self, context: &Context) -> Result<Options, Failure> {
        let mut options = self.capture.options()?;
        for tag in &self.tags {
            options.add_tag(tag)?;
        }
        options.set_metadata(self.metadata.as_deref().unwrap_or_default().as_bytes())?;
        options.set_freeze_timeout(self.freeze_timeout);
        self.level.apply(&mut options);
        self.speed.apply(&mut options);
        let data = std::path::absolute(&self.capture.data).unwrap_or_else(|_| self.capture.data.clone());
        self.hooks.apply(&mut options, &data, context);
        Ok(options)
    }
}

impl Run for Backup {
    fn run(&self, context: &Context) -> Outcome {
        let advised = |failure: Failure| self.capture.advised(failure);
        let coordinator = Coordinator::open(&self.capture.data, &self.options(context)?);
        let coordinator = coordinator.map_err(|error| advised(error.into()))?;
        context.display.explain(&format!("the root is {}", coordinator.root().path().display()));
        let backup = coordinator.start().map_err(|error| advised(error.into()))?;
        let ended = attend(context, &backup, AFTERMATH).map_err(advised)?;
        let snapshot = Snapshot::open(backup.location())?;
        Ok(Made { snapshot: View::of(&snapshot, true), job: ended }.into())
    }
}

/// A backup that was made.
#[derive(Serialize)]
struct Made {
    snapshot: View,
    job: Ended,
}

impl Report for Made {
    fn text(&self, out: &mut dyn Write, _: Option<usize>) -> io::Result<()> {
        let done = output::style::styled(output::style::GOOD, "backed up");
        writeln!(out, "{done} to {}", self.snapshot.location)?;
        writeln!(out, "id {}", self.snapshot.id)?;
        self.job.text(out)?;
        view::counted(out, self.snapshot.files_skipped, self.snapshot.files_left_out)
    }
}
