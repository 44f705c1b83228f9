//! All names that this library gives to what it keeps in a backup root.

use std::ffi::OsStr;

/// The root's lock, never unlinked: whoever holds it may write here.
pub const LOCK: &str = "lock";

/// The file that makes a directory a backup root, and says whose.
pub const SOURCE: &str = "source";

/// The record of the root's owner before it takes its name; one writer at a time, so one name is enough.
pub const NEW_SOURCE: &str = ".source.new";

/// The marker that names the newest completed snapshot.
pub const LATEST: &str = "latest";

/// The marker before it takes its name.
pub const NEW_LATEST: &str = ".latest.new";

/// The marker that is being replaced.
pub const OLD_LATEST: &str = ".latest.old";

/// What a snapshot is called, followed by the UUID of its job, before it is complete and once it is deleted.
pub const STAGING: &str = ".staging-";

/// The name of a snapshot: `ts-<n>`.
pub fn name_of(number: u64) -> String {
    format!("ts-{number}")
}

/// The number of a directory called `ts-<n>`.
pub fn number_of(name: &OsStr) -> Option<u64> {
    let digits = name.to_str()?.strip_prefix("ts-")?;
    let plain = digits.bytes().all(|b| b.is_ascii_digit()) && !digits.starts_with('0') || digits == "0";
    if plain { digits.parse().ok() } else { None }
}
