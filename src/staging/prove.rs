//! The proof of a tree, for backups, restores and verifications alike: it is what its manifest says, and its
//! engine's validators find it good.

use crate::error::Result;
use crate::job::JobContext;
use crate::layout::{Layout, Rule, Rules};
use crate::settings::{Settings, VerifyLevel};
use crate::snapshot::{Imprint, Manifest};
use crate::sys::dir::Dir;

use super::Staging;
use super::compare::{Comparison, compare};

/// The caller's layout, else the manifest's. One that is not built in has no validator here;
/// the checksums still prove that the bytes are those that were validated when they were saved.
pub fn layout_of(manifest: &Manifest, settings: &Settings) -> Layout {
    let named = || Layout::named(&manifest.layout).unwrap_or(Layout::DEFAULT);
    settings.layout.unwrap_or_else(named)
}

/// The rules a snapshot was made with, else those of the layout.
pub fn rules_of(manifest: &Manifest, layout: &Layout, settings: &Settings) -> Rules {
    let recorded = manifest.rules.iter().filter_map(|(glob, class)| Rule::new(glob, *class).ok());
    let first: Vec<Rule> = settings.rules.iter().cloned().chain(recorded).collect();
    layout.rules_after(&first)
}

/// What a tree is to be, and how that is looked at.
pub struct Proof<'a> {
    /// What it holds.
    pub manifest: &'a Manifest,
    /// Whose validator looks at it.
    pub layout: Layout,
    /// Names that an engine may leave in what it opened (its lock file).
    pub rules: &'a Rules,
    /// How much is read.
    pub level: VerifyLevel,
    /// I/O threads.
    pub threads: usize,
    /// The job, whose host has a validator of its own.
    pub job: &'a JobContext,
}

impl Proof<'_> {
    /// Of a tree that was just staged, whose files must still have these imprints: it is synced, the
    /// validators look, and only then is it compared: an engine that opened it may have changed it.
    pub fn of_staged(&self, staging: &Staging, imprints: &[Imprint]) -> Result<()> {
        staging.sync(self.threads)?;
        self.validate(&staging.dir)?;
        self.compare(&staging.dir, Some(imprints))
    }

    /// Of a published snapshot. A validator that changes something is found out here too.
    pub fn of_published(&self, snapshot: &Dir) -> Result<()> {
        self.validate(snapshot)?;
        match self.level {
            VerifyLevel::None => Ok(()),
            _ => self.compare(snapshot, None),
        }
    }

    fn validate(&self, tree: &Dir) -> Result<()> {
        self.layout.validate(tree.path())?;
        self.job.host.validate(tree.path())
    }

    fn compare(&self, tree: &Dir, imprints: Option<&[Imprint]>) -> Result<()> {
        let comparison = Comparison {
            tree,
            manifest: self.manifest,
            rules: self.rules,
            level: self.level,
            imprints,
            monitor: &self.job.monitor,
        };
        compare(&comparison, self.threads)
    }
}
