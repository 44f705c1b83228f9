//! Measuring what a host feels: a small synced write, made again and again beside a job that copies, whose rate
//! follows it.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::thread::guarded;
use crate::error::{Error, Result};
use crate::monitor::{Controller, Monitor};
use crate::sync::{Condvar, Mutex};
use crate::sys::dir::Dir;
use crate::sys::thread;

/// How long it is from one write to the next: a host does not feel so few.
const PAUSE: Duration = Duration::from_millis(50);

/// What is written at once: the page that a host's own log grows by.
const PAGE: usize = 4 << 10;

/// After so many pages the file is emptied. One that grows must be committed, as a host's log must; one that is
/// written over need not, and tells less.
const PAGES: u64 = 16;

/// Lets the rate of a job follow what synced writes take, for as long as it is kept.
pub struct Follower {
    ending: Arc<Ending>,
    thread: Option<JoinHandle<Result<()>>>,
}

impl Follower {
    /// Starts on an I/O thread, which its own shares the table of descriptors with. Writes in `directory`, to a
    /// file that is called `name` for an instant if it must be, are to take no longer than `target`. `None`: that
    /// is zero, or nothing can be measured, which is a warning of the job.
    pub fn start(
        target: Duration,
        monitor: &Arc<Monitor>,
        directory: impl FnOnce() -> Result<Dir>,
        name: &Path,
    ) -> Option<Self> {
        if target.is_zero() {
            return None;
        }
        let started = directory().and_then(|directory| {
            let probe = Probe::open(&directory, name)?;
            let follower = Following { probe, controller: Controller::new(target), monitor: monitor.clone() };
            follower.start()
        });
        started.map_err(|error| warn(monitor, error)).ok()
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        *self.ending.is_due.lock() = true;
        self.ending.changed.notify_all();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn warn(monitor: &Monitor, error: Error) {
    monitor.warn(error.aftermath("the job goes on within its rate limit and keeps to no latency target"));
}

#[derive(Default)]
struct Ending {
    is_due: Mutex<bool>,
    changed: Condvar,
}

impl Ending {
    /// Waits, but not past the end. `true`: it is due.
    fn comes_within(&self, pause: Duration) -> bool {
        let until = Instant::now() + pause;
        let mut is_due = self.is_due.lock();
        while !*is_due && Instant::now() < until {
            self.changed.wait_until(&mut is_due, until);
        }
        *is_due
    }
}

/// What the thread has.
struct Following<P> {
    probe: P,
    controller: Controller,
    monitor: Arc<Monitor>,
}

impl<P: Measure + Send + 'static> Following<P> {
    fn start(mut self) -> Result<Follower> {
        let ending = Arc::new(Ending::default());
        let (monitor, ends) = (self.monitor.clone(), ending.clone());
        monitor.throttle.find(self.controller.rate());
        match thread::spawn("hotbackup-io", move || guarded(|| Ok(self.follow(&ends)))) {
            Ok(thread) => Ok(Follower { ending, thread: Some(thread) }),
            Err(error) => {
                monitor.throttle.find(0);
                Err(Error::system("making a thread to measure synced writes", error))
            }
        }
    }

    /// Measures as long as something is copied at the rate that is found, and so never in a freeze window. A write
    /// that fails says nothing: the disk may be full. But if the first one does, none can be made.
    fn follow(&mut self, ending: &Ending) {
        let throttle = &self.monitor.throttle;
        let (mut granted, mut as_of) = (throttle.granted(), Instant::now());
        let mut was_made = false;
        while !ending.comes_within(PAUSE) {
            let copied = throttle.granted() - granted;
            if copied == 0 {
                as_of = Instant::now();
                continue;
            }
            let used = (copied as f64 / as_of.elapsed().as_secs_f64()) as u64;
            (granted, as_of) = (granted + copied, Instant::now());
            match self.probe.measure() {
                Ok(latency) => {
                    was_made = true;
                    throttle.find(self.controller.hears(latency, used, throttle.limit()));
                }
                Err(error) if !was_made => {
                    throttle.find(0);
                    return warn(&self.monitor, error);
                }
                Err(_) => {}
            }
        }
    }
}

/// What is asked how long a small synced write takes.
trait Measure {
    fn measure(&mut self) -> Result<Duration>;
}

/// A file for such writes.
struct Probe {
    file: File,
    directory: PathBuf,
    pages: u64,
}

impl Probe {
    fn open(directory: &Dir, name: &Path) -> Result<Self> {
        let path = directory.path().to_path_buf();
        let file = directory.unnamed_file(name).map_err(|error| failed(&path, error))?;
        Ok(Self { file, directory: path, pages: 0 })
    }

