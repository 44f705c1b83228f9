//! `hotbackup diff A B`.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::Path;

use clap::Args;
use serde::Serialize;

use crate::Outcome;
use crate::args::root::RootOption;
use crate::commands::diff::side::{Name, Side};
use crate::context::{Context, Run};
use crate::failure::Failure;
use crate::output::table::{Column, Keep, number, render, text};
use crate::output::{Report, size};

mod side;

const EXAMPLES: &str = "\
Examples:
  What came between two snapshots:
    hotbackup diff 3f9a latest -r /backup/db
  What a restore of the latest would change:
    hotbackup diff /var/lib/db latest -r /backup/db";

/// Show which files were added, removed and changed between two snapshots, or a snapshot and a directory.
///
/// Files of snapshots are compared by size and checksum. Of a directory a file is read where its size is the same and
/// its time is not; what the snapshot's rules exclude does not count.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct Diff {
    /// A snapshot, as each command takes it, or a directory
    #[arg(value_name = "A")]
    old: String,
    /// A snapshot or a directory
    #[arg(value_name = "B")]
    new: String,
    #[command(flatten)]
    root: RootOption,
}

impl Run for Diff {
    fn run(&self, context: &Context) -> Outcome {
        let (old, new) = Side::pair(&self.old, &self.new, &self.root, context)?;
        let (before, after) = (old.names()?, new.names()?);
        let changes = compare(&old, &before, &new, &after)?;
        Ok(Compared::of(&old, &new, changes).into())
    }
}

/// What is different, in the order of names.
fn compare(
    old: &Side,
    before: &BTreeMap<Vec<u8>, Name>,
    new: &Side,
    after: &BTreeMap<Vec<u8>, Name>,
) -> Result<Vec<Change>, Failure> {
    let mut changes = Vec::new();
    for (path, name) in before {
        let change = |what, after: Option<&Name>| Change::of(path, what, Some(name), after);
        match after.get(path) {
            None => changes.push(change("removed", None)),
            Some(other) if !side::are_same(old, name, new, other)? => {
                changes.push(change("changed", Some(other)))
            }
            Some(_) => {}
        }
    }
    let added = after.iter().filter(|(path, _)| !before.contains_key(*path));
    changes.extend(added.map(|(path, name)| Change::of(path, "added", None, Some(name))));
    changes.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(changes)
}

/// How two trees differ.
#[derive(Serialize)]
struct Compared {
    old: String,
    new: String,
    added: Total,
    removed: Total,
    changed: Total,
    changes: Vec<Change>,
}

/// Bytes of the new side; of what was removed those of the old one.
#[derive(Default, Serialize)]
struct Total {
    files: u64,
    bytes: u64,
}

#[derive(Serialize)]
struct Change {
    path: String,
    change: &'static str,
    old_bytes: Option<u64>,
    new_bytes: Option<u64>,
}

impl Change {
    fn of(path: &[u8], change: &'static str, old: Option<&Name>, new: Option<&Name>) -> Self {
        let path = String::from_utf8_lossy(path).into_owned();
        Self { path, change, old_bytes: old.map(|name| name.size), new_bytes: new.map(|name| name.size) }
    }
}

impl Compared {
    fn of(old: &Side, new: &Side, changes: Vec<Change>) -> Self {
        let total = |what: &str| {
            let mut total = Total::default();
            for change in changes.iter().filter(|change| change.change == what) {
                total.files += 1;
                total.bytes += change.new_bytes.or(change.old_bytes).unwrap_or(0);
            }
            total
        };
        let shown = |path: &Path| path.to_string_lossy().into_owned();
        let (added, removed, changed) = (total("added"), total("removed"), total("changed"));
        Self { old: shown(old.path()), new: shown(new.path()), added, removed, changed, changes }
    }
}

const COLUMNS: &[Column] = &[
    text("", Keep::Whole),
    number("OLD", Keep::Until(1)),
    number("NEW", Keep::Until(1)),
    text("FILE", Keep::Wrapped),
];

impl Report for Compared {
    fn text(&self, out: &mut dyn Write, width: Option<usize>) -> io::Result<()> {
        let known = |bytes: Option<u64>| bytes.map(size::readable).unwrap_or_default();
        let row = |change: &Change| {
            vec![change.change.into(), known(change.old_bytes), known(change.new_bytes), change.path.clone()]
        };
        if !self.changes.is_empty() {
            let rows: Vec<Vec<String>> = self.changes.iter().map(row).collect();
            write!(out, "{}", render(COLUMNS, &rows, width))?;
        }
        let told = |total: &Total, word: &str| {
            format!("{} {word} ({})", size::things(total.files, "file", "files"), size::readable(total.bytes))
        };
        let totals = [(&self.added, "added"), (&self.removed, "removed"), (&self.changed, "changed")];
        let totals: Vec<_> = totals.iter().map(|(total, word)| told(total, word)).collect();
        writeln!(out, "{}", totals.join(", "))
    }
}
