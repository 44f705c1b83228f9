//! The life of a backup: checkpoint → pin → freeze → copy → verify → publish.

mod copy;
mod early;
mod finish;
mod links;
mod list;
mod look;
mod pin;
mod plan;
mod reserve;
mod rest;
mod room;
mod window;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;

use uuid::Uuid;

pub use plan::Plan;

use crate::error::{Code, Result};
use crate::io::remove::remove_tree;
use crate::io::{Monitor, Phase};
use crate::job::{HookMailbox, JobContext};
use crate::snapshot::claim::refuse_anothers;
use crate::snapshot::id::DataDir;
use crate::snapshot::known::KnownRoots;
use crate::snapshot::known_sources::expect_sources;
use crate::snapshot::owner::take_for_backup;
use crate::snapshot::root::Root;
use crate::snapshot::tree::Tree;
use crate::sys::clock::Clock;
use crate::sys::dir::Dir;
use finish::Contents;
use list::Source;
use rest::Rest;

/// How often a point is captured anew because a file of it has shrunk.
const CAPTURES: usize = 4;

const UNHARMED: &str = "no snapshot was made, and `latest` and older snapshots are as they were";

/// A backup that holds the root's lock and has its name. It lives on its I/O thread.
pub struct Prepared {
    plan: Arc<Plan>,
    id: Uuid,
    data_dir: DataDir,
    clock: Clock,
    root: Root,
    name: String,
    _running: Option<Dir>,
}

/// Takes the locks and chooses the name. Returns where the snapshot will be.
pub fn prepare(plan: Arc<Plan>, id: Uuid) -> Result<(PathBuf, Prepared)> {
    let clock = Clock::start();
    let directory = plan.sources[0].open()?;
    let running = take_for_backup(&directory)?;
    let data_dir = DataDir::identify(&directory)?;
    let known = KnownRoots::of(&directory)?;
    if !plan.options.adopt_root {
        known.expect(&plan.root)?;
    }
    refuse_anothers(&plan.root, &data_dir, &known, plan.options.adopt_root)?;
    let further = plan.sources[1..].iter().map(|source| Ok((source.prefix.as_path(), source.open()?)));
    expect_sources(&directory, &further.collect::<Result<Vec<_>>>()?, plan.options.adopt_root)?;
    let root = Root::open(&plan.root)?;
    root.claim(&directory, &data_dir, known, plan.options.adopt_root)?;
    let name = root.next_name(clock.started_at_s())?;
    let location = plan.root.join(&name);
    Ok((location, Prepared { plan, id, data_dir, clock, root, name, _running: running }))
}

/// Makes the backup. Whatever happens, the host is let go of first and no residue stays.
pub fn run(prepared: Prepared, link: &JobContext) -> Result<()> {
    let host = &link.host;
    let outcome = host.enter(Phase::Checkpoint).and_then(|()| {
        let mut backup = Backup::new(&prepared, link)?;
        backup.make().map_err(|error| {
            // Whoever asked the job to stop did so before its work failed for that reason.
            let first = link.monitor.check().err().unwrap_or(error);
            // The first failure is the job's; that of a hook here could only be a second one.
            let _ = host.thaw();
            let _ = host.release();
            backup.discard();
            first
        })
    });
    outcome.map_err(|error| error.or_at("backing up", &prepared.plan.data_dir).aftermath(UNHARMED))
}

/// A backup under way.
struct Backup<'a> {
    prepared: &'a Prepared,
    plan: &'a Plan,
    host: &'a HookMailbox,
    monitor: &'a Monitor,
    threads: usize,
    sources: Vec<Source>,
    staging: Tree,
    /// Whether the file system of source and root clones files, as far as known.
    clones: AtomicBool,
    /// Without a freeze: for how long mutable files have rested.
    rest: Rest,
    /// A file was found to be shorter than it was.
    shrank: AtomicBool,
}

impl<'a> Backup<'a> {
    fn new(prepared: &'a Prepared, link: &'a JobContext) -> Result<Self> {
        let plan = &prepared.plan;
        prepared.root.clean()?;
        let sources = Source::open_all(plan, &prepared.root.dir, prepared.id)?;
        let staging = Tree::new(prepared.root.make_staging(prepared.id)?);
        Ok(Self {
            prepared,
            plan,
            host: &link.host,
            monitor: &link.monitor,
            threads: plan.options.io_threads(),
            sources,
            staging,
            clones: AtomicBool::new(false),
            rest: Rest::default(),
            shrank: AtomicBool::new(false),
        })
    }

    fn make(&mut self) -> Result<()> {
        self.host.checkpoint()?;
        let mut contents = self.capture_and_copy()?;
        self.host.release()?;
        self.unpin()?;
        self.host.enter(Phase::Verify)?;
        self.verify(&mut contents)?;
        self.host.enter(Phase::Publish)?;
        self.publish()
    }

    /// A file that has shrunk under its pin belongs to a point that is gone: an engine may truncate what
    /// it deletes. The next capture most likely finds it deleted.
    fn capture_and_copy(&mut self) -> Result<Contents> {
        let mut first = None;
        for _ in 1..CAPTURES {
            match self.capture_and_copy_once() {
                Err(error) if error.code() == Code::SourceChanged && self.shrank.swap(false, Relaxed) => {
                    first.get_or_insert(error);
                    self.start_over()?;
                }
                // What a checkpoint named is not named anew, and by now it is deleted: it had shrunk first.
                Err(error) if error.code() == Code::NotFound => return Err(first.unwrap_or(error)),
                other => return other,
            }
        }
        self.capture_and_copy_once()
    }

    fn capture_and_copy_once(&mut self) -> Result<Contents> {
        self.host.enter(Phase::Pin)?;
        let captured = self.capture()?;
        self.host.enter(Phase::Copy)?;
        self.copy(captured)
    }

    fn start_over(&mut self) -> Result<()> {
        self.staging.start_over()?;
        self.sources.iter_mut().try_for_each(|source| source.pins.start_over())?;
        self.monitor.counters.files_done.store(0, Relaxed);
        self.monitor.counters.files_left_out.store(0, Relaxed);
        Ok(())
    }

    fn unpin(&mut self) -> Result<()> {
        self.sources.iter_mut().try_for_each(|source| source.pins.remove())
    }

    /// Removes pins and staging. What cannot be removed the next backup tries again.
    fn discard(&mut self) {
        let _ = self.unpin();
        let staging = self.staging.dir.path().file_name().unwrap_or_default().to_os_string();
        let _ = remove_tree(&self.prepared.root.dir, staging.as_ref());
    }
}
