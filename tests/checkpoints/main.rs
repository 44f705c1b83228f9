//! Checkpoints: what they are made of, what they are not, where none can be made, and how they go.

#[path = "../common/mod.rs"]
mod common;

mod contents;
mod no_snapshot;
mod place;
mod refused;
mod removal;
mod unfinished;

use std::path::PathBuf;

use common::{Ended, Place, frozen, like_rocksdb};
use hotbackup::{CheckpointOptions, Coordinator, Options};

/// A directory as RocksDB keeps one.
pub fn database() -> Place {
    let place = Place::new();
    like_rocksdb(&place.data());
    place
}

/// Options for it.
pub fn rocksdb() -> Options {
    let mut options = frozen();
    options.set_layout("rocksdb").unwrap();
    options
}

/// A checkpoint by a coordinator of its own.
pub fn checkpoint(place: &Place, options: &Options) -> hotbackup::Result<Ended> {
    made_by(&Coordinator::open(place.data(), options)?, CheckpointOptions::new())
}

/// One by this coordinator.
pub fn made_by(coordinator: &Coordinator, options: CheckpointOptions) -> hotbackup::Result<Ended> {
    let job = coordinator.start_checkpoint(options)?;
    job.wait()?;
    Ok(Ended(job))
}

/// Where they lie.
pub fn checkpoints(place: &Place) -> PathBuf {
    place.data().join(".lifecycle/checkpoints")
}

/// Those that are there, and what is no checkpoint but their lock.
pub fn listed(place: &Place) -> Vec<String> {
    let entries = std::fs::read_dir(checkpoints(place)).into_iter().flatten();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<_> = names.filter(|name| name != "lock").collect();
    names.sort();
    names
}
