//! `hotbackup show SNAPSHOT`.

use std::io::{self, Write};

use clap::Args;
use serde::Serialize;

use crate::args::root::RootOption;
use crate::context::{Context, Run};
use crate::failure::Failure;
use crate::naming::find;
use crate::output::{Report, size, style};
use crate::view::{self, View};
use crate::{Done, Outcome, output::time};

const EXAMPLES: &str = "\
Examples:
  hotbackup show latest -r /backup/db
  hotbackup show 3f9a -r /backup/db
  hotbackup show /backup/db/ts-1764288000";

/// Show what one snapshot is.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct Show {
    /// `latest`, an id or the beginning of one, a name, or a path
    #[arg(value_name = "SNAPSHOT")]
    snapshot: String,
    #[command(flatten)]
    root: RootOption,
}

impl Run for Show {
    fn run(&self, context: &Context) -> Outcome {
        let named = find(&self.snapshot, &self.root, context)?;
        let latest = named.root.latest().ok();
        let is_latest = latest.is_some_and(|latest| latest.location() == named.snapshot.location());
        let failure = named.snapshot.error().cloned().map(Failure::from);
        let made = view::made_at(&named.snapshot).map(time::local);
        let report = Shown { snapshot: View::of(&named.snapshot, is_latest), made };
        Ok(Done { failure, ..report.into() })
    }
}

/// One snapshot.
#[derive(Serialize)]
struct Shown {
    snapshot: View,
    #[serde(skip)]
    made: Option<String>,
}

impl Report for Shown {
    fn text(&self, out: &mut dyn Write, _: Option<usize>) -> io::Result<()> {
        let snapshot = &self.snapshot;
        let mut line = |what: &str, value: &str| {
            writeln!(out, "{} {value}", style::styled(style::BOLD, format!("{what:9}")))
        };
        line("id", &snapshot.id)?;
        line("path", &snapshot.location)?;
        let latest = if snapshot.is_latest { ", the latest" } else { "" };
        line("state", &format!("{}{latest}", snapshot.state))?;
        if snapshot.error.is_some() {
            return Ok(());
        }
        if let Some(made) = &self.made {
            line("made", &format!("{made}{}", view::age(snapshot)))?;
        }
        let files = size::things(snapshot.files, "file", "files");
        line("holds", &format!("{files}, {}", size::readable(snapshot.bytes)))?;
        if snapshot.files_shared > 0 {
            let files = size::things(snapshot.files_shared, "file", "files");
            line("shares", &format!("{files}, {}", size::readable(snapshot.bytes_shared)))?;
        }
        line("layout", snapshot.layout.as_deref().unwrap_or("not said"))?;
        if let Some(metadata) = &snapshot.metadata {
            line("metadata", &metadata.escape_debug().to_string())?;
        }
        if let Some(digits) = &snapshot.metadata_hex {
            line("metadata", &format!("{} bytes that are no text", digits.len() / 2))?;
        }
        view::counted(out, snapshot.files_skipped, snapshot.files_left_out)
    }
}
