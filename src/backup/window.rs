//! Capture: pins ahead of the freeze, then rounds inside its window until two looks agree.
//!
//! Equal sizes of the mutable files in two looks mean that nothing was changed between them, so
//! every table that they name existed throughout and was pinned. The order of the steps was paid
//! for with corrupt databases; the design's chapter on capture tells which.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use super::Backup;
use super::early::Early;
use super::list::{Listed, Listing, Place, Stats, list, locate};
use crate::error::{Code, Error, Result};
use crate::io::Phase;
use crate::layout::FileClass;
use crate::snapshot::{Attributes, DirectoryEntry, LinkEntry, keeps_reserve};
use crate::sys::clock::wall_ns;
use crate::sys::dir::{Kind, Stat};

/// Passes of pinning ahead of one freeze.
const PASSES: usize = 8;

/// A pass that adds no more than this has caught up with the host.
const FEW: usize = 8;

/// Rounds in one window.
const ROUNDS: usize = 20;

/// Windows, before it is given up.
const TRIES: usize = 8;

/// Waits for a source to rest.
const QUIET_TRIES: usize = 3;

/// How old a stamp must be to prove that nothing was written since: some file systems stamp in
/// whole seconds, or two.
pub const QUIET_NS: i64 = 2_000_000_000;

/// One look at the sources.
pub struct Look {
    pub listing: Listing,
    /// The stats of what is not immutable, by the path in the snapshot.
    pub stats: HashMap<PathBuf, Stat>,
    agreement: Vec<Agreed>,
    /// A name vanished while it was looked at.
    torn: Option<PathBuf>,
}

/// A look, and what was copied by it.
type Seen = (Look, HashMap<PathBuf, Early>);

/// What two looks must agree on, of one name.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Agreed {
    path: PathBuf,
    inode: u64,
    /// Size, mtime, ctime and the stat's own inode, as far as the class makes them count.
    stamps: [Option<i64>; 4],
}

/// What the window caught.
pub struct Captured {
    /// The files of the last look.
    pub files: Vec<Listed>,
    /// What was copied of them in the window.
    pub early: HashMap<PathBuf, Early>,
    /// Stats of the files that are not immutable.
    pub stats: HashMap<PathBuf, Stat>,
    /// Directories and their attributes.
    pub directories: Vec<DirectoryEntry>,
    /// Symbolic links.
    pub links: Vec<LinkEntry>,
    /// Files that only the snapshot has.
    pub bytes: Vec<(PathBuf, Arc<[u8]>)>,
}

