//! A rate limit that can be changed while it is in force.

use std::time::{Duration, Instant};

use crate::sync::{Condvar, Mutex};

/// How long a wait lasts before the cancel flag is looked at again: too short for whoever cancels to notice.
const SLICE: Duration = Duration::from_millis(20);

/// What a rate may save up while nothing is copied, since a wait may end late: so little that nobody beside
/// it feels what then comes at once.
const BURST: Duration = Duration::from_millis(2);

/// The largest piece under a limit: it occupies the disk, and who needs it meanwhile waits.
const PIECE: usize = 64 << 10;

/// Grants bytes at a rate. Each grant is owed, and the next one waits until time has paid for it.
pub struct Throttle {
    ledger: Mutex<Ledger>,
    changed: Condvar,
}

/// What is owed is kept in bytes and not in time, so that it stays the same when the rate changes: a
/// limit that is set again and again lets no more through than one that is set once.
struct Ledger {
    /// What the host wants; 0: no limit.
    limit: u64,
    /// What was found to be felt by nobody; 0: nothing was looked for.
    found: u64,
    /// The lesser of both.
    bytes_per_second: u64,
    /// The last limit that was none of 0: what was granted under it is paid for at its rate, so that lifting it
    /// for a moment forgives nothing.
    pays: u64,
    /// Bytes that were granted and are not paid for; below zero: what was saved up.
    owed: f64,
    as_of: Instant,
    /// Bytes that were granted since the job began.
    granted: u64,
}

impl Ledger {
    /// Takes the lesser of both limits from now on.
    fn decide(&mut self) {
        self.settle();
        self.bytes_per_second = match (self.limit, self.found) {
            (limit, 0) => limit,
            (0, found) => found,
            (limit, found) => limit.min(found),
        };
        if self.bytes_per_second != 0 {
            self.pays = self.bytes_per_second;
        }
    }

    /// Counts the time since it was last looked at.
    fn settle(&mut self) {
        let now = Instant::now();
        let rate = self.pays as f64;
        let paid = rate * now.saturating_duration_since(self.as_of).as_secs_f64();
        self.owed = (self.owed - paid).max(-rate * BURST.as_secs_f64());
        self.as_of = now;
    }
}

impl Throttle {
    /// 0: no limit.
    pub fn new(bytes_per_second: u64) -> Self {
        let ledger = Ledger {
            limit: bytes_per_second,
            found: 0,
            bytes_per_second,
            pays: bytes_per_second,
            owed: 0.0,
            as_of: Instant::now(),
            granted: 0,
        };
        Self { ledger: Mutex::new(ledger), changed: Condvar::new() }
    }

    /// The host's limit. Takes effect at once, for waits under way too.
    pub fn set(&self, bytes_per_second: u64) {
        self.change(|ledger| ledger.limit = bytes_per_second);
    }

    /// The rate that was found to be right, which holds beneath the host's limit; 0: none is looked for.
    pub fn find(&self, bytes_per_second: u64) {
        self.change(|ledger| ledger.found = bytes_per_second);
    }

    fn change(&self, change: impl FnOnce(&mut Ledger)) {
        let mut ledger = self.ledger.lock();
        change(&mut ledger);
        ledger.decide();
        self.changed.notify_all();
    }

    /// The host's limit; 0: none.
    pub fn limit(&self) -> u64 {
        self.ledger.lock().limit
    }

    /// Bytes per second that are granted now; 0: no limit.
    #[cfg(test)]
    pub fn rate(&self) -> u64 {
        self.ledger.lock().bytes_per_second
    }

    /// How many bytes were asked for and granted by now.
    pub fn granted(&self) -> u64 {
        self.ledger.lock().granted
    }

    /// Wakes all waits, to look at their `stop` again.
    pub fn wake(&self) {
        let _ledger = self.ledger.lock();
        self.changed.notify_all();
    }

    /// The largest piece that should be asked for at once, so that copying stays even.
    pub fn piece(&self, most: usize) -> usize {
        match self.ledger.lock().bytes_per_second {
            0 => most,
            rate => {
                let most = most.min(PIECE);
                usize::try_from(rate / 20).unwrap_or(most).clamp(4096.min(most), most)
            }
        }
    }