    fn write(&mut self) -> io::Result<()> {
        if self.pages == PAGES {
            // Where that is refused it is written over.
            let _ = self.file.set_len(0);
            self.pages = 0;
        }
        self.file.write_all_at(&[0x5a; PAGE], self.pages * PAGE as u64)?;
        self.pages += 1;
        self.file.sync_data()
    }
}

impl Measure for Probe {
    fn measure(&mut self) -> Result<Duration> {
        let start = Instant::now();
        self.write().map_err(|error| failed(&self.directory, error))?;
        Ok(start.elapsed())
    }
}

fn failed(directory: &Path, error: io::Error) -> Error {
    Error::io("measuring a synced write in", directory, error)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Code;
    use crate::monitor::Effort;

    impl<F: FnMut() -> Result<Duration>> Measure for F {
        fn measure(&mut self) -> Result<Duration> {
            self()
        }
    }

    const TARGET: Duration = Duration::from_millis(5);

    /// Copies at what is found beside measures that end so, until all have been made. How often one was asked for.
    fn following(mut ends: Vec<Result<Duration>>, copies: bool) -> (usize, Arc<Monitor>) {
        let monitor = Arc::new(Monitor::new(0, Effort::CopyAndVerify));
        let (many, asked) = (ends.len(), Arc::new(Mutex::new(0)));
        ends.reverse();
        let counted = asked.clone();
        let probe = move || {
            *counted.lock() += 1;
            ends.pop().unwrap_or_else(full)
        };
        let controller = Controller::new(TARGET);
        let follower = Following { probe, controller, monitor: monitor.clone() }.start().unwrap();
        assert!(monitor.throttle.is_limited());
        let until = Instant::now() + Duration::from_secs(if copies { 60 } else { 1 });
        while *asked.lock() < many && Instant::now() < until && monitor.throttle.is_limited() {
            match copies {
                true => monitor.throttle.take(4096, || false),
                false => std::thread::sleep(PAUSE),
            }
        }
        drop(follower);
        let asked = *asked.lock();
        (asked, monitor)
    }

    fn full() -> Result<Duration> {
        Err(failed(Path::new("/data"), io::Error::from_raw_os_error(libc::ENOSPC)))
    }

    #[test]
    fn slow_writes_slow_the_job_and_those_that_fail_leave_its_rate() {
        let slow = || Ok(TARGET * 2);
        let (_, monitor) = following(vec![slow(), slow(), full(), slow(), full(), full()], true);
        assert_eq!(monitor.throttle.rate(), Controller::new(TARGET).rate() / 8);
        assert_eq!(monitor.warnings().len(), 0);
    }

    #[test]
    fn where_no_write_can_be_made_the_job_has_its_own_rate_and_a_warning() {
        let (asked, monitor) = following(vec![full(), full()], true);
        assert_eq!((asked, monitor.throttle.is_limited()), (1, false));
        let [warning] = monitor.warnings().try_into().unwrap();
        assert_eq!((warning.code(), warning.path()), (Code::NoSpace, Some(Path::new("/data"))));
    }

    #[test]
    fn nothing_is_written_while_nothing_is_copied() {
        assert_eq!(following(vec![Ok(TARGET)], false).0, 0);
    }

    #[test]
    fn a_file_for_measuring_has_no_name_and_stays_small() {
        let dir = tempfile::tempdir().unwrap();
        let mut probe = Probe::open(&Dir::open(dir.path()).unwrap(), Path::new("probe")).unwrap();
        for _ in 0..3 * PAGES {
            probe.measure().unwrap();
            assert!(probe.file.metadata().unwrap().len() <= PAGES * PAGE as u64);
            assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
        }
    }
}
