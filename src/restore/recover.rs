//! After a crash, and after a change of mind.

use std::path::Path;

use super::aside;
use super::journal::{Shared, Swap};
use super::leftovers::{Recovered, clean, parent_of};
use super::swap::{carry_out, forward, settle};
use super::units::{Coming, plan};
use crate::datadir::leftovers::{remove_stale_pins, remove_unlocked};
use crate::datadir::locks::{take_alone, take_for_restore};
use crate::datadir::names::{JOURNAL, LIFECYCLE, RESTORE, sibling_prefix};
use crate::datadir::{open_data_dir, refuse_unfinished};
use crate::error::{Code, Error, Result};
use crate::io::thread;
use crate::io::walk::walk;
use crate::paths::absolute;
use crate::root::checkpoints::remove_stale;
use crate::sys::dir::{Dir, Stat};

/// Finishes a restore that was interrupted, before the database is opened. Without one it does
/// nothing; killed itself, it can be called again.
pub fn recover(target: impl AsRef<Path>) -> Result<Recovered> {
    let target = absolute(target.as_ref())?;
    thread::run(|| match Dir::open(&target) {
        Ok(dir) => recover_present(&dir),
        Err(error) if error.raw_os_error() == Some(libc::ENOENT) => recover_absent(&target),
        Err(_) => open_data_dir(&target).map(|_| Recovered::Nothing),
    })
}

fn recover_present(target: &Dir) -> Result<Recovered> {
    if target.find(Path::new(LIFECYCLE)).is_ok_and(|found| found.is_none()) {
        return Ok(Recovered::Nothing);
    }
    let _owner = match take_alone(target, "recovering") {
        // It is read-only for us, or full, and no restore was begun there.
        Err(error) if error.code() != Code::Conflict && is_untouched(target) => {
            return Ok(Recovered::Nothing);
        }
        other => other?,
    };
    remove_stale_pins(target, &[target]);
    remove_stale(target, true);
    match Swap::read(target, Path::new(JOURNAL))? {
        Some(swap) => {
            let outcome = complete(target, &swap)?;
            clean(target).map(|_| outcome)
        }
        None => clean(target),
    }
}

fn is_untouched(target: &Dir) -> bool {
    target.find(Path::new(RESTORE)).is_ok_and(|found| found.is_none())
}

/// What the journal speaks of is complete and durable: onward, unless the disk refuses.
fn complete(target: &Dir, swap: &Swap) -> Result<Recovered> {
    match settle(target, swap, forward(target, swap)) {
        Ok(()) => Ok(Recovered::New),
        Err(error) if error.code() == Code::RestoreUnfinished => Err(error),
        Err(_) => Ok(Recovered::Old),
    }
}

/// The target does not exist: only a sibling that never took its name can be left.
fn recover_absent(target: &Path) -> Result<Recovered> {
    let (parent, name) = match parent_of(target) {
        Ok(found) => found,
        // Nor can that be there where its directory is not: a first start asks before it makes any.
        Err(error) if error.code() == Code::NotFound => return Ok(Recovered::Nothing),
        Err(error) => return Err(error),
    };
    let count = || parent.entries().map(|entries| entries.len()).unwrap_or(0);
    let before = count();
    remove_unlocked(&parent, &sibling_prefix(&name), true)?;
    Ok(if count() < before { Recovered::Old } else { Recovered::Nothing })
}

/// Puts back what the last restore replaced, and keeps what it takes away as aside: a second
/// undo takes the first one back.
pub fn restore_undo(target: impl AsRef<Path>) -> Result<()> {
    let target = absolute(target.as_ref())?;
    thread::run(|| {
        let dir = open_data_dir(&target)?;
        const DOING: &str = "undoing the restore of";
        refuse_unfinished(&dir, DOING)?;
        aside::last(&dir)?;
        let _owner = take_for_restore(&dir, DOING)?;
        // Once more, now that nobody else can change it.
        refuse_unfinished(&dir, DOING)?;
        let (from, last) = aside::last(&dir)?;
        refuse_spoilt(&dir, &last, &from)?;
        carry_out(&dir, &reversed(&dir, last, &from)?)
    })
}

fn reversed(target: &Dir, last: Swap, from: &Path) -> Result<Swap> {
    // Not the units of last time: a lock may have come since, or gone, so other directories stay.
    let failed = |error| Error::io("opening", &target.full(from), error);
    let put_aside = walk(&target.open_dir(from).map_err(failed)?, |_, _| Ok(false))?;
    let units = plan(target, &last.rules(), last.root.as_deref(), &Coming::of_walk(&put_aside))?;
    let aside = aside::next(target)?;
    let shared = still_shared(target, last.shared, from)?;
    Ok(Swap {
        from: from.to_path_buf(),
        aside,
        keep: true,
        units,
        rules: last.rules,
        root: last.root,
        shared,
    })
}

/// An engine that empties a file before it deletes it has emptied what was put aside too, where both are one.
fn refuse_spoilt(target: &Dir, last: &Swap, from: &Path) -> Result<()> {
    for file in &last.shared {
        let path = from.join(&file.path);
        match find(target, &path)? {
            Some(found) if found.size != file.size => {
                let why = format!(
                    "it was shared with the directory, where something has cut it from {} to {} bytes since; \
                     nothing was changed",
                    file.size, found.size
                );
                return Err(Error::at(Code::Corrupt, "putting back", &target.full(&path), why));
            }
            _ => {}
        }
    }
    Ok(())
}

/// What an undo of the undo is to look at.
fn still_shared(target: &Dir, shared: Vec<Shared>, from: &Path) -> Result<Vec<Shared>> {
    let inode = |path: &Path| Ok(find(target, path)?.map(|stat| (stat.device, stat.inode)));
    let mut still = Vec::new();
    for file in shared {
        let here = inode(&file.path)?;
        if here.is_some() && here == inode(&from.join(&file.path))? {
            still.push(file);
        }
    }
    Ok(still)
}

fn find(target: &Dir, path: &Path) -> Result<Option<Stat>> {
    target.find(path).map_err(|error| Error::io("looking at", &target.full(path), error))
}
