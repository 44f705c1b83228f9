//! Times as a person reads them, and as a program does.

use std::time::{Duration, SystemTime};

use jiff::Timestamp;
use jiff::tz::TimeZone;

/// In the zone of this machine.
pub fn local(time: SystemTime) -> String {
    formatted(time, "%Y-%m-%d %H:%M:%S")
}

/// The same without the seconds.
pub fn minute(time: SystemTime) -> String {
    formatted(time, "%Y-%m-%d %H:%M")
}

/// The day alone.
pub fn day(time: SystemTime) -> String {
    formatted(time, "%Y-%m-%d")
}

/// The month in words.
pub fn month(time: SystemTime) -> String {
    formatted(time, "%B %Y")
}

/// How far the zone of this machine is from UTC at a time.
pub fn zone(time: SystemTime) -> String {
    formatted(time, "UTC%:z")
}

fn formatted(time: SystemTime, format: &str) -> String {
    let Ok(timestamp) = Timestamp::try_from(time) else { return "beyond the calendar".into() };
    timestamp.to_zoned_datetime(TimeZone::system()).strftime(format).to_string()
}

/// As RFC 3339 has it, in UTC, to the millisecond. A time beyond its years is none.
pub fn utc(time: SystemTime) -> Option<String> {
    Some(format!("{:.3}", Timestamp::try_from(time).ok()?))
}

/// How long ago it was.
pub fn age(time: SystemTime, now: SystemTime) -> String {
    match now.duration_since(time) {
        Ok(age) => rough(age),
        // By a clock that was wrong, then or now.
        Err(ahead) => format!("in {}", rough(ahead.duration())),
    }
}

/// The same in words.
pub fn ago(time: SystemTime, now: SystemTime) -> String {
    match now.duration_since(time) {
        Ok(age) => format!("{} ago", rough(age)),
        Err(ahead) => format!("{} from now", rough(ahead.duration())),
    }
}

/// A duration in its largest unit.
pub fn rough(duration: Duration) -> String {
    const MINUTE: u64 = 60;
    const HOUR: u64 = 60 * MINUTE;
    const DAY: u64 = 24 * HOUR;
    const MONTH: u64 = 30 * DAY;
    const YEAR: u64 = 365 * DAY;
    let seconds = duration.as_secs();
    let (number, unit) = match seconds {
        _ if seconds < 2 * MINUTE => (seconds, "s"),
        _ if seconds < 2 * HOUR => (seconds / MINUTE, "min"),
        _ if seconds < 2 * DAY => (seconds / HOUR, "h"),
        _ if seconds < 3 * MONTH => (seconds / DAY, "d"),
        _ if seconds < 2 * YEAR => (seconds / MONTH, "mo"),
        _ => (seconds / YEAR, "y"),
    };
    format!("{number} {unit}")
}

/// A duration as the command line takes it.
pub fn exact(duration: Duration) -> String {
    let ms = duration.as_millis();
    let units = [(86_400_000, "d"), (3_600_000, "h"), (60_000, "m"), (1_000, "s")];
    let unit = units.into_iter().find(|(unit, _)| ms > 0 && ms.is_multiple_of(*unit));
    unit.map_or_else(|| format!("{ms}ms"), |(unit, name)| format!("{}{name}", ms / unit))
}

/// How long something took.
pub fn took(duration: Duration) -> String {
    match duration {
        _ if duration < Duration::from_millis(1) => format!("{} \u{b5}s", duration.as_micros()),
        _ if duration < Duration::from_secs(1) => format!("{} ms", duration.as_millis()),
        _ if duration < Duration::from_secs(60) => format!("{:.1} s", duration.as_secs_f64()),
        _ if duration < Duration::from_secs(3600) => {
            format!("{} min {} s", duration.as_secs() / 60, duration.as_secs() % 60)
        }
        _ => format!("{} h {} min", duration.as_secs() / 3600, duration.as_secs() / 60 % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_age_has_one_unit_and_at_most_three_digits() {
        let cases = [(0, "0 s"), (119, "119 s"), (120, "2 min"), (7_200, "2 h"), (200_000, "2 d")];
        for (seconds, text) in cases {
            assert_eq!(rough(Duration::from_secs(seconds)), text);
        }
        assert_eq!(rough(Duration::from_secs(100 * 86_400)), "3 mo");
        assert_eq!(rough(Duration::from_secs(1_000 * 86_400)), "2 y");
    }

    #[test]
    fn a_duration_is_written_as_it_is_read() {
        for text in ["1500ms", "90s", "36h", "14d"] {
            assert_eq!(exact(crate::args::values::duration(text).unwrap()), text);
        }
    }

    #[test]
    fn a_time_to_come_is_said_to_be_one() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000);
        assert_eq!(age(now + Duration::from_secs(60), now), "in 60 s");
        assert_eq!(age(now - Duration::from_secs(60), now), "60 s");
    }

    #[test]
    fn a_time_in_json_is_utc_to_the_millisecond() {
        let time = SystemTime::UNIX_EPOCH + Duration::from_millis(1_500);
        assert_eq!(utc(time).as_deref(), Some("1970-01-01T00:00:01.500Z"));
    }
}
