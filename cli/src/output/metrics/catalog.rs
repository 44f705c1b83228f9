//! All metrics there are.

use super::{Metrics, seconds_at};
use crate::survey::{State, Survey};

/// A metric that can rise and fall.
pub struct Gauge {
    pub name: &'static str,
    pub help: &'static str,
}

macro_rules! gauges {
    ($($constant:ident $name:literal $help:literal)*) => {
        $(pub const $constant: Gauge = Gauge { name: concat!("hotbackup_", $name), help: $help };)*
        #[cfg(test)]
        const ALL: &[Gauge] = &[$($constant),*];
    };
}

gauges! {
    RUN_AT "last_run_timestamp_seconds" "When the last run ended, in seconds since 1970."
    RUN_TOOK "last_run_duration_seconds" "How long the last run took."
    RUN_EXIT_CODE "last_run_exit_code" "The exit code of the last run; 0 is success."
    SNAPSHOTS "snapshots" "Snapshots in a root, by state: good, damaged or unreadable."
    UNVERIFIED "unverified_snapshots" "Readable snapshots that were never read back whole."
    NEWEST_AT "newest_snapshot_timestamp_seconds" "When the newest readable snapshot was made, in seconds since 1970."
    NEWEST_GOOD_AT "newest_good_snapshot_timestamp_seconds"
        "When the newest snapshot without known damage was made, in seconds since 1970."
    NEWEST_BYTES "newest_snapshot_bytes" "Size of the newest readable snapshot."
    NEWEST_SHARED "newest_snapshot_shared_bytes" "What the newest readable snapshot shares with earlier ones."
    NEWEST_TOOK "newest_snapshot_duration_seconds" "How long the backup of the newest readable snapshot took."
    NEWEST_FREEZE "newest_snapshot_freeze_seconds"
        "For how long the backup of the newest readable snapshot stopped writes; absent if it did not."
    OLDEST_VERIFIED "oldest_verification_timestamp_seconds"
        "When the snapshot was read back whole which was not for the longest time, in seconds since 1970."
    ROOT_SIZE "root_size_bytes" "Size of the file system on which a root is."
    ROOT_FREE "root_free_bytes" "What can still be written to the file system on which a root is."
}

impl Metrics {
    /// Adds what a root holds.
    pub fn root(&mut self, survey: &Survey) {
        let root = [("root", survey.root.as_str())];
        for state in [State::Good, State::Damaged, State::Unreadable] {
            self.put(&SNAPSHOTS, &[root[0], ("state", state.name())], survey.count(state) as f64);
        }
        self.put(&UNVERIFIED, &root, survey.unverified() as f64);
        if let Some(newest) = survey.readable().next() {
            self.put_known(&NEWEST_AT, root, newest.made().map(seconds_at));
            self.put(&NEWEST_BYTES, &root, newest.snapshot.bytes() as f64);
            self.put(&NEWEST_SHARED, &root, newest.snapshot.bytes_shared() as f64);
            self.put_known(&NEWEST_TOOK, root, newest.took().map(|took| took.as_secs_f64()));
            self.put_known(&NEWEST_FREEZE, root, newest.snapshot.freeze().map(|freeze| freeze.as_secs_f64()));
        }
        let newest_good = survey.newest_good().and_then(|entry| entry.made());
        self.put_known(&NEWEST_GOOD_AT, root, newest_good.map(seconds_at));
        self.put_known(&OLDEST_VERIFIED, root, survey.oldest_verification().map(|(at, _)| seconds_at(at)));
        if let Some(space) = survey.space {
            self.put(&ROOT_SIZE, &root, space.size as f64);
            self.put(&ROOT_FREE, &root, space.free as f64);
        }
    }

    /// What is not known has no sample.
    fn put_known(&mut self, gauge: &'static Gauge, root: [(&str, &str); 1], value: Option<f64>) {
        if let Some(value) = value {
            self.put(gauge, &root, value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_metric_is_documented() {
        let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/monitoring.md");
        let page = std::fs::read_to_string(page).unwrap();
        for Gauge { name, .. } in ALL {
            assert!(page.contains(&format!("| `{name}")), "{name}");
        }
        let listed = page.lines().filter(|line| line.starts_with("| `hotbackup_")).count();
        assert_eq!(listed, ALL.len());
    }
}
