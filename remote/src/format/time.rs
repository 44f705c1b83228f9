//! Times as Go writes them: RFC 3339 with as many digits of the second's fraction as there are, read with any
//! offset and written in UTC.
//!
//! As civil times and not as jiff's timestamps, which end a day before the year 9999 does: restic writes what a
//! file system has beyond that as a time of that year.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use jiff::SignedDuration;
use jiff::civil::{DateTime, date};
use jiff::fmt::temporal::Pieces;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serializer};

const EPOCH: DateTime = date(1970, 1, 1).at(0, 0, 0, 0);
const FIRST: DateTime = date(0, 1, 1).at(0, 0, 0, 0);
const LAST: DateTime = date(9999, 12, 31).at(23, 59, 59, 999_999_999);

/// The text of a time; one that has no year of four digits becomes the nearest that has.
pub fn write(time: SystemTime) -> String {
    let since = match time.duration_since(UNIX_EPOCH) {
        Ok(after) => SignedDuration::try_from(after).unwrap_or(SignedDuration::MAX),
        Err(before) => SignedDuration::try_from(before.duration()).map_or(SignedDuration::MIN, |d| -d),
    };
    let beyond = if since.is_negative() { FIRST } else { LAST };
    let civil = EPOCH.checked_add(since).unwrap_or(beyond).clamp(FIRST, LAST);
    format!("{civil}Z")
}

/// The time that a text gives, or none where it gives none.
pub fn read(text: &str) -> Option<SystemTime> {
    let pieces = Pieces::parse(text).ok()?;
    let civil = pieces.date().to_datetime(pieces.time()?);
    let offset = SignedDuration::from_secs(pieces.to_numeric_offset()?.seconds().into());
    let since = civil.duration_since(EPOCH).checked_sub(offset)?;
    let length: Duration = since.unsigned_abs();
    if since.is_negative() { UNIX_EPOCH.checked_sub(length) } else { UNIX_EPOCH.checked_add(length) }
}

/// For `#[serde(with)]`.
pub fn serialize<S: Serializer>(time: &SystemTime, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&write(*time))
}

/// For `#[serde(with)]`.
pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<SystemTime, D::Error> {
    let text = String::deserialize(deserializer)?;
    read(&text).ok_or_else(|| D::Error::custom("a time that is not RFC 3339's"))
}

/// The time of a record that has none.
pub fn none() -> SystemTime {
    UNIX_EPOCH
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64, nanos: u32) -> SystemTime {
        let whole = Duration::from_secs(seconds.unsigned_abs());
        let base = if seconds < 0 { UNIX_EPOCH - whole } else { UNIX_EPOCH + whole };
        base + Duration::from_nanos(nanos.into())
    }

    #[test]
    fn a_time_is_written_as_go_writes_it_and_read_back() {
        for (time, text) in [
            (at(0, 0), "1970-01-01T00:00:00Z"),
            (at(1_659_348_000, 123_456_789), "2022-08-01T10:00:00.123456789Z"),
            (at(1_659_348_000, 120_000_000), "2022-08-01T10:00:00.12Z"),
            (at(1_659_348_000, 1_000), "2022-08-01T10:00:00.000001Z"),
            (at(-1, 500_000_000), "1969-12-31T23:59:59.5Z"),
            (at(-62_135_596_800, 0), "0001-01-01T00:00:00Z"),
            (at(253_402_300_799, 999_999_999), "9999-12-31T23:59:59.999999999Z"),
        ] {
            assert_eq!(write(time), text);
            assert_eq!(read(text), Some(time), "{text}");
        }
    }

    #[test]
    fn an_offset_is_taken_off() {
        assert_eq!(read("2022-08-01T12:00:00.5+02:00"), Some(at(1_659_348_000, 500_000_000)));
        assert_eq!(read("2022-08-01T05:30:00-04:30"), Some(at(1_659_348_000, 0)));
    }

    #[test]
    fn a_time_beyond_four_digits_of_a_year_becomes_the_nearest_within() {
        assert_eq!(write(at(i64::MAX, 0)), "9999-12-31T23:59:59.999999999Z");
        assert_eq!(write(at(253_402_300_800, 0)), "9999-12-31T23:59:59.999999999Z");
        assert_eq!(write(at(-63_000_000_000_000, 0)), "0000-01-01T00:00:00Z");
    }

    #[test]
    fn other_texts_are_no_times() {
        for text in ["", "now", "2022-08-01", "2022-08-01T10:00:00", "2022-13-01T10:00:00Z", "1659348000"] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
