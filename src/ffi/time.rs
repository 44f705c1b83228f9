//! Times as C has them.

use std::time::{SystemTime, UNIX_EPOCH};

/// A time as milliseconds since 1970.
pub fn ms_of_time(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).unwrap_or_default().as_millis() as u64
}
