//! One side of a comparison: a snapshot, or a directory.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use hotbackup::{Code, Contents, EntryKind, Options, Outcome};

use crate::args::root::RootOption;
use crate::context::Context;
use crate::failure::Failure;
use crate::naming::find;

pub enum Side {
    Snapshot {
        location: PathBuf,
        contents: Contents,
    },
    /// With the rules that say what of it does not count.
    Directory {
        path: PathBuf,
        rules: Options,
    },
}

/// A name that is no directory.
pub struct Name {
    path: PathBuf,
    pub size: u64,
    modified_at: Option<SystemTime>,
    crc32: Option<u32>,
    target: Option<PathBuf>,
}

impl Side {
    /// Both sides, one of which is a snapshot: it knows the rules.
    pub fn pair(old: &str, new: &str, root: &RootOption, context: &Context) -> Result<(Self, Self), Failure> {
        let snapshot = |name: &str| -> Result<Self, Failure> {
            let named = find(name, root, context)?.snapshot;
            Ok(Side::Snapshot { location: named.location().to_path_buf(), contents: named.contents()? })
        };
        match (is_directory(old), is_directory(new)) {
            (true, true) => Err(Failure::new(Code::InvalidArgument, "neither A nor B is a snapshot")),
            (true, false) => {
                let new = snapshot(new)?;
                Ok((new.beside(old)?, new))
            }
            (false, true) => {
                let old = snapshot(old)?;
                let new = old.beside(new)?;
                Ok((old, new))
            }
            (false, false) => Ok((snapshot(old)?, snapshot(new)?)),
        }
    }

    /// A directory that is looked at by the rules of this snapshot.
    fn beside(&self, path: &str) -> Result<Self, Failure> {
        let mut rules = Options::new();
        rules.set_symlinks(hotbackup::Symlinks::Preserve);
        if let Side::Snapshot { contents, .. } = self {
            for (glob, class) in contents.rules() {
                rules.add_rule(glob, class)?;
            }
        }
        let path = std::path::absolute(path).unwrap_or_else(|_| path.into());
        Ok(Side::Directory { path, rules })
    }

    pub fn path(&self) -> &Path {
        match self {
            Side::Snapshot { location, .. } => location,
            Side::Directory { path, .. } => path,
        }
    }

    /// All names but those of directories.
    pub fn names(&self) -> Result<BTreeMap<Vec<u8>, Name>, Failure> {
        let keyed = |name: Name| (name.path.as_os_str().as_bytes().to_vec(), name);
        match self {
            Side::Snapshot { contents, .. } => {
                let entries = contents.iter().filter(|entry| entry.kind != EntryKind::Directory);
                let names = entries.map(|entry| Name {
                    path: entry.path.to_path_buf(),
                    size: entry.size,
                    modified_at: entry.attributes.map(|attributes| attributes.modified_at),
                    crc32: entry.crc32,
                    target: entry.target.map(Path::to_path_buf),
                });
                Ok(names.map(keyed).collect())
            }
            Side::Directory { path, rules } => {
                let preview = hotbackup::preview(path, rules)?;
                let counts = |outcome| !matches!(outcome, Outcome::Excluded | Outcome::Skipped);
                let entries = preview.iter().filter(|entry| counts(entry.outcome));
                entries.map(|entry| Ok(keyed(found(path, entry.path)?))).collect()
            }
        }
    }

    fn full(&self, name: &Name) -> PathBuf {
        self.path().join(&name.path)
    }
}

/// A directory that is no snapshot.
fn is_directory(name: &str) -> bool {
    let path = Path::new(name);
    path.is_dir() && !path.join("snapshot.manifest").exists()
}

fn found(directory: &Path, path: &Path) -> Result<Name, Failure> {
    let full = directory.join(path);
    let failed = |error: io::Error| Failure::io(format!("looking at {}", full.display()), &error).at(&full);
    let metadata = full.symlink_metadata().map_err(failed)?;
    let target = metadata.is_symlink().then(|| full.read_link()).transpose().map_err(failed)?;
    let size = if metadata.is_symlink() { 0 } else { metadata.len() };
    Ok(Name { path: path.to_path_buf(), size, modified_at: metadata.modified().ok(), crc32: None, target })
}

/// Whether two names hold the same bytes.
pub fn are_same(old: &Side, a: &Name, new: &Side, b: &Name) -> Result<bool, Failure> {
    if a.target != b.target || a.size != b.size {
        return Ok(false);
    }
    if a.target.is_some() {
        return Ok(true);
    }
    let is_of_snapshots = matches!((old, new), (Side::Snapshot { .. }, Side::Snapshot { .. }));
    if !is_of_snapshots && a.modified_at.is_some() && a.modified_at == b.modified_at {
        return Ok(true);
    }
    let sum = |side: &Side, name: &Name| name.crc32.map_or_else(|| checksum(&side.full(name)), Ok);
    Ok(sum(old, a)? == sum(new, b)?)
}

fn checksum(path: &Path) -> Result<u32, Failure> {
    let failed = |error: io::Error| Failure::io(format!("reading {}", path.display()), &error).at(path);
    let mut file = File::open(path).map_err(failed)?;
    let mut hasher = crc32fast::Hasher::new();
    let mut buffer = vec![0; 1 << 20];
    loop {
        match file.read(&mut buffer).map_err(failed)? {
            0 => return Ok(hasher.finalize()),
            number => hasher.update(&buffer[..number]),
        }
    }
}
