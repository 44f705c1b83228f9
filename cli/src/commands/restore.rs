//! `hotbackup restore SNAPSHOT TARGET`.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::Args;
use hotbackup::{Code, Job, Options};
use serde::Serialize;

use crate::Outcome;
use crate::args::job::{Consent, Level, Speed};
use crate::args::root::RootOption;
use crate::args::values;
use crate::context::{Context, Run};
use crate::failure::Failure;
use crate::naming::find;
use crate::output::{Report, style};
use crate::view::View;
use crate::work::{Ended, attend};

const EXAMPLES: &str = "\
Examples:
  Into a new directory, to look at it first:
    hotbackup restore latest /tmp/look -r /backup/db
  Over a database whose host is stopped; what was there is kept for `hotbackup undo`:
    hotbackup restore 3f9a /var/lib/db -r /backup/db
  Where little has changed, reading what is the same and copying the rest:
    hotbackup restore latest /var/lib/db -r /backup/db --keep-matching";

/// Put a snapshot in place as a database directory.
///
/// The target gets all of the snapshot, or nothing there changes. What it replaces is kept beside it until
/// `hotbackup undo` takes the restore back, or the next restore.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct Restore {
    /// `latest`, an id or the beginning of one, a name, or a path
    #[arg(value_name = "SNAPSHOT")]
    snapshot: String,
    /// The directory to restore to; it need not be there
    #[arg(value_name = "TARGET")]
    target: PathBuf,
    #[command(flatten)]
    root: RootOption,
    #[command(flatten)]
    placing: Placing,
}

impl Run for Restore {
    fn run(&self, context: &Context) -> Outcome {
        let named = find(&self.snapshot, &self.root, context)?;
        if let Some(error) = named.snapshot.error() {
            return Err(error.clone().into());
        }
        let replaces = self.placing.confirm(&self.target, context)?;
        let job = hotbackup::restore(named.snapshot.location(), &self.target, &self.placing.options())?;
        let ended = self.placing.attend(&job, &self.target, context).map_err(stop_the_host)?;
        let latest = named.root.latest().ok();
        let is_latest = latest.is_some_and(|latest| latest.location() == named.snapshot.location());
        Ok(Restored {
            snapshot: View::of(&named.snapshot, is_latest),
            target: job.location().to_string_lossy().into_owned(),
            has_undo: replaces && self.placing.keeps_undo(),
            job: ended,
        }
        .into())
    }
}

/// How a snapshot is put in place, wherever it comes from.
#[derive(Args, Debug)]
pub struct Placing {
    /// Do not keep what is replaced: there is no undo then
    #[arg(long)]
    no_undo: bool,
    /// Keep files of the target that are the snapshot's already, by their checksums
    #[arg(long)]
    keep_matching: bool,
    /// Leave so much space free, as in 10GiB
    #[arg(long, value_name = "SIZE", value_parser = values::size, default_value = "0")]
    min_free: u64,
    #[command(flatten)]
    level: Level,
    #[command(flatten)]
    speed: Speed,
    #[command(flatten)]
    consent: Consent,
}

impl Placing {
    /// Asks before something is replaced. `true`: something will be.
    pub fn confirm(&self, target: &Path, context: &Context) -> Result<bool, Failure> {
        let replaces = holds_something(target);
        if replaces {
            let kept = if self.no_undo { "is lost" } else { "is kept for an undo" };
            let shown = target.display();
            let what = format!("restoring over {shown}, which holds files: what it has now {kept}");
            context.confirm(&what, &self.consent)?;
        }
        Ok(replaces)
    }

    /// The options that say so.
    pub fn options(&self) -> Options {
        let mut options = Options::new();
        options.set_keep_undo(self.keeps_undo());
        options.set_keep_matching(self.keep_matching);
        options.set_min_free(self.min_free);
        self.level.apply(&mut options);
        self.speed.apply(&mut options);
        options
    }

    /// Whether what is replaced is kept.
    pub fn keeps_undo(&self) -> bool {
        !self.no_undo
    }

    /// Waits for a restore to `target`.
    pub fn attend(&self, job: &Job, target: &Path, context: &Context) -> Result<Ended, Failure> {
        let shown = target.display();
        let aftermath =
            format!("`hotbackup recover {shown}` removes what was copied; the target is as it was");
        attend(context, job, &aftermath).map_err(|failure| match failure.is(Code::RestoreUnfinished) {
            true => failure.advise(format!("`hotbackup recover {shown}`, then try again")),
            false => failure,
        })
    }
}

/// A target whose host runs must be freed by whoever knows the host.
pub fn stop_the_host(failure: Failure) -> Failure {
    match failure.is(Code::Conflict) {
        true => failure.advise("stop the host that has it open, and try again"),
        false => failure,
    }
}

/// Whether there is something that a restore would replace. What cannot be looked at may hold it.
fn holds_something(target: &Path) -> bool {
    match target.read_dir() {
        Ok(entries) => entries.flatten().any(|entry| entry.file_name() != ".lifecycle"),
        Err(error) => error.kind() != io::ErrorKind::NotFound,
    }
}

/// A restore that was made.
#[derive(Serialize)]
struct Restored {
    snapshot: View,
    target: String,
    has_undo: bool,
    job: Ended,
}

impl Report for Restored {
    fn text(&self, out: &mut dyn Write, _: Option<usize>) -> io::Result<()> {
        let done = style::styled(style::GOOD, "restored");
        writeln!(out, "{done} {} to {}", self.snapshot.location, self.target)?;
        self.job.text(out)?;
        if self.has_undo {
            writeln!(out, "`hotbackup undo {}` takes it back", self.target)?;
        }
        Ok(())
    }
}
