//! One look at the sources, and what two of them must agree on.
//!
//! Equal sizes of the mutable files in two looks mean that nothing was changed between them, so
//! every table that they name existed throughout and was pinned.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering::Relaxed;
use std::time::Instant;

use super::Backup;
use super::list::{Listed, Listing, Stats, list};
use crate::error::{Error, Result};
use crate::layout::FileClass;
use crate::snapshot::{Attributes, LinkEntry};
use crate::sys::dir::{Kind, Stat, is_absent};

/// One look at the sources.
pub struct Look {
    pub listing: Listing,
    /// The stats of what is not immutable, by the path in the snapshot.
    pub stats: HashMap<PathBuf, Stat>,
    /// The symbolic links with their targets, which are part of the consistent point.
    pub links: Vec<LinkEntry>,
    /// When it began and when it ended.
    pub began: Instant,
    pub ended: Instant,
    agreement: Vec<Agreed>,
    /// A name vanished while it was looked at.
    torn: Option<PathBuf>,
}

/// What two looks must agree on, of one name.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Agreed {
    path: PathBuf,
    inode: u64,
    /// Size, mtime, ctime and the stat's own inode, as far as the class makes them count.
    stamps: [Option<i128>; 4],
    /// Of a symbolic link.
    target: Option<PathBuf>,
}

impl Agreed {
    fn name(path: &Path, inode: u64) -> Self {
        Self { path: path.to_path_buf(), inode, stamps: [None; 4], target: None }
    }
}

impl Backup<'_> {
    /// One look: names and inodes, a pin for what is new, a stat of what is not immutable.
    pub(super) fn look(&mut self) -> Result<Look> {
        self.monitor.doing(|| format!("listing {}", crate::error::show(&self.plan.data_dir)));
        let listing = list(self.plan, &self.sources, &self.host.live_files(), self.monitor)?;
        let mut look = Look::of(listing);
        self.pin(&mut look)?;
        self.stat(&mut look)?;
        self.read_links(&mut look)?;
        look.ended = Instant::now();
        self.monitor.counters.files_skipped.store(look.listing.skipped, Relaxed);
        Ok(look)
    }

    fn pin(&mut self, look: &mut Look) -> Result<()> {
        self.monitor.doing(|| format!("pinning the files of {}", crate::error::show(&self.plan.data_dir)));
        let files = &look.listing.files;
        for (index, source) in self.sources.iter_mut().enumerate() {
            let pinned = |file: &&Listed| file.source == index && file.class != FileClass::Mutable;
            source.pins.begin_look(files.iter().filter(pinned).count());
            let mut near = crate::io::sorted_dirs::SortedDirs::new(&source.dir);
            for file in files.iter().filter(pinned) {
                self.monitor.check()?;
                // What is read in the window is compared with what a look saw.
                let exactly = matches!(file.class, FileClass::AppendOnly | FileClass::Pinned);
                let held = match near.parent_of(&file.relative) {
                    Ok((directory, name)) => {
                        source.pins.hold(&file.relative, file.inode, directory, name, exactly)?
                    }
                    Err(error) if crate::sys::dir::is_absent(&error) => false,
                    Err(error) => return Err(Error::io("pinning", &source.dir.full(&file.relative), error)),
                };
                if !held {
                    look.torn.get_or_insert_with(|| file.path.clone());
                } else if matches!(file.class, FileClass::Immutable { .. }) {
                    source
                        .pins
                        .look_again(&file.relative)
                        .map_err(|error| Error::io("looking at", &source.dir.full(&file.relative), error))?;
                }
            }
        }
        Ok(())
    }

    fn stat(&self, look: &mut Look) -> Result<()> {
        let with_ctime = !self.host.has_freeze();
        // Without a freeze and without a mutable file there is nothing to prove: any prefix of a
        // log is one that it had.
        let sizes_count = self.host.has_freeze() || look.has_mutable();
        let mut stats = Stats::of(&self.sources);
        for file in &look.listing.files {
            self.monitor.check()?;
            if matches!(file.class, FileClass::Immutable { unfinished_ok: true }) {
                continue;
            }
            let mut agreed = Agreed::name(&file.path, file.inode);
            if !matches!(file.class, FileClass::Immutable { .. }) {
                let full = || self.sources[file.source].dir.full(&file.relative);
                let found = stats
                    .stat(file.source, &file.relative)
                    .map_err(|error| Error::io("looking at", &full(), error))?;
                let Some(stat) = found.filter(|stat| stat.kind == Kind::File) else {
                    look.torn.get_or_insert_with(|| file.path.clone());
                    continue;
                };
                agreed.stamps = stamps(file, &stat, with_ctime, sizes_count);
                look.stats.insert(file.path.clone(), stat);
            }
            look.agreement.push(agreed);
        }
        let directories = look.listing.directories.iter();
        look.agreement.extend(directories.map(|place| Agreed::name(&place.path, 0)));
        Ok(())
    }

    fn read_links(&self, look: &mut Look) -> Result<()> {
        for place in &look.listing.links {
            let dir = &self.sources[place.source].dir;
            let read =
                dir.read_link(&place.relative).and_then(|target| Ok((target, dir.stat(&place.relative)?)));
            let (target, stat) = match read {
                // Gone, or no link any more.
                Err(error) if is_absent(&error) || error.raw_os_error() == Some(libc::EINVAL) => {
                    look.torn.get_or_insert_with(|| place.path.clone());
                    continue;
                }
                other => {
                    other.map_err(|error| Error::io("reading the link", &dir.full(&place.relative), error))?
                }
            };
            let target = PathBuf::from(target);
            look.agreement
                .push(Agreed { target: Some(target.clone()), ..Agreed::name(&place.path, stat.inode) });
            let attributes = Attributes::of(&stat);
            look.links.push(LinkEntry { path: place.path.clone(), target, attributes });
        }
        Ok(())
    }
}

