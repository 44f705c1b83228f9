//! What a running job shares with those who watch and steer it: phase, counters, stop, rate.
//! It holds no descriptor, so any thread may drop it.

mod controller;
mod spare;
mod throttle;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use crate::sync::{Condvar, Mutex};

use crate::error::{Code, Error, Result, show};
use crate::sys::memory;

pub use controller::Controller;
pub use spare::{Crew, Spare};
pub use throttle::Throttle;

/// A disk that fails says so again and again.
const MOST_WARNINGS: usize = 1_000;

/// Where a job is in its life. The values are those of the C header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
#[repr(u32)]
pub enum Phase {
    /// It has not begun or has ended.
    None = 0,
    /// The host flushes to a consistent state.
    Checkpoint = 1,
    /// Files are listed and pinned.
    Pin = 2,
    /// The host's writes are stopped and the window is open.
    Freeze = 3,
    /// Bytes are copied.
    Copy = 4,
    /// The copy is synced, validated and compared.
    Verify = 5,
    /// The snapshot gets its name.
    Publish = 6,
    /// A restored tree takes the place of the present one.
    Swap = 7,
    /// What a store has already is looked at.
    Scan = 8,
    /// What it lacks is read and sent.
    Upload = 9,
    /// A snapshot is put into a store's list.
    Commit = 10,
    /// What a store has is brought and written.
    Download = 11,
}

impl Phase {
    /// The phase of that number; [`None`](Phase::None) of another.
    pub fn from_u32(value: u32) -> Self {
        use Phase::*;
        [None, Checkpoint, Pin, Freeze, Copy, Verify, Publish, Swap, Scan, Upload, Commit, Download]
            .into_iter()
            .find(|phase| *phase as u32 == value)
            .unwrap_or(None)
    }
}

/// Counters of a job, each read and written on its own.
#[derive(Default)]
struct Counters {
    bytes_total: AtomicU64,
    bytes_done: AtomicU64,
    files_total: AtomicU64,
    files_done: AtomicU64,
    bytes_copied: AtomicU64,
    bytes_cloned: AtomicU64,
    bytes_linked: AtomicU64,
    bytes_holes: AtomicU64,
    files_skipped: AtomicU64,
    files_left_out: AtomicU64,
    freeze_ns: AtomicU64,
    bytes_verified: AtomicU64,
}

/// The counters at one instant.
#[derive(Clone, Copy, Debug)]
#[allow(missing_docs)] // each is described at the `Progress` field of its name
pub struct Counts {
    pub bytes_total: u64,
    pub bytes_done: u64,
    pub files_total: u64,
    pub files_done: u64,
    pub bytes_copied: u64,
    pub bytes_cloned: u64,
    pub bytes_linked: u64,
    pub bytes_holes: u64,
    pub files_skipped: u64,
    pub files_left_out: u64,
    pub freeze_ns: u64,
}

/// What a job's percent is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effort {
    /// Copying for four fifths and reading back for the rest: about their shares of the time.
    CopyAndVerify,
    /// Reading alone.
    Verify,
    /// Sending alone.
    Send,
}

impl Effort {
    fn percent_of_copying(self) -> u64 {
        match self {
            Effort::CopyAndVerify => 79,
            Effort::Verify => 0,
            Effort::Send => 99,
        }
    }
}

/// The shared part of one job.
pub struct Monitor {
    counters: Counters,
    /// The live rate limit.
    pub throttle: Throttle,
    /// The same for what is read to be sent, which goes on beside the sending at the same rate.
    pub reading: Throttle,
    /// Threads that may help with a large file.
    pub spare: Spare,
    effort: Effort,
    phase: AtomicU32,
    percent: AtomicU32,
    checks: AtomicU32,
    stopped: AtomicBool,
    stop: Mutex<Stop>,
    stop_changed: Condvar,
    doing: Mutex<Doing>,
    warnings: Mutex<Vec<Error>>,
}

/// What an I/O thread was last about to do, and to which path.
#[derive(Default)]
struct Doing {
    what: &'static str,
    path: PathBuf,
}

#[derive(Default)]
struct Stop {
    why: Option<Error>,
    too_late: bool,
}

impl Monitor {
    /// A job that has not begun.
    pub fn new(rate_limit: u64, effort: Effort) -> Self {
        Self {
            effort,
            counters: Counters::default(),
            throttle: Throttle::new(rate_limit),
            reading: Throttle::new(rate_limit),
            spare: Spare::default(),
            phase: AtomicU32::new(Phase::None as u32),
            percent: AtomicU32::new(0),
            checks: AtomicU32::new(0),
            stopped: AtomicBool::new(false),
            stop: Mutex::default(),
            stop_changed: Condvar::new(),
            doing: Mutex::default(),
            warnings: Mutex::default(),
        }
    }

