//! Hours, days, weeks, months and years, all in UTC: the same on each host, whatever its time zone, and
//! without a database of zones, or an hour that comes twice a year.

use std::time::{SystemTime, UNIX_EPOCH};

const HOUR: i64 = 3600;
const DAY: i64 = 24 * HOUR;

/// Whole seconds since 1970, before it below 0.
fn seconds(time: SystemTime) -> i64 {
    let whole = |seconds: u64| i64::try_from(seconds).unwrap_or(i64::MAX);
    match time.duration_since(UNIX_EPOCH) {
        Ok(since) => whole(since.as_secs()),
        Err(error) => {
            let before = error.duration();
            -whole(before.as_secs()) - i64::from(before.subsec_nanos() > 0)
        }
    }
}

/// The hour of a time, by its number.
pub fn hour(time: SystemTime) -> i64 {
    seconds(time).div_euclid(HOUR)
}

/// The day.
pub fn day(time: SystemTime) -> i64 {
    seconds(time).div_euclid(DAY)
}

/// The week of ISO 8601, which begins on a Monday: 1970 began on a Thursday.
pub fn week(time: SystemTime) -> i64 {
    (day(time) + 3).div_euclid(7)
}

/// The month.
pub fn month(time: SystemTime) -> i64 {
    let (year, month) = civil(day(time));
    year * 12 + month - 1
}

/// The year.
pub fn year(time: SystemTime) -> i64 {
    civil(day(time)).0
}

/// Year and month of a day. Counted from the 1st of March, leap days are the last ones of their years, and the
/// months have lengths that repeat every five.
fn civil(day: i64) -> (i64, i64) {
    const ERA: i64 = 146_097; // 400 years
    let day = day + 719_468; // since the 1st of March of the year 0
    let (era, of_era) = (day.div_euclid(ERA), day.rem_euclid(ERA));
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / (ERA - 1)) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let since_march = (5 * of_year + 2) / 153;
    let month = if since_march < 10 { since_march + 3 } else { since_march - 9 };
    (era * 400 + year + i64::from(month <= 2), month)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn months_and_years_are_those_of_the_calendar_day_by_day() {
        let lengths = |year: i64| {
            let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
            [31, if is_leap { 29 } else { 28 }, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
        };
        let mut day = 0;
        for year in 1970..2420 {
            for (month, length) in (1..).zip(lengths(year)) {
                for _ in 0..length {
                    assert_eq!(civil(day), (year, month), "day {day}");
                    day += 1;
                }
            }
        }
        assert_eq!([civil(-1), civil(-719_528)], [(1969, 12), (0, 1)]);
    }

    #[test]
    fn weeks_begin_on_mondays() {
        // Sunday, 2024-12-29, and the Monday after it, which ISO 8601 counts to 2025.
        let sunday = UNIX_EPOCH + Duration::from_secs(1_735_516_799);
        assert_eq!(week(sunday) + 1, week(sunday + Duration::from_secs(1)));
        assert_eq!(week(sunday - Duration::from_secs(7 * 86_400 - 1)), week(sunday));
    }

    #[test]
    fn every_time_that_there_is_has_its_place() {
        let ends = [UNIX_EPOCH + Duration::from_secs(i64::MAX as u64), UNIX_EPOCH - Duration::from_nanos(1)];
        assert!(year(ends[0]) > 292_000_000_000);
        assert_eq!([hour(ends[1]), day(ends[1]), year(ends[1])], [-1, -1, 1969]);
    }
}
