//! At which rate a job may copy so that small synced writes beside it stay quick: found by trying, up slowly and
//! down at once.

use std::time::Duration;

/// What a job begins at: less than a disk takes, and four times as much within a second.
const START: u64 = 16_000_000;

/// It never goes slower by itself: a target that the disk misses when it is left alone must not keep a backup
/// from ending.
const SLOWEST: u64 = 1_000_000;

/// Nor faster than any disk.
const FASTEST: u64 = 10_000_000_000;

/// By how much a quick write lets it grow: a sixteenth, and as much as the slowest. The latter counts where the rate
/// is low, and a slow write so most likely is not the job's doing: a few of them must not hold it there.
fn growth(rate: u64) -> u64 {
    rate / 16 + SLOWEST
}

/// Finds a rate in bytes per second. It knows no clock and no disk.
pub struct Controller {
    target: Duration,
    rate: u64,
}

impl Controller {
    /// One that wants each small synced write done within `target`.
    pub fn new(target: Duration) -> Self {
        Self { target, rate: START }
    }

    /// The rate now.
    pub fn rate(&self) -> u64 {
        self.rate
    }

    /// Such a write took so long, while the job copied `used` bytes per second and the host's own limit was `limit`
    /// (0: none). Returns the rate from now on.
    ///
    /// A rate that is not made use of does not grow: it would be halved many times before that is felt.
    pub fn hears(&mut self, latency: Duration, used: u64, limit: u64) -> u64 {
        let most = if limit == 0 { FASTEST } else { limit.min(FASTEST) };
        if latency > self.target {
            self.rate = self.rate.min(most) / 2;
        } else if used >= self.rate / 2 {
            self.rate += growth(self.rate);
        }
        self.rate = self.rate.min(most).max(SLOWEST);
        self.rate
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUICK: Duration = Duration::from_millis(1);
    const SLOW: Duration = Duration::from_millis(6);

    fn controller() -> Controller {
        Controller::new(Duration::from_millis(5))
    }

    /// The rates after these latencies, where all that might be copied is.
    fn rates(latencies: &[Duration], limit: u64) -> Vec<u64> {
        let mut controller = controller();
        latencies.iter().map(|latency| controller.hears(*latency, u64::MAX, limit)).collect()
    }

    #[test]
    fn a_slow_write_halves_it_at_once_and_quick_ones_let_it_grow_slowly() {
        let found = rates(&[QUICK, QUICK, SLOW, SLOW, QUICK], 0);
        assert_eq!(found, [18_000_000, 20_125_000, 10_062_500, 5_031_250, 6_345_703]);
    }

    #[test]
    fn a_write_that_takes_just_the_target_is_quick() {
        assert_eq!(rates(&[Duration::from_millis(5)], 0), [18_000_000]);
    }

    #[test]
    fn it_stops_at_a_floor_and_comes_back_from_there() {
        let found = rates(&[[SLOW; 100].as_slice(), &[QUICK; 100]].concat(), 0);
        assert_eq!(found[99], SLOWEST);
        assert!(found[199] > 100 * SLOWEST, "{}", found[199]);
    }

    /// Where the processor is busy every so many writes are slow whatever a job does.
    #[test]
    fn writes_that_are_slow_whatever_it_does_do_not_hold_it_at_the_floor() {
        for (one_in, at_least) in [(10, 40_000_000), (5, 6_000_000), (3, 2_000_000)] {
            let latencies: Vec<_> = (1..=3000).map(|n| if n % one_in == 0 { SLOW } else { QUICK }).collect();
            let found = &rates(&latencies, 0)[2000..];
            let mean = found.iter().sum::<u64>() / found.len() as u64;
            assert!(mean > at_least, "one in {one_in}: {mean}");
        }
    }

    #[test]
    fn it_grows_up_to_the_hosts_limit_or_the_fastest() {
        assert_eq!(rates(&[QUICK; 1000], 200_000_000)[999], 200_000_000);
        assert_eq!(rates(&[QUICK; 1000], 0)[999], FASTEST);
        assert_eq!(rates(&[QUICK; 1000], u64::MAX)[999], FASTEST);
    }

    #[test]
    fn a_limit_that_is_set_meanwhile_is_its_bound_and_it_is_halved_from_there() {
        let mut controller = controller();
        assert_eq!(controller.hears(QUICK, u64::MAX, 10_000_000), 10_000_000);
        assert_eq!(controller.hears(SLOW, u64::MAX, 4_000_000), 2_000_000);
        assert_eq!(controller.hears(QUICK, u64::MAX, 0), 3_125_000);
    }

    #[test]
    fn what_is_not_made_use_of_does_not_grow() {
        let mut controller = controller();
        assert_eq!(controller.hears(QUICK, START / 2 - 1, 0), START);
        assert_eq!(controller.hears(QUICK, START / 2, 0), START + growth(START));
    }
}
