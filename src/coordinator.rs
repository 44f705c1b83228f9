//! The coordinator of one data directory: its options and hooks, its one running backup, its history.

use std::collections::VecDeque;
use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc;
use std::thread::JoinHandle;

use crate::sync::Mutex;
use uuid::Uuid;

use crate::backup::{self, Plan};
use crate::datadir::leftovers::remove_stale_pins;
use crate::datadir::locks::open_host;
use crate::error::{Code, Error, Result};
use crate::io::thread::{self as io_thread, Isolation};
use crate::job::{Hooks, HooksThread, Job, JobState, Kind, NewJob, PreparedJob, same_process};
use crate::options::Options;
use crate::paths::absolute;
use crate::root::BackupRoot;
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
        self.start_with(|job| job)
    }

    /// Starts a backup; `publish` gets the job before its first hook is called, and must not use the
    /// coordinator.
    pub(crate) fn start_with<T>(&self, publish: impl FnOnce(Job) -> T) -> Result<T> {
        let inner = self.inner();
        let prepared = self.prepare()?;
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
        let plan = inner.plan.clone();
        let prepare = move || backup::prepare(plan, id);
        let job = NewJob { id, kind: Kind::Backup, settings: &inner.plan.job, hooks: &inner.hooks };
        match job.prepare(prepare, backup::run) {
            Err(error) => {
                inner.runtime.lock().busy = false;
                Err(error)
            }
            Ok(job) => {
                let state = job.state().clone();
                inner.remember(&state);
                Ok(PreparedBackup { parts: Some((inner.clone(), job)), state })
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
        inner.runtime.lock().busy = false;
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
        if let Some(keeper) = self.keeper.take() {
            keeper.end();
        }
    }
}
