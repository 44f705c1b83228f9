//! What there is to back up: the walk of the sources, or the live files that the host named.

use std::cell::Cell;
use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use uuid::Uuid;

use super::links::{Link, follow};
use super::pin::Pins;
use super::plan::{Plan, Planned};
use crate::datadir::names::LIFECYCLE;
use crate::datadir::refuse_unfinished;
use crate::error::{Code, Error, Result};
use crate::hooks::{LiveFile, LiveFiles};
use crate::io::sorted_dirs::SortedDirs;
use crate::io::walk::walk_into;
use crate::layout::FileClass;
use crate::monitor::Monitor;
use crate::root::claim::is_the_librarys;
use crate::snapshot::{LONGEST_IN_MANIFEST, MANIFEST};
use crate::sys::dir::{Dir, Entry, Kind, is_absent};

/// A directory that is backed up.
pub struct Source {
    /// The directory.
    pub dir: Dir,
    /// Where it is in the snapshot; empty for the data directory.
    pub prefix: PathBuf,
    /// What holds its files until they are copied.
    pub pins: Pins,
    /// Its device and inode.
    pub is: (u64, u64),
    /// The backup root, where it lies within the source.
    root: Option<PathBuf>,
}

impl Source {
    /// Opens all sources of a plan.
    pub fn open_all(plan: &Plan, root: &Dir, id: Uuid) -> Result<Vec<Self>> {
        let real_root = root.path().canonicalize().unwrap_or_else(|_| root.path().to_path_buf());
        let open = |source: &Planned| {
            let dir = source.open()?;
            let pins = Pins::new(&dir, id, plan.sources.len())?;
            let root = real_root.strip_prefix(&source.path).ok().map(Path::to_path_buf);
            Ok(Self { dir, prefix: source.prefix.clone(), pins, is: source.is, root })
        };
        plan.sources.iter().map(open).collect()
    }
}

/// A file by the listing.
#[derive(Clone, Debug)]
pub struct Listed {
    /// Which source.
    pub source: usize,
    /// Its path in the source.
    pub relative: PathBuf,
    /// Its path in the snapshot.
    pub path: PathBuf,
    /// Its inode, by the listing alone.
    pub inode: u64,
    /// What the host promises about it.
    pub class: FileClass,
    /// Only so many bytes from its start.
    pub limit: Option<u64>,
    /// The host named it, so it is live.
    pub named: bool,
}

/// A directory or a symbolic link by the listing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Which source.
    pub source: usize,
    /// Its path in the source.
    pub relative: PathBuf,
    /// Its path in the snapshot.
    pub path: PathBuf,
}

/// All that is to be captured, by one look.
#[derive(Default)]
pub struct Listing {
    /// Files, sorted by source and path.
    pub files: Vec<Listed>,
    /// Directories.
    pub directories: Vec<Place>,
    /// Symbolic links, to be preserved.
    pub links: Vec<Place>,
    /// Files that only the snapshot has.
    pub bytes: Vec<(PathBuf, Arc<Vec<u8>>)>,
    /// What is no data.
    pub skipped: u64,
    /// What no walk may capture, unless a freeze hook yet names the files instead.
    pub refused: Option<Error>,
}

/// Looks at the sources once.
pub fn list(plan: &Plan, sources: &[Source], live: &LiveFiles, monitor: &Monitor) -> Result<Listing> {
    let mut listing = Listing::default();
    let named: Vec<_> = live
        .iter()
        .filter_map(|(path, file)| match file {
            LiveFile::Source { class, length } => Some((path, *class, *length)),
            LiveFile::Bytes(_) => None,
        })
        .collect();
    if named.is_empty() {
        for index in 0..sources.len() {
            walk_source(plan, sources, index, &mut listing, monitor)?;
        }
    } else {
        let mut stats = Stats::of(sources);
        for (path, class, length) in named {
            monitor.check()?;
            listing.files.push(named_file(sources, &mut stats, path, class, length)?);
        }
        listing.directories = parents(&listing.files);
    }
    add_bytes(live, sources, &mut listing)?;
    Ok(listing)
}

