//! An observation of the sources, step by step.
//!
//! Equal sizes and times of the mutable files in two observations mean that nothing was changed between
//! them, so every table that they name existed throughout and was pinned. The order of the steps is part of that:
//! all names are listed, then what is new is pinned, and only then is anything stated.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Instant;

use super::context::Context;
use super::ids::{DirectoryId, NameId};
use super::list::list;
use super::observation::{Observation, SeenLink, agree};
use super::open_directory::OpenDirectory;
use super::pin::Pin;
use super::policy::{Agreement, Pinning};
use super::record::{Hold, Live, Record};
use super::survey::Survey;
use crate::error::Result;
use crate::io::pool;
use crate::snapshot::{Attributes, LinkEntry};
use crate::sync::Mutex;
use crate::sys::dir::{Kind, Stat, is_absent};

/// How many files are pinned before their pins are put down: each takes memory twice until then.
const AT_ONCE: usize = 4096;

/// Observes: names and inodes, a pin for what is new, a stat of what is not immutable.
pub fn observe(context: &Context<'_>, survey: &mut Survey) -> Result<Observation> {
    let (monitor, data_dir) = (context.monitor(), &context.plan().data_dir);
    monitor.doing("listing", data_dir, Path::new(""));
    survey.number += 1;
    let mut seen = Observation::begun();
    list(context, survey, &mut seen)?;
    monitor.doing("pinning the files of", data_dir, Path::new(""));
    survey.pin(context, &mut seen)?;
    survey.stat(context, &mut seen)?;
    survey.agree_on_directories(context, &mut seen);
    survey.read_links(context, &mut seen)?;
    survey.end(context, &mut seen);
    monitor.skips(seen.skipped);
    Ok(seen)
}

impl Survey {
    fn pin(&mut self, context: &Context<'_>, seen: &mut Observation) -> Result<()> {
        let mut files = vec![0; self.pins.len()];
        for name in &seen.files {
            let is_pinned = self.catalog[*name].policy().pinning != Pinning::None;
            files[self.catalog.source(*name)] += usize::from(is_pinned);
        }
        self.pins.iter_mut().zip(files).for_each(|(pins, files)| pins.begin_observation(files));
        let to_pin = std::mem::take(&mut seen.to_pin);
        for names in to_pin.chunks(AT_ONCE) {
            let to_pin = self.share(context, seen, names)?;
            self.pin_all(context, seen, &to_pin)?;
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

    /// Shares what can be, and says what is to be pinned.
    fn share(
        &mut self,
        context: &Context<'_>,
        seen: &mut Observation,
        names: &[NameId],
    ) -> Result<Vec<NameId>> {
        let mut sharing = self.sharing(context);
        if sharing.is_none() {
            return Ok(names.to_vec());
        }
        let mut opened = OpenDirectory::new(&context.sources);
        let mut to_pin = Vec::new();
        for name in names {
            context.monitor().check()?;
            let id = self.catalog[*name].directory;
            match opened.of(&self.catalog, id) {
                Ok(directory) => {
                    self.note_stamps(id, directory);
                    if !self.share_one(context, &mut sharing, directory, *name)? {
                        to_pin.push(*name);
                    }
                }
                Err(error) if is_absent(&error) => {
                    seen.tear(|| context.place(&self.catalog, *name).path);
                }
                Err(error) => return Err(context.place(&self.catalog, *name).failed("pinning", error)),
            }
        }
        Ok(to_pin)
    }

    fn pin_all(&mut self, context: &Context<'_>, seen: &mut Observation, names: &[NameId]) -> Result<()> {
        let mut replaced = Vec::new();
        for name in names {
            let source = self.catalog.source(*name);
            if let Hold::Pinned(pin) = std::mem::replace(&mut self.catalog[*name].hold, Hold::Free) {
                replaced.push((*name, pin.inode, pin.most));
                self.pins[source].drop_pin(pin)?;
            }
        }
        for (name, pin) in self.make_pins(context, names)? {
            let Some(mut pin) = pin else {
                seen.tear(|| context.place(&self.catalog, name).path);
                continue;
            };
            let record = &mut self.catalog[name];
            if let Some(earlier) = &record.earlier {
                pin.was_seen_as(earlier.inode, earlier.most);
            }
            record.hold = Hold::Pinned(pin);
        }
        for (name, inode, most) in replaced {
            if let Hold::Pinned(pin) = &mut self.catalog[name].hold {
                pin.was_seen_as(inode, most);
            }
        }
        Ok(())
    }

    /// Pins each of these names, many of them on all threads. None: it is gone, or it is no file any more.
    fn make_pins(&self, context: &Context<'_>, names: &[NameId]) -> Result<Vec<(NameId, Option<Pin>)>> {
        let mut opened = OpenDirectory::new(&context.sources);
        if names.len() < pool::MANY {
            let made = |name: &NameId| Ok((*name, self.pin_one(context, 0, &mut opened, *name)?));
            return names.iter().map(made).collect();
        }
        let (made, thread) = (Mutex::new(Vec::with_capacity(names.len())), AtomicUsize::new(0));
        let keep = || (thread.fetch_add(1, Relaxed), OpenDirectory::new(&context.sources));
        pool::for_each_of(context.crew(), names.len(), keep, |index, (thread, opened), _| {
            let pin = self.pin_one(context, *thread, opened, names[index])?;
            made.lock().push((names[index], pin));
            Ok(())
        })?;
        Ok(made.into_inner())
    }

    fn pin_one(
        &self,
        context: &Context<'_>,
        thread: usize,
        opened: &mut OpenDirectory<'_>,
        name: NameId,
    ) -> Result<Option<Pin>> {
        context.monitor().check()?;
        let record = &self.catalog[name];
        match opened.of(&self.catalog, record.directory) {
            Ok(directory) => {
                let called = Path::new(self.catalog.name(name));
                let pins = &self.pins[self.catalog.source(name)];
                pins.make(thread, directory, called, record.policy().pinning)
            }
            Err(error) if is_absent(&error) => Ok(None),
            Err(error) => Err(context.place(&self.catalog, name).failed("pinning", error)),
        }
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
