//! A job as the work of another crate sees it.

use std::sync::Arc;
use std::time::Duration;

use crate::error::{Error, Result};
use crate::job::JobContext;
use crate::monitor::Phase;
use crate::settings::{Settings, VerifyLevel};

/// A job under way, for its work alone.
pub struct Task {
    host: Arc<dyn TaskHost>,
}

/// What any thread of the work may ask of its job and tell it.
#[derive(Clone)]
pub struct Watch {
    host: Arc<dyn TaskHost>,
}

/// Whose job it is: this crate's, or that of the library which has handed out the job's handle ([`Table`]). What its
/// functions are for is said by those of [`Task`] and [`Watch`].
///
/// [`Table`]: super::table::Table
pub trait TaskHost: Send + Sync {
    /// [`Task::enter`].
    fn enter(&self, phase: Phase) -> Result<()>;
    /// [`Task::threads`].
    fn threads(&self) -> usize;
    /// [`Task::verify_level`].
    fn verify_level(&self) -> VerifyLevel;
    /// [`Task::commit`].
    fn commit(&self) -> Result<()>;
    /// [`Watch::check`].
    fn check(&self) -> Result<()>;
    /// [`Watch::pause`].
    fn pause(&self, duration: Duration) -> Result<()>;
    /// [`Watch::is_paced`].
    fn is_paced(&self) -> bool;
    /// [`Watch::pace`].
    fn pace(&self, bytes: usize) -> Result<()>;
    /// [`Watch::pace_reading`].
    fn pace_reading(&self, bytes: usize) -> Result<()>;
    /// [`Watch::expect`].
    fn expect(&self, bytes: u64, files: u64);
    /// So much more is done.
    fn count(&self, done: Done);
    /// [`Watch::warn`].
    fn warn(&self, warning: Error);
    /// Asks the job to end.
    fn cancel(&self);
}

/// What a job has dealt with.
#[derive(Clone, Copy, Debug, Default)]
pub struct Done {
    /// [`Watch::copied`].
    pub copied: u64,
    /// [`Watch::linked`].
    pub linked: u64,
    /// [`Watch::verified`].
    pub verified: u64,
    /// [`Watch::file_done`].
    pub files: u64,
}

impl Task {
    pub(super) fn of(context: &JobContext, settings: &Settings) -> Self {
        Self::of_host(Arc::new(Own::of(context, settings)))
    }

    /// A task of that host's job.
    pub fn of_host(host: Arc<dyn TaskHost>) -> Self {
        Self { host }
    }

    /// Whose job it is.
    pub fn host(&self) -> &Arc<dyn TaskHost> {
        &self.host
    }

    /// The job enters a phase, and its progress hook is told. One thread at a time.
    pub fn enter(&self, phase: Phase) -> Result<()> {
        self.host.enter(phase)
    }

    /// So many I/O threads its work should have.
    pub fn threads(&self) -> usize {
        self.host.threads()
    }

    /// How much its host wants to be read back.
    pub fn verify_level(&self) -> VerifyLevel {
        self.host.verify_level()
    }

    /// For all threads of the work.
    pub fn watch(&self) -> Watch {
        Watch { host: self.host.clone() }
    }

    /// From here on a cancel is too late. The error says why it was not.
    pub fn commit(&self) -> Result<()> {
        self.host.commit()
    }
}

impl Watch {
    /// Fails once the job is to end, with the reason.
    pub fn check(&self) -> Result<()> {
        self.host.check()
    }

    /// Sleeps, but not past that.
    pub fn pause(&self, duration: Duration) -> Result<()> {
        self.host.pause(duration)
    }

    /// Whether the job has a rate limit now.
    pub fn is_paced(&self) -> bool {
        self.host.is_paced()
    }

    /// Waits until the job's rate limit grants so many bytes.
    pub fn pace(&self, bytes: usize) -> Result<()> {
        self.host.pace(bytes)
    }

    /// The same for bytes that are read to be sent: a limit holds for either, and neither waits for the other.
    pub fn pace_reading(&self, bytes: usize) -> Result<()> {
        self.host.pace_reading(bytes)
    }

    /// So much there is to deal with, as far as known.
    pub fn expect(&self, bytes: u64, files: u64) {
        self.host.expect(bytes, files);
    }

    /// Bytes were read and sent, or brought and written.
    pub fn copied(&self, bytes: u64) {
        self.host.count(Done { copied: bytes, ..Done::default() });
    }

    /// Bytes need not be: the other side has them.
    pub fn linked(&self, bytes: u64) {
        self.host.count(Done { linked: bytes, ..Done::default() });
    }

    /// Bytes were read back and found good.
    pub fn verified(&self, bytes: u64) {
        self.host.count(Done { verified: bytes, ..Done::default() });
    }

    /// All of a file was dealt with.
    pub fn file_done(&self) {
        self.host.count(Done { files: 1, ..Done::default() });
    }

    /// Something is wrong that does not fail the job ([`Job::warnings`](crate::Job::warnings)).
    pub fn warn(&self, warning: Error) {
        self.host.warn(warning);
    }
}

/// A job of this crate.
struct Own {
    context: JobContext,
    threads: usize,
    level: VerifyLevel,
}

impl Own {
    fn of(context: &JobContext, settings: &Settings) -> Self {
        let (threads, level) = (settings.job.io_threads(), settings.job.verify);
        Self { context: context.clone(), threads, level }
    }
}

impl TaskHost for Own {
    fn enter(&self, phase: Phase) -> Result<()> {
        self.context.host.enter(phase)
    }

    fn threads(&self) -> usize {
        self.threads
    }

    fn verify_level(&self) -> VerifyLevel {
        self.level
    }

    fn commit(&self) -> Result<()> {
        self.context.monitor.commit()
    }

    fn check(&self) -> Result<()> {
        self.context.monitor.check()
    }

    fn pause(&self, duration: Duration) -> Result<()> {
        self.context.monitor.pause(duration)
    }

    fn is_paced(&self) -> bool {
        self.context.monitor.throttle.is_limited()
    }

    fn pace(&self, bytes: usize) -> Result<()> {
        let monitor = &self.context.monitor;
        monitor.throttle.take(bytes, || monitor.is_stopped());
        monitor.check()
    }

    fn pace_reading(&self, bytes: usize) -> Result<()> {
        let monitor = &self.context.monitor;
        monitor.reading.take(bytes, || monitor.is_stopped());
        monitor.check()
    }

    fn expect(&self, bytes: u64, files: u64) {
        self.context.monitor.expect(bytes, files);
    }

    fn count(&self, done: Done) {
        let monitor = &self.context.monitor;
        monitor.copied(done.copied);
        monitor.linked(done.linked);
        monitor.verified(done.verified);
        for _ in 0..done.files {
            monitor.file_done();
        }
    }

    fn warn(&self, warning: Error) {
        self.context.monitor.warn(warning);
    }

    fn cancel(&self) {
        self.context.monitor.cancel();
    }
}