fn walk_source(
    plan: &Plan,
    sources: &[Source],
    index: usize,
    listing: &mut Listing,
    monitor: &Monitor,
) -> Result<()> {
    let source = &sources[index];
    let skipped = Cell::new(0);
    let skip = || skipped.set(skipped.get() + 1);
    let mut refused = None;
    let leave_out = |relative: &Path, entry: &Entry| {
        monitor.check()?;
        let path = source.prefix.join(relative);
        if is_ours(source, relative) || plan.rules.excludes(&path) {
            return Ok(true);
        }
        if path.as_os_str().len() > LONGEST_IN_MANIFEST {
            let why = format!("it lies deeper than {LONGEST_IN_MANIFEST} bytes of path");
            return Err(Error::at(Code::Unsupported, "listing", &source.dir.full(relative), why));
        }
        if is_no_data(relative, entry) {
            skip();
            return Ok(true);
        }
        if entry.kind == Kind::Symlink {
            match follow(sources, source, relative, &path, plan.options.symlinks) {
                Link::Kept => return Ok(false),
                Link::SourceInItsPlace => {}
                Link::NoData => skip(),
                Link::Refused(error) => {
                    refused.get_or_insert(error);
                }
            }
            return Ok(true);
        }
        if let Some(other) = sources[1..].iter().find(|other| index == 0 && other.prefix == path) {
            let other = crate::error::show(other.dir.path());
            let why = format!(
                "it is here, where a restore may have put it, and the source {other} has it as its prefix"
            );
            let full = source.dir.full(relative);
            refused.get_or_insert_with(|| Error::at(Code::InvalidArgument, "listing", &full, why));
            return Ok(true);
        }
        Ok(false)
    };
    let found = walk_into(&source.dir, leave_out, |relative, directory, entries| {
        let keep_out = is_the_librarys(relative, directory, entries);
        if keep_out {
            skip();
            refuse_half_restored(source, relative)?;
        }
        Ok(keep_out)
    })?;
    let skipped = skipped.get();
    listing.skipped += skipped;
    listing.refused = listing.refused.take().or(refused);
    if !source.prefix.as_os_str().is_empty() {
        listing.directories.push(Place {
            source: index,
            relative: PathBuf::new(),
            path: source.prefix.clone(),
        });
    }
    for name in found {
        monitor.check()?;
        let path = source.prefix.join(&name.path);
        let place = Place { source: index, relative: name.path, path };
        match name.kind {
            Kind::Directory => listing.directories.push(place),
            Kind::Symlink => listing.links.push(place),
            _ => listing.files.push(Listed {
                source: index,
                class: plan.rules.class_of(&place.path),
                relative: place.relative,
                path: place.path,
                inode: name.inode,
                limit: None,
                named: false,
            }),
        }
    }
    Ok(())
}

/// A nested database whose restore was interrupted would be captured half old and half new, and without the
/// journal that finishes it.
fn refuse_half_restored(source: &Source, relative: &Path) -> Result<()> {
    if relative.file_name() != Some(LIFECYCLE.as_ref()) {
        return Ok(());
    }
    let above = relative.parent().unwrap_or(Path::new(""));
    match source.dir.open_dir(above) {
        Ok(database) => refuse_unfinished(&database, "capturing the database in"),
        // It went away meanwhile.
        Err(_) => Ok(()),
    }
}

/// The library's own directory at the top of a source, and the backup root.
fn is_ours(source: &Source, relative: &Path) -> bool {
    relative == Path::new(LIFECYCLE) || source.root.as_deref() == Some(relative)
}

/// FIFOs, sockets and devices; the manifest that an Alopex restore leaves; a mount's `lost+found`.
fn is_no_data(relative: &Path, entry: &Entry) -> bool {
    entry.kind == Kind::Other
        || relative == Path::new(MANIFEST)
        || (relative == Path::new("lost+found") && entry.kind == Kind::Directory)
}

