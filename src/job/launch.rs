//! How a job is begun: its I/O thread, which prepares it and then works, and the thread for its hooks.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::Duration;

use uuid::Uuid;

use super::context::JobContext;
use super::handle::Job;
use super::hooks::Hooks;
use super::progress::Kind;
use super::server;
use super::state::JobState;
use crate::error::{Code, Error, Result};
use crate::io::thread::{self as io_thread, Isolation};
use crate::monitor::Effort;
use crate::settings::JobSettings;
use crate::sys::thread;

/// A job that has been prepared and works once its hooks are served. Dropped before that, it ends its
/// work and waits for it.
pub(crate) struct PreparedJob {
    state: Arc<JobState>,
    worker: Option<Worker>,
}

/// A job that is to be begun.
pub(crate) struct NewJob<'a> {
    pub(crate) id: Uuid,
    pub(crate) kind: Kind,
    pub(crate) settings: &'a JobSettings,
    pub(crate) hooks: &'a Hooks,
}

impl NewJob<'_> {
    /// Starts an I/O thread and returns once `prepare` has: the job's location, and what `go` gets, which
    /// must ask the host before it does anything.
    pub(crate) fn prepare<P>(
        self,
        prepare: impl FnOnce() -> Result<(PathBuf, P)> + Send + 'static,
        go: impl FnOnce(P, &JobContext) -> Result<()> + Send + 'static,
    ) -> Result<PreparedJob> {
        let effort = match self.kind {
            Kind::Verify | Kind::Scrub => Effort::Verify,
            Kind::Push => Effort::Send,
            Kind::Backup | Kind::Restore | Kind::Checkpoint | Kind::Fetch => Effort::CopyAndVerify,
        };
        let isolation = match self.settings.posix_locks {
            true => Isolation::Required,
            false => Isolation::IfPossible,
        };
        let context = JobContext::new(self.settings, self.hooks, effort);
        let (location, worker) = Worker::start(isolation, &context, prepare, go)?;
        let state = JobState::new(self.id, self.kind, location, context.monitor);
        Ok(PreparedJob { state, worker: Some(worker) })
    }
}

impl PreparedJob {
    pub(crate) fn state(&self) -> &Arc<JobState> {
        &self.state
    }

    /// Serves its hooks on this thread until its work has ended, and returns the result of that. The
    /// job ends when its owner says so.
    pub(crate) fn serve(mut self, hooks: &Hooks, freeze_timeout: Option<Duration>) -> Result<()> {
        let Some(worker) = self.worker.take() else { return Ok(()) };
        self.state.begin();
        server::serve(&worker.context.host, hooks, &Job::of_coordinator(&self.state), freeze_timeout);
        worker.join()
    }
}

impl Drop for PreparedJob {
    fn drop(&mut self) {
        if let Some(worker) = self.worker.take() {
            worker.abandon();
        }
    }
}

/// A job's I/O thread.
struct Worker {
    context: JobContext,
    thread: JoinHandle<Result<()>>,
}

impl Worker {
    fn start<R: Send + 'static, P>(
        isolation: Isolation,
        context: &JobContext,
        prepare: impl FnOnce() -> Result<(R, P)> + Send + 'static,
        go: impl FnOnce(P, &JobContext) -> Result<()> + Send + 'static,
    ) -> Result<(R, Self)> {
        let (sender, prepared) = mpsc::channel();
        let inner = context.clone();
        let thread = io_thread::spawn(isolation, move || {
            let result = io_thread::guarded(|| {
                let (report, rest) = prepare()?;
                // Its receiver is only gone if the starter panicked, and then nobody serves.
                let _ = sender.send(report);
                go(rest, &inner)
            });
            inner.host.work_ended();
            result
        })?;
        match prepared.recv() {
            Ok(report) => Ok((report, Self { context: context.clone(), thread })),
            Err(_) => Err(io_thread::join(thread)
                .err()
                .unwrap_or_else(|| Error::new(Code::Internal, "the preparation ended without a result"))),
        }
    }

    /// Waits for the I/O thread, all of whose requests have been served, and its result.
    fn join(self) -> Result<()> {
        io_thread::join(self.thread)
    }

    /// Ends work whose hooks nobody will serve.
    fn abandon(self) {
        self.context.monitor.cancel();
        self.context.host.nobody_serves();
        let _ = io_thread::join(self.thread);
    }
}

/// A thread for the hooks of one job, which waits to be given it: what cannot be had (the thread) is
/// asked for before anybody is told of the job, and the job is known before its first hook is called.
pub(crate) struct HooksThread<W> {
    hand_over: mpsc::Sender<W>,
    thread: JoinHandle<()>,
}

impl<W: Send + 'static> HooksThread<W> {
    pub(crate) fn spawn(serve: impl FnOnce(W) + Send + 'static) -> Result<Self> {
        let (hand_over, take_over) = mpsc::channel();
        let serve = move || {
            // None comes if the starter panicked.
            if let Ok(work) = take_over.recv() {
                serve(work);
            }
        };
        thread::spawn("hotbackup-job", serve)
            .map(|thread| Self { hand_over, thread })
            .map_err(|error| Error::system("making the thread of a job", error))
    }

    /// It serves this, and ends.
    pub(crate) fn serve(self, work: W) -> JoinHandle<()> {
        let _ = self.hand_over.send(work);
        self.thread
    }
}
