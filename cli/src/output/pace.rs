//! How fast a job goes, and how long it will.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use hotbackup::{Phase, Progress};

use super::{size, time};

/// A rate is that of the last so long.
const WINDOW: Duration = Duration::from_secs(10);

/// Before so much is done nobody knows how long the rest takes.
const KNOWN_FROM: u32 = 3;

/// What was seen of a job, look after look.
#[derive(Default)]
pub struct Pace {
    seen: VecDeque<(Instant, u64)>,
    begun: Option<(Instant, u32)>,
}

impl Pace {
    /// One more look.
    pub fn see(&mut self, now: Instant, progress: &Progress) {
        if progress.phase == Phase::Copy || progress.phase == Phase::Verify {
            self.begun.get_or_insert((now, progress.percent));
        }
        // What is shared or cloned is done at once, and says nothing about the rest.
        self.seen.push_back((now, progress.bytes_copied));
        while self.seen.front().is_some_and(|(at, _)| now.duration_since(*at) > WINDOW) {
            self.seen.pop_front();
        }
    }

    /// Bytes per second.
    pub fn rate(&self) -> Option<u64> {
        let ((since, before), (now, after)) = (self.seen.front()?, self.seen.back()?);
        let seconds = now.duration_since(*since).as_secs_f64();
        (seconds >= 0.5 && after > before).then(|| ((after - before) as f64 / seconds) as u64)
    }

    /// How long the rest takes, if it goes on as it went.
    pub fn left(&self, percent: u32) -> Option<Duration> {
        let (begun, from) = self.begun?;
        let (now, _) = self.seen.back()?;
        let done = percent.saturating_sub(from);
        let took = now.duration_since(begun);
        (done >= KNOWN_FROM).then(|| took * (100 - percent.min(100)) / done)
    }

    /// All of it on a line.
    pub fn line(&self, progress: &Progress) -> String {
        let mut parts = vec![format!("{:>2} %", progress.percent)];
        if progress.bytes_total > 0 {
            let (done, total) = (size::readable(progress.bytes_done), size::readable(progress.bytes_total));
            parts.push(format!("{done} of {total}"));
        }
        parts.extend(self.rate().map(|rate| format!("{}/s", size::readable(rate))));
        parts.extend(self.left(progress.percent).map(|left| format!("{} left", time::rough(left))));
        parts.join(", ")
    }
}

/// What a phase is called.
pub fn phase(phase: Phase) -> &'static str {
    match phase {
        Phase::Checkpoint => "checkpoint",
        Phase::Pin => "pin",
        Phase::Freeze => "freeze",
        Phase::Copy => "copy",
        Phase::Verify => "verify",
        Phase::Publish => "publish",
        Phase::Swap => "swap",
        _ => "begin",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paced(looks: &[(u64, u64, u32)]) -> Pace {
        let start = Instant::now();
        let mut pace = Pace::default();
        for (second, bytes, percent) in looks {
            let now = start + Duration::from_secs(*second);
            pace.begun.get_or_insert((now, *percent));
            pace.seen.push_back((now, *bytes));
        }
        pace
    }

    #[test]
    fn the_rate_is_that_between_the_first_and_the_last_look() {
        assert_eq!(paced(&[(0, 0, 0), (1, 50, 1), (4, 400, 2)]).rate(), Some(100));
        assert_eq!(paced(&[(0, 0, 0)]).rate(), None);
        assert_eq!(paced(&[(0, 7, 0), (5, 7, 0)]).rate(), None);
    }

    #[test]
    fn what_is_left_goes_on_as_it_went() {
        assert_eq!(paced(&[(0, 0, 0), (10, 0, 25)]).left(25), Some(Duration::from_secs(30)));
        assert_eq!(paced(&[(0, 0, 0), (10, 0, 2)]).left(2), None);
        assert_eq!(paced(&[(0, 0, 50), (10, 0, 100)]).left(100), Some(Duration::ZERO));
    }
}
