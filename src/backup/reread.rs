//! Reading back what will be shared: one bad block would be bad in every snapshot that shares it. Each backup
//! reads some of it from the disk, those files first that were not read for the longest time, before it asks
//! anything of its host. A file that is bad is copied anew from the source, and the snapshots that hold the bad
//! one are named.

use super::prepare::Prepared;
use super::previous::Previous;
use super::source::{Source, locate};
use crate::error::{Code, Error, Result};
use crate::io::buffer::BUFFER;
use crate::io::read_back::{Expected, is_rot, read_back};
use crate::monitor::Monitor;
use crate::root::holders::copies;
use crate::root::ledger::{self, BadFile};
use crate::settings::VerifyLevel;
use crate::snapshot::FileEntry;
use crate::sys::clock::wall_ms;

/// What is always read in one backup, if so much is due: some tenths of a second.
const LEAST: u64 = 64 << 20;

/// The part of all that is read in one backup, if that is more: so all of it is, in so many backups.
const PART: u64 = 32;

/// Reads back what is due.
pub fn reread(
    previous: &mut Previous,
    prepared: &Prepared,
    sources: &[Source],
    monitor: &Monitor,
) -> Result<()> {
    let now_ms = wall_ms();
    let due = due(previous, prepared, sources, now_ms);
    let mut buffer = Vec::new();
    for file in due {
        monitor.check()?;
        monitor.doing("reading back", previous.dir.path(), previous.entry(file).path);
        // Not before there is something to read.
        buffer.resize(BUFFER, 0);
        match read(previous, file, &mut buffer, monitor) {
            Ok(()) => previous.is_good(file, now_ms),
            // It was asked to stop.
            Err(_) if monitor.is_stopped() => return monitor.check(),
            Err(error) => tell_of(previous, file, &error, prepared, monitor),
        }
    }
    Ok(())
}

/// The files that are to be read, those first that were not for the longest time.
fn due(previous: &Previous, prepared: &Prepared, sources: &[Source], now_ms: u64) -> Vec<u32> {
    let after_ms = prepared.plan.reread_after_ms;
    let (mut all, mut due) = (0u64, Vec::new());
    for (file, size, verified_at_ms) in previous.shareable() {
        all = all.saturating_add(size);
        // A time that is still to come is that of another clock.
        let is_due = now_ms.checked_sub(verified_at_ms).is_none_or(|age| age >= after_ms);
        if is_due && after_ms != u64::MAX {
            due.push((verified_at_ms, file, size));
        }
    }
    due.sort_unstable();
    let mut left = LEAST.max(all / PART);
    let is_live = |file: u32| {
        let entry = previous.entry(file);
        let (source, relative) = locate(sources, entry.path);
        let found = sources[source].dir.find(relative).ok().flatten();
        found.is_some_and(|stat| entry.source.is_some_and(|source| source.inode == stat.inode))
    };
    // What was deleted since is not shared any more.
    let wanted = due.into_iter().filter(|(_, file, _)| is_live(*file));
    let within = wanted.take_while(|(_, _, size)| {
        let is_within = left > 0;
        left = left.saturating_sub(*size);
        is_within
    });
    within.map(|(_, file, _)| file).collect()
}

/// Reads a file of the snapshot from its disk and compares it with its entry.
fn read(previous: &Previous, file: u32, buffer: &mut [u8], monitor: &Monitor) -> Result<()> {
    let FileEntry { path, size, crc32, .. } = previous.entry(file);
    read_back((&previous.dir, Expected { path, size, crc32 }), buffer, monitor, |_| {}).map(|_| ())
}

/// A file is never shared again, and those who list the snapshots that have it are told.
fn tell_of(previous: &mut Previous, file: u32, error: &Error, prepared: &Prepared, monitor: &Monitor) {
    let FileEntry { path, size, crc32, .. } = previous.entry(file);
    let origin = previous.origins[previous.origin(file) as usize].id;
    let root = &prepared.root.dir;
    let held = copies(root, path, size, crc32).into_iter().filter(|copy| copy.origin == origin);
    let snapshots: Vec<String> = held.map(|copy| copy.snapshot).collect();
    let why = format!(
        "{}; it is copied anew from the source, if it still is there; the snapshots that hold the bad one: {}",
        error.message(),
        snapshots.join(", ")
    );
    let told = Error::at(Code::Corrupt, "reading back", &previous.dir.full(path), why);
    if is_rot(error) {
        let bad = BadFile { origin, path, snapshots, why: told.message().to_string() };
        if let Err(error) = ledger::is_bad(root, bad, VerifyLevel::Media) {
            monitor.warn(error);
        }
    }
    monitor.warn(told);
    previous.is_bad(file);
}
