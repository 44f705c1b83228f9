//! `hotbackup roots DIR`.

use std::io::{self, Write};
use std::path::PathBuf;

use clap::Args;
use hotbackup::{KnownRoot, Standing, known_roots};
use serde::Serialize;

use crate::Outcome;
use crate::context::{Context, Run};
use crate::output::table::{Column, Keep, number, render, text};
use crate::output::{Report, size};

const EXAMPLES: &str = "\
Examples:
  hotbackup roots /var/lib/db";

/// List the roots that a database directory remembers, and what is there now.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct Roots {
    /// The database's directory
    #[arg(value_name = "DIR")]
    data: PathBuf,
}

impl Run for Roots {
    fn run(&self, _: &Context) -> Outcome {
        let roots = known_roots(&self.data)?.into_iter().map(Root::of).collect();
        Ok(Remembered { data: self.data.to_string_lossy().into_owned(), roots }.into())
    }
}

/// The roots, the last used one first.
#[derive(Serialize)]
struct Remembered {
    data: String,
    roots: Vec<Root>,
}

#[derive(Serialize)]
struct Root {
    id: String,
    path: String,
    standing: &'static str,
    snapshots: u64,
}

impl Root {
    fn of(root: KnownRoot) -> Self {
        Self {
            id: root.id,
            path: root.path.to_string_lossy().into_owned(),
            standing: match root.standing {
                Standing::Same => "same",
                Standing::Missing => "missing",
                Standing::Another => "another",
                Standing::SealedByAnother => "sealed_by_another",
                _ => "unreadable",
            },
            snapshots: root.snapshots,
        }
    }

    fn row(&self) -> Vec<String> {
        let standing = match self.standing {
            "same" => "the remembered one",
            "missing" => "missing: is its disk mounted?",
            "another" => "another root than the remembered one",
            "sealed_by_another" => "a copy of this directory has used it since",
            _ => "it cannot be looked at",
        };
        vec![self.path.clone(), size::count(self.snapshots), standing.into()]
    }
}

const COLUMNS: &[Column] =
    &[text("ROOT", Keep::Whole), number("SNAPSHOTS", Keep::Until(1)), text("WHAT IS THERE", Keep::Wrapped)];

impl Report for Remembered {
    fn text(&self, out: &mut dyn Write, width: Option<usize>) -> io::Result<()> {
        if self.roots.is_empty() {
            return writeln!(out, "{} remembers no root: it was never backed up", self.data);
        }
        let rows: Vec<Vec<String>> = self.roots.iter().map(Root::row).collect();
        write!(out, "{}", render(COLUMNS, &rows, width))
    }
}
