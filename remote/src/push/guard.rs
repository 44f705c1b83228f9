//! A push's lock, and the thread that puts a new one in its place while the push works.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hotbackup::extension::Watch;
use hotbackup::{Error, Result};

use super::work::lost;
use crate::repository::{Held, Repository, Timing};

/// How often it is asked whether it is time for a new lock.
const LOOK: Duration = Duration::from_millis(100);

/// A lock that is kept fresh.
pub struct Guard {
    held: Mutex<Option<Held>>,
    watch: Watch,
    is_lost: AtomicBool,
    has_ended: AtomicBool,
    is_unsettled: AtomicBool,
}

/// Ends the thread with the work, though that panics: nobody else would, and it is waited for.
struct Ending<'a>(&'a AtomicBool);

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        self.0.store(true, Relaxed);
    }
}

impl Guard {
    /// Waits for it and takes it.
    pub fn take(repository: &Repository, host: &str, timing: Timing, watch: &Watch) -> Result<Self> {
        let held = Held::take(repository, host, timing, watch)?;
        Ok(Self {
            held: Mutex::new(Some(held)),
            watch: watch.clone(),
            is_lost: AtomicBool::new(false),
            has_ended: AtomicBool::new(false),
            is_unsettled: AtomicBool::new(false),
        })
    }

    /// Does `work` while a thread keeps the lock fresh.
    pub fn keep<T>(&self, work: impl FnOnce(&Self) -> Result<T>) -> Result<T> {
        std::thread::scope(|scope| {
            let keeper = std::thread::Builder::new().name("hotbackup-io".into());
            keeper
                .spawn_scoped(scope, || self.refresh_until_the_end())
                .map_err(|error| Error::system("making the thread that keeps a push's lock", error))?;
            let _ending = Ending(&self.has_ended);
            work(self)
        })
    }

    fn refresh_until_the_end(&self) {
        while !self.has_ended.load(Relaxed) {
            std::thread::sleep(LOOK);
            let mut held = self.held();
            let Some(held) = held.as_mut() else { continue };
            // What stays for now is tried again, and removed at the end.
            let _ = held.tidy();
            if !held.is_due() && !held.is_too_old() {
                continue;
            }
            match held.refresh(&self.watch) {
                Ok(true) => {}
                Ok(false) => return self.is_lost.store(true, Relaxed),
                // It is tried again until the lock is too old.
                Err(_) if held.is_too_old() => return self.is_lost.store(true, Relaxed),
                Err(_) => {}
            }
        }
    }

    /// A new lock now, whatever the old one's age: from here on a while nobody can have begun a prune.
    pub fn refresh(&self) -> Result<()> {
        let mut held = self.held();
        match held.as_mut().map_or(Ok(false), |held| held.refresh(&self.watch))? {
            true => Ok(()),
            false => {
                self.is_lost.store(true, Relaxed);
                Err(lost())
            }
        }
    }

    /// Whether the lock is there.
    pub fn is_there(&self) -> Result<bool> {
        self.held().as_ref().map_or(Ok(false), Held::is_there)
    }

    /// Whether it was lost.
    pub fn is_lost(&self) -> bool {
        self.is_lost.load(Relaxed)
    }

    /// The same for those who read meanwhile.
    pub fn lost_flag(&self) -> &AtomicBool {
        &self.is_lost
    }

    /// Whether the store may still take the snapshot's object, of which nothing was heard.
    pub fn is_unsettled(&self) -> bool {
        self.is_unsettled.load(Relaxed)
    }

    /// The snapshot's object is on its way, or it is known what became of it.
    pub fn set_unsettled(&self, is_unsettled: bool) {
        self.is_unsettled.store(is_unsettled, Relaxed);
    }

    /// Lets go of it.
    pub fn release(&self) -> Result<()> {
        self.held().take().map_or(Ok(()), |held| held.release(&self.watch))
    }

    fn held(&self) -> MutexGuard<'_, Option<Held>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
