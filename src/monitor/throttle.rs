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
    bytes_per_second: u64,
    /// The last limit that was none of 0: what was granted under it is paid for at its rate, so that lifting it
    /// for a moment forgives nothing.
    pays: u64,
    /// Bytes that were granted and are not paid for; below zero: what was saved up.
    owed: f64,
    as_of: Instant,
}

impl Ledger {
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
        let ledger = Ledger { bytes_per_second, pays: bytes_per_second, owed: 0.0, as_of: Instant::now() };
        Self { ledger: Mutex::new(ledger), changed: Condvar::new() }
    }

    /// Takes effect at once, for waits under way too.
    pub fn set(&self, bytes_per_second: u64) {
        let mut ledger = self.ledger.lock();
        ledger.settle();
        ledger.bytes_per_second = bytes_per_second;
        if bytes_per_second != 0 {
            ledger.pays = bytes_per_second;
        }
        self.changed.notify_all();
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
