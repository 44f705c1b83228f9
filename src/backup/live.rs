//! Live files in a checkpoint: a pin is a link already, and moves into the staging. None of its
//! bytes is read, and nothing of it is changed but how many names it has.

use std::io;
use std::path::Path;

use super::contents::Saved;
use super::context::{Context, Place};
use super::pin::{Pin, Pins, is_refusal, not_pinned};
use super::record::Record;
use super::survey::Survey;
use crate::error::{Code, Error, Result};
use crate::layout::FileClass;
use crate::snapshot::{Attributes, FileEntry, Imprint, SourceId};
use crate::sys::dir::Stat;
use crate::sys::lease::has_writer;

const LINKING: &str = "linking";

/// Refuses sources whose files cannot be linked into the checkpoint, before the host is asked for anything.
pub fn require_links(context: &Context<'_>, survey: &Survey) -> Result<()> {
    for (source, pins) in context.sources.iter().zip(&survey.pins) {
        pins.could_give(&context.staging.dir).map_err(|error| failed(source.dir.path(), error))?;
    }
    Ok(())
}

/// Links a file into the checkpoint. `None`: it is to be copied.
pub fn link(context: &Context<'_>, pins: &Pins, record: &Record, place: &Place<'_>) -> Result<Option<Saved>> {
    if !context.links(record.class, &place.path) {
        return Ok(None);
    }
    let pin = record.pin().ok_or_else(|| not_pinned(&place.source.dir, &place.relative))?;
    let changed = |why: &str| Error::at(Code::SourceChanged, LINKING, &place.full(), why);
    let Some(now) = pins.look(pin).map_err(|error| place.failed("looking at", error))? else {
        return Err(failed(&place.full(), io::Error::from_raw_os_error(libc::EROFS)));
    };
    if now.size < pin.most {
        let why = format!("it has {} bytes, and had {} when it was captured", now.size, pin.most);
        return Err(changed(&why).of_a_point_that_is_gone());
    }
    let may_grow = matches!(record.class, FileClass::Immutable { unfinished_ok: true });
    if may_grow && !record.named && !is_finished(pins, pin, place)? {
        return Ok(None);
    }
    if !may_grow && (now.size, now.mtime_ns) != (pin.size, pin.mtime_ns()) {
        return Err(changed("it changed after it was pinned, which an immutable file never does"));
    }
    if record.limit().is_some_and(|limit| limit != now.size) {
        return Ok(None);
    }
    context.staging.make_dir(place.path.parent().unwrap_or(Path::new("")))?;
    pins.give(pin, &context.staging.dir, &place.path).map_err(|error| failed(&place.full(), error))?;
    context.monitor().linked(now.size);
    let born_ns = Stat::with_birth(&context.staging.dir, &place.path).ok().and_then(|(_, born_ns)| born_ns);
    let entry = FileEntry {
        path: place.path.clone(),
        size: now.size,
        crc32: 0,
        class: Some(record.class),
        attributes: Some(Attributes::of(&now)),
        // Its ctime moves with each name that it gains or loses, and nothing is shared by it.
        source: Some(SourceId { ctime_ns: None, ..SourceId::of(&now, born_ns) }),
        shared: None,
        live: true,
    };
    Ok(Some(Saved { entry, imprint: Imprint::default() }))
}

/// Whether a file that an engine builds in place is built. One that is not must not be linked: an engine that opens
/// the checkpoint for writing does not know its number, may give it to a file of its own, and would empty the
/// one that the live engine is writing. It is copied, as a backup does, which leaves it out if it grows.
/// So is one that a forked child of the host still has open.
fn is_finished(pins: &Pins, pin: &Pin, place: &Place<'_>) -> Result<bool> {
    let opened = pins.read(pin, &place.source.dir, &place.relative)?;
    // Where nobody tells, by what is known of its age.
    Ok(has_writer(&opened).map_or(!pin.is_young(), |has_writer| !has_writer))
}

/// A link that is refused is no defect of the disk: a checkpoint cannot be made here.
fn failed(path: &Path, error: io::Error) -> Error {
    const SHORTAGES: [i32; 2] = [libc::ENOSPC, libc::EDQUOT];
    let os_error = error.raw_os_error().unwrap_or(0);
    if !is_refusal(os_error) || SHORTAGES.contains(&os_error) {
        return Error::io(LINKING, path, error);
    }
    let why = format!(
        "a checkpoint is made of links, on the data directory's own file system, and this cannot be linked there: \
         {error}; a backup needs no links"
    );
    Error::at(Code::Unsupported, LINKING, path, why)
}
