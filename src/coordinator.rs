//! The coordinator of one data directory: its options and hooks, its one running backup, its history.

use std::collections::VecDeque;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc;
use std::thread::JoinHandle;

use crate::sync::Mutex;
use uuid::Uuid;

use crate::backup::{self, Plan, Prepared};
use crate::datadir::leftovers::remove_stale_pins;
use crate::datadir::locks::open_host;
use crate::error::{Code, Error, Result};
use crate::io::thread::{self as io_thread, Isolation};
use crate::job::{Hooks, HooksThread, Job, JobState, Kind, NewJob, PreparedJob, same_process};
use crate::options::Options;
use crate::paths::absolute;
use crate::root::BackupRoot;
use crate::root::checkpoints::{checkpoint_remove, remove_stale};
use crate::settings::CheckpointOptions;
use crate::sys::random;

/// How many ended jobs can still be found.
const HISTORY: usize = 32;

/// One per data directory that its host has open. Closing it, or dropping it, cancels what runs
/// and waits for it.
#[must_use = "a dropped coordinator cancels its backup"]
pub struct Coordinator(Option<Arc<Inner>>);

struct Inner {
    root: BackupRoot,
    plan: Arc<Plan>,
    hooks: Hooks,
    process: u32,
    keeper: Option<Keeper>,
    runtime: Mutex<Runtime>,
}

#[derive(Default)]
struct Runtime {
    busy: bool,
    closed: bool,
    /// Ended jobs and the running one, the newest last.
    history: VecDeque<Arc<JobState>>,
    /// The thread of the running or the last job.
    thread: Option<JoinHandle<()>>,
    /// Checkpoints that go when it is closed.
    until_close: Vec<PathBuf>,
}

impl Coordinator {
    /// Opens the coordinator of `data_dir`. A missing or wrong directory, bad options and an
    /// unfinished restore are reported here; a root that cannot be used when a backup starts.
    pub fn open(data_dir: impl AsRef<Path>, options: &Options) -> Result<Self> {
        let data_dir = absolute(data_dir.as_ref())?;
        let settings = options.settings.clone();
        let (keeper, plan) = Keeper::start(move || {
            let (plan, held) = Plan::new(&data_dir, settings)?;
            // Nothing may move in a further source either.
            let locks = held.iter().map(open_host).collect::<Result<Vec<_>>>()?;
            remove_stale_pins(&held[0], &held.iter().collect::<Vec<_>>());
            remove_stale(&held[0], false);
            Ok(((locks, held), plan))
        })?;
        Ok(Self(Some(Arc::new(Inner {
            root: BackupRoot::at(&plan.root),
            plan: Arc::new(plan),
            hooks: options.hooks.clone(),
            process: std::process::id(),
            keeper: Some(keeper),
            runtime: Mutex::default(),
        }))))
    }

    /// The backup root, by its absolute path.
    pub fn root(&self) -> &BackupRoot {
        &self.inner().root
    }

    /// Starts a backup and returns at once; its hooks run on a thread of its own.
    pub fn start(&self) -> Result<Job> {
        self.start_with(self.prepare()?, |job| job)
    }

    /// Starts a checkpoint as [`start`](Self::start) does a backup: a directory in `.lifecycle/checkpoints` whose
    /// immutable files are links to the live ones. [`Code::Unsupported`]: the layout is none of an engine that
    /// leaves such files alone, and nobody vouched for it ([`CheckpointOptions::links_are_safe`]); as the job's
    /// result: links are refused, or a further source lies on another file system.
    pub fn start_checkpoint(&self, options: CheckpointOptions) -> Result<Job> {
        self.start_with(self.prepare_checkpoint(options)?, |job| job)
    }

