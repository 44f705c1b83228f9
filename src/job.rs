//! Jobs: one backup, restore or verification, as those who started it see it.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering, Ordering::Relaxed};
use std::thread::ThreadId;
use std::time::{Duration, Instant};

use crate::sync::{Condvar, Mutex};
use uuid::Uuid;

use crate::error::{Code, Error, Result};
use crate::io::{Monitor, Phase};
use crate::sys::clock::Clock;
use crate::sys::event::Event;

/// What a job is for. The values are those of the C header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Kind {
    /// Makes a snapshot.
    Backup = 1,
    /// Puts a snapshot in place.
    Restore = 2,
    /// Reads a snapshot and compares it.
    Verify = 3,
}

/// Where a job stands. The values are those of the C header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum State {
    /// Accepted, not begun.
    Queued = 1,
    /// At work.
    Running = 2,
    /// Ended well.
    Completed = 3,
    /// Ended with an error.
    Failed = 4,
    /// Ended because someone asked.
    Cancelled = 5,
}

impl State {
    /// Whether nothing more happens.
    pub fn has_ended(self) -> bool {
        matches!(self, State::Completed | State::Failed | State::Cancelled)
    }
}

/// A job at one instant.
#[derive(Clone, Copy, Debug)]
pub struct Progress {
    /// What it is for.
    pub kind: Kind,
    /// Where it stands.
    pub state: State,
    /// What it is doing.
    pub phase: Phase,
    /// 0 to 100, never falling; 100 only once the job has completed.
    pub percent: u32,
    /// Bytes to deal with, as far as known.
    pub bytes_total: u64,
    /// Bytes dealt with: copied, cloned, linked or found to be holes.
    pub bytes_done: u64,
    /// Files to deal with, as far as known.
    pub files_total: u64,
    /// Files dealt with.
    pub files_done: u64,
    /// Bytes read and written.
    pub bytes_copied: u64,
    /// Bytes shared by the file system (reflinks).
    pub bytes_cloned: u64,
    /// Bytes shared with an earlier snapshot: 0, each snapshot is a full copy in this version.
    pub bytes_linked: u64,
    /// Bytes that are holes on both sides.
    pub bytes_holes: u64,
    /// FIFOs, sockets, devices and the library's own leftovers, which are not data.
    pub files_skipped: u64,
    /// Immutable files that were still being built and belong to no consistent point.
    pub files_left_out: u64,
    /// The longest freeze window, in nanoseconds.
    pub freeze_ns: u64,
    /// When it began, in milliseconds since 1970.
    pub started_at_ms: u64,
    /// When it ended, likewise; 0: not yet.
    pub finished_at_ms: u64,
}

/// What a job is, whoever looks. I/O threads hold its [`Monitor`] alone: this holds a descriptor
/// of the host's table.
pub(crate) struct JobState {
    id: Uuid,
    kind: Kind,
    location: PathBuf,
    process: u32,
    monitor: Arc<Monitor>,
    clock: Clock,
    life: Mutex<Life>,
    ended: Condvar,
    hooks_thread: Mutex<Option<ThreadId>>,
    is_served: AtomicBool,
    handles: AtomicUsize,
    event: Mutex<Option<Event>>,
}

struct Life {
    state: State,
    finished_at_ms: u64,
    error: Option<Error>,
}

impl JobState {
    pub(crate) fn new(id: Uuid, kind: Kind, location: PathBuf, monitor: Arc<Monitor>) -> Arc<Self> {
        Arc::new(Self {
            id,
            kind,
            location,
            process: std::process::id(),
            monitor,
            clock: Clock::start(),
            life: Mutex::new(Life { state: State::Queued, finished_at_ms: 0, error: None }),
            ended: Condvar::new(),
            hooks_thread: Mutex::new(None),
            is_served: AtomicBool::new(false),
            handles: AtomicUsize::new(0),
            event: Mutex::new(None),
        })
    }

    pub(crate) fn id(&self) -> Uuid {
        self.id
    }

    /// A thread will run its hooks, so that its end will come.
    pub(crate) fn will_be_served(&self) {
        self.is_served.store(true, Relaxed);
    }

    pub(crate) fn has_ended(&self) -> bool {
        self.life.lock().state.has_ended()
    }

    /// The job begins, its hooks on this thread.
    pub(crate) fn begin(&self) {
        self.will_be_served();
        *self.hooks_thread.lock() = Some(std::thread::current().id());
        self.life.lock().state = State::Running;
    }

    /// The job ends with the result of its work, and all who wait learn it.
    pub(crate) fn end(&self, result: Result<()>) {
        // No hook runs any more: from now on this thread may wait like any other.
        *self.hooks_thread.lock() = None;
        let mut life = self.life.lock();
        self.monitor.enter(Phase::None);
        life.finished_at_ms = self.clock.now_ms();
        life.state = match &result {
            Ok(()) => State::Completed,
            Err(error) if error.code() == Code::Cancelled => State::Cancelled,
            Err(_) => State::Failed,
        };
        if result.is_ok() {
            self.monitor.complete();
        }
        life.error = result.err();
        self.ended.notify_all();
        drop(life);
        if let Some(event) = &*self.event.lock() {
            event.signal();
        }
    }

