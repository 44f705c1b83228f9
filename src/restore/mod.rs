//! The life of a restore: copy to a staging → verify → swap. Until the swap the target is as it
//! was; after it, it is the snapshot; and whatever is killed when, never a mixture of both.

mod aside;
mod journal;
mod recover;
mod stage;
mod swap;
mod units;

use std::path::{Path, PathBuf};

pub use recover::{Recovered, recover, restore_undo};

use crate::error::{Code, Error, Result};
use crate::io::Phase;
use crate::job::JobContext;
use crate::layout::{Layout, Rules};
use crate::options::Options;
use crate::snapshot::compare::{layout_of, rules_of};
use crate::snapshot::{Manifest, lock_in_use, open_directory, read};
use crate::sys::dir::Dir;
use stage::Target;

const UNHARMED: &str = "the target is as it was";

/// A restore under way.
struct Restore<'a> {
    source: Dir,
    manifest: Manifest,
    layout: Layout,
    rules: Rules,
    options: &'a Options,
    link: &'a JobContext,
}

/// Restores `snapshot` to `target`.
pub fn run(snapshot: &Path, target: &Path, options: &Options, link: &JobContext) -> Result<()> {
    let outcome =
        link.host.enter(Phase::Copy).and_then(|()| prepare_and_make(snapshot, target, options, link));
    outcome.map_err(|error| {
        link.monitor.check().err().unwrap_or(error).or_at("restoring to", target).aftermath(UNHARMED)
    })
}

fn prepare_and_make(snapshot: &Path, target: &Path, options: &Options, link: &JobContext) -> Result<()> {
    let source = open_directory(snapshot)?;
    lock_in_use(&source)?;
    let manifest = read(&source)?;
    let layout = layout_of(&manifest, options);
    let rules = rules_of(&manifest, &layout, options);
    let restore = Restore { source, manifest, layout, rules, options, link };
    let target = Target::open(target, restore.kept_root(target)?)?;
    let outcome = restore.make(&target);
    if outcome.is_err() {
        target.discard();
    }
    outcome
}

impl Restore<'_> {
    fn make(&self, target: &Target) -> Result<()> {
        target.check(self)?;
        let staging = target.make_staging()?;
        let staged = self.copy(&staging)?;
        self.link.host.enter(Phase::Verify)?;
        self.verify(&staging, &staged)?;
        self.link.host.enter(Phase::Swap)?;
        target.swap(self, &staging)
    }

    /// The backup root that holds the snapshot, if it lies in the target: it stays where it is.
    /// A target that is that root, or lies in the snapshot, would break it.
    fn kept_root(&self, target: &Path) -> Result<Option<PathBuf>> {
        let refuse = |why: &str| Err(Error::at(Code::InvalidArgument, "restoring to", target, why));
        let snapshot = self.source.path();
        let snapshot = snapshot.canonicalize().map_err(|error| Error::io("resolving", snapshot, error))?;
        let Some(real) = target.ancestors().find_map(|above| above.canonicalize().ok()) else {
            return Ok(None);
        };
        if real.starts_with(&snapshot) {
            return refuse("it lies in the snapshot itself");
        }
        if !target.exists() {
            return Ok(None);
        }
        match snapshot.parent().and_then(|root| root.strip_prefix(real).ok()) {
            Some(inside) if inside.as_os_str().is_empty() => refuse("it is the snapshot's backup root"),
            inside => Ok(inside.map(Path::to_path_buf)),
        }
    }
}

/// Refuses a target that is not a directory.
fn not_a_directory(target: &Path) -> Error {
    Error::at(Code::InvalidArgument, "restoring to", target, "it is there and is not a directory")
}
