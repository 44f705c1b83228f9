//! The swap: the staged tree takes the place of the present one.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};

use super::aside;
use super::context::Restore;
use super::journal::{Shared, Swap, sync_name};
use super::units::{self, Coming};
use crate::datadir::names::{JOURNAL, LIFECYCLE, RESTORE};
use crate::error::{Code, Error, Result};
use crate::io::remove::remove_tree;
use crate::io::small;
use crate::staging::Staging;
use crate::sys::dir::{Dir, if_there};
use crate::sys::memory;

/// The extension of a staging's name for what a swap without an undo replaces.
pub const GIVEN_UP: &str = "aside";

/// A target that did not exist appears by one rename.
pub fn appear(
    restore: &Restore<'_>,
    staging: &Staging,
    parent: &Dir,
    sibling: &Path,
    name: &Path,
) -> Result<()> {
    let path = parent.full(name);
    let failed = |error| Error::io("putting in place", &path, error);
    if let Some(top) = restore.manifest.top {
        top.apply_to_dir(&staging.dir).map_err(failed)?;
    } else {
        staging.dir.set_mode(0o755).map_err(failed)?;
    }
    staging.sync_top()?;
    restore.job.monitor.commit()?;
    parent.rename_new(sibling, parent, name).map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => {
            Error::at(Code::Conflict, "putting in place", &path, "somebody else made it meanwhile")
        }
        _ => failed(error),
    })?;
    parent.sync().map_err(|error| {
        // Not known to be durable: taken back, so that a failed restore leaves nothing.
        let _ = parent.rename_new(name, parent, sibling);
        failed(error)
    })
}

/// The entries of a target that exists are swapped under the journal.
pub fn exchange(
    restore: &Restore<'_>,
    target: &Dir,
    staging: &Path,
    root: Option<&Path>,
    shared: Vec<Shared>,
) -> Result<()> {
    let units = units::plan(target, &restore.rules, root, &Coming::of_manifest(&restore.manifest))?;
    let keep = restore.settings.keep_undo;
    let aside = match keep {
        true => aside::next(target)?,
        false => staging.with_extension(GIVEN_UP),
    };
    let rules = restore.rules.iter().map(|rule| (rule.glob().to_string(), rule.class())).collect();
    let (from, root) = (staging.to_path_buf(), root.map(Path::to_path_buf));
    let swap = Swap { from, aside, keep, units, rules, root, shared };
    // Its journal, written when names are about to move.
    memory::require_room(swap.size())
        .map_err(|error| Error::io("swapping the entries of", target.path(), error))?;
    restore.job.monitor.commit()?;
    carry_out(target, &swap)?;
    // Nothing is lost with them; an undo makes them again.
    for directory in swap.units.emptied.iter().rev() {
        let _ = target.remove_dir(directory);
    }
    Ok(())
}

/// Writes the journal and swaps.
pub fn carry_out(target: &Dir, swap: &Swap) -> Result<()> {
    let journal = Path::new(JOURNAL);
    let above = journal.parent().unwrap_or(journal);
    target.ensure_dir(above, 0o700).map_err(|error| Error::io("making", &target.full(above), error))?;
    let moved = swap.write(target, journal).and_then(|()| forward(target, swap));
    settle(target, swap, moved)
}

/// Ends a swap whose units have moved. One that failed is taken back; where that fails too, the
/// journal stays and the error says so.
pub fn settle(target: &Dir, swap: &Swap, moved: Result<()>) -> Result<()> {
    let Err(error) = moved else {
        return finish(target, swap).map_err(|error| {
            unfinished(target, &format!("all is in its place, but the swap could not be ended ({error})"))
        });
    };
    match backward(target, swap) {
        Ok(()) => Err(error),
        Err(second) => {
            let why = format!("the swap failed ({error}) and could not be taken back ({second})");
            Err(unfinished(target, &why))
        }
    }
}

fn unfinished(target: &Dir, why: &str) -> Error {
    Error::at(Code::RestoreUnfinished, "restoring into", target.path(), why)
        .aftermath("no file is lost, and backup_recover finishes it before the database is opened")
}

/// Moves all units, from whatever state a crash left: while a name is still to come in, what the
/// target has under it is the old one.
pub fn forward(target: &Dir, swap: &Swap) -> Result<()> {
    let (from, away, here) = (&swap.from, &swap.aside, Path::new(""));
    make_dirs(target, away)?;
    if swap.keep {
        // Before anything moves: where there is no room for it, nothing has to be taken back.
        swap.write(target, &aside::record_of(away))?;
    }
    let into: BTreeSet<&PathBuf> = swap.units.into.iter().collect();
    for unit in &swap.units.out {
        let came_in = into.contains(unit) && !exists(target, &from.join(unit))?;
        if !came_in && exists(target, unit)? {
            make_parents(target, away, unit)?;
            move_name(target, unit, &away.join(unit))?;
        }
    }
    // The old ones are durably away before the first new one comes.
    sync_all(target, &swap.units.out, away, here)?;
    for unit in &swap.units.into {
        if exists(target, &from.join(unit))? {
            move_name(target, &from.join(unit), unit)?;
        }
    }
    sync_all(target, &swap.units.into, here, from)
}

