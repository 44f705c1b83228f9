//! A job as the work of another crate sees it.

use std::sync::Arc;
use std::time::Duration;

use crate::error::{Error, Result};
use crate::job::JobContext;
use crate::monitor::{Monitor, Phase};
use crate::settings::{Settings, VerifyLevel};

/// A job under way, for its work alone.
pub struct Task {
    context: JobContext,
    threads: usize,
    level: VerifyLevel,
}

/// What any thread of the work may ask of its job and tell it.
#[derive(Clone)]
pub struct Watch {
    monitor: Arc<Monitor>,
}

impl Task {
    pub(super) fn of(context: &JobContext, settings: &Settings) -> Self {
        let (threads, level) = (settings.job.io_threads(), settings.job.verify);
        Self { context: context.clone(), threads, level }
    }

    /// The job enters a phase, and its progress hook is told. One thread at a time.
    pub fn enter(&self, phase: Phase) -> Result<()> {
        self.context.host.enter(phase)
    }

    /// So many I/O threads its work should have.
    pub fn threads(&self) -> usize {
        self.threads
    }

    /// How much its host wants to be read back.
    pub fn verify_level(&self) -> VerifyLevel {
        self.level
    }

    /// For all threads of the work.
    pub fn watch(&self) -> Watch {
        Watch { monitor: self.context.monitor.clone() }
    }

    /// From here on a cancel is too late. The error says why it was not.
    pub fn commit(&self) -> Result<()> {
        self.context.monitor.commit()
    }
}

impl Watch {
    /// Fails once the job is to end, with the reason.
    pub fn check(&self) -> Result<()> {
        self.monitor.check()
    }

    /// Sleeps, but not past that.
    pub fn pause(&self, duration: Duration) -> Result<()> {
        self.monitor.pause(duration)
    }

    /// Waits until the job's rate limit grants so many bytes.
    pub fn pace(&self, bytes: usize) -> Result<()> {
        self.monitor.throttle.take(bytes, || self.monitor.is_stopped());
        self.monitor.check()
    }

    /// So much there is to deal with, as far as known.
    pub fn expect(&self, bytes: u64, files: u64) {
        self.monitor.expect(bytes, files);
    }

    /// Bytes were read and sent, or brought and written.
    pub fn copied(&self, bytes: u64) {
        self.monitor.copied(bytes);
    }

    /// Bytes need not be: the other side has them.
    pub fn linked(&self, bytes: u64) {
        self.monitor.linked(bytes);
    }

    /// Bytes were read back and found good.
    pub fn verified(&self, bytes: u64) {
        self.monitor.verified(bytes);
    }

    /// All of a file was dealt with.
    pub fn file_done(&self) {
        self.monitor.file_done();
    }

    /// Something is wrong that does not fail the job ([`Job::warnings`](crate::Job::warnings)).
    pub fn warn(&self, warning: Error) {
        self.monitor.warn(warning);
    }
}
