//! A backup root as its users see it.

use std::path::{Path, PathBuf};

use super::retention::{Retention, Verdict};
use super::{delete, listing, prune};
use crate::error::Result;
use crate::snapshot::Snapshot;

/// The directory in which a database's snapshots live. It is a name alone: whether it is there, and
/// whose it is, is looked at by each call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BackupRoot(PathBuf);

impl BackupRoot {
    /// The root at `path`; a relative one counts from the working directory of each call.
    pub fn at(path: impl AsRef<Path>) -> Self {
        Self(path.as_ref().to_path_buf())
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Its snapshots, the newest first, with those that cannot be read ([`Snapshot::error`]). A root that
    /// does not exist yet has none.
    pub fn list(&self) -> Result<Vec<Snapshot>> {
        listing::list(&self.0)
    }

    /// Its newest completed snapshot, as its marker names it; [`Code::NotFound`](crate::Code::NotFound):
    /// there is none.
    pub fn latest(&self) -> Result<Snapshot> {
        listing::latest(&self.0)
    }

    /// Deletes a snapshot by its id or its directory's name. If it is the newest, the next newest becomes
    /// that. [`Code::Conflict`](crate::Code::Conflict): the root or the snapshot is in use.
    pub fn delete(&self, id_or_name: &str) -> Result<()> {
        delete::delete(&self.0, id_or_name)
    }

    /// Keeps the newest `keep_newest` good snapshots, deletes the other readable ones that nobody
    /// reads, and returns how many it deleted.
    pub fn prune(&self, keep_newest: u32) -> Result<u32> {
        prune::prune(&self.0, keep_newest)
    }

    /// What a policy makes of each snapshot, the newest first, and why. Nothing is changed, and who is being
    /// read is not looked at. [`Code::InvalidArgument`](crate::Code::InvalidArgument): the policy has no rule.
    pub fn retention_plan(&self, retention: &Retention) -> Result<Vec<Verdict>> {
        prune::plan(&self.0, retention)
    }

    /// Deletes what a policy does not keep, but for what is being read, and returns what became of each
    /// snapshot, the newest first. What goes and the newest good one are read whole before anything goes:
    /// one that cannot be read after all neither counts nor goes.
    /// [`Code::InvalidArgument`](crate::Code::InvalidArgument): the policy has no rule;
    /// [`Code::Conflict`](crate::Code::Conflict): the root is in use.
    pub fn prune_by(&self, retention: &Retention) -> Result<Vec<Verdict>> {
        prune::prune_by(&self.0, retention)
    }
}

impl AsRef<Path> for BackupRoot {
    fn as_ref(&self) -> &Path {
        &self.0
    }
}
