//! `--keep-...`: which snapshots a policy keeps.

use std::time::Duration;

use clap::Args;
use hotbackup::Retention;

use super::values;
use crate::output::time;

/// A policy. A snapshot stays if one of its rules keeps it.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Policy")]
pub struct Policy {
    /// Keep the newest N
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    keep_newest: Option<u32>,
    /// Keep the newest of each of the last N hours that have any, in UTC
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    keep_hourly: Option<u32>,
    /// The same of days
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    keep_daily: Option<u32>,
    /// The same of weeks, which begin on Monday
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    keep_weekly: Option<u32>,
    /// The same of months
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    keep_monthly: Option<u32>,
    /// The same of years
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    keep_yearly: Option<u32>,
    /// Keep what is not older, as in 36h or 14d
    #[arg(long, value_name = "TIME", value_parser = values::age)]
    keep_within: Option<Duration>,
    /// Keep what has this tag; can be given several times
    #[arg(long, value_name = "TAG", value_parser = clap::builder::NonEmptyStringValueParser::new())]
    keep_tag: Vec<String>,
}

impl Policy {
    /// The rules that were given; `None`: there are none.
    pub fn retention(&self) -> Option<Retention> {
        let mut retention = Retention::new();
        retention
            .keep_newest(self.keep_newest.unwrap_or(0))
            .keep_hourly(self.keep_hourly.unwrap_or(0))
            .keep_daily(self.keep_daily.unwrap_or(0))
            .keep_weekly(self.keep_weekly.unwrap_or(0))
            .keep_monthly(self.keep_monthly.unwrap_or(0))
            .keep_yearly(self.keep_yearly.unwrap_or(0))
            .keep_within(self.keep_within.unwrap_or_default());
        for tag in &self.keep_tag {
            retention.keep_tag(tag);
        }
        Some(retention).filter(|retention| !retention.is_empty())
    }

    /// The rules as they were given.
    pub fn words(&self) -> Vec<String> {
        let counts = [
            ("newest", self.keep_newest),
            ("hourly", self.keep_hourly),
            ("daily", self.keep_daily),
            ("weekly", self.keep_weekly),
            ("monthly", self.keep_monthly),
            ("yearly", self.keep_yearly),
        ];
        let counts = counts.iter().filter_map(|(rule, count)| Some(format!("--keep-{rule} {}", (*count)?)));
        let within = self.keep_within.iter().map(|age| format!("--keep-within {}", time::exact(*age)));
        let tags = self.keep_tag.iter().map(|tag| format!("--keep-tag {tag}"));
        counts.chain(within).chain(tags).collect()
    }
}
