//! What a coordinator backs up, from where, to where: settled when it is opened.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::datadir::names::{CHECKPOINTS, DEFAULT_ROOT, LIFECYCLE, OWNER_NAME};
use crate::datadir::open_data_dir;
use crate::error::{Code, Error, Result};
use crate::layout::{Layout, Rules};
use crate::root::mark::is_root;
use crate::settings::{JobSettings, Settings, Share, Symlinks};
use crate::snapshot::MANIFEST;
use crate::sys::dir::Dir;

/// The settled plan of all backups of one coordinator.
pub struct Plan {
    /// The data directory, its links resolved.
    pub data_dir: PathBuf,
    /// The backup root.
    pub root: PathBuf,
    /// The data directory and the further sources.
    pub sources: Vec<Planned>,
    /// The layout.
    pub layout: Layout,
    /// The caller's rules and the layout's.
    pub rules: Rules,
    /// Whether a root or a source that is another than before is taken over.
    pub adopt_root: bool,
    /// Whether files are shared with the snapshot before.
    pub share: Share,
    /// After how many milliseconds such a file is read back; `u64::MAX`: never.
    pub reread_after_ms: u64,
    /// What happens with symbolic links.
    pub symlinks: Symlinks,
    /// The host's metadata, where no hook gives other.
    pub metadata: Vec<u8>,
    /// The snapshots' tags, beside those that hooks give.
    pub tags: Vec<String>,
    /// The longest freeze window.
    pub freeze_timeout: Option<Duration>,
    /// What each job takes.
    pub job: JobSettings,
}

/// A directory that will be backed up.
pub struct Planned {
    /// Its path, links resolved.
    pub path: PathBuf,
    /// Where it is in the snapshot; empty for the data directory.
    pub prefix: PathBuf,
    /// Its device and inode when its coordinator was opened.
    pub is: (u64, u64),
}

impl Planned {
    fn of(directory: &Dir, prefix: &Path) -> Result<Self> {
        let path = directory.path().to_path_buf();
        Ok(Self { is: identity(directory)?, path, prefix: prefix.to_path_buf() })
    }

    /// Opens it, if it still is the directory that the coordinator was opened for.
    pub fn open(&self) -> Result<Dir> {
        let directory = open_data_dir(&self.path)?;
        if identity(&directory)? == self.is {
            return Ok(directory);
        }
        let why = "another directory has taken its place since its coordinator was opened, which must be opened anew";
        Err(Error::at(Code::Conflict, "starting a backup of", &self.path, why))
    }
}

/// Its device and inode.
pub fn identity(directory: &Dir) -> Result<(u64, u64)> {
    let stat = directory.stat(Path::new(""));
    stat.map(|stat| (stat.device, stat.inode))
        .map_err(|error| Error::io("looking at", directory.path(), error))
}

impl Plan {
    /// Checks what can be checked without a backup. The directories are to be held open for as long as
    /// the plan: then no other one gets their inodes.
    pub fn new(data_dir: &Path, settings: Settings) -> Result<(Self, Vec<Dir>)> {
        open_data_dir(data_dir)?;
        let mut held = vec![open_data_dir(&resolve(data_dir)?)?];
        let mut sources = vec![Planned::of(&held[0], Path::new(""))?];
        for source in &settings.sources {
            open_data_dir(&source.path)?;
            let path = resolve(&source.path)?;
            if let Some(other) = sources.iter().find(|other| overlap(&other.path, &path)) {
                let why = format!("it overlaps the source {}", crate::error::show(&other.path));
                return Err(Error::at(Code::InvalidArgument, "adding the source", &path, why));
            }
            let directory = open_data_dir(&path)?;
            sources.push(Planned::of(&directory, &source.prefix)?);
            held.push(directory);
        }
        let data_dir = sources[0].path.clone();
        let root = match settings.root {
            Some(root) => root,
            None => data_dir.join(DEFAULT_ROOT),
        };
        check_root(&root, &data_dir, &sources)?;
        sources.iter().try_for_each(|source| refuse_the_librarys(&source.path))?;
        let layout = settings.layout.unwrap_or(Layout::DEFAULT);
        let rules = layout.rules_after(&settings.rules);
        let Settings {
            adopt_root, share, reread_after, symlinks, metadata, tags, freeze_timeout, job, ..
        } = settings;
        let plan = Self {
            data_dir,
            root,
            sources,
            layout,
            rules,
            adopt_root,
            share,
            reread_after_ms: u64::try_from(reread_after.as_millis()).unwrap_or(u64::MAX),
            symlinks,
            metadata,
            tags,
            freeze_timeout,
            job,
        };
        Ok((plan, held))
    }
}

/// A snapshot, or anything else in a root or a `.lifecycle`, is no database: its host would write to it.
fn refuse_the_librarys(source: &Path) -> Result<()> {
    let refuse = |why| Err(Error::at(Code::InvalidArgument, "using as data", source, why));
    let is_root = |path: &Path| Dir::open(path).is_ok_and(|directory| is_root(&directory));
    if is_root(source) {
        return refuse("it is a backup root");
    }
    if source.ancestors().skip(1).any(is_root) {
        return refuse("it lies in a backup root; restore a snapshot to use it");
    }
    let is_lifecycle =
        |path: &Path| path.file_name() == Some(LIFECYCLE.as_ref()) && path.join(OWNER_NAME).is_file();
    if source.ancestors().any(is_lifecycle) {
        return refuse("it lies in the library's own directory");
    }
    Ok(())
}

fn resolve(path: &Path) -> Result<PathBuf> {
    path.canonicalize().map_err(|error| Error::io("resolving", path, error))
}

fn overlap(a: &Path, b: &Path) -> bool {
    a.starts_with(b) || b.starts_with(a)
}

/// A root must not be the data directory itself, nor lie in a snapshot.
fn check_root(root: &Path, data_dir: &Path, sources: &[Planned]) -> Result<()> {
    let refuse = |why: &str| Err(Error::at(Code::InvalidArgument, "using the backup root", root, why));
    let real = root.canonicalize().unwrap_or_else(|_| root.to_path_buf());
    if sources.iter().any(|source| source.path == real) {
        return refuse("it is the data directory or another source itself");
    }
    if sources.iter().any(|source| source.path.starts_with(&real)) {
        return refuse("the data directory or another source lies in it");
    }
    if sources.iter().any(|source| real.starts_with(source.path.join(CHECKPOINTS))) {
        return refuse("it lies where checkpoints do");
    }
    // A restored data directory may hold a manifest at its top and is no snapshot.
    let above = real.ancestors().filter(|above| !data_dir.starts_with(above));
    if above.into_iter().any(|above| above.join(MANIFEST).exists()) {
        return refuse("it lies in a snapshot");
    }
    Ok(())
}
