//! A rate limit that can be changed while it is in force.

use std::time::{Duration, Instant};

use crate::sync::{Condvar, Mutex};

/// How long a wait lasts before the cancel flag is looked at again.
const SLICE: Duration = Duration::from_millis(20);

/// What a rate may save up while nothing is copied.
const BURST: Duration = Duration::from_millis(20);

/// Grants bytes at a rate. Each grant books its time after the earlier ones.
pub struct Throttle {
    ledger: Mutex<Ledger>,
    changed: Condvar,
}

struct Ledger {
    bytes_per_second: u64,
    booked_until: Instant,
}

impl Throttle {
    /// 0: no limit.
    pub fn new(bytes_per_second: u64) -> Self {
        let ledger = Ledger { bytes_per_second, booked_until: Instant::now() };
        Self { ledger: Mutex::new(ledger), changed: Condvar::new() }
    }

    /// Takes effect at once, for waits under way too.
    pub fn set(&self, bytes_per_second: u64) {
        let mut ledger = self.ledger.lock();
        ledger.bytes_per_second = bytes_per_second;
        ledger.booked_until = Instant::now();
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
            rate => usize::try_from(rate / 20).unwrap_or(most).clamp(4096.min(most), most),
        }
    }

    /// Waits until `bytes` may be copied; `stop` ends the wait early.
    pub fn take(&self, bytes: usize, stop: impl Fn() -> bool) {
        let mut ledger = self.ledger.lock();
        while !stop() {
            if ledger.bytes_per_second == 0 {
                return;
            }
            let now = Instant::now();
            if ledger.booked_until <= now {
                let cost = Duration::from_secs_f64(bytes as f64 / ledger.bytes_per_second as f64);
                let oldest = now.checked_sub(BURST).unwrap_or(now);
                ledger.booked_until = ledger.booked_until.max(oldest) + cost;
                return;
            }
            let wait = (ledger.booked_until - now).min(SLICE);
            self.changed.wait_for(&mut ledger, wait);
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
