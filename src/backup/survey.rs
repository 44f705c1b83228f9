//! What a backup knows of its sources, from one observation to the next.
//!
//! Equal sizes of the mutable files in two observations mean that nothing was changed between them, so
//! every table that they name existed throughout and was pinned. The order of the steps is part of that:
//! all names are listed, then what is new is pinned, and only then is anything stated.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use super::catalog::{Catalog, DirectoryId, NameId};
use super::context::Context;
use super::list::list;
use super::observation::{Observation, SeenLink, agree};
use super::pin::Pins;
use super::policy::{Agreement, InWindow, Pinning};
use super::record::{Captured, Hold, Live, Record};
use super::source::Source;
use crate::error::Result;
use crate::hooks::LiveFiles;
use crate::snapshot::{Attributes, LinkEntry};
use crate::sys::dir::{Dir, Kind, Stat, is_absent};

/// What is known of the sources, from one observation to the next.
pub struct Survey {
    /// All names that were met.
    pub catalog: Catalog,
    /// What holds files, for each source.
    pub pins: Vec<Pins>,
    /// The number of the last observation.
    pub number: u32,
    /// The files that the host named last, and their names here.
    pub(super) named: Option<(Arc<LiveFiles>, Vec<NameId>)>,
    /// How many names took part in the agreement of the last observation, and its links.
    took_part: u64,
    links: Vec<SeenLink>,
}

impl Survey {
    /// Of sources of which nothing is known yet. What a crashed backup pinned in them is let go of.
    pub fn new(context: &Context<'_>) -> Result<Self> {
        let sources = &context.sources;
        let pins = |source: &Source| Pins::new(&source.dir, context.prepared.id, sources.len());
        let pins = sources.iter().map(pins).collect::<Result<_>>()?;
        let catalog = Catalog::new(sources.len());
        Ok(Self { catalog, pins, number: 0, named: None, took_part: 0, links: Vec::new() })
    }

    /// Observes: names and inodes, a pin for what is new, a stat of what is not immutable.
    pub fn observe(&mut self, context: &Context<'_>) -> Result<Observation> {
        let (monitor, data_dir) = (context.monitor(), &context.plan().data_dir);
        monitor.doing("listing", data_dir, Path::new(""));
        self.number += 1;
        let mut seen = Observation::begun();
        list(context, self, &mut seen)?;
        monitor.doing("pinning the files of", data_dir, Path::new(""));
        self.pin(context, &mut seen)?;
        self.stat(context, &mut seen)?;
        self.agree_on_directories(context, &mut seen);
        self.read_links(context, &mut seen)?;
        self.end(context, &mut seen);
        monitor.skips(seen.skipped);
        Ok(seen)
    }

    /// A file was listed with this inode.
    pub fn list_file(&mut self, context: &Context<'_>, seen: &mut Observation, name: NameId, inode: u64) {
        let number = self.number;
        let record = &mut self.catalog[name];
        let policy = record.policy();
        let is_same = record.seen == number - 1 && record.inode == inode;
        (record.seen, record.inode) = (number, inode);
        if !is_same {
            // What was seen under that name before was perhaps another's.
            record.live = None;
        }
        seen.files.push(name);
        seen.has_mutable |= policy.in_window == InWindow::All;
        match record.pin() {
            _ if policy.pinning == Pinning::None => {}
            // A pin of another inode than the listing's may be of another file, which had the name for a
            // moment; where listings number differently (overlays), each observation pins anew.
            Some(pin) if pin.inode == inode => {
                if policy.in_window == InWindow::Nothing && pin.is_young() {
                    seen.to_look_at_again.push(name);
                }
            }
            _ => seen.to_pin.push(name),
        }
        if policy.stat {
            seen.live.push(name);
        } else if policy.agreement != Agreement::Nothing {
            seen.takes_part(is_same, || context.place(&self.catalog, name).path);
        }
    }

    fn pin(&mut self, context: &Context<'_>, seen: &mut Observation) -> Result<()> {
        let mut files = vec![0; self.pins.len()];
        for name in &seen.files {
            files[self.catalog.source(*name)] += 1;
        }
        self.pins.iter_mut().zip(files).for_each(|(pins, files)| pins.begin_look(files));
        let mut opened = OpenDirectory::new(&context.sources);
        for name in std::mem::take(&mut seen.to_pin) {
            context.monitor().check()?;
            let failed = |catalog: &Catalog, error| context.place(catalog, name).failed("pinning", error);
            let pinned = match opened.of(&self.catalog, self.catalog[name].directory) {
                Ok(directory) => self.pin_one(directory, name)?,
                Err(error) if is_absent(&error) => false,
                Err(error) => return Err(failed(&self.catalog, error)),
            };
            if !pinned {
                seen.tear(|| context.place(&self.catalog, name).path);
            }
        }
        for name in std::mem::take(&mut seen.to_look_at_again) {
            let source = self.catalog.source(name);
            let Hold::Pinned(pin) = &mut self.catalog[name].hold else { continue };
            if let Err(error) = self.pins[source].look_again(pin) {
                return Err(context.place(&self.catalog, name).failed("looking at", error));
            }
        }
        Ok(())
    }

