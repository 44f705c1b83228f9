//! What restores have replaced: a directory each, numbered, with the record of its swap beside it.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use super::journal::Swap;
use crate::datadir::names::{ASIDE, ASIDE_RECORD};
use crate::error::{Code, Error, Result};
use crate::io::small;
use crate::root::names::{name_of, next_number, number_of};
use crate::sys::clock::Clock;
use crate::sys::dir::{Dir, Entry, Kind, if_there};

/// The record beside what a swap put aside.
pub fn record_of(aside: &Path) -> PathBuf {
    aside.with_extension(ASIDE_RECORD)
}

/// What restores have put aside.
pub fn all(target: &Dir) -> Result<Vec<PathBuf>> {
    let is_one = |entry: &&Entry| entry.kind == Kind::Directory && number_of(&entry.name).is_some();
    let found = entries(target)?;
    Ok(found.iter().filter(is_one).map(|entry| Path::new(ASIDE).join(&entry.name)).collect())
}

/// A free name for what is put aside.
pub fn next(target: &Dir) -> Result<PathBuf> {
    let above = Path::new(ASIDE);
    target.ensure_own_dir(above, 0o700).map_err(|error| Error::io("making", &target.full(above), error))?;
    let now = Clock::start().started_at_s();
    next_number(highest(target)?, now).map(named).ok_or_else(|| {
        let why = "the highest possible name is taken";
        Error::at(Code::Conflict, "putting aside what is in", target.path(), why)
    })
}

/// What the last restore put aside, if it kept that, and its record.
pub fn last(target: &Dir) -> Result<(PathBuf, Swap)> {
    let none = |why: String| Error::at(Code::NotFound, "undoing the restore of", target.path(), why);
    let kept_nothing = || none("no restore has kept what it replaced".into());
    let aside = highest(target)?.map(named).ok_or_else(kept_nothing)?;
    let found = target.find(&aside).map_err(|error| Error::io("looking at", &target.full(&aside), error))?;
    if found.is_none() {
        let earlier = crate::error::show(&target.full(Path::new(ASIDE)));
        return Err(none(format!("it gave its undo up; what earlier ones replaced lies in {earlier}")));
    }
    match Swap::read(target, &record_of(&aside))? {
        Some(swap) => Ok((aside, swap)),
        None => Err(none("what it replaced was not put aside by this library".into())),
    }
}

/// A swap keeps nothing for an undo. Where earlier ones did, a record without a directory keeps
/// an undo from reaching back to them as if this one had not been.
pub fn give_up(target: &Dir, swap: &Swap) -> Result<()> {
    match highest(target)? {
        Some(_) => swap.write(target, &record_of(&next(target)?)),
        None => Ok(()),
    }
}

/// Removes a record.
pub fn remove_record(target: &Dir, aside: &Path) -> Result<()> {
    let record = record_of(aside);
    small::remove(target, &record)
        .map(drop)
        .map_err(|error| Error::io("removing", &target.full(&record), error))
}

/// Removes the directory of what was put aside, if it holds nothing.
pub fn tidy(target: &Dir) {
    let _ = target.remove_dir(Path::new(ASIDE));
}

fn named(number: u64) -> PathBuf {
    Path::new(ASIDE).join(name_of(number))
}

/// The highest number of a directory or a record.
fn highest(target: &Dir) -> Result<Option<u64>> {
    let number = |name: &OsStr| {
        let name = Path::new(name);
        let is_record = name.extension() == Some(OsStr::new(ASIDE_RECORD));
        number_of(if is_record { name.file_stem()? } else { name.as_os_str() })
    };
    Ok(entries(target)?.iter().filter_map(|entry| number(&entry.name)).max())
}

fn entries(target: &Dir) -> Result<Vec<Entry>> {
    let listed = if_there(target.open_dir(Path::new(ASIDE)).and_then(|dir| dir.entries()));
    let listed = listed.map_err(|error| Error::io("listing", &target.full(Path::new(ASIDE)), error))?;
    Ok(listed.unwrap_or_default())
}
