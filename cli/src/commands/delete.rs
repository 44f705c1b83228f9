//! `hotbackup delete SNAPSHOT...`.

use std::io::{self, Write};

use clap::Args;
use serde::Serialize;

use crate::args::job::Consent;
use crate::args::root::RootOption;
use crate::context::{Context, Run};
use crate::failure::Failure;
use crate::naming::{Named, find};
use crate::output::{Report, first_of, size};
use crate::view;
use crate::{Done, Outcome};

const EXAMPLES: &str = "\
Examples:
  hotbackup delete 3f9a -r /backup/db
  hotbackup delete /backup/db/ts-1764288000 /backup/db/ts-1764291600 --yes";

/// Delete snapshots.
///
/// No other snapshot is harmed: what they share stays. If the latest goes, the next newest becomes that.
#[derive(Args, Debug)]
#[command(visible_alias = "rm", after_help = EXAMPLES)]
pub struct Delete {
    /// `latest`, an id or the beginning of one, a name, or a path
    #[arg(value_name = "SNAPSHOT", required = true)]
    snapshots: Vec<String>,
    #[command(flatten)]
    root: RootOption,
    #[command(flatten)]
    consent: Consent,
}

impl Run for Delete {
    fn run(&self, context: &Context) -> Outcome {
        // All are found before the first one goes: `latest` is another after it, and a wrong name harms nothing.
        let mut named: Vec<Named> = Vec::new();
        for name in &self.snapshots {
            let found = find(name, &self.root, context)?;
            if named.iter().all(|other| other.snapshot.location() != found.snapshot.location()) {
                named.push(found);
            }
        }
        context.confirm(&question(&named), &self.consent)?;
        context.interrupts.aftermath(
            "what was being deleted is no snapshot any more, and the next backup removes it; the others are whole",
        );
        let mut deleted = Vec::new();
        let mut failures = Vec::new();
        for Named { root, snapshot } in &named {
            match root.delete(&view::name(snapshot)) {
                Ok(()) => deleted.push(snapshot.location().to_string_lossy().into_owned()),
                Err(error) => failures.push(Failure::from(error)),
            }
        }
        let whole = |bad: usize, first: &Failure| {
            format!("{bad} of {} snapshots were not deleted; the first: {}", named.len(), first.message())
        };
        let failure = first_of(failures, whole);
        Ok(Done { failure, ..Deleted { deleted }.into() })
    }
}

fn question(named: &[Named]) -> String {
    match named {
        [one] => {
            let (snapshot, bytes) = (&one.snapshot, size::readable(one.snapshot.bytes()));
            format!("deleting {} ({}, {bytes})", snapshot.location().display(), snapshot.id())
        }
        several => {
            let names: Vec<_> = several.iter().map(|one| view::name(&one.snapshot)).collect();
            format!("deleting {} snapshots: {}", several.len(), names.join(", "))
        }
    }
}

/// What was deleted, by its path.
#[derive(Serialize)]
struct Deleted {
    deleted: Vec<String>,
}

impl Report for Deleted {
    fn text(&self, out: &mut dyn Write, _: Option<usize>) -> io::Result<()> {
        self.deleted.iter().try_for_each(|location| writeln!(out, "deleted {location}"))
    }
}