/// A file that the host named. It must be there: the host said so.
fn named_file(
    sources: &[Source],
    stats: &mut Stats<'_>,
    path: &Path,
    class: FileClass,
    limit: Option<u64>,
) -> Result<Listed> {
    const DOING: &str = "finding the live file";
    let (source, relative) = locate(sources, path);
    let full = sources[source].dir.full(relative);
    let found = stats.stat(source, relative).map_err(|error| Error::io(DOING, &full, error))?;
    let Some(stat) = found else {
        return Err(Error::at(Code::NotFound, DOING, &full, "the host named it and it is not there"));
    };
    if stat.kind != Kind::File {
        return Err(Error::at(Code::InvalidArgument, DOING, &full, "it is not a regular file"));
    }
    if limit.is_some_and(|limit| limit > stat.size) {
        let why = format!("it has {} bytes, fewer than the host named", stat.size);
        return Err(Error::at(Code::SourceChanged, DOING, &full, why));
    }
    Ok(Listed {
        source,
        relative: relative.to_path_buf(),
        path: path.to_path_buf(),
        inode: stat.inode,
        class,
        limit,
        named: true,
    })
}

/// The source that a path in the snapshot comes from, and its path there.
pub fn locate<'p>(sources: &[Source], path: &'p Path) -> (usize, &'p Path) {
    let by_prefix =
        |source: &Source| !source.prefix.as_os_str().is_empty() && path.starts_with(&source.prefix);
    let source = sources.iter().position(by_prefix).unwrap_or(0);
    (source, path.strip_prefix(&sources[source].prefix).unwrap_or(path))
}

fn parents(files: &[Listed]) -> Vec<Place> {
    let mut places = Vec::new();
    let mut seen = HashSet::new();
    for file in files {
        let mut relative = file.relative.as_path();
        let mut path = file.path.as_path();
        while let (Some(above), Some(place)) = (relative.parent(), path.parent()) {
            if place.as_os_str().is_empty() {
                break;
            }
            (relative, path) = (above, place);
            if !seen.insert(place) {
                // And so are those above it.
                break;
            }
            places.push(Place {
                source: file.source,
                relative: above.to_path_buf(),
                path: place.to_path_buf(),
            });
        }
    }
    places
}

/// What the host gives takes the place of what was found under that name.
fn add_bytes(live: &LiveFiles, sources: &[Source], listing: &mut Listing) -> Result<()> {
    let given: BTreeMap<&PathBuf, &Arc<Vec<u8>>> = live
        .iter()
        .filter_map(|(path, file)| match file {
            LiveFile::Bytes(bytes) => Some((path, bytes)),
            LiveFile::Source { .. } => None,
        })
        .collect();
    if given.is_empty() {
        return Ok(());
    }
    listing.files.retain(|found| !given.contains_key(&found.path));
    listing.links.retain(|found| !given.contains_key(&found.path));
    let directories: HashSet<&PathBuf> = listing.directories.iter().map(|found| &found.path).collect();
    let files = listing.files.iter().map(|found| found.path.as_path());
    let others: HashSet<&Path> =
        files.chain(listing.links.iter().map(|found| found.path.as_path())).collect();
    for (path, bytes) in given {
        if directories.contains(path) || path.ancestors().skip(1).any(|above| others.contains(above)) {
            let (source, relative) = locate(sources, path);
            let full = sources[source].dir.full(relative);
            let why = "it would be a file and a directory";
            return Err(Error::at(Code::InvalidArgument, "adding the bytes of", &full, why));
        }
        listing.bytes.push((path.clone(), bytes.clone()));
    }
    Ok(())
}

/// One stat after the other, of names that come sorted.
pub struct Stats<'a>(Vec<SortedDirs<'a>>);

impl<'a> Stats<'a> {
    /// For these sources.
    pub fn of(sources: &'a [Source]) -> Self {
        Self(sources.iter().map(|source| SortedDirs::new(&source.dir)).collect())
    }

    /// The stat of a path in a source; `None`: it is gone.
    pub fn stat(&mut self, source: usize, relative: &Path) -> std::io::Result<Option<crate::sys::dir::Stat>> {
        match self.0[source].parent_of(relative) {
            Ok((directory, name)) => directory.find(name),
            Err(error) if is_absent(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }
}
