//! Sizes, times, numbers and flags, as options give them.

use std::ops::RangeInclusive;
use std::time::Duration;

/// A size in bytes. `K`, `M`, `G`, `T` are units of 1024, as are `KiB`, `MiB`, ...
pub(super) fn size(text: &str) -> Result<u64, String> {
    let (number, unit) = split(text);
    let shift = match unit.to_ascii_lowercase().as_str() {
        "" | "b" => 0,
        "k" | "kib" => 10,
        "m" | "mib" => 20,
        "g" | "gib" => 30,
        "t" | "tib" => 40,
        _ => return Err("it is a number of bytes, or one with K, M, G, T, KiB, MiB, GiB, TiB".into()),
    };
    let number: u64 = number.parse().map_err(|_| "it is a number, as in 64KiB".to_string())?;
    number.checked_mul(1 << shift).ok_or_else(|| "that is too much".into())
}

/// A time: seconds without a unit.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    let (number, unit) = split(text);
    let milliseconds = match unit {
        "ms" => 1,
        "" | "s" => 1_000,
        "m" | "min" => 60_000,
        "h" => 3_600_000,
        _ => return Err("it is a number of seconds, or one with ms, s, m, h".into()),
    };
    let number: u64 = number.parse().map_err(|_| "it is a number, as in 30s".to_string())?;
    number.checked_mul(milliseconds).map(Duration::from_millis).ok_or_else(|| "that is too much".into())
}

pub(super) fn number(text: &str, range: RangeInclusive<u64>) -> Result<u64, String> {
    let number = text.parse().ok().filter(|number| range.contains(number));
    number.ok_or_else(|| format!("it is a number from {} to {}", range.start(), range.end()))
}

pub(super) fn flag(text: &str) -> Result<bool, String> {
    match text {
        "true" | "1" | "yes" | "on" => Ok(true),
        "false" | "0" | "no" | "off" => Ok(false),
        _ => Err("it is true or false".into()),
    }
}

fn split(text: &str) -> (&str, &str) {
    text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_times_have_units() {
        assert_eq!(size("64KiB"), Ok(65_536));
        assert_eq!(size("3"), Ok(3));
        assert!(size("99999999999999T").is_err());
        assert!(size("1.5G").is_err());
        assert_eq!(duration("5"), Ok(Duration::from_secs(5)));
        assert_eq!(duration("250ms"), Ok(Duration::from_millis(250)));
        assert_eq!(duration("15m"), Ok(Duration::from_secs(900)));
        assert!(duration("").is_err());
    }
}
