//! `hotbackup plan DIR`.

use std::io::{self, Write};
use std::path::Path;

use clap::Args;
use hotbackup::{Outcome as Fate, Preview, PreviewEntry};
use serde::Serialize;

use crate::args::capture::Capture;
use crate::args::values::class_name;
use crate::context::{Context, Run};
use crate::failure::{Failure, View};
use crate::output::table::{Column, Keep, number, render, text};
use crate::output::{Report, first_of, size, style};
use crate::{Done, Outcome};

const EXAMPLES: &str = "\
Examples:
  hotbackup plan /var/lib/db --layout rocksdb
  hotbackup plan /var/lib/db --rule '*.sst=immutable' --files";

/// Show what a backup would do now, without doing it.
///
/// It takes what `backup` takes, and may run beside the host. Nothing is made, locked or changed. It fails as the
/// backup would be refused.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct Plan {
    #[command(flatten)]
    capture: Capture,
    /// Each file too: its class, the rule that gives it, and what becomes of it
    #[arg(long)]
    files: bool,
}

impl Run for Plan {
    fn run(&self, _: &Context) -> Outcome {
        let advised = |error: hotbackup::Error| self.capture.advised(error.into());
        let preview = hotbackup::preview(&self.capture.data, &self.capture.options()?).map_err(advised)?;
        let refusals: Vec<Failure> = preview.refusals().iter().cloned().map(advised).collect();
        let refused = refusals.iter().map(Failure::view).collect();
        let failure = first_of(refusals, |number, first| {
            format!("a backup would be refused for {number} reasons; the first: {}", first.message())
        });
        let files = self.files.then(|| preview.iter().map(File::of).collect());
        Ok(Done { failure, ..Planned::of(&preview, files, refused).into() })
    }
}

/// What a backup would do.
#[derive(Serialize)]
struct Planned {
    data: String,
    root: String,
    layout: String,
    previous: Option<String>,
    totals: Vec<Total>,
    spaces: Vec<Space>,
    refusals: Vec<View>,
    #[serde(skip_serializing_if = "Option::is_none")]
    files: Option<Vec<File>>,
}

#[derive(Serialize)]
struct Total {
    outcome: &'static str,
    files: u64,
    bytes: u64,
}

#[derive(Serialize)]
struct Space {
    path: String,
    free: Option<u64>,
    needed: u64,
    reserve: u64,
}

#[derive(Serialize)]
struct File {
    path: String,
    bytes: u64,
    class: &'static str,
    rule: Option<String>,
    outcome: &'static str,
}

fn shown(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

impl Planned {
    fn of(preview: &Preview, files: Option<Vec<File>>, refusals: Vec<View>) -> Self {
        let total = |fate: Fate| {
            let totals = preview.totals(fate);
            Total { outcome: name(fate), files: totals.entries, bytes: totals.bytes }
        };
        let spaces = preview.spaces().iter().map(|space| Space {
            path: shown(&space.path),
            free: space.free,
            needed: space.needed,
            reserve: space.reserve,
        });
        Self {
            data: shown(preview.data_dir()),
            root: shown(preview.root()),
            layout: preview.layout().to_string(),
            previous: preview.previous().map(shown),
            totals: Fate::ALL.into_iter().map(total).collect(),
            spaces: spaces.collect(),
            refusals,
            files,
        }
    }
}

impl File {
    fn of(entry: PreviewEntry<'_>) -> Self {
        Self {
            path: shown(entry.path),
            bytes: entry.size,
            class: class_name(entry.class),
            rule: entry.rule.map(String::from),
            outcome: name(entry.outcome),
        }
    }
}

/// What becomes of a file, in JSON.
fn name(fate: Fate) -> &'static str {
    match fate {
        Fate::CopiedInFreeze => "copied_in_freeze",
        Fate::CopiedAfterFreeze => "copied_after_freeze",
        Fate::CopiedBeforeRelease => "copied_before_release",
        Fate::Cloned => "cloned",
        Fate::Shared => "shared",
        Fate::LinkKept => "link_kept",
        Fate::Excluded => "excluded",
        Fate::Skipped => "skipped",
        Fate::Refused => "refused",
        _ => "unknown",
    }
}

const TOTALS: &[Column] =
    &[text("WHAT BECOMES OF THEM", Keep::Whole), number("FILES", Keep::Whole), number("SIZE", Keep::Whole)];

const FILES: &[Column] = &[
    number("SIZE", Keep::Until(1)),
    text("CLASS", Keep::Until(2)),
    text("RULE", Keep::Until(3)),
    text("OUTCOME", Keep::Whole),
    text("FILE", Keep::Wrapped),
];

impl Report for Planned {
    fn text(&self, out: &mut dyn Write, width: Option<usize>) -> io::Result<()> {
        let spaced = |name: &str| name.replace('_', " ");
        writeln!(out, "a backup of {} to {}, layout {}", self.data, self.root, self.layout)?;
        if let Some(previous) = &self.previous {
            writeln!(out, "it would share with {previous}")?;
        }
        let totals = self.totals.iter().filter(|total| total.files > 0);
        let row = |total: &Total| {
            vec![spaced(total.outcome), size::count(total.files), size::readable(total.bytes)]
        };
        write!(out, "{}", render(TOTALS, &totals.map(row).collect::<Vec<_>>(), width))?;
        for space in &self.spaces {
            let free = space.free.map_or("an unknown size".into(), size::readable);
            write!(out, "{}: needs {} of {free} that are free", space.path, size::readable(space.needed))?;
            match space.reserve {
                0 => writeln!(out)?,
                reserve => writeln!(out, ", of which {} must stay so", size::readable(reserve))?,
            }
        }
        if let Some(files) = &self.files {
            let row = |file: &File| {
                let rule = file.rule.clone().unwrap_or_else(|| "(none)".into());
                vec![
                    size::readable(file.bytes),
                    file.class.into(),
                    rule,
                    spaced(file.outcome),
                    file.path.clone(),
                ]
            };
            write!(out, "{}", render(FILES, &files.iter().map(row).collect::<Vec<_>>(), width))?;
        }
        for refusal in &self.refusals {
            writeln!(out, "{} {}", style::styled(style::BAD, "it would be refused:"), refusal.message)?;
        }
        Ok(())
    }
}
