//! The times of a job: the wall clock at its start, and from there a clock that never goes back.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// A clock that was set once.
pub struct Clock {
    started_at: Duration,
    since: Instant,
}

impl Clock {
    /// Set to the wall clock, now.
    pub fn start() -> Self {
        Self { started_at: since_epoch(), since: Instant::now() }
    }

    /// When it was set, in milliseconds since 1970.
    pub fn started_at_ms(&self) -> u64 {
        self.started_at.as_millis() as u64
    }

    /// When it was set, in seconds since 1970.
    pub fn started_at_s(&self) -> u64 {
        self.started_at.as_secs()
    }

    /// Now, in milliseconds since 1970.
    pub fn now_ms(&self) -> u64 {
        (self.started_at + self.since.elapsed()).as_millis() as u64
    }
}

/// The wall clock, in nanoseconds since 1970: what file systems stamp with.
pub fn wall_ns() -> i128 {
    since_epoch().as_nanos() as i128
}

/// The wall clock, in milliseconds since 1970.
pub fn wall_ms() -> u64 {
    since_epoch().as_millis() as u64
}

/// Milliseconds since 1970 as a time.
pub fn time_of_ms(ms: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_millis(ms)
}

fn since_epoch() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}
