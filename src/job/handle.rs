//! Handles: a job as those who started it see it.

use std::fmt;
use std::os::fd::BorrowedFd;
use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use uuid::Uuid;

use super::progress::{Kind, Progress, State};
use super::state::{Ending, JobState, Life};
use crate::error::{Code, Error, Result};
use crate::monitor::Monitor;

/// A handle of a job. Handles may be used from any thread and live as long as their owner likes.
#[derive(Clone)]
#[must_use = "a dropped restore or verification is cancelled, and how a job ended is seen by `wait` alone"]
pub struct Job {
    // In the order in which they are let go of.
    lease: Option<Arc<Lease>>,
    ending: Arc<Ending>,
    state: Arc<JobState>,
}

impl Job {
    /// A handle that does not own the job: of a backup, which its coordinator owns, and that of hooks.
    pub(crate) fn of_coordinator(state: &Arc<JobState>) -> Self {
        Self { lease: None, ending: state.ending(), state: state.clone() }
    }

    /// A handle of a restore or a verification, which its handles own.
    pub(crate) fn of_handles(state: &Arc<JobState>, thread: JoinHandle<()>) -> Self {
        let lease = Lease { state: state.clone(), thread: Some(thread) };
        Self { lease: Some(Arc::new(lease)), ending: state.ending(), state: state.clone() }
    }

    /// Its UUID.
    pub fn id(&self) -> Uuid {
        self.state.id
    }

    /// What it is for.
    pub fn kind(&self) -> Kind {
        self.state.kind
    }

    /// The snapshot made, the target of the restore, or the snapshot verified.
    pub fn location(&self) -> &Path {
        &self.state.location
    }

    /// Where it stands now.
    pub fn status(&self) -> Result<Progress> {
        self.same_process()?;
        Ok(self.now())
    }

    /// Waits for the end, however long it takes, and returns the job's result. From a hook of the same
    /// job it is a [`Code::Conflict`].
    pub fn wait(&self) -> Result<()> {
        self.wait_until(None).map(drop)
    }

    /// Waits for the end, but not longer than this: [`State::Completed`], or that the job still runs, or
    /// why it failed. From a hook of the same job it is a [`Code::Conflict`].
    pub fn wait_for(&self, timeout: Duration) -> Result<State> {
        self.wait_until(Instant::now().checked_add(timeout))
    }

    /// `None`: for ever.
    fn wait_until(&self, deadline: Option<Instant>) -> Result<State> {
        self.same_process()?;
        if self.calls_from_hook() {
            let why = "a job cannot be waited for from its own hooks";
            return Err(Error::new(Code::Conflict, why));
        }
        let life = self.state.wait_until(deadline);
        match &*life {
            Life::Ended { result: Err(error), .. } => Err(error.clone()),
            other => Ok(other.state()),
        }
    }

    /// What is wrong, though it does not fail the job: a file that was to be shared with the previous snapshot and
    /// whose stored bytes are bad is [`Code::Corrupt`], and named with all snapshots that hold it. At any time;
    /// those of an ended job stay.
    pub fn warnings(&self) -> Result<Vec<Error>> {
        self.same_process()?;
        Ok(self.state.monitor.warnings())
    }

    /// Asks the job to end. An ended job stays as it is.
    pub fn cancel(&self) -> Result<()> {
        self.same_process()?;
        self.state.monitor.cancel();
        Ok(())
    }

    /// Changes the rate limit of a running job; 0: none.
    pub fn set_rate_limit(&self, bytes_per_second: u64) -> Result<()> {
        self.same_process()?;
        self.state.monitor.set_rate_limit(bytes_per_second);
        Ok(())
    }

    /// A descriptor that becomes readable, and stays so, when the job has ended. It belongs to the job:
    /// poll it, never read it. `None`: the system has none to give.
    pub fn eventfd(&self) -> Option<BorrowedFd<'_>> {
        self.same_process().ok()?;
        let event = self.ending.descriptor()?;
        // Looked at once the event is there: an end that comes later finds it.
        if self.state.has_ended() {
            event.signal();
        }
        Some(event.as_fd())
    }

    /// Whether the caller is the process that started the job, not a forked child of it.
    pub(crate) fn same_process(&self) -> Result<()> {
        same_process(self.state.process)
    }

    /// Whether the calling thread is the one on which the job's hooks run.
    pub(crate) fn calls_from_hook(&self) -> bool {
        self.same_process().is_ok() && self.state.is_on_hooks_thread()
    }

    pub(crate) fn is_served(&self) -> bool {
        self.state.is_served()
    }

    /// Where it stands now, in whichever process.
    pub(super) fn now(&self) -> Progress {
        self.state.progress()
    }

    pub(crate) fn monitor(&self) -> &Monitor {
        &self.state.monitor
    }
}

impl fmt::Debug for Job {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { state, .. } = self;
        write!(f, "{:?} {} of {}", state.kind, state.id, state.location.display())
    }
}

impl Drop for Job {
    fn drop(&mut self) {
        if self.same_process().is_err() {
            // In a forked child: no thread is there to wait for, and the locks may be held for ever.
            std::mem::forget(self.lease.clone());
            std::mem::forget(self.ending.clone());
            std::mem::forget(self.state.clone());
        }
    }
}

/// Ends a restore or a verification with its last handle.
struct Lease {
    state: Arc<JobState>,
    thread: Option<JoinHandle<()>>,
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.state.monitor.cancel();
        if self.state.is_on_hooks_thread() {
            return;
        }
        drop(self.state.wait_until(None));
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// A forked child has the parent's handles but none of its threads.
pub(crate) fn same_process(process: u32) -> Result<()> {
    if process == std::process::id() {
        return Ok(());
    }
    let why = "this handle belongs to the parent process; after fork the child must open its own";
    Err(Error::new(Code::Conflict, why))
}
