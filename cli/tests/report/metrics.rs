//! `--prometheus`: what node_exporter reads.

use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};

use crate::common::{DAY, Made, Place, has, now};

/// What Prometheus's own checker says of a file: nothing.
fn is_well_made(text: &str) {
    if !has("promtool") {
        return;
    }
    let mut checker = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("promtool runs");
    checker.stdin.take().expect("a pipe").write_all(text.as_bytes()).expect("it reads");
    let output = checker.wait_with_output().expect("it ends");
    let said =
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && said.is_empty(), "{said}\n{text}");
}

/// The value of a sample.
fn value(text: &str, sample: &str) -> f64 {
    let line = text.lines().find_map(|line| line.strip_prefix(sample)?.strip_prefix(' '));
    line.unwrap_or_else(|| panic!("no {sample}: {text}")).parse().expect("a number")
}

#[test]
fn a_listing_tells_what_the_root_holds() {
    let place = Place::named("a \"root\" with \\ in it");
    place.add_many(3);
    place.add_unreadable(now() - 9 * DAY);
    place.add_damaged();
    let root = place.root.to_str().unwrap();
    place.run(["list", root, "--prometheus", "db.prom", "-q"]).succeeds();
    let text = fs::read_to_string(place.path("db.prom")).unwrap();
    is_well_made(&text);
    let root = root.replace('\\', "\\\\").replace('"', "\\\"");
    let of = |name: &str, more: &str| value(&text, &format!("hotbackup_{name}{{root=\"{root}\"{more}}}"));
    assert_eq!(of("snapshots", ",state=\"good\""), 3.0);
    assert_eq!(of("snapshots", ",state=\"damaged\""), 1.0);
    assert_eq!(of("snapshots", ",state=\"unreadable\""), 1.0);
    let (newest, good) =
        (of("newest_snapshot_timestamp_seconds", ""), of("newest_good_snapshot_timestamp_seconds", ""));
    assert!(newest > now() as f64 - 600.0 && good <= newest, "{newest} {good}");
    assert_eq!(of("newest_snapshot_bytes", ""), 5_000.0);
    let oldest = of("oldest_verification_timestamp_seconds", "");
    assert!((now() as f64 - oldest - 2.0 * DAY as f64).abs() < 600.0, "{oldest}");
    assert!(of("root_free_bytes", "") <= of("root_size_bytes", ""));
    let mode = place.path("db.prom").metadata().unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o644, "node_exporter is another user");
    assert_eq!(place.beside(), ["db", "db.prom"]);
}

#[test]
fn the_newest_snapshots_backup_is_told() {
    let place = Place::new();
    place.add(Made { took: 90, freeze_ns: 12_000_000, ..Made::default() });
    let root = place.root.to_str().unwrap();
    place.run(["list", root, "--prometheus", "db.prom"]).succeeds();
    let text = fs::read_to_string(place.path("db.prom")).unwrap();
    let of = |name: &str| value(&text, &format!("hotbackup_newest_snapshot_{name}{{root=\"{root}\"}}"));
    assert_eq!((of("duration_seconds"), of("freeze_seconds")), (90.0, 0.012));
    assert_eq!((of("bytes"), of("shared_bytes")), ((10_u64 << 30) as f64, (9_u64 << 30) as f64));
}

#[test]
fn each_command_tells_how_it_ended_and_a_failed_one_too() {
    let place = Place::new();
    let root = place.root.to_str().unwrap();
    place.run(["verify", "-r", root, "--prometheus", "night.prom"]).exits(3);
    let text = fs::read_to_string(place.path("night.prom")).unwrap();
    is_well_made(&text);
    let labels = "{run=\"night\",command=\"verify\"}";
    assert_eq!(value(&text, &format!("hotbackup_last_run_exit_code{labels}")), 3.0);
    assert!(value(&text, &format!("hotbackup_last_run_timestamp_seconds{labels}")) > now() as f64 - 600.0);
    fs::create_dir(place.path("db")).unwrap();
    place.run(["backup", "db", "-r", root, "--rule", "*=immutable", "--prometheus", "night.prom"]).succeeds();
    let text = fs::read_to_string(place.path("night.prom")).unwrap();
    assert_eq!(value(&text, "hotbackup_last_run_exit_code{run=\"night\",command=\"backup\"}"), 0.0);
    assert!(!text.contains("verify"), "the file is replaced: {text}");
}

#[test]
fn an_empty_root_has_no_newest_snapshot() {
    let place = Place::new();
    place.run(["list", place.root.to_str().unwrap(), "--prometheus", "db.prom"]).succeeds();
    let text = fs::read_to_string(place.path("db.prom")).unwrap();
    is_well_made(&text);
    assert!(
        !text.contains("newest") && !text.contains("oldest") && text.contains("state=\"good\"} 0\n"),
        "{text}"
    );
}

#[test]
fn metrics_that_cannot_be_written_fail_a_run_that_did_not() {
    let place = Place::new();
    let root = place.root.to_str().unwrap();
    let ran = place.run(["list", root, "--prometheus", "nowhere/db.prom"]).exits(3);
    assert!(
        ran.err.contains("writing metrics to nowhere/db.prom") && ran.out.contains("no snapshots"),
        "{ran:#?}"
    );
    let both = place.run(["verify", "latest", "-r", "missing", "--prometheus", "nowhere/db.prom"]).exits(3);
    assert!(both.err.contains("nowhere/db.prom") && both.err.contains("missing"), "{both:#?}");
}

#[test]
fn the_alerts_fire_when_they_should_and_not_else() {
    if !has("promtool") {
        return;
    }
    let directory = crate::common::sources().join("packaging/prometheus");
    for arguments in [["check", "rules", "hotbackup.rules.yml"], ["test", "rules", "hotbackup.tests.yml"]] {
        let output = Command::new("promtool").args(arguments).current_dir(&directory).output().unwrap();
        let said =
            format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success() && said.contains("SUCCESS"), "{said}");
    }
    let rules = fs::read_to_string(directory.join("hotbackup.rules.yml")).unwrap();
    let page = fs::read_to_string(crate::common::sources().join("docs/monitoring.md")).unwrap();
    let alerts = rules.lines().filter_map(|line| line.trim().strip_prefix("- alert: "));
    assert_eq!(
        alerts.inspect(|alert| assert!(page.contains(&format!("| `{alert}` |")), "{alert}")).count(),
        7
    );
}