    /// Whether there is a limit now.
    pub fn is_limited(&self) -> bool {
        self.ledger.lock().bytes_per_second != 0
    }

    /// Waits until `bytes` may be copied; `stop` ends the wait early.
    pub fn take(&self, bytes: usize, stop: impl Fn() -> bool) {
        let mut ledger = self.ledger.lock();
        while !stop() {
            ledger.settle();
            if ledger.bytes_per_second == 0 {
                // What is copied without a limit is owed to nobody.
                return;
            }
            if ledger.owed <= 0.0 {
                ledger.owed += bytes as f64;
                ledger.granted += bytes as u64;
                return;
            }
            let wait = ledger.owed / ledger.bytes_per_second as f64;
            self.changed.wait_for(&mut ledger, SLICE.min(Duration::from_secs_f64(wait.min(1.0))));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_limit_never_waits_and_a_limit_spreads_the_bytes() {
        let start = Instant::now();
        let throttle = Throttle::new(0);
        throttle.take(usize::MAX, || false);
        throttle.set(1_000_000);
        for _ in 0..5 {
            throttle.take(50_000, || false);
        }
        // The first piece is free and the last one's time comes after it.
        assert!(start.elapsed() >= Duration::from_millis(150));
    }

    #[test]
    fn a_limit_that_is_set_again_and_again_gives_no_new_burst() {
        // Each piece is owed for 10 s at first, so 200 settings in a moment must let none through.
        for rates in [[100_000, 100_000], [100_000, 99_999], [50_000, 100_000]] {
            let throttle = Throttle::new(rates[0]);
            throttle.take(1_000_000, || false);
            for round in 0..200 {
                throttle.set(rates[round % 2]);
                let ledger = throttle.ledger.lock();
                assert!(ledger.owed > 500_000.0, "{rates:?}: {} is owed after {round}", ledger.owed);
            }
        }
    }

    #[test]
    fn a_limit_that_is_lifted_for_a_moment_forgives_nothing() {
        let throttle = Throttle::new(100_000);
        throttle.take(1_000_000, || false);
        for round in 0..20 {
            throttle.set(0);
            throttle.take(1_000_000, || false);
            throttle.set(100_000);
            let owed = throttle.ledger.lock().owed;
            assert!((500_000.0..=1_000_000.0).contains(&owed), "{owed} is owed after {round}");
        }
    }

    #[test]
    fn what_was_found_holds_beneath_the_hosts_limit_and_never_above_it() {
        let throttle = Throttle::new(0);
        assert!(!throttle.is_limited());
        for (limit, found, expected) in [(0, 5, 5), (3, 5, 3), (9, 5, 5), (9, 0, 9), (0, 0, 0)] {
            throttle.set(limit);
            throttle.find(found);
            assert_eq!(
                (throttle.rate(), throttle.limit(), throttle.is_limited()),
                (expected, limit, expected != 0)
            );
        }
    }

    #[test]
    fn what_is_granted_is_counted_as_long_as_there_is_a_limit() {
        let throttle = Throttle::new(0);
        throttle.take(1, || false);
        throttle.find(1_000_000_000);
        throttle.take(1000, || false);
        throttle.take(1000, || false);
        assert_eq!(throttle.granted(), 2000);
    }

    #[test]
    fn lifting_the_limit_ends_a_wait_under_way() {
        let throttle = Throttle::new(1);
        throttle.take(1_000_000, || false);
        std::thread::scope(|scope| {
            scope.spawn(|| throttle.take(1_000_000, || false));
            std::thread::sleep(Duration::from_millis(30));
            throttle.set(0);
        });
    }

    #[test]
    fn a_stop_ends_a_wait_under_way() {
        let throttle = Throttle::new(1);
        throttle.take(1_000_000, || false);
        let start = Instant::now();
        throttle.take(1_000_000, || start.elapsed() > Duration::from_millis(30));
    }
}
