//! The directories that are backed up.

use std::path::{Path, PathBuf};

use super::plan::{Plan, Planned};
use crate::error::Result;
use crate::sys::dir::Dir;

/// A directory that is backed up.
pub struct Source {
    /// The directory.
    pub dir: Dir,
    /// Where it is in the snapshot; empty for the data directory.
    pub prefix: PathBuf,
    /// Its device and inode.
    pub is: (u64, u64),
    /// The backup root, where it lies within the source.
    pub root: Option<PathBuf>,
}

impl Source {
    /// Opens all sources of a plan.
    pub fn open_all(plan: &Plan, root: &Path) -> Result<Vec<Self>> {
        let real_root = root.canonicalize().unwrap_or_else(|_| root.to_path_buf());
        let open = |source: &Planned| {
            let dir = source.open()?;
            let root = real_root.strip_prefix(&source.path).ok().map(Path::to_path_buf);
            Ok(Self { dir, prefix: source.prefix.clone(), is: source.is, root })
        };
        plan.sources.iter().map(open).collect()
    }
}

/// The source that a path in the snapshot comes from, and its path there.
pub fn locate<'p>(sources: &[Source], path: &'p Path) -> (usize, &'p Path) {
    let by_prefix =
        |source: &Source| !source.prefix.as_os_str().is_empty() && path.starts_with(&source.prefix);
    let source = sources.iter().position(by_prefix).unwrap_or(0);
    (source, path.strip_prefix(&sources[source].prefix).unwrap_or(path))
}