    /// Starts what is prepared; `publish` gets the job before its first hook is called, and must not use the
    /// coordinator.
    pub(crate) fn start_with<T>(
        &self,
        prepared: PreparedBackup,
        publish: impl FnOnce(Job) -> T,
    ) -> Result<T> {
        let inner = self.inner();
        let thread = HooksThread::spawn(|prepared: PreparedBackup| {
            // The job's result is with the job.
            let _ = prepared.run();
        })?;
        // Held until the thread is known, so that a close cannot miss it.
        let mut runtime = inner.runtime.lock();
        prepared.state.will_be_served();
        let published = publish(prepared.job());
        let earlier = runtime.thread.replace(thread.serve(prepared));
        drop(runtime);
        // It belongs to a job that has ended; joined so that nothing of it is left.
        if let Some(earlier) = earlier {
            let _ = earlier.join();
        }
        Ok(published)
    }

    /// Takes the root's lock and chooses the snapshot's name; the backup itself happens in
    /// [`PreparedBackup::run`], its hooks on the thread that calls that.
    pub fn prepare(&self) -> Result<PreparedBackup> {
        let plan = self.inner().plan.clone();
        self.prepare_job(Kind::Backup, false, move |id| backup::prepare(plan, id))
    }

    /// Prepares a checkpoint as [`prepare`](Self::prepare) does a backup.
    pub fn prepare_checkpoint(&self, options: CheckpointOptions) -> Result<PreparedBackup> {
        let plan = self.inner().plan.clone();
        let prepare = move |id| backup::prepare_checkpoint(plan, id, options);
        self.prepare_job(Kind::Checkpoint, options.until_close, prepare)
    }

    fn prepare_job(
        &self,
        kind: Kind,
        until_close: bool,
        prepare: impl FnOnce(Uuid) -> Result<(PathBuf, Prepared)> + Send + 'static,
    ) -> Result<PreparedBackup> {
        let inner = self.inner();
        same_process(inner.process)?;
        let id = random::uuid()?;
        {
            let mut runtime = inner.runtime.lock();
            if runtime.busy || runtime.closed {
                let why = if runtime.closed { "its coordinator is closed" } else { "one is running already" };
                let data_dir = &inner.plan.data_dir;
                return Err(Error::at(Code::Conflict, "starting a backup of", data_dir, why));
            }
            runtime.busy = true;
        }
        let job = NewJob { id, kind, settings: &inner.plan.job, hooks: &inner.hooks };
        match job.prepare(move || prepare(id), backup::run) {
            Err(error) => {
                inner.runtime.lock().busy = false;
                Err(error)
            }
            Ok(job) => {
                let state = job.state().clone();
                inner.remember(&state);
                Ok(PreparedBackup { parts: Some((inner.clone(), job)), state, until_close })
            }
        }
    }

    /// A job by its id; `None`: the running one, else the newest.
    pub fn find(&self, id: Option<Uuid>) -> Result<Job> {
        let inner = self.inner();
        same_process(inner.process)?;
        let runtime = inner.runtime.lock();
        let found = match id {
            Some(id) => runtime.history.iter().find(|state| state.id() == id),
            None => runtime.history.back(),
        };
        found.map(Job::of_coordinator).ok_or_else(|| match id {
            Some(id) => Error::new(Code::NotFound, format!("no backup {id} is known here")),
            None => Error::new(Code::NotFound, "no backup was started here yet"),
        })
    }

    /// Cancels what runs and waits for it, unless it is called from a hook of it.
    pub fn close(self) {}

    fn inner(&self) -> &Arc<Inner> {
        self.0.as_ref().expect("only a drop takes it")
    }
}

impl fmt::Debug for Coordinator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "coordinator of {}", self.inner().plan.data_dir.display())
    }
}