impl Backup<'_> {
    /// Captures a consistent point of the sources.
    pub(super) fn capture(&mut self) -> Result<Captured> {
        let mut differed = None;
        let tries = if self.host.has_freeze() { TRIES } else { QUIET_TRIES };
        for _ in 0..tries {
            self.pin_ahead()?;
            self.host.enter(Phase::Freeze)?;
            self.host.freeze()?;
            let outcome = self.window();
            // The window closes before anything is made of what it caught. Its own failure comes first.
            let thawed = self.host.thaw();
            let outcome = outcome?;
            thawed?;
            match outcome {
                Ok((look, early)) => return self.caught(look, early),
                Err(path) => differed = Some(path),
            }
            self.host.enter(Phase::Pin)?;
        }
        let path = differed.unwrap_or_default();
        if !self.host.has_freeze() {
            return Err(self.never_rests(&path));
        }
        let why = "it changed again and again inside the freeze window";
        Err(Error::at(Code::SourceChanged, "capturing", &self.full(&path), why))
    }

    /// Pins what is there, pass after pass, so that the window has little left to link.
    fn pin_ahead(&mut self) -> Result<()> {
        for pass in 0..PASSES {
            let before = self.pins();
            let look = self.look()?;
            self.drop_other_pins(&look.listing)?;
            self.expect(&look);
            if pass == 0 {
                self.write_back_what_will_be_cloned(&look);
            }
            for source in &self.sources {
                keeps_reserve(&source.dir, self.plan.options.min_free)?;
            }
            if self.pins().saturating_sub(before) <= FEW {
                break;
            }
        }
        Ok(())
    }

    /// Lets go of what has no name any more; not inside the window, where each call counts.
    fn drop_other_pins(&mut self, listing: &Listing) -> Result<()> {
        for (index, source) in self.sources.iter_mut().enumerate() {
            let own = listing.files.iter().filter(|file| file.source == index);
            let named: HashSet<&Path> = own.map(|file| file.relative.as_path()).collect();
            source.pins.retain(|path| named.contains(path))?;
        }
        Ok(())
    }

    fn pins(&self) -> usize {
        self.sources.iter().map(|source| source.pins.count()).sum()
    }

    /// The rounds inside the window. The inner error is the path on which no two looks agreed.
    fn window(&mut self) -> Result<std::result::Result<Seen, PathBuf>> {
        let (rounds, mut look) = match self.host.has_freeze() {
            true => (ROUNDS, self.look()?.accepted()?),
            false => (1, self.look_at_rest()?),
        };
        let mut differed = PathBuf::new();
        for _ in 0..rounds {
            self.monitor.check()?;
            let early = self.copy_early(&mut look)?;
            let next = self.look()?.accepted()?;
            match disagreement(&look, &next) {
                None => return Ok(Ok((next, early))),
                Some(path) => differed = path,
            }
            look = next;
        }
        Ok(Err(differed))
    }

    /// One look: names and inodes, a pin for what is new, a stat of what is not immutable.
    fn look(&mut self) -> Result<Look> {
        self.monitor.doing(|| format!("listing {}", crate::error::show(&self.plan.data_dir)));
        let listing = list(self.plan, &self.sources, &self.host.live_files())?;
        let mut look = Look { listing, stats: HashMap::new(), agreement: Vec::new(), torn: None };
        self.pin(&mut look)?;
        self.stat(&mut look)?;
        self.monitor.counters.files_skipped.store(look.listing.skipped, Relaxed);
        Ok(look)
    }

    fn pin(&mut self, look: &mut Look) -> Result<()> {
        self.monitor.doing(|| format!("pinning the files of {}", crate::error::show(&self.plan.data_dir)));
        let files = &look.listing.files;
        for (index, source) in self.sources.iter_mut().enumerate() {
            let mut near = crate::io::near::Near::new(&source.dir);
            for file in files.iter().filter(|file| file.source == index && file.class != FileClass::Mutable) {
                let held = match near.of(&file.relative) {
                    Ok((directory, name)) => source.pins.hold(&file.relative, file.inode, directory, name)?,
                    Err(error) if crate::sys::dir::is_absent(&error) => false,
                    Err(error) => return Err(Error::io("pinning", &source.dir.full(&file.relative), error)),
                };
                if !held {
                    look.torn.get_or_insert_with(|| file.path.clone());
                } else if file.class == FileClass::IMMUTABLE {
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
        let mut stats = Stats::of(&self.sources);
        for file in &look.listing.files {
            if matches!(file.class, FileClass::Immutable { unfinished_ok: true }) {
                continue;
            }
            let mut agreed = Agreed { path: file.path.clone(), inode: file.inode, stamps: [None; 4] };
            if !matches!(file.class, FileClass::Immutable { .. }) {
                let full = || self.sources[file.source].dir.full(&file.relative);
                let found = stats
                    .stat(file.source, &file.relative)
                    .map_err(|error| Error::io("looking at", &full(), error))?;
                let Some(stat) = found.filter(|stat| stat.kind == Kind::File) else {
                    look.torn.get_or_insert_with(|| file.path.clone());
                    continue;
                };
                agreed.stamps = stamps(file, &stat, with_ctime);
                look.stats.insert(file.path.clone(), stat);
            }
            look.agreement.push(agreed);
        }
        for place in look.listing.directories.iter().chain(&look.listing.links) {
            look.agreement.push(Agreed { path: place.path.clone(), inode: 0, stamps: [None; 4] });
        }
        Ok(())
    }

    /// Without a freeze: a look by which every mutable file has rested for longer than a stamp
    /// may be coarse.
    fn look_at_rest(&mut self) -> Result<Look> {
        for _ in 0..QUIET_TRIES {
            let look = self.look()?.accepted()?;
            let now = wall_ns();
            let Some((path, stamp)) = youngest(&look, now) else { return Ok(look) };
            self.monitor.doing(|| format!("waiting for {} to rest", crate::error::show(path)));
            let wait = u64::try_from(stamp + QUIET_NS - now).unwrap_or(0) + 10_000_000;
            self.monitor.pause(Duration::from_nanos(wait))?;
        }
        let look = self.look()?.accepted()?;
        match youngest(&look, wall_ns()) {
            None => Ok(look),
            Some((path, _)) => Err(self.never_rests(path)),
        }
    }

    fn never_rests(&self, path: &Path) -> Error {
        let why = "it is written to again and again, and there is no freeze hook to stop that";
        Error::at(Code::SourceChanged, "capturing", &self.full(path), why)
    }

    fn full(&self, path: &Path) -> PathBuf {
        let (source, relative) = locate(&self.sources, path);
        self.sources[source].dir.full(relative)
    }

    /// What there will be to do, for the progress.
    fn expect(&self, look: &Look) {
        let counters = &self.monitor.counters;
        let size = |file: &Listed| match look.stats.get(&file.path) {
            Some(stat) => file.limit.unwrap_or(stat.size),
            None => self.sources[file.source].pins.get(&file.relative).map_or(0, |pin| pin.stat.size),
        };
        let bytes: u64 = look.listing.bytes.iter().map(|(_, bytes)| bytes.len() as u64).sum();
        let total = look.listing.files.iter().map(size).fold(bytes, u64::saturating_add);
        counters.bytes_total.store(total, Relaxed);
        let files = look.listing.files.len() + look.listing.bytes.len();
        counters.files_total.store(files as u64, Relaxed);
    }

    /// The window is closed: attributes of directories and links, which the host does not write.
    fn caught(&mut self, look: Look, early: HashMap<PathBuf, Early>) -> Result<Captured> {
        self.drop_other_pins(&look.listing)?;
        self.expect(&look);
        let Look { listing, stats, .. } = look;
        let directories = self.directories(&listing.directories)?;
        let links = self.links(&listing.links)?;
        Ok(Captured { files: listing.files, early, stats, directories, links, bytes: listing.bytes })
    }

    fn directories(&self, places: &[Place]) -> Result<Vec<DirectoryEntry>> {
        let mut stats = Stats::of(&self.sources);
        let mut directories = Vec::with_capacity(places.len());
        for place in places {
            let full = || self.sources[place.source].dir.full(&place.relative);
            let stat = match place.relative.as_os_str().is_empty() {
                true => self.sources[place.source].dir.stat(&place.relative).map(Some),
                false => stats.stat(place.source, &place.relative),
            };
            // One that went away after the window is kept as an empty one would be.
            let stat = match stat.map_err(|error| Error::io("looking at", &full(), error))? {
                Some(stat) => stat,
                None => self.top_stat()?,
            };
            directories.push(DirectoryEntry { path: place.path.clone(), attributes: Attributes::of(&stat) });
        }
        directories.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(directories)
    }

    fn links(&self, places: &[Place]) -> Result<Vec<LinkEntry>> {
        let read = |place: &Place| {
            let dir = &self.sources[place.source].dir;
            let failed = |error| Error::io("reading the link", &dir.full(&place.relative), error);
            let target = dir.read_link(&place.relative).map_err(failed)?;
            let stat = dir.stat(&place.relative).map_err(failed)?;
            Ok(LinkEntry {
                path: place.path.clone(),
                target: target.into(),
                attributes: Attributes::of(&stat),
            })
        };
        let mut links = places.iter().map(read).collect::<Result<Vec<_>>>()?;
        links.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(links)
    }

    /// The data directory's own stat.
    pub(super) fn top_stat(&self) -> Result<Stat> {
        let dir = &self.sources[0].dir;
        dir.stat(Path::new("")).map_err(|error| Error::io("looking at", dir.path(), error))
    }
}

/// The mutable file that was written to last, if a coarse stamp could hide a write after it.
fn youngest(look: &Look, now: i64) -> Option<(&Path, i64)> {
    let young = now - QUIET_NS..=now + QUIET_NS;
    let mutable = look.listing.files.iter().filter(|file| file.class == FileClass::Mutable);
    let stamps = mutable.filter_map(|file| Some((file, look.stats.get(&file.path)?)));
    stamps
        .flat_map(|(file, stat)| [stat.mtime_ns, stat.ctime_ns].map(|stamp| (file.path.as_path(), stamp)))
        .filter(|(_, stamp)| young.contains(stamp))
        .max_by_key(|(_, stamp)| *stamp)
}

/// Which stamps count: of a log its size, of a mutable file all, of a pinned one none.
fn stamps(file: &Listed, stat: &Stat, with_ctime: bool) -> [Option<i64>; 4] {
    let size = Some(file.limit.unwrap_or(stat.size) as i64);
    let inode = Some(stat.inode as i64);
    match file.class {
        FileClass::Mutable => [size, Some(stat.mtime_ns), with_ctime.then_some(stat.ctime_ns), inode],
        FileClass::AppendOnly => [size, None, None, inode],
        _ => [None, None, None, inode],
    }
}

/// A path on which two looks do not agree.
fn disagreement(earlier: &Look, later: &Look) -> Option<PathBuf> {
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
    /// The look of a window: what a walk refuses counts, since now no hook names files instead.
    fn accepted(mut self) -> Result<Self> {
        self.listing.refused.take().map_or(Ok(self), Err)
    }

    /// A name changed while it was copied.
    pub(super) fn tear(&mut self, path: &Path) {
        self.torn.get_or_insert_with(|| path.to_path_buf());
    }
}