    /// `false`: it is gone, or it is no file any more.
    fn pin_one(&mut self, directory: &Dir, name: NameId) -> Result<bool> {
        let pins = &mut self.pins[self.catalog.source(name)];
        let record = &mut self.catalog[name];
        let pinning = record.policy().pinning;
        let earlier = match std::mem::replace(&mut record.hold, Hold::Free) {
            Hold::Free => None,
            Hold::Earlier { inode, most } => Some((inode, most)),
            Hold::Pinned(pin) => {
                let earlier = (pin.inode, pin.most);
                pins.drop_pin(pin)?;
                Some(earlier)
            }
        };
        let called = Path::new(self.catalog.name(name));
        let Some(mut pin) = pins.make(directory, called, pinning)? else { return Ok(false) };
        if let Some(earlier) = earlier {
            pin.was_seen_by(earlier);
        }
        self.catalog[name].hold = Hold::Pinned(pin);
        Ok(true)
    }

    fn stat(&mut self, context: &Context<'_>, seen: &mut Observation) -> Result<()> {
        let has_freeze = context.host().has_freeze();
        // Without a freeze and without a mutable file there is nothing to prove: any prefix of a
        // log is one that it had.
        let counts = Counts { change_times: !has_freeze, log_sizes: has_freeze || seen.has_mutable };
        let mut opened = OpenDirectory::new(&context.sources);
        let mut live = std::mem::take(&mut seen.live);
        let mut failure = None;
        live.retain(|name| {
            if failure.is_some() {
                return false;
            }
            let found = context.monitor().check().and_then(|()| {
                opened
                    .stat(&self.catalog, *name)
                    .map_err(|error| context.place(&self.catalog, *name).failed("looking at", error))
            });
            match found {
                Ok(Some(stat)) if stat.kind == Kind::File => {
                    let is_same = take_stat(&mut self.catalog[*name], &stat, self.number, &counts);
                    seen.takes_part(is_same, || context.place(&self.catalog, *name).path);
                    true
                }
                Ok(_) => {
                    self.catalog[*name].live = None;
                    seen.tear(|| context.place(&self.catalog, *name).path);
                    false
                }
                Err(error) => {
                    failure = Some(error);
                    false
                }
            }
        });
        seen.live = live;
        failure.map_or(Ok(()), Err)
    }

    fn agree_on_directories(&mut self, context: &Context<'_>, seen: &mut Observation) {
        for id in std::mem::take(&mut seen.directories) {
            let directory = &mut self.catalog[id];
            let is_same = directory.seen == self.number - 1;
            directory.seen = self.number;
            let directory = &self.catalog[id];
            seen.takes_part(is_same, || context.sources[directory.source].prefix.join(&directory.path));
            seen.directories.push(id);
        }
    }

    fn read_links(&self, context: &Context<'_>, seen: &mut Observation) -> Result<()> {
        for name in std::mem::take(&mut seen.links) {
            let place = context.place(&self.catalog, name);
            let dir = &place.source.dir;
            let read =
                dir.read_link(&place.relative).and_then(|target| Ok((target, dir.stat(&place.relative)?)));
            let (target, stat) = match read {
                // Gone, or no link any more.
                Err(error) if is_absent(&error) || error.raw_os_error() == Some(libc::EINVAL) => {
                    seen.tear(|| place.path);
                    continue;
                }
                other => other.map_err(|error| place.failed("reading the link", error))?,
            };
            let (target, attributes) = (PathBuf::from(target), Attributes::of(&stat));
            let entry = LinkEntry { path: place.path, target, attributes };
            seen.seen_links.push(SeenLink { name, inode: stat.inode, entry });
        }
        Ok(())
    }

    /// What was there before and is not now differs too.
    fn end(&mut self, context: &Context<'_>, seen: &mut Observation) {
        seen.seen_links.sort_unstable_by_key(|link| link.name);
        seen.ended = Instant::now();
        for name in &seen.live {
            if let Some(live) = &mut self.catalog[*name].live {
                live.same_since.get_or_insert(seen.ended);
            }
        }
        if seen.differs.is_none() && !agree(&self.links, &seen.seen_links) {
            let links = seen.seen_links.iter().chain(&self.links).map(|link| &link.entry.path);
            seen.differs = Some(links.min().cloned().unwrap_or_default());
        }
        if seen.differs.is_none() && seen.took_part != self.took_part {
            seen.differs = Some(self.gone(context).unwrap_or_default());
        }
        (self.took_part, self.links) = (seen.took_part, seen.seen_links.clone());
    }

