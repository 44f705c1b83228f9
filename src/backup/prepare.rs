//! The first step of a backup, before its job is known to anybody: locks are taken, whose root and which
//! sources these are is settled, and the snapshot has its name.

use std::path::PathBuf;
use std::sync::Arc;

use uuid::Uuid;

use super::linking::Linking;
use super::plan::Plan;
use crate::datadir::id::DataDir;
use crate::datadir::known_roots::KnownRoots;
use crate::datadir::known_sources::expect_sources;
use crate::datadir::locks::take_for_backup;
use crate::error::Result;
use crate::root::Root;
use crate::root::claim::refuse_anothers;
use crate::settings::CheckpointOptions;
use crate::sys::clock::Clock;
use crate::sys::dir::Dir;

/// A backup that holds the root's lock and has its name. It lives on its I/O thread.
pub struct Prepared {
    /// What is backed up.
    pub plan: Arc<Plan>,
    /// The job's id.
    pub id: Uuid,
    /// The data directory.
    pub data_dir: DataDir,
    /// When it began.
    pub clock: Clock,
    /// Where the snapshot will be: the backup root, or the directory of checkpoints.
    pub root: Root,
    /// The root was another's until now.
    pub took_over: bool,
    /// What it will be called.
    pub name: String,
    /// It becomes a checkpoint, and this says which files it links; `None`: it becomes a snapshot.
    pub linking: Option<Linking>,
    _running: Option<Dir>,
}

/// Takes the locks and chooses the name. Returns where the snapshot will be.
pub fn prepare(plan: Arc<Plan>, id: Uuid) -> Result<(PathBuf, Prepared)> {
    let clock = Clock::start();
    let adopt = plan.adopt_root;
    let directory = plan.sources[0].open()?;
    let running = take_for_backup(&directory)?;
    let data_dir = DataDir::identify(&directory)?;
    let known = KnownRoots::of(&directory)?;
    if !adopt {
        known.expect(&plan.root)?;
    }
    refuse_anothers(&plan.root, &data_dir, &known, adopt)?;
    expect_the_sources(&plan, &directory)?;
    let root = Root::open(&plan.root)?;
    let took_over = root.claim(&directory, &data_dir, known, adopt)?;
    let name = root.next_name(clock.started_at_s())?;
    let location = plan.root.join(&name);
    Ok((
        location,
        Prepared { plan, id, data_dir, clock, root, took_over, name, linking: None, _running: running },
    ))
}

/// The same for a checkpoint, which lies in the data directory and needs no root.
pub fn prepare_checkpoint(
    plan: Arc<Plan>,
    id: Uuid,
    options: CheckpointOptions,
) -> Result<(PathBuf, Prepared)> {
    let clock = Clock::start();
    let directory = plan.sources[0].open()?;
    let linking = Some(Linking::of(&plan, options)?);
    let running = take_for_backup(&directory)?;
    let data_dir = DataDir::identify(&directory)?;
    expect_the_sources(&plan, &directory)?;
    let root = Root::of_checkpoints(&directory)?;
    let name = root.next_checkpoint(clock.started_at_s())?;
    let location = root.dir.full(name.as_ref());
    let took_over = false;
    Ok((location, Prepared { plan, id, data_dir, clock, root, took_over, name, linking, _running: running }))
}

fn expect_the_sources(plan: &Plan, directory: &Dir) -> Result<()> {
    let further = plan.sources[1..].iter().map(|source| Ok((source.prefix.as_path(), source.open()?)));
    expect_sources(directory, &further.collect::<Result<Vec<_>>>()?, plan.adopt_root)
}