impl Drop for Coordinator {
    fn drop(&mut self) {
        let Some(inner) = self.0.take() else { return };
        if same_process(inner.process).is_err() {
            // In a forked child: none of its threads is there, and its locks are the parent's.
            std::mem::forget(inner);
            return;
        }
        let (running, thread) = {
            let mut runtime = inner.runtime.lock();
            runtime.closed = true;
            let running = runtime.history.iter().filter(|state| !state.has_ended());
            (running.map(Job::of_coordinator).collect::<Vec<_>>(), runtime.thread.take())
        };
        running.iter().for_each(|job| job.monitor().cancel());
        // In a hook of a job that job's end does the rest.
        if running.iter().any(Job::calls_from_hook) {
            return;
        }
        // One that was begun and that nobody runs would be waited for in vain.
        running.iter().filter(|job| job.is_served()).for_each(|job| {
            let _ = job.wait();
        });
        if let Some(thread) = thread {
            let _ = thread.join();
        }
    }
}

impl Inner {
    fn remember(&self, state: &Arc<JobState>) {
        let mut runtime = self.runtime.lock();
        runtime.history.push_back(state.clone());
        if runtime.history.len() > HISTORY {
            runtime.history.pop_front();
        }
    }
}

/// A backup that holds the root's lock and has its name, and has not called a hook yet. Dropping
/// it cancels it.
#[must_use = "a prepared backup that is not run is cancelled"]
pub struct PreparedBackup {
    parts: Option<(Arc<Inner>, PreparedJob)>,
    state: Arc<JobState>,
    /// What it makes goes when its coordinator is closed.
    until_close: bool,
}

impl PreparedBackup {
    /// A handle of its job.
    pub fn job(&self) -> Job {
        Job::of_coordinator(&self.state)
    }

    /// Makes the backup, with its hooks on this thread, and returns the job's result.
    pub fn run(mut self) -> Result<()> {
        let Some((inner, job)) = self.parts.take() else { return Ok(()) };
        let result = job.serve(&inner.hooks, inner.plan.freeze_timeout);
        self.end(inner, result)
    }

    /// The coordinator is let go of before the job counts as ended: who waited for the end may
    /// rely on its hooks being destroyed with it.
    fn end(&self, inner: Arc<Inner>, result: Result<()>) -> Result<()> {
        let mut runtime = inner.runtime.lock();
        runtime.busy = false;
        if self.until_close && result.is_ok() {
            runtime.until_close.push(self.job().location().to_path_buf());
        }
        drop(runtime);
        drop(inner);
        self.state.end(result.clone());
        result
    }
}

impl fmt::Debug for PreparedBackup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}, prepared", self.job())
    }
}

impl Drop for PreparedBackup {
    fn drop(&mut self) {
        if let Some((inner, job)) = self.parts.take() {
            drop(job);
            let why = "the backup was given up before it began";
            let _ = self.end(inner, Err(Error::new(Code::Cancelled, why)));
        }
    }
}

/// A thread that holds the owner's lock and the sources in a descriptor table of its own, so that a
/// forked child of the host does not hold them too.
struct Keeper {
    stop: mpsc::Sender<()>,
    thread: JoinHandle<Result<()>>,
}

impl Keeper {
    fn start<H, T: Send + 'static>(
        open: impl FnOnce() -> Result<(H, T)> + Send + 'static,
    ) -> Result<(Self, T)> {
        let (opened, is_open) = mpsc::channel();
        let (stop, stopped) = mpsc::channel::<()>();
        let thread = io_thread::spawn(Isolation::IfPossible, move || {
            let (held, value) = open()?;
            let _ = opened.send(value);
            let _ = stopped.recv();
            drop(held);
            Ok(())
        })?;
        match is_open.recv() {
            Ok(value) => Ok((Self { stop, thread }, value)),
            Err(_) => Err(io_thread::join(thread).err().unwrap_or_else(|| {
                Error::new(Code::Internal, "opening the data directory ended without a result")
            })),
        }
    }

    fn end(self) {
        drop(self.stop);
        let _ = io_thread::join(self.thread);
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        for checkpoint in std::mem::take(&mut self.runtime.lock().until_close) {
            // One that cannot be removed a recovery tries again.
            let _ = checkpoint_remove(checkpoint);
        }
        if let Some(keeper) = self.keeper.take() {
            keeper.end();
        }
    }
}
