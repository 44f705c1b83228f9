//! `hotbackup doctor PATH`.

use std::cmp::Reverse;
use std::io::{self, Write};
use std::path::PathBuf;

use clap::Args;
use hotbackup::{Finding, Severity, examine};
use serde::{Serialize, Serializer};

use crate::args::capture::in_options;
use crate::context::{Context, Run};
use crate::failure::Failure;
use crate::output::{Report, size, style};
use crate::{Done, Outcome};

const EXAMPLES: &str = "\
Examples:
  hotbackup doctor /var/lib/db          the database directory, and the roots that it remembers
  hotbackup doctor /backup/db --json    for a monitor: findings with their severities";

/// Find out what is wrong with a database directory or a root, and what to do about it.
///
/// It looks for locks and who holds them, what killed backups and restores have left, snapshots that cannot be read or
/// are damaged, and roots that are not the remembered ones. Nothing is changed. It fails if something is wrong (exit
/// code 13); what only needs a look does not fail it.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct Doctor {
    /// A database directory or a backup root
    #[arg(value_name = "PATH")]
    path: PathBuf,
}

impl Run for Doctor {
    fn run(&self, _: &Context) -> Outcome {
        let findings = examine(&self.path)?.into_iter().map(Found::of).collect();
        let mut done = examined(self.path.to_string_lossy().into_owned(), findings);
        done.failure = done.failure.map(|failure| failure.at(&self.path));
        Ok(done)
    }
}

/// What was found, the worst first, and the failure if something is wrong.
pub fn examined(path: String, mut findings: Vec<Found>) -> Done {
    findings.sort_by_key(|finding| Reverse(finding.severity));
    let wrong = findings.iter().filter(|finding| finding.severity == Severity::Error).count() as u64;
    let failure = (wrong > 0).then(|| {
        let number = size::things(wrong, "thing is", "things are");
        Failure::found(format!("{number} wrong with {path}"))
            .advise("do what each finding says, the first ones first")
    });
    Done { failure, ..Examined { path, findings }.into() }
}

/// What was found, the worst first.
#[derive(Serialize)]
struct Examined {
    path: String,
    findings: Vec<Found>,
}

/// One thing that was found.
#[derive(Serialize)]
pub struct Found {
    #[serde(serialize_with = "in_words")]
    pub severity: Severity,
    pub kind: &'static str,
    /// Where, or of which repository.
    pub path: String,
    pub what: String,
    pub to_do: Option<String>,
}

impl Found {
    fn of(finding: Finding) -> Self {
        Self {
            severity: finding.severity,
            kind: finding.kind,
            path: finding.path.to_string_lossy().into_owned(),
            what: finding.what,
            to_do: Some(in_options(finding.advice)).filter(|advice| !advice.is_empty()),
        }
    }
}

fn word(severity: Severity) -> &'static str {
    match severity {
        Severity::Ok => "ok",
        Severity::Notice => "notice",
        Severity::Warning => "warning",
        _ => "error",
    }
}

fn in_words<S: Serializer>(severity: &Severity, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(word(*severity))
}

impl Report for Examined {
    fn text(&self, out: &mut dyn Write, _: Option<usize>) -> io::Result<()> {
        for finding in &self.findings {
            let style = match finding.severity {
                Severity::Error => style::BAD,
                Severity::Ok => style::GOOD,
                _ => style::BOLD,
            };
            let severity = style::styled(style, format!("{}:", word(finding.severity)));
            writeln!(out, "{severity} {}: {}", finding.path, finding.what)?;
            if let Some(to_do) = &finding.to_do {
                writeln!(out, "    to do: {to_do}")?;
            }
        }
        Ok(())
    }
}
