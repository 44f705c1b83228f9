//! Metrics as a text file, which the textfile collector of Prometheus's node_exporter reads. They are promised in
//! `docs/monitoring.md`.

mod catalog;

use std::fmt::Write;
use std::path::Path;
use std::time::{Duration, Instant, SystemTime};

use super::replace::replace;
use crate::failure::Failure;
use catalog::Gauge;

/// node_exporter runs as another user.
const MODE: u32 = 0o644;

/// Metrics that are being gathered. All are gauges.
#[derive(Default)]
pub struct Metrics {
    families: Vec<(&'static Gauge, Vec<String>)>,
}

/// A run of a command, from its start.
pub struct Run {
    command: String,
    since: Instant,
}

impl Run {
    pub fn new(command: &str) -> Self {
        Self { command: command.to_string(), since: Instant::now() }
    }

    /// Writes how it ended, and what its result says beside.
    pub fn write(
        &self,
        file: &Path,
        report: Option<&dyn super::Report>,
        failure: Option<&Failure>,
    ) -> Result<(), Failure> {
        let mut metrics = Metrics::default();
        // No two files of a directory have a name, so no two runs have the same labels.
        let name = file.file_stem().unwrap_or_default().to_string_lossy();
        let labels = [("run", &*name), ("command", &*self.command)];
        let exit_code = failure.map_or(0, |failure| failure.kind.exit_code());
        metrics.put(&catalog::RUN_AT, &labels, seconds_at(SystemTime::now()));
        metrics.put(&catalog::RUN_TOOK, &labels, self.since.elapsed().as_secs_f64());
        metrics.put(&catalog::RUN_EXIT_CODE, &labels, f64::from(exit_code));
        if let Some(report) = report {
            report.metrics(&mut metrics);
        }
        replace(file, metrics.text().as_bytes(), Some(MODE)).map_err(|error| {
            let what = format!("writing metrics to {} (the command itself has ended)", file.display());
            Failure::io(what, &error).at(file)
        })
    }
}

impl Metrics {
    fn put(&mut self, gauge: &'static Gauge, labels: &[(&str, &str)], value: f64) {
        let labels: Vec<_> =
            labels.iter().map(|(name, value)| format!("{name}=\"{}\"", escaped(value))).collect();
        let sample = format!("{}{{{}}} {value}", gauge.name, labels.join(","));
        match self.families.iter_mut().find(|(known, _)| known.name == gauge.name) {
            Some((_, samples)) => samples.push(sample),
            None => self.families.push((gauge, vec![sample])),
        }
    }

    fn text(&self) -> String {
        let mut text = String::new();
        for (Gauge { name, help }, samples) in &self.families {
            let _ = write!(text, "# HELP {name} {help}\n# TYPE {name} gauge\n{}\n", samples.join("\n"));
        }
        text
    }
}

/// A label's value, as the format wants it between its quotes.
fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

/// Since 1970; before it negative.
fn seconds_at(time: SystemTime) -> f64 {
    match time.duration_since(SystemTime::UNIX_EPOCH) {
        Ok(since) => rounded(since),
        Err(before) => -rounded(before.duration()),
    }
}

/// To the millisecond.
fn rounded(duration: Duration) -> f64 {
    duration.as_millis() as f64 / 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_cannot_end_before_its_end() {
        assert_eq!(escaped(r#"/a "b"\c"#), r#"/a \"b\"\\c"#);
        assert_eq!(escaped("two\nlines"), r"two\nlines");
        assert_eq!(escaped("/naïve"), "/naïve");
    }

    #[test]
    fn samples_of_a_metric_stand_together_under_its_help() {
        let mut metrics = Metrics::default();
        metrics.put(&catalog::SNAPSHOTS, &[("root", "/a"), ("state", "good")], 2.0);
        metrics.put(&catalog::ROOT_FREE, &[("root", "/a")], 1e15);
        metrics.put(&catalog::SNAPSHOTS, &[("root", "/a"), ("state", "damaged")], 0.0);
        let text = metrics.text();
        let lines: Vec<_> = text.lines().collect();
        assert!(lines[0].starts_with("# HELP hotbackup_snapshots ") && lines.len() == 7, "{text}");
        assert_eq!(lines[1], "# TYPE hotbackup_snapshots gauge");
        assert_eq!(lines[2], "hotbackup_snapshots{root=\"/a\",state=\"good\"} 2");
        assert_eq!(lines[3], "hotbackup_snapshots{root=\"/a\",state=\"damaged\"} 0");
        assert_eq!(lines[6], "hotbackup_root_free_bytes{root=\"/a\"} 1000000000000000");
    }

    #[test]
    fn times_are_seconds_since_1970() {
        let epoch = SystemTime::UNIX_EPOCH;
        assert_eq!(seconds_at(epoch + Duration::from_millis(1_500)), 1.5);
        assert_eq!(seconds_at(epoch - Duration::from_secs(1)), -1.0);
    }
}