/// Takes a swap back, from whatever state.
pub fn backward(target: &Dir, swap: &Swap) -> Result<()> {
    let (from, away, here) = (&swap.from, &swap.aside, Path::new(""));
    for unit in &swap.units.into {
        if !exists(target, &from.join(unit))? && exists(target, unit)? {
            move_name(target, unit, &from.join(unit))?;
        }
    }
    sync_all(target, &swap.units.into, from, here)?;
    for unit in &swap.units.out {
        if exists(target, &away.join(unit))? {
            move_name(target, &away.join(unit), unit)?;
        }
    }
    if exists(target, away)? {
        sync_all(target, &swap.units.out, here, away)?;
        remove_tree(target, away)?;
    }
    aside::remove_record(target, away)?;
    aside::tidy(target);
    remove_journal(target)
}

/// All units are where they belong. The staging goes before the journal: one without a journal is
/// that of a restore that never came to its swap.
fn finish(target: &Dir, swap: &Swap) -> Result<()> {
    if !swap.keep {
        aside::give_up(target, swap)?;
    }
    remove_tree(target, &swap.from)?;
    aside::remove_record(target, &swap.from)?;
    remove_journal(target)?;
    // The restore is done; what is left here the next one removes.
    if !swap.keep {
        let _ = remove_tree(target, &swap.aside);
    }
    let _ = target.remove_dir(Path::new(RESTORE));
    Ok(())
}

fn remove_journal(target: &Dir) -> Result<()> {
    let journal = Path::new(JOURNAL);
    let removed = small::remove(target, journal);
    let durably = removed.and_then(|was_there| if was_there { sync_name(target, journal) } else { Ok(()) });
    durably.map_err(|error| Error::io("removing the journal", &target.full(journal), error))
}

fn exists(target: &Dir, path: &Path) -> Result<bool> {
    let found = target.find(path).map_err(|error| Error::io("looking at", &target.full(path), error))?;
    Ok(found.is_some())
}

/// Moves one name to a place that is free.
fn move_name(target: &Dir, from: &Path, to: &Path) -> Result<()> {
    let moved = match target.rename_new(from, target, to) {
        // A directory that its owner may not write to cannot change its parent.
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            rename_opened(target, from, to, error)
        }
        other => other,
    };
    // The path of a database's file, not that of its place in `.lifecycle`.
    let (doing, path) = match to.starts_with(LIFECYCLE) {
        true => ("moving aside", from),
        false => ("moving into place", to),
    };
    moved.map_err(|error| Error::io(doing, &target.full(path), error))
}

fn rename_opened(target: &Dir, from: &Path, to: &Path, refused: io::Error) -> io::Result<()> {
    let Ok(directory) = target.open_dir(from) else { return Err(refused) };
    let mode = directory.stat(Path::new(""))?.mode;
    if mode & 0o200 != 0 {
        return Err(refused);
    }
    directory.set_mode(mode | 0o200)?;
    let renamed = target.rename_new(from, target, to);
    directory.set_mode(mode)?;
    renamed
}

fn make_dirs(target: &Dir, path: &Path) -> Result<()> {
    for directory in downward(path) {
        target
            .ensure_dir(directory, 0o700)
            .map_err(|error| Error::io("making", &target.full(directory), error))?;
    }
    sync_name(target, path).map_err(|error| Error::io("syncing", &target.full(path), error))
}

fn make_parents(target: &Dir, aside: &Path, unit: &Path) -> Result<()> {
    for above in downward(unit.parent().unwrap_or(unit)) {
        let made = aside.join(above);
        make_dirs(target, &made)?;
        copy_rights(target, above, &made).map_err(|error| Error::io("making", &target.full(&made), error))?;
    }
    Ok(())
}

/// The directories on the way to a path and itself, the topmost first.
fn downward(path: &Path) -> Vec<&Path> {
    let mut all: Vec<&Path> = path.ancestors().filter(|path| !path.as_os_str().is_empty()).collect();
    all.reverse();
    all
}

/// An undo may move the directory itself back, if nothing keeps it in its place any more.
fn copy_rights(target: &Dir, of: &Path, to: &Path) -> io::Result<()> {
    let stat = target.stat(of)?;
    target.give_to(to, stat.uid, stat.gid)?;
    target.open_dir(to)?.set_mode(stat.mode)
}

/// Makes the names of units durable: first where they went, then where they came from, so that a
/// power cut between the two can only leave a name in both.
fn sync_all(target: &Dir, units: &[PathBuf], to: &Path, from: &Path) -> Result<()> {
    let mut above: BTreeSet<&Path> = units.iter().filter_map(|unit| unit.parent()).collect();
    above.insert(Path::new(""));
    let below = |place: &Path| above.iter().map(|above| place.join(above)).collect::<Vec<_>>();
    let directories = below(to).into_iter().chain(below(from));
    for directory in directories {
        let synced = match directory.as_os_str().is_empty() {
            true => target.sync(),
            false => target.open_dir(&directory).and_then(|dir| dir.sync()),
        };
        // A directory that no unit needed was not made.
        if_there(synced).map_err(|error| Error::io("syncing", &target.full(&directory), error))?;
    }
    Ok(())
}
