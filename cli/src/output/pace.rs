//! How fast a job goes, and how long it will.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use hotbackup::{Phase, Progress};

use super::{size, time};

/// A rate is that of the last so long.
const WINDOW: Duration = Duration::from_secs(10);

/// In so short a time nobody knows how long the rest takes.
const KNOWN_AFTER: Duration = Duration::from_millis(500);

/// What was seen of a job, look after look. All of it is of the present phase: each has its own pace.
#[derive(Default)]
pub struct Pace {
    phase: Option<Phase>,
    seen: VecDeque<Look>,
}

/// One look at a job.
#[derive(Clone, Copy)]
struct Look {
    at: Instant,
    copied: u64,
    percent: u32,
}

impl Pace {
    /// One more look.
    pub fn see(&mut self, at: Instant, progress: &Progress) {
        if self.phase.replace(progress.phase) != Some(progress.phase) {
            self.seen.clear();
        }
        // What is shared or cloned is done at once, and says nothing about the rest.
        self.seen.push_back(Look { at, copied: progress.bytes_copied, percent: progress.percent });
        while self.seen.front().is_some_and(|look| at.duration_since(look.at) > WINDOW) {
            self.seen.pop_front();
        }
    }

    /// Bytes per second that are copied.
    pub fn rate(&self) -> Option<u64> {
        let (took, first, last) = self.ends()?;
        let copied = last.copied.saturating_sub(first.copied);
        Some((copied as f64 / took.as_secs_f64()) as u64).filter(|rate| *rate > 0)
    }

    /// How long the rest of this phase takes, if it goes on as it went.
    pub fn left(&self, bytes: u64) -> Option<Duration> {
        if let Some(rate) = self.rate() {
            return Some(Duration::from_secs(bytes / rate));
        }
        let (took, first, last) = self.ends()?;
        let done = last.percent - first.percent;
        (done > 0).then(|| took * (100 - last.percent.min(100)) / done)
    }

    fn ends(&self) -> Option<(Duration, Look, Look)> {
        let (first, last) = (*self.seen.front()?, *self.seen.back()?);
        let took = last.at.duration_since(first.at);
        (took >= KNOWN_AFTER).then_some((took, first, last))
    }

    /// All of it on a line.
    pub fn line(&self, progress: &Progress) -> String {
        let mut parts = vec![format!("{:>2} %", progress.percent)];
        if progress.bytes_total > 0 {
            let (done, total) = (size::readable(progress.bytes_done), size::readable(progress.bytes_total));
            parts.push(format!("{done} of {total}"));
        }
        parts.extend(self.rate().map(|rate| format!("{}/s", size::readable(rate))));
        let bytes = progress.bytes_total.saturating_sub(progress.bytes_done);
        parts.extend(self.left(bytes).map(|left| format!("{} left", time::rough(left))));
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
        Phase::Scan => "scan",
        Phase::Upload => "upload",
        Phase::Commit => "commit",
        Phase::Download => "download",
        _ => "begin",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paced(looks: &[(u64, u64, u32)]) -> Pace {
        let start = Instant::now();
        let look = |(second, copied, percent): &(u64, u64, u32)| Look {
            at: start + Duration::from_secs(*second),
            copied: *copied,
            percent: *percent,
        };
        Pace { phase: None, seen: looks.iter().map(look).collect() }
    }

    #[test]
    fn the_rate_is_that_between_the_first_and_the_last_look() {
        assert_eq!(paced(&[(0, 0, 0), (1, 50, 1), (4, 400, 2)]).rate(), Some(100));
        assert_eq!(paced(&[(0, 0, 0)]).rate(), None);
        assert_eq!(paced(&[(0, 7, 0), (5, 7, 0)]).rate(), None);
    }

    #[test]
    fn what_is_left_to_copy_goes_on_at_its_rate() {
        assert_eq!(paced(&[(0, 0, 0), (4, 400, 2)]).left(3_000), Some(Duration::from_secs(30)));
    }

    #[test]
    fn where_nothing_is_copied_percents_tell_how_long_the_rest_takes() {
        assert_eq!(paced(&[(0, 7, 0), (10, 7, 25)]).left(9), Some(Duration::from_secs(30)));
        assert_eq!(paced(&[(0, 7, 50), (10, 7, 100)]).left(9), Some(Duration::ZERO));
        assert_eq!(paced(&[(0, 7, 50), (10, 7, 50)]).left(9), None);
    }
}
