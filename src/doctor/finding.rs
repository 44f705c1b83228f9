//! What an examination finds.

use std::path::{Path, PathBuf};

use crate::error::{Error, show};

/// How much a finding matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Severity {
    /// All is well: it says what is.
    Ok,
    /// Nothing is wrong, but it takes space or may surprise.
    Notice,
    /// Something needs a look before it does harm.
    Warning,
    /// A backup or a restore would fail, or a snapshot is not good.
    Error,
}

/// One thing that an examination found.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Finding {
    /// How much it matters.
    pub severity: Severity,
    /// What sort of thing it is, in words that stay: `stale_staging`.
    pub kind: &'static str,
    /// Where.
    pub path: PathBuf,
    /// What is there, in one line.
    pub what: String,
    /// What to do about it, in one line.
    pub advice: &'static str,
}

/// A kind of finding: how much it matters, its name, and what to do about it.
pub type Sort = (Severity, &'static str, &'static str);

/// What was found so far.
#[derive(Default)]
pub struct Findings(pub Vec<Finding>);

impl Findings {
    /// One more.
    pub fn add(&mut self, (severity, kind, advice): Sort, path: &Path, what: impl Into<String>) {
        self.0.push(Finding { severity, kind, path: path.to_path_buf(), what: what.into(), advice });
    }

    /// What could not be looked at, or is damaged.
    pub fn add_error(&mut self, sort: Sort, path: &Path, error: &Error) {
        self.add(sort, error.path().unwrap_or(path), error.message());
    }
}

/// A name for a line of text.
pub fn text(name: impl AsRef<Path>) -> String {
    show(name.as_ref())
}
