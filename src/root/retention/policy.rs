//! A policy: the rules by which snapshots are kept.

use std::time::{Duration, SystemTime};

use super::calendar;

/// A rule that keeps a number of snapshots: the newest ones, or the newest one of each of the last so many
/// hours, days, weeks (from Monday), months or years that have any. All in UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Keep {
    /// The newest.
    Newest,
    /// One an hour.
    Hourly,
    /// One a day.
    Daily,
    /// One a week of ISO 8601.
    Weekly,
    /// One a month.
    Monthly,
    /// One a year.
    Yearly,
}

impl Keep {
    /// All of them, in the order in which reasons are given.
    pub(super) const ALL: [Self; 6] =
        [Self::Newest, Self::Hourly, Self::Daily, Self::Weekly, Self::Monthly, Self::Yearly];

    /// The word for it.
    pub fn name(self) -> &'static str {
        match self {
            Keep::Newest => "newest",
            Keep::Hourly => "hourly",
            Keep::Daily => "daily",
            Keep::Weekly => "weekly",
            Keep::Monthly => "monthly",
            Keep::Yearly => "yearly",
        }
    }

    /// The hour, day, … of a time. Of the newest each has one of its own: its `place` in the listing.
    pub(super) fn bucket(self, place: usize, time: SystemTime) -> i64 {
        match self {
            Keep::Newest => place as i64,
            Keep::Hourly => calendar::hour(time),
            Keep::Daily => calendar::day(time),
            Keep::Weekly => calendar::week(time),
            Keep::Monthly => calendar::month(time),
            Keep::Yearly => calendar::year(time),
        }
    }
}

/// Which snapshots of a root are kept: those that any of its rules keeps, and always the newest good one. The
/// others go, but for those that cannot be read and those that are being read.
///
/// Which of two snapshots is the newer is told by their names, never by a clock. Their times (when their
/// backups ended) only say of which day each is, and whether it is within a time.
///
/// ```
/// use std::time::Duration;
/// use hotbackup::Retention;
///
/// let mut retention = Retention::new();
/// retention.keep_newest(3).keep_daily(14).keep_monthly(12);
/// retention.keep_within(Duration::from_secs(2 * 24 * 60 * 60)).keep_tag("release");
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Retention {
    counts: [u32; Keep::ALL.len()],
    within: Option<Duration>,
    tags: Vec<String>,
}

impl Retention {
    /// A policy without a rule, by which nothing can be pruned.
    pub fn new() -> Self {
        Self::default()
    }

    /// Keeps that many by one rule; 0: the rule keeps none.
    pub fn keep(&mut self, rule: Keep, count: u32) -> &mut Self {
        self.counts[rule as usize] = count;
        self
    }

    /// Keeps the newest `count`.
    pub fn keep_newest(&mut self, count: u32) -> &mut Self {
        self.keep(Keep::Newest, count)
    }

    /// Keeps the newest one of each of the last `count` hours that have any.
    pub fn keep_hourly(&mut self, count: u32) -> &mut Self {
        self.keep(Keep::Hourly, count)
    }

    /// Keeps the newest one of each of the last `count` days that have any.
    pub fn keep_daily(&mut self, count: u32) -> &mut Self {
        self.keep(Keep::Daily, count)
    }

    /// Keeps the newest one of each of the last `count` weeks that have any.
    pub fn keep_weekly(&mut self, count: u32) -> &mut Self {
        self.keep(Keep::Weekly, count)
    }

    /// Keeps the newest one of each of the last `count` months that have any.
    pub fn keep_monthly(&mut self, count: u32) -> &mut Self {
        self.keep(Keep::Monthly, count)
    }

    /// Keeps the newest one of each of the last `count` years that have any.
    pub fn keep_yearly(&mut self, count: u32) -> &mut Self {
        self.keep(Keep::Yearly, count)
    }

    /// Keeps all that are not older than `age`: counted back from now or from the newest good one, whichever
    /// is earlier, so that a clock that is ahead, or a host that made no backups for a while, takes none away.
    /// Zero: the rule keeps none.
    pub fn keep_within(&mut self, age: Duration) -> &mut Self {
        self.within = (!age.is_zero()).then_some(age);
        self
    }

    /// Keeps all that have this tag, or one of those named before.
    pub fn keep_tag(&mut self, tag: &str) -> &mut Self {
        if !self.tags.iter().any(|known| known == tag) {
            self.tags.push(tag.to_owned());
        }
        self
    }

    /// Whether it has no rule that could keep anything.
    pub fn is_empty(&self) -> bool {
        self.counts.iter().all(|&count| count == 0) && self.within.is_none() && self.tags.is_empty()
    }

    pub(super) fn count(&self, rule: Keep) -> u32 {
        self.counts[rule as usize]
    }

    pub(super) fn within(&self) -> Option<Duration> {
        self.within
    }

    pub(super) fn tags(&self) -> &[String] {
        &self.tags
    }
}