    /// Whether this thread is the one on which the job's hooks run, and so must not wait for it.
    pub(crate) fn is_on_hooks_thread(&self) -> bool {
        *self.hooks_thread.lock() == Some(std::thread::current().id())
    }

    fn wait_until_ended(&self) {
        let mut life = self.life.lock();
        while !life.state.has_ended() {
            self.ended.wait(&mut life);
        }
    }
}

/// A handle of a job. Handles may be used from any thread and live as long as their owner likes.
pub struct Job {
    state: Arc<JobState>,
    lease: Option<Arc<Lease>>,
}

impl Job {
    /// A handle of a backup, which its coordinator owns.
    pub(crate) fn of_coordinator(state: &Arc<JobState>) -> Self {
        state.handles.fetch_add(1, Ordering::AcqRel);
        Self { state: state.clone(), lease: None }
    }

    /// A handle of a restore or a verification, which its handles own.
    pub(crate) fn of_handles(state: &Arc<JobState>, thread: std::thread::JoinHandle<()>) -> Self {
        let lease = Lease { state: state.clone(), thread: Some(thread) };
        state.handles.fetch_add(1, Ordering::AcqRel);
        Self { state: state.clone(), lease: Some(Arc::new(lease)) }
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
        Ok(self.progress())
    }

    pub(crate) fn progress(&self) -> Progress {
        let state = &self.state;
        let (now, finished_at_ms, phase, percent) = {
            let life = state.life.lock();
            (life.state, life.finished_at_ms, state.monitor.phase(), state.monitor.percent())
        };
        let counters = &state.monitor.counters;
        Progress {
            kind: state.kind,
            state: now,
            phase,
            percent,
            bytes_total: counters.bytes_total.load(Relaxed),
            bytes_done: counters.bytes_done.load(Relaxed),
            files_total: counters.files_total.load(Relaxed),
            files_done: counters.files_done.load(Relaxed),
            bytes_copied: counters.bytes_copied.load(Relaxed),
            bytes_cloned: counters.bytes_cloned.load(Relaxed),
            bytes_linked: counters.bytes_linked.load(Relaxed),
            bytes_holes: counters.bytes_holes.load(Relaxed),
            files_skipped: counters.files_skipped.load(Relaxed),
            files_left_out: counters.files_left_out.load(Relaxed),
            freeze_ns: counters.freeze_ns.load(Relaxed),
            started_at_ms: state.clock.started_at_ms(),
            finished_at_ms,
        }
    }

    /// Waits for the end and returns the job's result; `None`: the timeout passed first.
    /// From a hook of the same job it is a [`Code::Conflict`].
    pub fn wait(&self, timeout: Option<Duration>) -> Result<Option<()>> {
        self.same_process()?;
        if self.calls_from_hook() {
            let why = "a job cannot be waited for from its own hooks";
            return Err(Error::new(Code::Conflict, why));
        }
        let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        let mut life = self.state.life.lock();
        while !life.state.has_ended() {
            match deadline {
                None => self.state.ended.wait(&mut life),
                Some(deadline) if Instant::now() >= deadline => return Ok(None),
                Some(deadline) => {
                    self.state.ended.wait_until(&mut life, deadline);
                }
            }
        }
        life.error.clone().map_or(Ok(Some(())), Err)
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
        self.state.monitor.throttle.set(bytes_per_second);
        Ok(())
    }

    /// A descriptor that becomes readable, and stays so, when the job has ended. It belongs to
    /// the job: poll it, never read or close it. `None`: the system has none to give.
    pub fn eventfd(&self) -> Option<i32> {
        self.same_process().ok()?;
        let mut event = self.state.event.lock();
        if event.is_none() {
            let made = Event::new()?;
            // Looked at under the event's lock: an end that comes later finds the event.
            if self.state.life.lock().state.has_ended() {
                made.signal();
            }
            *event = Some(made);
        }
        event.as_ref().map(Event::descriptor)
    }

    /// Whether the caller is the process that started the job, not a forked child of it.
    pub(crate) fn same_process(&self) -> Result<()> {
        same_process(self.state.process)
    }

    /// Whether the calling thread is the one on which the job's hooks run. A forked child has none,
    /// though it is a copy of one.
    pub(crate) fn calls_from_hook(&self) -> bool {
        self.same_process().is_ok() && self.state.is_on_hooks_thread()
    }

    pub(crate) fn is_served(&self) -> bool {
        self.state.is_served.load(Relaxed)
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

impl Clone for Job {
    fn clone(&self) -> Self {
        self.state.handles.fetch_add(1, Ordering::AcqRel);
        Self { state: self.state.clone(), lease: self.lease.clone() }
    }
}

impl Drop for Job {
    fn drop(&mut self) {
        if self.same_process().is_err() {
            // In a forked child: no thread is there to wait for, and the locks may be held for ever.
            std::mem::forget(self.lease.take());
            std::mem::forget(self.state.clone());
            return;
        }
        drop(self.lease.take());
        // Under the event's lock: a new handle must not be shown a descriptor that is about to go.
        let mut event = self.state.event.lock();
        if self.state.handles.fetch_sub(1, Ordering::AcqRel) == 1 {
            *event = None;
        }
    }
}

/// Ends a restore or a verification with its last handle.
struct Lease {
    state: Arc<JobState>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.state.monitor.cancel();
        if self.state.is_on_hooks_thread() {
            return;
        }
        self.state.wait_until_ended();
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
