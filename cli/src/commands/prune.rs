//! `hotbackup prune ROOT`.

use std::io::{self, Write};

use clap::Args;
use hotbackup::{Code, Verdict};
use serde::Serialize;

use crate::Outcome;
use crate::args::job::Consent;
use crate::args::policy::Policy;
use crate::args::root::RootArgument;
use crate::context::{Context, Run};
use crate::failure::Failure;
use crate::naming::short;
use crate::output::table::{Column, Keep, number, render, text};
use crate::output::{Report, size};
use crate::view;

const EXAMPLES: &str = "\
Examples:
  What a policy would delete, and why it keeps the others:
    hotbackup prune /backup/db --keep-daily 7 --keep-weekly 4 --keep-monthly 12 --dry-run
  From a timer:
    hotbackup prune /backup/db --keep-newest 24 --keep-within 14d --keep-tag release --yes";

/// Delete the snapshots of a root that no rule keeps.
///
/// The newest good snapshot always stays. Those that cannot be read neither count nor go, and those that somebody reads
/// stay for a later prune.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct Prune {
    #[command(flatten)]
    root: RootArgument,
    #[command(flatten)]
    policy: Policy,
    /// Show what would go, and delete nothing
    #[arg(long, conflicts_with = "yes")]
    dry_run: bool,
    #[command(flatten)]
    consent: Consent,
}

impl Run for Prune {
    fn run(&self, context: &Context) -> Outcome {
        let Some(retention) = self.policy.retention() else {
            let why = "no rule says what stays, and without one everything would go";
            return Err(Failure::new(Code::InvalidArgument, why)
                .advise("give --keep-newest, --keep-daily or another --keep-..."));
        };
        let root = self.root.resolve()?;
        let planned = root.retention_plan(&retention)?;
        let surplus = planned.iter().filter(|verdict| verdict.goes()).count() as u64;
        let verdicts = if self.dry_run || surplus == 0 {
            planned
        } else {
            let (number, all) = (size::things(surplus, "snapshot", "snapshots"), planned.len());
            let what = format!("deleting {number} of {all} in {}", root.path().display());
            context.confirm(&what, &self.consent)?;
            context
                .interrupts
                .aftermath("what was deleted is gone, the others are whole; a later prune goes on");
            root.prune_by(&retention)?
        };
        let root = root.path().to_string_lossy().into_owned();
        let snapshots = verdicts.iter().map(Judged::of).collect();
        Ok(Pruned { root, is_dry_run: self.dry_run, snapshots }.into())
    }
}

/// What became of each snapshot.
#[derive(Serialize)]
struct Pruned {
    root: String,
    is_dry_run: bool,
    snapshots: Vec<Judged>,
}

#[derive(Serialize)]
struct Judged {
    id: String,
    name: String,
    location: String,
    bytes: u64,
    /// It was deleted, or would be.
    goes: bool,
    reasons: Vec<String>,
}

impl Judged {
    fn of(verdict: &Verdict) -> Self {
        let snapshot = verdict.snapshot();
        Self {
            id: snapshot.id().to_string(),
            name: view::name(snapshot),
            location: snapshot.location().to_string_lossy().into_owned(),
            bytes: snapshot.bytes(),
            goes: verdict.goes(),
            reasons: verdict.reasons().iter().map(ToString::to_string).collect(),
        }
    }

    fn row(&self) -> Vec<String> {
        let fate = if self.goes { "goes" } else { "stays" };
        vec![
            short(&self.id, 8).to_string(),
            self.name.clone(),
            size::readable(self.bytes),
            fate.into(),
            self.reasons.join(", "),
        ]
    }
}

const COLUMNS: &[Column] = &[
    text("ID", Keep::Until(2)),
    text("NAME", Keep::Whole),
    number("SIZE", Keep::Until(1)),
    text("", Keep::Whole),
    text("WHY", Keep::Wrapped),
];

impl Report for Pruned {
    fn text(&self, out: &mut dyn Write, width: Option<usize>) -> io::Result<()> {
        let rows: Vec<Vec<String>> = self.snapshots.iter().map(Judged::row).collect();
        if !rows.is_empty() {
            write!(out, "{}", render(COLUMNS, &rows, width))?;
        }
        let gone = self.snapshots.iter().filter(|snapshot| snapshot.goes).count() as u64;
        let number = size::things(gone, "snapshot", "snapshots");
        let what = if self.is_dry_run { "would be deleted" } else { "deleted" };
        writeln!(out, "{number} {what}")
    }
}
