//! `hotbackup show SNAPSHOT`.

use std::io::{self, Write};
use std::path::Path;
use std::time::Duration;

use clap::Args;
use hotbackup::{EntryKind, Snapshot};
use serde::Serialize;

use crate::args::root::RootOption;
use crate::args::values::class_name;
use crate::context::{Context, Run};
use crate::failure::Failure;
use crate::naming::find;
use crate::output::table::{Column, Keep, number, render, text};
use crate::output::{Report, size, style};
use crate::view::{self, View};
use crate::{Done, Outcome, output::time};

const EXAMPLES: &str = "\
Examples:
  hotbackup show latest -r /backup/db
  hotbackup show 3f9a -r /backup/db --files
  hotbackup show /backup/db/ts-1764288000";

/// Show what one snapshot is, and with --files each file in it.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct Show {
    /// `latest`, an id or the beginning of one, a name, or a path
    #[arg(value_name = "SNAPSHOT")]
    snapshot: String,
    #[command(flatten)]
    root: RootOption,
    /// Each file too: its size, its class, and whether it is shared with an earlier snapshot
    #[arg(long)]
    files: bool,
}

impl Run for Show {
    fn run(&self, context: &Context) -> Outcome {
        let named = find(&self.snapshot, &self.root, context)?;
        let latest = named.root.latest().ok();
        let is_latest = latest.is_some_and(|latest| latest.location() == named.snapshot.location());
        let failure = named.snapshot.error().cloned().map(Failure::from);
        let made = view::made_at(&named.snapshot).map(time::local);
        let is_readable = named.snapshot.error().is_none();
        let files = (self.files && is_readable).then(|| files(&named.snapshot)).transpose()?;
        let report = Shown { snapshot: View::of(&named.snapshot, is_latest), files, made };
        Ok(Done { failure, ..report.into() })
    }
}

/// One snapshot.
#[derive(Serialize)]
struct Shown {
    snapshot: View,
    #[serde(skip_serializing_if = "Option::is_none")]
    files: Option<Vec<File>>,
    #[serde(skip)]
    made: Option<String>,
}

impl Report for Shown {
    fn text(&self, out: &mut dyn Write, width: Option<usize>) -> io::Result<()> {
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
            let ago = snapshot.age_seconds.map(|age| format!(", {}", view::ago(age)));
            line("made", &format!("{made}{}", ago.unwrap_or_default()))?;
        }
        let files = size::things(snapshot.files, "file", "files");
        line("holds", &format!("{files}, {}", size::readable(snapshot.bytes)))?;
        if snapshot.files_shared > 0 {
            let files = size::things(snapshot.files_shared, "file", "files");
            line("shares", &format!("{files}, {}", size::readable(snapshot.bytes_shared)))?;
        }
        match (snapshot.verified_age_seconds, snapshot.verified_level) {
            (Some(age), Some(level)) => line("verified", &format!("{}, level {level}", view::ago(age)))?,
            _ => line("verified", "not known")?,
        }
        if let Some(freeze) = snapshot.freeze_seconds {
            line("freeze", &time::took(Duration::from_secs_f64(freeze)))?;
        }
        if !snapshot.tags.is_empty() {
            line("tags", &snapshot.tags.join(", "))?;
        }
        line("layout", snapshot.layout.as_deref().unwrap_or("not said"))?;
        if let Some(metadata) = &snapshot.metadata {
            line("metadata", &metadata.escape_debug().to_string())?;
        }
        if let Some(digits) = &snapshot.metadata_hex {
            line("metadata", &format!("{} bytes that are no text", digits.len() / 2))?;
        }
        view::counted(out, snapshot.files_skipped, snapshot.files_left_out)?;
        let Some(files) = &self.files else { return Ok(()) };
        let rows: Vec<Vec<String>> = files.iter().map(File::row).collect();
        write!(out, "{}", render(COLUMNS, &rows, width))
    }
}

/// A name in a snapshot.
#[derive(Serialize)]
struct File {
    path: String,
    kind: &'static str,
    bytes: u64,
    class: Option<&'static str>,
    crc32: Option<u32>,
    is_shared: bool,
    target: Option<String>,
}

const COLUMNS: &[Column] = &[
    number("SIZE", Keep::Until(1)),
    text("CLASS", Keep::Until(2)),
    text("SHARED", Keep::Until(3)),
    text("FILE", Keep::Wrapped),
];

impl File {
    fn row(&self) -> Vec<String> {
        let target = self.target.as_ref().map(|target| format!(" -> {target}"));
        let slash = if self.kind == "directory" { "/" } else { "" };
        vec![
            if self.kind == "file" { size::readable(self.bytes) } else { String::new() },
            self.class.unwrap_or_default().to_string(),
            if self.is_shared { "shared".into() } else { String::new() },
            format!("{}{slash}{}", self.path, target.unwrap_or_default()),
        ]
    }
}

fn files(snapshot: &Snapshot) -> Result<Vec<File>, Failure> {
    let shown = |path: &Path| path.to_string_lossy().into_owned();
    let contents = snapshot.contents()?;
    let file = |entry: hotbackup::Entry<'_>| File {
        path: shown(entry.path),
        kind: kind(entry.kind),
        bytes: entry.size,
        class: entry.class.map(class_name),
        crc32: entry.crc32,
        is_shared: entry.is_shared(),
        target: entry.target.map(shown),
    };
    Ok(contents.iter().map(file).collect())
}

/// What an entry is called.
pub fn kind(kind: EntryKind) -> &'static str {
    match kind {
        EntryKind::File => "file",
        EntryKind::Directory => "directory",
        EntryKind::Link => "link",
        _ => "other",
    }
}
