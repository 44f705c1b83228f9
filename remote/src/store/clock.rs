//! The store's clock, as its answers' Date headers tell it.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use chrono::DateTime;
use rustix::time::{ClockId, clock_gettime};

/// Nearer than this the two clocks count as one: a Date header has whole seconds, and was written before it came.
const ALIKE: Duration = Duration::from_secs(60);

/// What was heard last, and when by the clock that nobody sets.
#[derive(Default)]
pub(super) struct Clock(Mutex<Option<(SystemTime, Duration)>>);

impl Clock {
    /// Takes the Date header of an answer. One that is no date is passed over.
    pub fn hear(&self, date: &str) {
        let Ok(date) = DateTime::parse_from_rfc2822(date) else { return };
        self.set(SystemTime::from(date));
    }

    fn set(&self, date: SystemTime) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some((date, since_boot()));
    }

    /// How late it is there, if anything was heard.
    pub fn heard(&self) -> Option<SystemTime> {
        let heard = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        heard.map(|(date, at)| date + since_boot().saturating_sub(at))
    }

    /// The local clock while it agrees, else the store's.
    pub fn now(&self) -> SystemTime {
        let local = SystemTime::now();
        match self.heard() {
            Some(there) if apart(local, there) > ALIKE => there,
            _ => local,
        }
    }

    /// By how much the local clock is ahead of the store's; nothing while they agree.
    pub fn ahead(&self) -> Duration {
        let local = SystemTime::now();
        local.duration_since(self.now()).ok().filter(|by| *by > ALIKE).unwrap_or_default()
    }
}

pub(super) fn apart(one: SystemTime, other: SystemTime) -> Duration {
    one.duration_since(other).unwrap_or_else(|error| error.duration())
}

/// The time since the machine was started, sleep included: no clock that is set can move it.
pub(super) fn since_boot() -> Duration {
    let time = clock_gettime(ClockId::Boottime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_local_clock_counts_until_the_stores_is_a_minute_away() {
        let clock = Clock::default();
        assert_eq!(clock.heard(), None);
        let here = SystemTime::now();
        clock.set(here - Duration::from_secs(50));
        assert!(apart(clock.now(), here) < Duration::from_secs(5));
        assert_eq!(clock.ahead(), Duration::ZERO);
        clock.set(here - Duration::from_secs(3600));
        assert!(apart(clock.now(), here - Duration::from_secs(3600)) < Duration::from_secs(5));
        assert!(clock.ahead() > Duration::from_secs(3500));
    }

    #[test]
    fn the_date_of_an_answer_is_read() {
        let clock = Clock::default();
        clock.hear("Sun, 06 Nov 1994 08:49:37 GMT");
        let there = clock.now().duration_since(SystemTime::UNIX_EPOCH).expect("a time").as_secs();
        assert!((784_111_777..784_111_787).contains(&there), "{there}");
        clock.hear("nonsense");
        assert!(clock.heard().is_some());
    }
}
