//! Checkpoints: a directory each, in a directory of the data directory's own. That is worked in as a root is, by
//! a lock and with stagings, but is none: nothing in it is called like a snapshot, and no marker names the newest.

use std::ffi::OsStr;
use std::path::Path;

use super::names::{STAGING, next_number, plain_number};
use super::open::Root;
use crate::datadir::leftovers::remove_unlocked;
use crate::datadir::locks::take_abandoned;
use crate::datadir::names::{CHECKPOINTS, LIFECYCLE};
use crate::error::{Code, Error, Result};
use crate::io::remove::remove_tree;
use crate::io::thread;
use crate::paths::absolute;
use crate::snapshot::{Checkpoint, Snapshot};
use crate::sys::dir::{Dir, Kind, is_absent};
use crate::sys::random;

/// What a checkpoint is called, followed by its number.
const PREFIX: &str = "checkpoint-";

const REMOVING: &str = "removing the checkpoint";

fn number_of(name: &OsStr) -> Option<u64> {
    plain_number(name.to_str()?.strip_prefix(PREFIX)?)
}

/// The numbers of all checkpoints.
fn numbers(directory: &Dir) -> Result<Vec<u64>> {
    let entries = directory.entries().map_err(|error| Error::io("listing", directory.path(), error))?;
    let directories = entries.into_iter().filter(|entry| entry.kind == Kind::Directory);
    Ok(directories.filter_map(|entry| number_of(&entry.name)).collect())
}

impl Root {
    /// The directory of a data directory's checkpoints, made if need be, and taken.
    pub fn of_checkpoints(data_dir: &Dir) -> Result<Self> {
        let path = Path::new(CHECKPOINTS);
        let made = data_dir.ensure_own_dir(Path::new(LIFECYCLE), 0o755).and_then(|()| {
            if data_dir.find(path)?.is_none() {
                data_dir.ensure_own_dir(path, 0o755)?;
                data_dir.open_dir(Path::new(LIFECYCLE))?.sync()?;
            }
            data_dir.open_dir(path)
        });
        Root::locked(made.map_err(|error| Error::io("making", &data_dir.full(path), error))?)
    }

    /// The name of the next checkpoint: the time, or one more than the highest there is.
    pub fn next_checkpoint(&self, now_s: u64) -> Result<String> {
        let highest = numbers(&self.dir)?.into_iter().max();
        next_number(highest, now_s).map(|number| format!("{PREFIX}{number}")).ok_or_else(|| {
            let why = "the highest possible name is taken";
            Error::at(Code::Conflict, "naming a checkpoint in", self.dir.path(), why)
        })
    }

    /// Gives a complete staging its name, durably, or leaves it as it was.
    pub fn publish_checkpoint(&self, staging: &Path, name: &str) -> Result<()> {
        let (staging, name) = (Path::new(staging.file_name().unwrap_or_default()), Path::new(name));
        let failed = |error| Error::io("publishing", &self.dir.full(name), error);
        self.dir.rename_new(staging, &self.dir, name).map_err(failed)?;
        self.dir.sync().map_err(|error| {
            // Where that fails too, it is there, whole, and the message names it.
            let _ = self.dir.rename_new(name, &self.dir, staging);
            failed(error)
        })
    }
}

impl Snapshot {
    /// What the checkpoint at `location` becomes where it is pushed to. No byte of its live files was read, so it can be
    /// neither verified nor restored here. [`Code::NotFound`]: there is no checkpoint's manifest.
    pub fn of_checkpoint(location: impl AsRef<Path>) -> Result<Self> {
        let location = absolute(location.as_ref())?;
        thread::run(|| {
            let snapshot = Self::describe_checkpoint(location);
            snapshot.error().cloned().map_or(Ok(snapshot), Err)
        })
    }
}

/// Removes a checkpoint, by where its job said that it is. The live database keeps its files; space comes back
/// for those that it has deleted since. [`Code::NotFound`]: it is not there; [`Code::InvalidArgument`]: no
/// checkpoint is made at such a place, or what is there is none (a copy is its owner's to remove);
/// [`Code::Conflict`]: somebody holds a lock (`flock`) on its directory.
pub fn checkpoint_remove(location: impl AsRef<Path>) -> Result<()> {
    let location = absolute(location.as_ref())?;
    thread::run(|| {
        let (directory, name) = place_of(&location)?;
        remove(&directory, &name)
    })
}

/// The directory of the checkpoints that one is in.
fn place_of(location: &Path) -> Result<(Dir, std::path::PathBuf)> {
    let misplaced = || {
        let why =
            format!("checkpoints lie in {CHECKPOINTS} of their data directory, and are called {PREFIX}<n>");
        Error::at(Code::InvalidArgument, REMOVING, location, why)
    };
    let not_found = |error| match is_absent(&error) {
        true => Error::at(Code::NotFound, REMOVING, location, "there is none"),
        false => Error::io(REMOVING, location, error),
    };
    let (Some(above), Some(name)) = (location.parent(), location.file_name()) else {
        return Err(misplaced());
    };
    let above = above.canonicalize().map_err(not_found)?;
    if !above.ends_with(CHECKPOINTS) || number_of(name).is_none() {
        return Err(misplaced());
    }
    Ok((Dir::open(&above).map_err(not_found)?, name.into()))
}

/// Killed at any instant, what is left is a staging.
fn remove(directory: &Dir, name: &Path) -> Result<()> {
    let path = directory.full(name);
    let refuse = |code, why: &str| Err(Error::at(code, REMOVING, &path, why));
    let checkpoint = match directory.open_dir(name) {
        Err(error) if is_absent(&error) => return refuse(Code::NotFound, "there is none"),
        other => other.map_err(|error| Error::io(REMOVING, &path, error))?,
    };
    if Checkpoint::of(&checkpoint)?.is_none() {
        return refuse(Code::InvalidArgument, "it holds no checkpoint's manifest");
    }
    if !take_abandoned(&checkpoint, true) {
        return refuse(Code::Conflict, "somebody holds a lock on it (flock)");
    }
    let grave = format!("{STAGING}{}", random::uuid()?);
    directory
        .rename_new(name, directory, Path::new(&grave))
        .and_then(|()| directory.sync())
        .map_err(|error| Error::io(REMOVING, &path, error))?;
    remove_tree(directory, Path::new(&grave))
}

/// Removes what killed jobs have left of checkpoints; and, where no coordinator is open, those that were to go
/// with theirs. What cannot be removed is tried again the next time.
pub fn remove_stale(data_dir: &Dir, none_is_open: bool) {
    let Ok(directory) = data_dir.open_dir(Path::new(CHECKPOINTS)) else { return };
    let _ = remove_unlocked(&directory, STAGING.as_ref(), false);
    if !none_is_open {
        return;
    }
    for number in numbers(&directory).unwrap_or_default() {
        let name = format!("{PREFIX}{number}");
        let opened = directory.open_dir(Path::new(&name));
        let checkpoint = opened.ok().and_then(|opened| Checkpoint::of(&opened).ok().flatten());
        if checkpoint.is_some_and(|checkpoint| checkpoint.until_close) {
            let _ = remove(&directory, Path::new(&name));
        }
    }
}