/// Which stamps count: of a log its size, of a mutable file all, of a pinned one none.
fn stamps(file: &Listed, stat: &Stat, with_ctime: bool, sizes_count: bool) -> [Option<i128>; 4] {
    let size = Some(file.limit.unwrap_or(stat.size).into());
    let inode = Some(stat.inode.into());
    match file.class {
        FileClass::Mutable => [size, Some(stat.mtime_ns), with_ctime.then_some(stat.ctime_ns), inode],
        FileClass::AppendOnly => [size.filter(|_| sizes_count), None, None, inode],
        _ => [None, None, None, inode],
    }
}

/// A path on which two looks do not agree.
pub fn disagreement(earlier: &Look, later: &Look) -> Option<PathBuf> {
    if let Some(path) = later.torn.as_ref().or(earlier.torn.as_ref()) {
        return Some(path.clone());
    }
    if earlier.agreement == later.agreement {
        return None;
    }
    let differs = |(a, b): (&Agreed, &Agreed)| (a != b).then(|| a.path.clone().min(b.path.clone()));
    let pairs = earlier.agreement.iter().zip(&later.agreement);
    let last = || earlier.agreement.last().or(later.agreement.last()).map(|agreed| agreed.path.clone());
    pairs.into_iter().find_map(differs).or_else(last).or_else(|| Some(PathBuf::new()))
}

impl Look {
    /// One that has begun.
    fn of(listing: Listing) -> Self {
        let (stats, links, agreement) = (HashMap::new(), Vec::new(), Vec::new());
        let began = Instant::now();
        Self { listing, stats, links, began, ended: began, agreement, torn: None }
    }

    /// Whether there is a file that may change at any time.
    pub fn has_mutable(&self) -> bool {
        self.listing.files.iter().any(|file| file.class == FileClass::Mutable)
    }

    /// The look of a window: what a walk refuses counts, since now no hook names files instead.
    pub fn accepted(mut self) -> Result<Self> {
        self.listing.refused.take().map_or(Ok(self), Err)
    }

    /// A name changed while it was copied.
    pub(super) fn tear(&mut self, path: &Path) {
        self.torn.get_or_insert_with(|| path.to_path_buf());
    }
}