    /// A name that the observation before this one had.
    fn gone(&self, context: &Context<'_>) -> Option<PathBuf> {
        let is_gone = |name: &NameId| {
            let record = &self.catalog[*name];
            record.seen == self.number - 1 && record.policy().agreement != Agreement::Nothing
        };
        let file = self.catalog.names().find(is_gone).map(|name| context.place(&self.catalog, name).path);
        file.or_else(|| {
            let gone = |id: &DirectoryId| self.catalog[*id].seen == self.number - 1;
            let directory = &self.catalog[self.catalog.directories().find(gone)?];
            Some(context.sources[directory.source].prefix.join(&directory.path))
        })
    }

    /// Lets go of what has no name any more; not inside the window, where each call counts.
    pub fn drop_other_pins(&mut self) -> Result<()> {
        for name in self.catalog.names() {
            let source = self.catalog.source(name);
            let record = &mut self.catalog[name];
            if record.seen == self.number || record.pin().is_none() {
                continue;
            }
            if let Hold::Pinned(pin) = std::mem::replace(&mut record.hold, Hold::Free) {
                self.pins[source].drop_pin(pin)?;
            }
        }
        Ok(())
    }

    /// Lets go of all pins, but for what is known of the sizes of their files: the capture starts over.
    pub fn start_over(&mut self) -> Result<()> {
        self.pins.iter_mut().for_each(Pins::be_careful);
        for name in self.catalog.names() {
            let source = self.catalog.source(name);
            let record = &mut self.catalog[name];
            match std::mem::replace(&mut record.hold, Hold::Free) {
                Hold::Pinned(pin) => {
                    let (inode, most) = (pin.inode, pin.most);
                    record.hold = Hold::Earlier { inode, most };
                    self.pins[source].drop_pin(pin)?;
                }
                // Of a capture before the last one.
                Hold::Earlier { .. } | Hold::Free => {}
            }
        }
        Ok(())
    }

    /// Nothing is captured any more of any file.
    pub fn forget_captured(&mut self) {
        self.catalog.records_mut().for_each(|record| record.captured = Captured::Nothing);
    }

    /// How many pins were made so far.
    pub fn pins_made(&self) -> u64 {
        self.pins.iter().map(Pins::made).sum()
    }

    /// Removes all pins.
    pub fn unpin(&mut self) -> Result<()> {
        self.pins.iter_mut().try_for_each(Pins::remove)
    }
}

/// What counts in an agreement beside what always does.
struct Counts {
    change_times: bool,
    log_sizes: bool,
}

/// Takes in the stat of a file. Whether it agrees with that of the observation before.
fn take_stat(record: &mut Record, stat: &Stat, number: u32, counts: &Counts) -> bool {
    let size = |stat: &Stat| record.limit().unwrap_or(stat.size);
    let agreement = record.policy().agreement;
    let before = record.live.as_ref().filter(|live| live.by == number - 1);
    let is_same = before.is_some_and(|before| {
        let was = &before.stat;
        let sizes = size(was) == size(stat);
        was.inode == stat.inode
            && match agreement {
                Agreement::Nothing | Agreement::Name => true,
                Agreement::Size => sizes || !counts.log_sizes,
                Agreement::Times => {
                    let changes = was.ctime_ns == stat.ctime_ns || !counts.change_times;
                    sizes && was.mtime_ns == stat.mtime_ns && changes
                }
            }
    });
    let same_since = before.filter(|before| before.stat == *stat).and_then(|before| before.same_since);
    let live = Live { stat: *stat, by: number, same_since };
    match &mut record.live {
        Some(place) => **place = live,
        None => record.live = Some(Box::new(live)),
    }
    is_same
}

/// The directory of the last name, kept open: names of one directory that follow each other cost one call.
pub struct OpenDirectory<'a> {
    sources: &'a [Source],
    last: Option<(DirectoryId, Dir)>,
}

impl<'a> OpenDirectory<'a> {
    /// Nothing is open yet.
    pub fn new(sources: &'a [Source]) -> Self {
        Self { sources, last: None }
    }

    /// Opens a directory of the catalog.
    pub fn of(&mut self, catalog: &Catalog, id: DirectoryId) -> std::io::Result<&Dir> {
        let directory = &catalog[id];
        let top = &self.sources[directory.source].dir;
        if directory.path.as_os_str().is_empty() {
            return Ok(top);
        }
        if self.last.as_ref().is_none_or(|(last, _)| *last != id) {
            self.last = Some((id, top.open_dir(&directory.path)?));
        }
        Ok(self.last.as_ref().map_or(top, |(_, opened)| opened))
    }

    /// The stat of a directory itself; `None`: it is gone.
    pub fn stat_of(&mut self, catalog: &Catalog, id: DirectoryId) -> std::io::Result<Option<Stat>> {
        match self.of(catalog, id) {
            Ok(opened) => opened.stat(Path::new("")).map(Some),
            Err(error) if is_absent(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The stat of a name; `None`: it is gone.
    pub fn stat(&mut self, catalog: &Catalog, name: NameId) -> std::io::Result<Option<Stat>> {
        match self.of(catalog, catalog[name].directory) {
            Ok(directory) => directory.find(Path::new(catalog.name(name))),
            Err(error) if is_absent(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }
}
