//! The job on whose behalf requests are made.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use hotbackup::Result;
use hotbackup::extension::Throttle;

/// A job as the store sees it.
pub trait Watch: Send + Sync {
    /// Fails when the job is to end; so does what waits on its behalf then.
    fn check(&self) -> Result<()>;

    /// Whether it has a limit now: where it has none, nobody is asked to wait.
    fn is_paced(&self) -> bool;

    /// Waits until `bytes` more may be sent. It is called on a thread of the store's, never on a caller's.
    fn pace_up(&self, bytes: u64) -> Result<()>;

    /// Waits until `bytes` more may be fetched.
    fn pace_down(&self, bytes: u64) -> Result<()>;
}

/// What all jobs of a store may send and fetch together, whatever each of them may.
pub(super) struct Limits {
    up: Throttle,
    down: Throttle,
}

impl Limits {
    /// `None`: no limit.
    pub fn new(up: Option<u64>, down: Option<u64>) -> Self {
        let throttle = |rate: Option<u64>| Throttle::new(rate.unwrap_or(0));
        Self { up: throttle(up), down: throttle(down) }
    }
}

/// Nobody's: it never ends and has no limits.
pub(super) struct Nobody;

impl Watch for Nobody {
    fn check(&self) -> Result<()> {
        Ok(())
    }

    fn is_paced(&self) -> bool {
        false
    }

    fn pace_up(&self, _: u64) -> Result<()> {
        Ok(())
    }

    fn pace_down(&self, _: u64) -> Result<()> {
        Ok(())
    }
}

/// What was asked of a store so far, by all who use it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Requests {
    /// Objects sent, signed ones too.
    pub puts: u64,
    /// Objects or parts of them fetched, and their heads.
    pub gets: u64,
    /// Pages of listings.
    pub lists: u64,
    /// Objects deleted.
    pub deletes: u64,
    /// Bytes of bodies sent.
    pub bytes_up: u64,
    /// Bytes of bodies fetched.
    pub bytes_down: u64,
    /// Requests that were made again; they count above, too.
    pub retries: u64,
}

/// The same while it is counted.
#[derive(Default)]
pub(super) struct Counts {
    pub puts: AtomicU64,
    pub gets: AtomicU64,
    pub lists: AtomicU64,
    pub deletes: AtomicU64,
    pub up: AtomicU64,
    pub down: AtomicU64,
    pub retries: AtomicU64,
}

impl Counts {
    pub fn now(&self) -> Requests {
        let of = |count: &AtomicU64| count.load(Ordering::Relaxed);
        Requests {
            puts: of(&self.puts),
            gets: of(&self.gets),
            lists: of(&self.lists),
            deletes: of(&self.deletes),
            bytes_up: of(&self.up),
            bytes_down: of(&self.down),
            retries: of(&self.retries),
        }
    }
}

/// Adds to a count.
pub(super) fn count(counter: &AtomicU64, by: u64) {
    counter.fetch_add(by, Ordering::Relaxed);
}

/// A job: who watches, and how much of its time for trying again is left.
pub(super) struct Job {
    pub watch: Arc<dyn Watch>,
    limits: Arc<Limits>,
    trouble: Mutex<Trouble>,
    budget: Duration,
}

/// The time in which at least one request of the job had failed and had not yet come through. Two that fail
/// at once are one outage, not two.
#[derive(Default)]
struct Trouble {
    requests: usize,
    since: Option<Instant>,
    spent: Duration,
}

/// A request that has failed and is being tried again.
pub(super) struct InTrouble {
    job: Arc<Job>,
}

impl Job {
    pub fn new(watch: Arc<dyn Watch>, limits: Arc<Limits>, budget: Duration) -> Arc<Self> {
        Arc::new(Self { watch, limits, trouble: Mutex::default(), budget })
    }

    /// Whether sending is limited now.
    pub fn is_paced_up(&self) -> bool {
        self.watch.is_paced() || self.limits.up.is_limited()
    }

    /// Whether fetching is.
    pub fn is_paced_down(&self) -> bool {
        self.watch.is_paced() || self.limits.down.is_limited()
    }

    /// Waits until the job and the store's own limit let `bytes` more be sent.
    pub fn pace_up(&self, bytes: u64) -> Result<()> {
        self.watch.pace_up(bytes)?;
        self.take(&self.limits.up, bytes)
    }

    /// The same for what is fetched.
    pub fn pace_down(&self, bytes: u64) -> Result<()> {
        self.watch.pace_down(bytes)?;
        self.take(&self.limits.down, bytes)
    }

    fn take(&self, limit: &Throttle, bytes: u64) -> Result<()> {
        limit.take(bytes as usize, || self.watch.check().is_err());
        self.watch.check()
    }

    pub fn in_trouble(self: &Arc<Self>) -> InTrouble {
        let mut trouble = self.trouble.lock().unwrap_or_else(PoisonError::into_inner);
        trouble.requests += 1;
        trouble.since.get_or_insert_with(Instant::now);
        InTrouble { job: Arc::clone(self) }
    }

    /// What is left of the budget.
    pub fn left(&self) -> Duration {
        let trouble = self.trouble.lock().unwrap_or_else(PoisonError::into_inner);
        let running = trouble.since.map_or(Duration::ZERO, |since| since.elapsed());
        self.budget.saturating_sub(trouble.spent + running)
    }
}

impl Drop for InTrouble {
    fn drop(&mut self) {
        let mut trouble = self.job.trouble.lock().unwrap_or_else(PoisonError::into_inner);
        trouble.requests -= 1;
        if trouble.requests == 0 {
            let since = trouble.since.take();
            trouble.spent += since.map_or(Duration::ZERO, |since| since.elapsed());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_requests_in_trouble_at_once_spend_the_budget_once() {
        let job = Job::new(Arc::new(Nobody), Arc::new(Limits::new(None, None)), Duration::from_secs(3600));
        let (one, two) = (job.in_trouble(), job.in_trouble());
        std::thread::sleep(Duration::from_millis(60));
        drop((one, two));
        let spent = Duration::from_secs(3600) - job.left();
        assert!(spent >= Duration::from_millis(60), "{spent:?}");
        std::thread::sleep(Duration::from_millis(60));
        assert_eq!(Duration::from_secs(3600) - job.left(), spent, "nothing is spent without trouble");
    }

    #[test]
    fn two_jobs_share_the_limit_of_their_store() {
        let limits = Arc::new(Limits::new(Some(1_000_000), None));
        let job = || Job::new(Arc::new(Nobody), Arc::clone(&limits), Duration::ZERO);
        let (one, two, since) = (job(), job(), Instant::now());
        assert!(one.is_paced_up() && !one.is_paced_down());
        for _ in 0..5 {
            one.pace_up(50_000).and_then(|()| two.pace_up(50_000)).expect("granted");
        }
        assert!(since.elapsed() >= Duration::from_millis(400), "{:?}", since.elapsed());
    }
}
