//! `hotbackup backup DIR`.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use hotbackup::{Code, Coordinator, Options, Share, Snapshot, Symlinks};
use serde::Serialize;

use crate::args::job::{Level, Speed};
use crate::args::root::RootOption;
use crate::args::values::{self, Rule};
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
    /// The database's directory
    #[arg(value_name = "DIR")]
    data: PathBuf,
    #[command(flatten)]
    root: RootOption,
    /// Take the root over from another data directory, one that was moved or copied for one
    #[arg(long)]
    adopt_root: bool,
    /// Which engine's files these are: generic, rocksdb, leveldb, pebble, sqlite, lmdb, bbolt
    #[arg(long, value_name = "NAME", help_heading = "Files")]
    layout: Option<String>,
    /// What files promise, before the layout's rules: immutable, append_only, pinned, mutable, excluded
    #[arg(long = "rule", value_name = "GLOB=CLASS", value_parser = values::rule, help_heading = "Files")]
    rules: Vec<Rule>,
    /// A further directory, captured below PREFIX in the snapshot
    #[arg(long = "source", value_name = "PREFIX=DIR", value_parser = source, help_heading = "Files")]
    sources: Vec<(PathBuf, PathBuf)>,
    /// What symbolic links do: fail the backup, or be kept as links
    #[arg(long, value_name = "fail|preserve", value_parser = values::symlinks, default_value = "fail")]
    #[arg(help_heading = "Files")]
    symlinks: Symlinks,
    /// Text to be kept in the snapshot
    #[arg(long, value_name = "TEXT", help_heading = "Snapshot")]
    metadata: Option<String>,
    /// Whether unchanged immutable files are shared with the snapshot before: never, safely, always
    #[arg(long, value_name = "HOW", value_parser = values::share, default_value = "safely")]
    #[arg(help_heading = "Snapshot")]
    share: Share,
    /// Leave so much space free on each disk, as in 10GiB
    #[arg(long, value_name = "SIZE", value_parser = values::size, default_value = "0")]
    #[arg(help_heading = "Snapshot")]
    min_free: u64,
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

fn source(text: &str) -> Result<(PathBuf, PathBuf), String> {
    let (prefix, path) = text.split_once('=').ok_or("a source is PREFIX=DIR, as in wal=/var/lib/wal")?;
    Ok((path.into(), prefix.into()))
}

impl Backup {
    fn options(&self, context: &Context) -> Result<Options, Failure> {
        let mut options = Options::new();
        if let Some(root) = &self.root.root {
            options.set_root(root)?;
        }
        if let Some(layout) = &self.layout {
            options.set_layout(layout)?;
        }
        for rule in &self.rules {
            options.add_rule(&rule.glob, rule.class)?;
        }
        for (path, prefix) in &self.sources {
            options.add_source(path, prefix)?;
        }
        options.set_metadata(self.metadata.as_deref().unwrap_or_default().as_bytes())?;
        options.set_adopt_root(self.adopt_root);
        options.set_symlinks(self.symlinks);
        options.set_share(self.share);
        options.set_min_free(self.min_free);
        options.set_freeze_timeout(self.freeze_timeout);
        self.level.apply(&mut options);
        self.speed.apply(&mut options);
        let data = std::path::absolute(&self.data).unwrap_or_else(|_| self.data.clone());
        self.hooks.apply(&mut options, &data, context);
        Ok(options)
    }
}

impl Run for Backup {
    fn run(&self, context: &Context) -> Outcome {
        let advised = |failure: Failure| advised(failure, &self.data);
        let coordinator = Coordinator::open(&self.data, &self.options(context)?);
        let coordinator = coordinator.map_err(|error| advised(error.into()))?;
        context.display.explain(&format!("the root is {}", coordinator.root().path().display()));
        let backup = coordinator.start().map_err(|error| advised(error.into()))?;
        let ended = attend(context, &backup, AFTERMATH).map_err(advised)?;
        let snapshot = Snapshot::open(backup.location())?;
        Ok(Made { snapshot: View::of(&snapshot, true), job: ended }.into())
    }
}

/// What the library names by its own functions is an option here.
fn advised(failure: Failure, data: &Path) -> Failure {
    if failure.message().contains("set_adopt_root") {
        failure.advise("if that is meant, give --adopt-root once")
    } else if failure.is(Code::RestoreUnfinished) {
        failure.advise(format!("`hotbackup recover {}`, then try again", data.display()))
    } else if failure.is(Code::Corrupt) {
        failure
            .advise("look whether the directory holds what its --layout says, and whether its disk is sound")
    } else {
        failure
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
