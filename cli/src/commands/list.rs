//! `hotbackup list ROOT`.

use std::io::{self, Write};
use std::time::SystemTime;

use clap::Args;
use hotbackup::{Code, Snapshot};
use serde::Serialize;

use crate::Outcome;
use crate::args::root::RootArgument;
use crate::context::{Context, Run};
use crate::naming::{short, short_length};
use crate::output::metrics::Metrics;
use crate::output::table::{Column, Keep, number, render, text};
use crate::output::{Report, size, style, time};
use crate::survey::Survey;
use crate::view::{self, View};

const EXAMPLES: &str = "\
Examples:
  hotbackup list /backup/db
  hotbackup list /var/lib/db              the root that a database has in itself
  hotbackup list -r /backup/db --json | jq '.snapshots[0].id'
  hotbackup list /backup/db -q --prometheus /var/lib/prometheus/node-exporter/db.prom";

/// List the snapshots of a root, the newest first.
///
/// An id is shown as far as it names one snapshot alone; so much of it is enough for each command. VERIFIED is how
/// long ago the whole of it was read back and was good.
#[derive(Args, Debug)]
#[command(visible_alias = "ls", after_help = EXAMPLES)]
pub struct List {
    #[command(flatten)]
    root: RootArgument,
}

impl Run for List {
    fn run(&self, context: &Context) -> Outcome {
        let root = self.root.resolve()?;
        context.display.explain(&format!("the root is {}", root.path().display()));
        let all = root.list()?;
        let latest = match root.latest() {
            Ok(latest) => Some(latest.location().to_path_buf()),
            Err(error) if error.code() == Code::NotFound => None,
            // It is in the list, with the reason.
            Err(_) => None,
        };
        let is_latest = |snapshot: &Snapshot| latest.as_deref() == Some(snapshot.location());
        let now = SystemTime::now();
        let length = short_length(all.iter().map(Snapshot::id));
        let rows = all.iter().map(|snapshot| row(snapshot, is_latest(snapshot), length, now)).collect();
        let snapshots = all.iter().map(|snapshot| View::of(snapshot, is_latest(snapshot))).collect();
        let survey = Survey::made_of(&root, all, None);
        Ok(Listed { root: survey.root.clone(), snapshots, rows, survey }.into())
    }
}

const COLUMNS: &[Column] = &[
    text("ID", Keep::Whole),
    text("NAME", Keep::Until(9)),
    text("MADE", Keep::Until(5)),
    number("AGE", Keep::Until(1)),
    number("SIZE", Keep::Until(2)),
    number("SHARED", Keep::Until(6)),
    number("FILES", Keep::Until(7)),
    text("LAYOUT", Keep::Until(8)),
    text("TAGS", Keep::Until(4)),
    number("VERIFIED", Keep::Until(3)),
    text("STATE", Keep::Wrapped),
];

fn row(snapshot: &Snapshot, is_latest: bool, length: usize, now: SystemTime) -> Vec<String> {
    let made = view::made_at(snapshot);
    let is_readable = snapshot.error().is_none();
    let known = |text: String| if is_readable { text } else { String::new() };
    let shared = Some(snapshot.bytes_shared()).filter(|bytes| *bytes > 0);
    let latest = if is_latest { ", latest" } else { "" };
    vec![
        short(snapshot.id(), length).to_string(),
        view::name(snapshot),
        made.map(time::local).unwrap_or_default(),
        made.map(|made| time::age(made, now)).unwrap_or_default(),
        known(size::readable(snapshot.bytes())),
        shared.map(size::readable).unwrap_or_default(),
        known(size::count(snapshot.files())),
        snapshot.layout().to_string(),
        snapshot.tags().join(","),
        snapshot.verified().map(|verified| time::age(verified.at, now)).unwrap_or_default(),
        format!("{}{latest}", view::state(snapshot)),
    ]
}

/// What a root holds.
#[derive(Serialize)]
struct Listed {
    root: String,
    snapshots: Vec<View>,
    #[serde(skip)]
    rows: Vec<Vec<String>>,
    #[serde(skip)]
    survey: Survey,
}

impl Report for Listed {
    fn text(&self, out: &mut dyn Write, width: Option<usize>) -> io::Result<()> {
        if self.rows.is_empty() {
            return writeln!(out, "no snapshots in {}", self.root);
        }
        write!(out, "{}", render(COLUMNS, &self.rows, width))?;
        let sum = |of: fn(&View) -> u64| size::sum(self.snapshots.iter().map(of));
        let (bytes, shared) = (sum(|snapshot| snapshot.bytes), sum(|snapshot| snapshot.bytes_shared));
        let number = size::things(self.snapshots.len() as u64, "snapshot", "snapshots");
        let shared = match shared {
            0 => String::new(),
            shared => format!(", of which {} shared", size::readable(shared)),
        };
        writeln!(out, "{number}, {}{shared}", size::readable(bytes))?;
        let bad = self.snapshots.iter().filter(|snapshot| snapshot.error.is_some());
        for snapshot in bad {
            let name = &snapshot.name;
            let why = snapshot.error.as_ref().map(|error| error.message.as_str()).unwrap_or_default();
            writeln!(out, "{} {why}", style::styled(style::BAD, format!("{name} cannot be read:")))?;
        }
        let damaged = self.snapshots.iter().filter(|snapshot| snapshot.state == "damaged").count() as u64;
        if damaged > 0 {
            let number = style::styled(
                style::BAD,
                format!("{} damaged:", size::things(damaged, "snapshot is", "snapshots are")),
            );
            writeln!(out, "{number} `hotbackup verify` says which file is bad")?;
        }
        Ok(())
    }

    fn metrics(&self, metrics: &mut Metrics) {
        metrics.root(&self.survey);
    }
}
