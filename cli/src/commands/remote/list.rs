//! `hotbackup remote list`.

use std::io::{self, Write};

use clap::Args;
use hotbackup_remote::RemoteSnapshot;
use serde::Serialize;

use super::naming::{View, age};
use crate::Outcome;
use crate::args::remote::{HostOption, RepositoryOption};
use crate::context::{Context, Run};
use crate::failure::{Failure, View as FailureView};
use crate::naming::{short, short_length};
use crate::output::table::{Column, Keep, number, render, text};
use crate::output::{Report, size, style, time};

const EXAMPLES: &str = "\
Examples:
  hotbackup remote list --repo s3://backups/db1
  hotbackup remote list --repo s3://backups/all --host db1 --json | jq -r '.snapshots[0].id'";

/// List the snapshots of a repository, the newest first.
///
/// ID is that of the local snapshot, OBJECT what restic calls it; as much as is shown of either is enough for each
/// command.
#[derive(Args)]
#[command(visible_alias = "ls", after_help = EXAMPLES)]
pub struct List {
    #[command(flatten)]
    repository: RepositoryOption,
    #[command(flatten)]
    host: HostOption,
}

impl Run for List {
    fn run(&self, context: &Context) -> Outcome {
        let remote = self.repository.open(context)?.remote;
        let (mut found, unreadable) = remote.list(self.host.host.as_deref())?;
        found.reverse();
        let length = short_length(found.iter().map(RemoteSnapshot::id));
        let objects: Vec<String> = found.iter().map(RemoteSnapshot::object).collect();
        let object_length = short_length(objects.iter().map(String::as_str));
        Ok(Listed {
            repository: remote.url().to_string(),
            repository_id: remote.repository_id()?,
            rows: found.iter().map(|snapshot| row(snapshot, length, object_length)).collect(),
            snapshots: found.iter().map(View::of).collect(),
            unreadable: unreadable.into_iter().map(|error| Failure::from(error).view()).collect(),
        }
        .into())
    }
}

const COLUMNS: &[Column] = &[
    text("ID", Keep::Whole),
    text("OBJECT", Keep::Until(3)),
    text("HOST", Keep::Until(2)),
    text("NAME", Keep::Until(6)),
    text("MADE", Keep::Until(4)),
    number("AGE", Keep::Until(1)),
    text("LAYOUT", Keep::Until(7)),
    text("TAGS", Keep::Until(5)),
    text("BY", Keep::Until(8)),
];

fn row(snapshot: &RemoteSnapshot, length: usize, object_length: usize) -> Vec<String> {
    let view = View::of(snapshot);
    vec![
        short(&view.id, length).to_string(),
        short(&view.object, object_length).to_string(),
        view.host,
        view.name.unwrap_or_default(),
        time::local(snapshot.time()),
        age(snapshot),
        view.layout.unwrap_or_default(),
        view.tags.join(","),
        if view.is_pushed { String::new() } else { "restic".to_string() },
    ]
}

/// What a repository holds.
#[derive(Serialize)]
struct Listed {
    repository: String,
    repository_id: String,
    snapshots: Vec<View>,
    /// Why records of snapshots cannot be read.
    unreadable: Vec<FailureView>,
    #[serde(skip)]
    rows: Vec<Vec<String>>,
}

impl Report for Listed {
    fn text(&self, out: &mut dyn Write, width: Option<usize>) -> io::Result<()> {
        if self.rows.is_empty() {
            writeln!(out, "no snapshots in {}", self.repository)?;
        } else {
            write!(out, "{}", render(COLUMNS, &self.rows, width))?;
            let number = size::things(self.snapshots.len() as u64, "snapshot", "snapshots");
            writeln!(out, "{number} in {}", self.repository)?;
        }
        for error in &self.unreadable {
            writeln!(out, "{} {}", style::styled(style::BAD, "one cannot be read:"), error.message)?;
        }
        Ok(())
    }
}
