//! What cannot wait until the window is closed: mutable files, the heads of pinned ones, the
//! lengths of logs.

use std::fs::File;
use std::ops::Range;
use std::path::Path;

use super::catalog::Catalog;
use super::context::{Context, Place};
use super::ids::NameId;
use super::observation::Observation;
use super::policy::{BLOCK, HEAD, InWindow};
use super::record::{Captured, Prefix, Taken};
use super::room::Reserve;
use super::survey::Survey;
use crate::error::{Code, Error, Result};
use crate::io::copy::Pace;
use crate::io::pool;
use crate::staging::CLONE_FROM;
use crate::sync::Mutex;
use crate::sys::dir::{Stat, is_absent};
use crate::sys::file;

/// How much is worth a second thread inside the window: it takes milliseconds to copy, a thread less than
/// one to make.
const A_LOT: u64 = 4 << 20;

/// Takes of each file what cannot wait. One that changes meanwhile tears the observation.
pub fn take(context: &Context<'_>, survey: &mut Survey, seen: &mut Observation) -> Result<()> {
    let catalog = &survey.catalog;
    // Copied anew in each round: counted anew too.
    context.monitor().copies_anew();
    let sizes = seen.live.iter().filter_map(|name| catalog[*name].stat()).map(|stat| stat.size);
    // A second thread costs more than it helps with little to copy.
    let threads = if sizes.fold(0, u64::saturating_add) < A_LOT { 1 } else { context.threads() };
    let taken = Mutex::new(Vec::with_capacity(seen.live.len()));
    let reserve = Reserve::default();
    pool::for_each(context.monitor().crew(threads), &seen.live, |_, name, buffer| {
        reserve.keep(context)?;
        let captured = match take_one(context, survey, *name, buffer) {
            Ok(captured) => captured,
            // It shrank under the copy.
            Err(error) if error.code() == Code::SourceChanged => Captured::Torn,
            Err(error) => return Err(error),
        };
        taken.lock().push((*name, captured));
        Ok(())
    })?;
    for (name, captured) in taken.into_inner() {
        if matches!(captured, Captured::Torn) {
            seen.tear(|| context.place(&survey.catalog, name).path);
        }
        survey.catalog[name].captured = captured;
    }
    Ok(())
}

/// Another file may have the name now: then it is torn.
fn take_one(context: &Context<'_>, survey: &Survey, name: NameId, buffer: &mut [u8]) -> Result<Captured> {
    let record = &survey.catalog[name];
    let Some(stat) = record.stat() else { return Ok(Captured::Torn) };
    let length = record.limit().unwrap_or(stat.size);
    let place = context.place(&survey.catalog, name);
    context.monitor().doing("copying", place.source.dir.path(), &place.relative);
    let what = record.policy().in_window;
    if what == InWindow::All {
        return copy_mutable(context, &place, stat, length, buffer);
    }
    let Some(pin) = record.pin().filter(|pin| pin.is_of(stat)) else { return Ok(Captured::Torn) };
    let pinned = survey.pins[survey.catalog.source(name)].read(pin, &place.source.dir, &place.relative)?;
    match what {
        InWindow::LengthAndEnds => {
            let ends = ends(&place, &pinned, length)?;
            Ok(Captured::Prefix(Box::new(Prefix { length, ends })))
        }
        _ => {
            let mut staged = context.staging.receive(&place.path, 0o600)?;
            staged.copy(place.named(&pinned), 0..length.min(HEAD), pace(context), buffer)?;
            Ok(Captured::Head(Box::new(Taken { length, checksum: staged.suspend()? })))
        }
    }
}

fn copy_mutable(
    context: &Context<'_>,
    place: &Place<'_>,
    stat: &Stat,
    length: u64,
    buffer: &mut [u8],
) -> Result<Captured> {
    let opened = match place.source.dir.open_file(&place.relative) {
        Err(error) if is_gone(&error) => return Ok(Captured::Torn),
        other => other.map_err(|error| place.failed("opening", error))?,
    };
    let now = Stat::of(&opened).map_err(|error| place.failed("looking at", error))?;
    if (now.device, now.inode, now.kind) != (stat.device, stat.inode, stat.kind) {
        return Ok(Captured::Torn);
    }
    let mut staged = context.staging.receive(&place.path, 0o600)?;
    let from = place.named(&opened);
    // A clone is of all that the file has at that instant.
    if length == stat.size && staged.clone_of(from, length)? {
        staged.suspend()?;
        return Ok(Captured::Cloned { length });
    }
    staged.copy(from, 0..length, pace(context), buffer)?;
    Ok(Captured::Copied(Box::new(Taken { length, checksum: staged.suspend()? })))
}

/// While the host's writes are stopped nothing is slowed down.
fn pace(context: &Context<'_>) -> Pace {
    if context.host().has_freeze() { Pace::Full } else { Pace::Limited }
}

/// A clone first flushes the source's dirty pages: better ahead of the window than in it.
pub fn write_back_what_will_be_cloned(context: &Context<'_>, catalog: &Catalog, seen: &Observation) {
    if !context.settings().clone {
        return;
    }
    let is_large = |name: &&NameId| {
        let record = &catalog[**name];
        record.policy().in_window == InWindow::All
            && record.stat().is_some_and(|stat| stat.size >= CLONE_FROM)
    };
    for (index, name) in seen.live.iter().filter(is_large).enumerate() {
        let place = context.place(catalog, *name);
        let Ok(opened) = place.source.dir.open_file(&place.relative) else { continue };
        // Whether this file system clones is known after the first.
        if index == 0 {
            context.staging.try_to_clone(&opened, &place.path);
        }
        if !context.staging.clones() {
            return;
        }
        // A hint: the clone itself reports what cannot be written.
        let _ = opened.sync_data();
    }
}

/// The blocks at both ends of the first `length` bytes of a log.
pub fn ends(place: &Place<'_>, log: &File, length: u64) -> Result<[Vec<u8>; 2]> {
    let path = place.full();
    Ok([block(log, &path, 0..length.min(BLOCK))?, block(log, &path, length.saturating_sub(BLOCK)..length)?])
}

/// The bytes of a range that must be there.
fn block(file: &File, path: &Path, range: Range<u64>) -> Result<Vec<u8>> {
    let mut bytes = vec![0; (range.end - range.start) as usize];
    let read =
        file::read_at(file, &mut bytes, range.start).map_err(|error| Error::io("reading", path, error))?;
    if read < bytes.len() {
        let why = format!("it ends before byte {}, though it was that long", range.end);
        return Err(Error::at(Code::SourceChanged, "reading", path, why));
    }
    Ok(bytes)
}

/// The name is gone, or something else has taken it.
fn is_gone(error: &std::io::Error) -> bool {
    is_absent(error) || matches!(error.raw_os_error(), Some(libc::ELOOP | libc::ENXIO))
}
