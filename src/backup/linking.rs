//! Which files of a checkpoint are links to the live ones.

use std::path::Path;

use super::plan::Plan;
use crate::error::{Code, Error, Result};
use crate::layout::{FileClass, Rules};
use crate::settings::CheckpointOptions;

/// That a file is `immutable` says nothing of what becomes of it once it is deleted: an engine may truncate it
/// then, or reuse its blocks, and would do so to the checkpoint too. So what is linked is what is known of an
/// engine, or vouched for.
pub struct Linking {
    /// The rules of the layout; `None`: the host vouches for whatever is immutable.
    by_layout: Option<Rules>,
    /// The checkpoint goes when its coordinator is closed.
    pub until_close: bool,
}

impl Linking {
    /// That of a plan.
    pub fn of(plan: &Plan, options: CheckpointOptions) -> Result<Self> {
        let CheckpointOptions { until_close, links_are_safe } = options;
        let by_layout = plan.layout.linkable();
        if by_layout.is_none() && !links_are_safe {
            let why = format!(
                "the layout {} is none of an engine that leaves a file with several names alone when it deletes it \
                 (rocksdb, leveldb, pebble), and the host does not vouch for that (links_are_safe)",
                plan.layout.name()
            );
            return Err(Error::at(Code::Unsupported, "making a checkpoint of", &plan.data_dir, why));
        }
        Ok(Self { by_layout: by_layout.filter(|_| !links_are_safe), until_close })
    }

    /// Whether a file of this class, with this path in the checkpoint, is linked.
    pub fn links(&self, class: FileClass, path: &Path) -> bool {
        let is_immutable = |class| matches!(class, FileClass::Immutable { .. });
        is_immutable(class) && self.by_layout.as_ref().is_none_or(|rules| is_immutable(rules.class_of(path)))
    }
}
