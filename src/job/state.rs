//! What a job is, whoever looks: one thing for its life, one for its descriptor.

use std::path::PathBuf;
use std::sync::{Arc, OnceLock, Weak};
use std::thread::{self, ThreadId};
use std::time::{Duration, Instant};

use uuid::Uuid;

use super::progress::{Kind, Progress, State};
use crate::error::{Code, Result};
use crate::monitor::{Monitor, Phase};
use crate::sync::{Condvar, Mutex, MutexGuard};
use crate::sys::clock::{Clock, time_of_ms};
use crate::sys::event::Event;

/// A job. I/O threads hold its [`Monitor`] alone: this holds a descriptor of the host's table.
pub(crate) struct JobState {
    pub(super) id: Uuid,
    pub(super) kind: Kind,
    pub(super) location: PathBuf,
    pub(super) process: u32,
    pub(super) monitor: Arc<Monitor>,
    clock: Clock,
    life: Mutex<Life>,
    ended: Condvar,
    /// What its handles share. Not an owner: the descriptor goes with the last of them.
    ending: Mutex<Weak<Ending>>,
}

/// A job's life, each stage once and in this order.
pub(super) enum Life {
    /// Accepted. Some are never served, and their end is that they are given up.
    Queued { will_be_served: bool },
    /// At work, its hooks on this thread.
    Running { hooks_thread: ThreadId },
    /// Nothing more happens.
    Ended { result: Result<()>, at_ms: u64 },
}

impl Life {
    pub(super) fn state(&self) -> State {
        match self {
            Life::Queued { .. } => State::Queued,
            Life::Running { .. } => State::Running,
            Life::Ended { result: Ok(()), .. } => State::Completed,
            Life::Ended { result: Err(error), .. } if error.code() == Code::Cancelled => State::Cancelled,
            Life::Ended { result: Err(_), .. } => State::Failed,
        }
    }
}

impl JobState {
    pub(super) fn new(id: Uuid, kind: Kind, location: PathBuf, monitor: Arc<Monitor>) -> Arc<Self> {
        Arc::new(Self {
            id,
            kind,
            location,
            process: std::process::id(),
            monitor,
            clock: Clock::start(),
            life: Mutex::new(Life::Queued { will_be_served: false }),
            ended: Condvar::new(),
            ending: Mutex::default(),
        })
    }

    pub(crate) fn id(&self) -> Uuid {
        self.id
    }

    /// A thread will run its hooks, so that its end will come.
    pub(crate) fn will_be_served(&self) {
        *self.life.lock() = Life::Queued { will_be_served: true };
    }

    /// The job begins, its hooks on this thread.
    pub(super) fn begin(&self) {
        *self.life.lock() = Life::Running { hooks_thread: thread::current().id() };
    }

    /// The job ends with the result of its work, and all who wait learn it. No hook runs any more: from
    /// now on their thread may wait like any other.
    pub(crate) fn end(&self, result: Result<()>) {
        let mut life = self.life.lock();
        self.monitor.enter(Phase::None);
        if result.is_ok() {
            self.monitor.complete();
        }
        *life = Life::Ended { result, at_ms: self.clock.now_ms() };
        self.ended.notify_all();
        drop(life);
        // After the life: who asks for the descriptor later sees the end there, and signals it.
        let ending = self.ending.lock().upgrade();
        if let Some(event) = ending.as_ref().and_then(|ending| ending.0.get()) {
            event.signal();
        }
    }

    pub(crate) fn has_ended(&self) -> bool {
        matches!(*self.life.lock(), Life::Ended { .. })
    }

    /// Whether its end comes without anybody doing something for it.
    pub(super) fn is_served(&self) -> bool {
        !matches!(*self.life.lock(), Life::Queued { will_be_served: false })
    }

    /// Whether this thread is the one on which the job's hooks run, and so must not wait for it.
    pub(super) fn is_on_hooks_thread(&self) -> bool {
        matches!(*self.life.lock(), Life::Running { hooks_thread } if hooks_thread == thread::current().id())
    }

    /// Waits until the job has ended or the deadline has passed; `None`: there is none.
    pub(super) fn wait_until(&self, deadline: Option<Instant>) -> MutexGuard<'_, Life> {
        let mut life = self.life.lock();
        while !life.state().has_ended() {
            match deadline {
                None => self.ended.wait(&mut life),
                Some(deadline) if Instant::now() >= deadline => break,
                Some(deadline) => self.ended.wait_until(&mut life, deadline),
            }
        }
        life
    }

    /// What all handles share, made for the first of them.
    pub(super) fn ending(&self) -> Arc<Ending> {
        let mut shared = self.ending.lock();
        shared.upgrade().unwrap_or_else(|| {
            let made = Arc::default();
            *shared = Arc::downgrade(&made);
            made
        })
    }

    pub(super) fn progress(&self) -> Progress {
        // Under the life's lock: 100 percent and no phase come with the end, not before.
        let (state, finished_at, phase, percent) = {
            let life = self.life.lock();
            let finished_at = match *life {
                Life::Ended { at_ms, .. } => Some(time_of_ms(at_ms)),
                _ => None,
            };
            (life.state(), finished_at, self.monitor.phase(), self.monitor.percent())
        };
        let counts = self.monitor.counts();
        Progress {
            kind: self.kind,
            state,
            phase,
            percent,
            bytes_total: counts.bytes_total,
            bytes_done: counts.bytes_done,
            files_total: counts.files_total,
            files_done: counts.files_done,
            bytes_copied: counts.bytes_copied,
            bytes_cloned: counts.bytes_cloned,
            bytes_linked: counts.bytes_linked,
            bytes_holes: counts.bytes_holes,
            files_skipped: counts.files_skipped,
            files_left_out: counts.files_left_out,
            freeze: Duration::from_nanos(counts.freeze_ns),
            started_at: time_of_ms(self.clock.started_at_ms()),
            finished_at,
        }
    }
}

/// What the handles of a job share to watch for its end: an event, once one of them has asked for it.
#[derive(Default)]
pub(super) struct Ending(OnceLock<Event>);

impl Ending {
    /// `None`: there are no descriptors left.
    pub(super) fn descriptor(&self) -> Option<&Event> {
        if self.0.get().is_none() {
            let made = Event::new()?;
            // Another thread's, if that came first.
            self.0.get_or_init(|| made);
        }
        self.0.get()
    }
}
