//! The life of a restore: copy to a staging → verify → swap. Until the swap the target is as it
//! was; after it, it is the snapshot; and whatever is killed when, never a mixture of both.

mod journal;
mod recover;
mod stage;
mod swap;
mod units;

use std::path::{Path, PathBuf};

pub use recover::{Recovered, recover, undo};

use crate::error::{Code, Error, Result};
use crate::host::Link;
use crate::io::Phase;
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
    link: &'a Link,
}

/// Restores `snapshot` to `target`.
pub fn run(snapshot: &Path, target: &Path, options: &Options, link: &Link) -> Result<()> {
    let outcome =
        link.host.enter(Phase::Copy).and_then(|()| prepare_and_make(snapshot, target, options, link));
    outcome.map_err(|error| {
        let error = link.monitor.check().err().unwrap_or(error);
        // A swap that could neither go on nor go back has said what to do.
        if error.code() == Code::RestoreUnfinished { error } else { error.unharmed(UNHARMED) }
    })
}

fn prepare_and_make(snapshot: &Path, target: &Path, options: &Options, link: &Link) -> Result<()> {
    let source = open_directory(snapshot)?;
    let _in_use = lock_in_use(&source)?;
    let manifest = read(&source)?;
    let layout = layout_of(&manifest, options);
    let rules = rules_of(&manifest, &layout, options);
    let restore = Restore { source, manifest, layout, rules, options, link };
    let target = Target::open(target, restore.kept_root(target))?;
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
        let mtimes = self.copy(&staging)?;
        self.link.host.enter(Phase::Verify)?;
        self.verify(&staging, &mtimes)?;
        self.link.host.enter(Phase::Swap)?;
        target.swap(self, &staging)
    }

    /// The backup root that holds the snapshot, if it lies in the target: it stays where it is.
    fn kept_root(&self, target: &Path) -> Option<PathBuf> {
        let root = self.source.path().canonicalize().ok()?.parent()?.to_path_buf();
        let target = target.canonicalize().ok()?;
        let inside = root.strip_prefix(target).ok()?;
        Some(inside.to_path_buf()).filter(|inside| !inside.as_os_str().is_empty())
    }
}

/// Refuses a target that is not a directory.
fn not_a_directory(target: &Path) -> Error {
    Error::at(Code::InvalidArgument, "restoring to", target, "it is there and is not a directory")
}
