//! Jobs: one backup, restore or verification, as those who started it see it.

use std::ffi::{CStr, CString};
use std::fmt;
use std::os::fd::BorrowedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, OnceLock, Weak};
use std::thread::ThreadId;
use std::time::{Duration, Instant, SystemTime};

use crate::sync::{Condvar, Mutex};
use uuid::Uuid;

use crate::error::{Code, Error, Result};
use crate::io::{Monitor, Phase};
use crate::sys::clock::{Clock, time_of_ms};
use crate::sys::event::Event;

/// What a job is for. The values are those of the C header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
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
#[must_use = "it says whether the job has ended"]
#[non_exhaustive]
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
#[non_exhaustive]
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
    /// The longest freeze window; zero: there was none.
    pub freeze: Duration,
    /// When it began.
    pub started_at: SystemTime,
    /// When it ended; `None`: not yet.
    pub finished_at: Option<SystemTime>,
}

/// What a job is, whoever looks. I/O threads hold its [`Monitor`] alone: this holds a descriptor
/// of the host's table.
pub(crate) struct JobState {
    id: Uuid,
    id_text: CString,
    kind: Kind,
    location: PathBuf,
    location_text: CString,
    process: u32,
    monitor: Arc<Monitor>,
    clock: Clock,
    life: Mutex<Life>,
    ended: Condvar,
    hooks_thread: Mutex<Option<ThreadId>>,
    is_served: AtomicBool,
    /// What its handles share. Not an owner: the descriptor goes with the last of them.
    ending: Mutex<Weak<Ending>>,
}

struct Life {
    state: State,
    finished_at_ms: u64,
    error: Option<Error>,
}

impl JobState {
    pub(crate) fn new(id: Uuid, kind: Kind, location: PathBuf, monitor: Arc<Monitor>) -> Arc<Self> {
        let text = |bytes: &[u8]| CString::new(bytes).unwrap_or_default();
        Arc::new(Self {
            id,
            id_text: text(id.to_string().as_bytes()),
            kind,
            location_text: text(location.as_os_str().as_bytes()),
            location,
            process: std::process::id(),
            monitor,
            clock: Clock::start(),
            life: Mutex::new(Life { state: State::Queued, finished_at_ms: 0, error: None }),
            ended: Condvar::new(),
            hooks_thread: Mutex::new(None),
            is_served: AtomicBool::new(false),
            ending: Mutex::default(),
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
        let ending = self.ending.lock().upgrade();
        if let Some(event) = ending.as_ref().and_then(|ending| ending.0.get()) {
            event.signal();
        }
    }

    /// What all handles share, made for the first of them.
    fn ending(&self) -> Arc<Ending> {
        let mut shared = self.ending.lock();
        shared.upgrade().unwrap_or_else(|| {
            let made = Arc::default();
            *shared = Arc::downgrade(&made);
            made
        })
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

/// What the handles of a job share to watch for its end: an event, once one of them has asked for it.
#[derive(Default)]
struct Ending(OnceLock<Event>);

impl Ending {
    /// `None`: there are no descriptors left.
    fn descriptor(&self) -> Option<&Event> {
        if self.0.get().is_none() {
            let made = Event::new()?;
            // Another thread's, if that came first.
            self.0.get_or_init(|| made);
        }
        self.0.get()
    }
}

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
    /// A handle of a backup, which its coordinator owns.
    pub(crate) fn of_coordinator(state: &Arc<JobState>) -> Self {
        Self { lease: None, ending: state.ending(), state: state.clone() }
    }

    /// A handle of a restore or a verification, which its handles own.
    pub(crate) fn of_handles(state: &Arc<JobState>, thread: std::thread::JoinHandle<()>) -> Self {
        let lease = Lease { state: state.clone(), thread: Some(thread) };
        Self { lease: Some(Arc::new(lease)), ending: state.ending(), state: state.clone() }
    }

    /// Its UUID.
    pub fn id(&self) -> Uuid {
        self.state.id
    }

    /// Its UUID as C text.
    pub(crate) fn id_text(&self) -> &CStr {
        &self.state.id_text
    }

    /// What it is for.
    pub fn kind(&self) -> Kind {
        self.state.kind
    }

    /// The snapshot made, the target of the restore, or the snapshot verified.
    pub fn location(&self) -> &Path {
        &self.state.location
    }

    /// The same as C text.
    pub(crate) fn location_text(&self) -> &CStr {
        &self.state.location_text
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
            freeze: Duration::from_nanos(counters.freeze_ns.load(Relaxed)),
            started_at: time_of_ms(state.clock.started_at_ms()),
            finished_at: (finished_at_ms > 0).then(|| time_of_ms(finished_at_ms)),
        }
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
        let mut life = self.state.life.lock();
        while !life.state.has_ended() {
            match deadline {
                None => self.state.ended.wait(&mut life),
                Some(deadline) if Instant::now() >= deadline => break,
                Some(deadline) => self.state.ended.wait_until(&mut life, deadline),
            }
        }
        life.error.clone().map_or(Ok(life.state), Err)
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
        self.state.is_on_hooks_thread()
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
