//! All names that this library gives to what it keeps in a backup root.

use std::ffi::OsStr;

use crate::error::{Error, Result};
use crate::sys::dir::{Dir, Kind};

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

/// What was read back of the snapshots, when and with what result.
pub const LEDGER: &str = "ledger";

/// The ledger before it takes its name.
pub const NEW_LEDGER: &str = ".ledger.new";

/// When scrubs have read each stored file.
pub const LEDGER_FILES: &str = "ledger-files";

/// That before it takes its name.
pub const NEW_LEDGER_FILES: &str = ".ledger-files.new";

/// To which repositories its snapshots were pushed.
pub const REMOTE: &str = "remote";

/// That before it takes its name.
pub const NEW_REMOTE: &str = ".remote.new";

/// The lock of a scrub, never unlinked.
pub const SCRUB_LOCK: &str = "scrub.lock";

/// What a snapshot is called, followed by the UUID of its job, before it is complete and once it is deleted.
pub const STAGING: &str = ".staging-";

/// The name of a snapshot: `ts-<n>`.
pub fn name_of(number: u64) -> String {
    format!("ts-{number}")
}

/// The number of the next name: the time, or one more than the highest there is. `None`: that is the
/// highest possible.
pub fn next_number(highest: Option<u64>, now_s: u64) -> Option<u64> {
    match highest {
        None => Some(now_s),
        Some(highest) => highest.checked_add(1).map(|next| next.max(now_s)),
    }
}

/// The number of a directory called `ts-<n>`.
pub fn number_of(name: &OsStr) -> Option<u64> {
    plain_number(name.to_str()?.strip_prefix("ts-")?)
}

/// A number as names have it: written in one way only.
pub fn plain_number(digits: &str) -> Option<u64> {
    let plain = digits.bytes().all(|b| b.is_ascii_digit()) && !digits.starts_with('0') || digits == "0";
    if plain { digits.parse().ok() } else { None }
}

/// The numbers of all directories that are called like snapshots.
pub fn snapshot_numbers(root: &Dir) -> Result<Vec<u64>> {
    let entries = root.entries().map_err(|error| Error::io("listing", root.path(), error))?;
    let directories = entries.into_iter().filter(|entry| entry.kind == Kind::Directory);
    Ok(directories.filter_map(|entry| number_of(&entry.name)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_numbers_are_those_of_snapshots() {
        let number = |name: &str| number_of(OsStr::new(name));
        assert_eq!([number("ts-0"), number("ts-17")], [Some(0), Some(17)]);
        for name in ["ts-", "ts-017", "ts-00", "ts--1", "ts-+1", "ts-1x", "17", "ts-18446744073709551616"] {
            assert_eq!(number(name), None, "{name}");
        }
        assert_eq!(number(&name_of(u64::MAX)), Some(u64::MAX));
    }

    #[test]
    fn names_rise_though_the_clock_falls() {
        assert_eq!(next_number(None, 100), Some(100));
        assert_eq!(next_number(Some(7), 100), Some(100));
        assert_eq!(next_number(Some(100), 100), Some(101));
        assert_eq!(next_number(Some(200), 100), Some(201));
        assert_eq!(next_number(Some(u64::MAX), 100), None);
    }
}