    /// So many of its threads, for one list of work.
    pub fn crew(&self, threads: usize) -> Crew<'_> {
        Crew { threads, spare: &self.spare }
    }

    /// Asks the job to end as cancelled. Without effect once publishing has begun.
    pub fn cancel(&self) {
        self.stop(Error::new(Code::Cancelled, "the job was cancelled"));
    }

    /// Asks the job to end with this error. The first one counts.
    pub fn stop(&self, why: Error) {
        let mut stop = self.stop.lock();
        if stop.too_late || stop.why.is_some() {
            return;
        }
        stop.why = Some(why);
        self.stopped.store(true, Relaxed);
        self.stop_changed.notify_all();
        drop(stop);
        self.throttle.wake();
        self.reading.wake();
    }

    /// The host's limit, from now on.
    pub fn set_rate_limit(&self, bytes_per_second: u64) {
        self.throttle.set(bytes_per_second);
        self.reading.set(bytes_per_second);
    }

    /// Whether the job was asked to end.
    pub fn is_stopped(&self) -> bool {
        self.stopped.load(Relaxed)
    }

    /// The reason to end, as an error; too little memory to go on is one too. Called between pieces of
    /// work.
    pub fn check(&self) -> Result<()> {
        if self.is_stopped() {
            return self.stop.lock().why.clone().map_or(Ok(()), Err);
        }
        if (self.checks.fetch_add(1, Relaxed) as usize).is_multiple_of(memory::NAMES) {
            memory::require_room(0).map_err(|error| Error::system("going on with the job", error))?;
        }
        Ok(())
    }

    /// From here on nothing stops the job any more.
    pub fn commit(&self) -> Result<()> {
        let mut stop = self.stop.lock();
        match &stop.why {
            Some(why) => Err(why.clone()),
            None => {
                stop.too_late = true;
                Ok(())
            }
        }
    }

    /// Sleeps, but not past a stop.
    pub fn pause(&self, duration: Duration) -> Result<()> {
        let until = Instant::now() + duration;
        let mut stop = self.stop.lock();
        while stop.why.is_none() && Instant::now() < until {
            self.stop_changed.wait_until(&mut stop, until);
        }
        stop.why.clone().map_or(Ok(()), Err)
    }

    /// The phase now.
    pub fn phase(&self) -> Phase {
        Phase::from_u32(self.phase.load(Relaxed))
    }

    /// The job enters a phase.
    pub fn enter(&self, phase: Phase) {
        self.phase.store(phase as u32, Relaxed);
    }

    /// What an I/O thread is about to do to what lies at `path` beneath `top`, for the message of a freeze
    /// that takes too long. Nothing is made of it but a copy of the bytes: it is told of each file.
    pub fn doing(&self, what: &'static str, top: &Path, path: &Path) {
        let mut doing = self.doing.lock();
        doing.what = what;
        doing.path.clear();
        doing.path.push(top);
        if !path.as_os_str().is_empty() {
            doing.path.push(path);
        }
    }

    /// What was last being done.
    pub fn last_doing(&self) -> String {
        let doing = self.doing.lock();
        format!("{} {}", doing.what, show(&doing.path))
    }

    /// Something is wrong that does not fail the job.
    pub fn warn(&self, warning: Error) {
        let mut warnings = self.warnings.lock();
        if warnings.len() < MOST_WARNINGS {
            warnings.push(warning);
        }
    }

    /// What is wrong, though it does not fail the job.
    pub fn warnings(&self) -> Vec<Error> {
        self.warnings.lock().clone()
    }

    /// So much there is to deal with, as far as known.
    pub fn expect(&self, bytes: u64, files: u64) {
        self.counters.bytes_total.store(bytes, Relaxed);
        self.counters.files_total.store(files, Relaxed);
    }

    /// Bytes that the copy has dealt with, however it did.
    pub fn dealt_with(&self, bytes: u64) {
        self.counters.bytes_done.fetch_add(bytes, Relaxed);
        self.advance();
    }

    /// Bytes were read and written.
    pub fn copied(&self, bytes: u64) {
        self.counters.bytes_copied.fetch_add(bytes, Relaxed);
        self.dealt_with(bytes);
    }

    /// Bytes were found to be a hole.
    pub fn found_hole(&self, bytes: u64) {
        self.counters.bytes_holes.fetch_add(bytes, Relaxed);
        self.dealt_with(bytes);
    }

    /// Bytes are shared with the source. They are dealt with once their checksum is read.
    pub fn cloned(&self, bytes: u64) {
        self.counters.bytes_cloned.fetch_add(bytes, Relaxed);
    }

    /// Bytes are those of a file that was there before.
    pub fn linked(&self, bytes: u64) {
        self.counters.bytes_linked.fetch_add(bytes, Relaxed);
        self.dealt_with(bytes);
    }

    /// Bytes are those of a file that a target had already: they were dealt with as they were read.
    pub fn kept(&self, bytes: u64) {
        self.counters.bytes_linked.fetch_add(bytes, Relaxed);
    }

    /// Bytes that were dealt with are to be dealt with once more.
    pub fn takes_back(&self, bytes: u64) {
        self.counters.bytes_done.fetch_sub(bytes, Relaxed);
    }

    /// What was copied is copied anew, and counted anew.
    pub fn copies_anew(&self) {
        let counters = &self.counters;
        let (done, copied) = (&counters.bytes_done, &counters.bytes_copied);
        let (cloned, linked, holes) = (&counters.bytes_cloned, &counters.bytes_linked, &counters.bytes_holes);
        [done, copied, cloned, linked, holes].into_iter().for_each(|counter| counter.store(0, Relaxed));
    }

    /// The copy has dealt with a file.
    pub fn file_done(&self) {
        self.counters.files_done.fetch_add(1, Relaxed);
    }

    /// A file that was still being built is left out.
    pub fn file_left_out(&self) {
        self.counters.files_left_out.fetch_add(1, Relaxed);
    }

    /// All files are dealt with anew.
    pub fn starts_over(&self) {
        self.counters.files_done.store(0, Relaxed);
        self.counters.files_left_out.store(0, Relaxed);
    }

    /// So many names are no data.
    pub fn skips(&self, files: u64) {
        self.counters.files_skipped.store(files, Relaxed);
    }

    /// The host's writes were stopped for so long.
    pub fn froze_for(&self, window: Duration) {
        self.counters.freeze_ns.fetch_max(window.as_nanos() as u64, Relaxed);
    }

    /// Bytes that the verification has dealt with.
    pub fn verified(&self, bytes: u64) {
        self.counters.bytes_verified.fetch_add(bytes, Relaxed);
        if self.effort == Effort::Verify {
            self.counters.bytes_done.fetch_add(bytes, Relaxed);
        }
        self.advance();
    }

    /// A file that the verification has dealt with.
    pub fn file_verified(&self) {
        if self.effort == Effort::Verify {
            self.file_done();
        }
    }

    /// All counters.
    pub fn counts(&self) -> Counts {
        let counters = &self.counters;
        let now = |counter: &AtomicU64| counter.load(Relaxed);
        Counts {
            bytes_total: now(&counters.bytes_total),
            bytes_done: now(&counters.bytes_done),
            files_total: now(&counters.files_total),
            files_done: now(&counters.files_done),
            bytes_copied: now(&counters.bytes_copied),
            bytes_cloned: now(&counters.bytes_cloned),
            bytes_linked: now(&counters.bytes_linked),
            bytes_holes: now(&counters.bytes_holes),
            files_skipped: now(&counters.files_skipped),
            files_left_out: now(&counters.files_left_out),
            freeze_ns: now(&counters.freeze_ns),
        }
    }

    /// Percent, never falling, 100 only after [`complete`](Self::complete).
    pub fn percent(&self) -> u32 {
        self.percent.load(Relaxed)
    }

    /// The job has done what it was for.
    pub fn complete(&self) {
        self.percent.store(100, Relaxed);
    }

    fn advance(&self) {
        let share = |done: &AtomicU64, of: u64| {
            let total = self.counters.bytes_total.load(Relaxed).max(1);
            let done = done.load(Relaxed).min(total);
            (u128::from(done) * u128::from(of) / u128::from(total)) as u32
        };
        let of_copying = self.effort.percent_of_copying();
        let copied = share(&self.counters.bytes_done, of_copying);
        let verified = share(&self.counters.bytes_verified, 99 - of_copying);
        self.percent.fetch_max(copied + verified, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_reason_to_stop_counts() {
        let monitor = Monitor::new(0, Effort::CopyAndVerify);
        monitor.stop(Error::new(Code::HookFailed, "first"));
        monitor.cancel();
        assert_eq!(monitor.check().unwrap_err().message(), "first");
    }

    #[test]
    fn a_cancel_after_the_commit_is_too_late() {
        let monitor = Monitor::new(0, Effort::CopyAndVerify);
        monitor.commit().unwrap();
        monitor.cancel();
        monitor.check().unwrap();
    }

    #[test]
    fn percent_does_not_fall_when_bytes_are_dealt_with_once_more() {
        let monitor = Monitor::new(0, Effort::CopyAndVerify);
        monitor.expect(100, 1);
        monitor.dealt_with(60);
        let before = monitor.percent();
        monitor.takes_back(60);
        monitor.dealt_with(10);
        assert_eq!((monitor.counts().bytes_done, monitor.percent()), (10, before));
    }

    #[test]
    fn percent_reaches_99_at_most_before_completion() {
        let monitor = Monitor::new(0, Effort::CopyAndVerify);
        monitor.expect(u64::MAX, 1);
        monitor.copied(u64::MAX);
        assert_eq!(monitor.percent(), 79);
        monitor.verified(u64::MAX);
        assert_eq!(monitor.percent(), 99);
        monitor.complete();
        assert_eq!(monitor.percent(), 100);
    }
}
