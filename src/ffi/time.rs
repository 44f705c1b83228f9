//! Times as C has them.

use std::time::{SystemTime, UNIX_EPOCH};

/// A time as milliseconds since 1970.
pub fn ms_of_time(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).unwrap_or_default().as_millis() as u64
}

/// A time as whole seconds since 1970, rounded down, and the nanoseconds after them.
pub fn parts_of_time(time: SystemTime) -> (i64, u32) {
    match time.duration_since(UNIX_EPOCH) {
        Ok(after) => (after.as_secs() as i64, after.subsec_nanos()),
        Err(before) => {
            let before = before.duration();
            let whole = -(before.as_secs() as i64);
            match before.subsec_nanos() {
                0 => (whole, 0),
                part => (whole - 1, 1_000_000_000 - part),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn nanoseconds_count_upwards_before_1970_too() {
        let second = Duration::from_secs(1);
        assert_eq!(parts_of_time(UNIX_EPOCH + second.mul_f64(1.25)), (1, 250_000_000));
        assert_eq!(parts_of_time(UNIX_EPOCH - second.mul_f64(1.25)), (-2, 750_000_000));
        assert_eq!(parts_of_time(UNIX_EPOCH - second), (-1, 0));
    }
}
