//! Capture: pins ahead of the freeze, then rounds inside its window until two looks agree.
//!
//! The order of the steps matters where an engine flushes and compacts though its commits are
//! frozen. Each was tried without:
//!
//! * What changes is copied between two looks that agree. Without the agreement the captured
//!   manifest may need a log that is gone, and the engine opens clean without its commits.
//! * It is copied within the rounds, not after them: else the manifest names tables that no look saw.
//! * Names of tables that may be unfinished take no part in the agreement: while compactions run
//!   they never come to rest, and the manifest already tells which of them are live.
//! * Immutable files are pinned ahead, so the window costs listings and not links.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use super::Backup;
use super::early::Early;
use super::list::{Listed, Listing, Place, Stats, locate};
use super::look::{Look, disagreement};
use super::rest;
use crate::datadir::require_reserve;
use crate::error::{Code, Error, Result};
use crate::layout::FileClass;
use crate::monitor::Phase;
use crate::snapshot::{Attributes, DirectoryEntry, LinkEntry};
use crate::sys::dir::Stat;
use crate::sys::file;

/// Passes of pinning ahead of one freeze.
const PASSES: usize = 8;

/// A pass that adds no more than this has caught up with the host.
const FEW: u64 = 8;

/// Rounds in one window.
const ROUNDS: usize = 20;

/// Windows, before it is given up.
const TRIES: usize = 8;

/// A look, and what was copied by it.
type Seen = (Look, HashMap<PathBuf, Early>);

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
    pub bytes: Vec<(PathBuf, Arc<Vec<u8>>)>,
}

impl Backup<'_> {
    /// Captures a consistent point of the sources.
    pub(super) fn capture(&mut self) -> Result<Captured> {
        let mut differed = None;
        let tries = if self.host.has_freeze() { TRIES } else { rest::TRIES };
        for _ in 0..tries {
            // What an earlier window staged would count as if it were still to be copied.
            self.staging.start_over()?;
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
            let before = self.pins_made();
            let look = self.look()?;
            self.drop_other_pins(&look.listing)?;
            self.expect(&look);
            if !self.host.has_freeze() {
                // Its rest counts from here.
                let _ = self.rest.observe(&look);
            }
            if pass == 0 {
                self.write_back_what_will_be_cloned(&look);
            }
            self.has_room_for_the_window(&look)?;
            for source in &self.sources {
                require_reserve(&source.dir, self.plan.options.min_free)?;
            }
            if self.pins_made() - before <= FEW {
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

    fn pins_made(&self) -> u64 {
        self.sources.iter().map(|source| source.pins.made()).sum()
    }

    /// The rounds inside the window. The inner error is the path on which no two looks agreed.
    fn window(&mut self) -> Result<std::result::Result<Seen, PathBuf>> {
        let mut look = match self.host.has_freeze() {
            true => self.look()?.accepted()?,
            false => self.look_at_rest()?,
        };
        // Without a freeze a second copy of mutable files would take as long as the first.
        let rounds = if self.host.has_freeze() || !look.has_mutable() { ROUNDS } else { 1 };
        let mut differed = PathBuf::new();
        for _ in 0..rounds {
            self.monitor.check()?;
            let early = self.copy_early(&mut look)?;
            if !self.host.has_freeze() {
                self.wait_for_writes(&look, file::wait_for_writes)?;
            }
            let next = self.look()?.accepted()?;
            match disagreement(&look, &next) {
                None => return Ok(Ok((next, early))),
                Some(path) => differed = path,
            }
            look = next;
        }
        Ok(Err(differed))
    }

    pub(super) fn full(&self, path: &Path) -> PathBuf {
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

    /// The window is closed: the attributes of directories, which say nothing of the data.
    fn caught(&mut self, look: Look, early: HashMap<PathBuf, Early>) -> Result<Captured> {
        self.drop_other_pins(&look.listing)?;
        self.were_left_alone(&look.listing)?;
        self.expect(&look);
        let Look { listing, stats, mut links, .. } = look;
        let directories = self.directories(&listing.directories)?;
        links.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(Captured { files: listing.files, early, stats, directories, links, bytes: listing.bytes })
    }

    /// What was not stated in the window is as it was before: the window would take longer for each of them.
    fn were_left_alone(&self, listing: &Listing) -> Result<()> {
        for file in listing.files.iter().filter(|file| matches!(file.class, FileClass::Immutable { .. })) {
            let source = &self.sources[file.source];
            let full = || source.dir.full(&file.relative);
            let alone = source.pins.was_left_alone(&file.relative);
            if !alone.map_err(|error| Error::io("looking at", &full(), error))? {
                self.shrank.store(true, Relaxed);
                let why = "it was written to after it was pinned, though it had long been left alone";
                return Err(Error::at(Code::SourceChanged, "capturing", &full(), why));
            }
        }
        Ok(())
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

    /// The data directory's own stat.
    pub(super) fn top_stat(&self) -> Result<Stat> {
        let dir = &self.sources[0].dir;
        dir.stat(Path::new("")).map_err(|error| Error::io("looking at", dir.path(), error))
    }
}
