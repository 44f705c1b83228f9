//! What a coordinator backs up, from where, to where: settled when it is opened.

use std::path::{Path, PathBuf};

use crate::error::{Code, Error, Result};
use crate::layout::{Layout, Rules};
use crate::options::Options;
use crate::snapshot::owner::open_data_dir;
use crate::snapshot::{LIFECYCLE, MANIFEST};

/// The settled plan of all backups of one coordinator.
pub struct Plan {
    /// The data directory, its links resolved.
    pub data_dir: PathBuf,
    /// The backup root.
    pub root: PathBuf,
    /// The data directory and the further sources, each with its prefix.
    pub sources: Vec<(PathBuf, PathBuf)>,
    /// The layout.
    pub layout: Layout,
    /// The caller's rules and the layout's.
    pub rules: Rules,
    /// The rest.
    pub options: Options,
}

impl Plan {
    /// Checks what can be checked without a backup.
    pub fn new(data_dir: &Path, options: Options) -> Result<Self> {
        let data_dir = resolve(data_dir)?;
        let mut sources = vec![(data_dir.clone(), PathBuf::new())];
        for source in &options.sources {
            open_data_dir(&source.path)?;
            let path = resolve(&source.path)?;
            if let Some((other, _)) = sources.iter().find(|(other, _)| overlap(other, &path)) {
                let why = format!("it overlaps the source {}", crate::error::show(other));
                return Err(Error::at(Code::InvalidArgument, "adding the source", &path, why));
            }
            sources.push((path, source.prefix.clone()));
        }
        let root = match &options.root {
            Some(root) => root.clone(),
            None => data_dir.join(LIFECYCLE).join("backup"),
        };
        check_root(&root, &data_dir, &sources)?;
        let layout = options.layout.unwrap_or(Layout::DEFAULT);
        let rules = layout.rules_after(&options.rules);
        Ok(Self { data_dir, root, sources, layout, rules, options })
    }
}

fn resolve(path: &Path) -> Result<PathBuf> {
    path.canonicalize().map_err(|error| Error::io("resolving", path, error))
}

fn overlap(a: &Path, b: &Path) -> bool {
    a.starts_with(b) || b.starts_with(a)
}

/// A root must not be the data directory itself, nor lie in a snapshot.
fn check_root(root: &Path, data_dir: &Path, sources: &[(PathBuf, PathBuf)]) -> Result<()> {
    let refuse = |why: &str| Err(Error::at(Code::InvalidArgument, "using the backup root", root, why));
    let real = root.canonicalize().unwrap_or_else(|_| root.to_path_buf());
    if sources.iter().any(|(source, _)| *source == real) {
        return refuse("it is the data directory or another source itself");
    }
    // A restored data directory may hold a manifest at its top and is no snapshot.
    let above = real.ancestors().filter(|above| !data_dir.starts_with(above));
    if above.into_iter().any(|above| above.join(MANIFEST).exists()) {
        return refuse("it lies in a snapshot");
    }
    Ok(())
}
