//! A fetch: a snapshot that lies elsewhere becomes a snapshot in a directory of this machine. It is staged beside
//! its place, where the next fetch of the same snapshot goes on with it, and appears by one rename.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::context::Restore;
use super::copy;
use super::leftovers::parent_of;
use super::origin::Wanted;
use super::supply::Supply;
use super::verify;
use crate::datadir::locks::{make_locked, take_abandoned};
use crate::error::{Code, Error, Result};
use crate::job::JobContext;
use crate::monitor::Phase;
use crate::settings::Settings;
use crate::snapshot::{Attributes, MANIFEST};
use crate::staging::Staging;
use crate::sys::clock::wall_ns;
use crate::sys::dir::Dir;
use crate::sys::random;

const DOING: &str = "fetching to";

const UNHARMED: &str = "nothing is there under that name, and what has come is kept for the next fetch";

/// What a fetch is staged under, followed by the snapshot's id.
const STAGING: &str = ".fetch-";

/// Brings a snapshot to `target`, which must not exist.
pub fn run(supply: Arc<dyn Supply>, target: &Path, settings: &Settings, job: &JobContext) -> Result<()> {
    let outcome = job.host.enter(Phase::Download).and_then(|()| bring(supply, target, settings, job));
    outcome
        .map_err(|error| job.monitor.check().err().unwrap_or(error).or_at(DOING, target).aftermath(UNHARMED))
}

fn bring(supply: Arc<dyn Supply>, target: &Path, settings: &Settings, job: &JobContext) -> Result<()> {
    let (parent, name) = parent_of(target)?;
    if target.symlink_metadata().is_ok() {
        return Err(taken(target));
    }
    let restore = Restore::of(Wanted::From(supply.clone()), settings, job)?;
    let id = restore.manifest.id.map_or_else(random::uuid, Ok)?;
    let staged_as = PathBuf::from(format!("{STAGING}{id}"));
    let staging = Staging::new(take(&parent, &staged_as)?, &job.monitor);
    let source = copy::Sources { restore: &restore, staging: &staging, keeper: None, resumes: true };
    restore.require_room(&parent, restore.room_needed(|entry| source.has(entry)))?;
    let copied = source.copy()?;
    write_manifest(&supply.manifest()?, &staging)?;
    job.host.enter(Phase::Verify)?;
    verify(&restore, &staging, &copied.imprints)?;
    job.host.enter(Phase::Publish)?;
    publish(&restore, &staging, (&parent, &staged_as, &name))
}

/// The staging, made, or gone on with.
fn take(parent: &Dir, name: &Path) -> Result<Dir> {
    let path = parent.full(name);
    let there = parent.find(name).map_err(|error| Error::io("looking at", &path, error))?;
    if there.is_none() {
        return make_locked(parent, name);
    }
    let directory = parent.open_dir(name).map_err(|error| Error::io("opening", &path, error))?;
    if !take_abandoned(&directory, true) {
        let why = "another fetch of this snapshot is at work there";
        return Err(Error::at(Code::Conflict, DOING, &path, why));
    }
    directory.set_mode(0o700).map_err(|error| Error::io("opening", &path, error))?;
    Ok(directory)
}

fn write_manifest(bytes: &[u8], staging: &Staging) -> Result<()> {
    let mut staged = staging.receive(Path::new(MANIFEST), 0o600)?;
    staged.fill(bytes)?;
    staged.finish(&Attributes { mtime_ns: wall_ns(), ..Attributes::of_a_private_file() }).map(drop)
}

fn publish(
    restore: &Restore<'_>,
    staging: &Staging,
    (parent, staged_as, name): (&Dir, &Path, &Path),
) -> Result<()> {
    let path = parent.full(name);
    let failed = |error| Error::io(DOING, &path, error);
    staging.sync_top()?;
    restore.job.monitor.commit()?;
    parent.rename_new(staged_as, parent, name).map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => taken(&path),
        _ => failed(error),
    })?;
    parent.sync().map_err(|error| {
        // Not known to be durable: taken back, so that a failed fetch leaves no snapshot.
        let _ = parent.rename_new(name, parent, staged_as);
        failed(error)
    })
}

fn taken(target: &Path) -> Error {
    Error::at(Code::Conflict, DOING, target, "there is something under that name already")
}
