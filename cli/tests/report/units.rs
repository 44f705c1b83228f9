//! The units of systemd: what it thinks of them, and whether what they forbid is needed.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

use crate::common::{Place, has, sources};

const KINDS: [&str; 3] = ["backup", "prune", "scrub"];

/// The units, as they are installed, for the instance `db`.
fn installed(place: &Place) -> Vec<PathBuf> {
    let binary = PathBuf::from(env!("CARGO_BIN_EXE_hotbackup"));
    let binaries = binary.parent().unwrap().to_str().unwrap();
    fs::create_dir_all(place.path("units")).unwrap();
    let units = KINDS.map(|kind| {
        let source = sources().join("packaging/systemd");
        let text = fs::read_to_string(source.join(format!("hotbackup-{kind}@.service.in"))).unwrap();
        let unit = place.path(&format!("units/hotbackup-{kind}@db.service"));
        fs::write(&unit, text.replace("@BINDIR@", binaries)).unwrap();
        let timer = place.path(&format!("units/hotbackup-{kind}@db.timer"));
        fs::copy(source.join(format!("hotbackup-{kind}@.timer")), timer).unwrap();
        unit
    });
    units.into()
}

/// The value of a setting that is there once.
fn setting<'a>(unit: &'a str, name: &str) -> &'a str {
    unit.lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix('='))
        .unwrap_or_else(|| panic!("{name}"))
}

#[test]
fn systemd_finds_nothing_wrong_with_the_units() {
    if !has("systemd-analyze") {
        return;
    }
    let place = Place::new();
    for unit in installed(&place) {
        for unit in [unit.with_extension("timer"), unit] {
            let mut verify = Command::new("systemd-analyze");
            // Manual pages are another package's matter.
            let output = verify.args(["verify", "--man=no"]).arg(&unit).output().unwrap();
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            assert!(output.status.success() && said.is_empty(), "{}: {said}", unit.display());
        }
    }
}

#[test]
fn the_units_are_as_hardened_as_the_documentation_says() {
    if !has("systemd-analyze") {
        return;
    }
    let place = Place::new();
    let page = fs::read_to_string(sources().join("docs/monitoring.md")).unwrap();
    for (unit, kind) in installed(&place).iter().zip(KINDS) {
        let mut security = Command::new("systemd-analyze");
        let output = security.args(["security", "--offline=yes", "--no-pager"]).arg(unit).output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        let (_, figure) = said.split_once("hotbackup-").and(said.rsplit_once(": ")).expect("a figure");
        let figure: f64 = figure.split(' ').next().unwrap().parse().expect("a number");
        let documented =
            page.lines().find_map(|line| line.strip_prefix(&format!("| `hotbackup-{kind}@` | ")));
        let documented: f64 =
            documented.expect("it is in the table").split(' ').next().unwrap().parse().unwrap();
        assert!(figure <= documented, "{kind}: {figure}, documented {documented}");
        println!("{kind}: {figure}");
    }
}

/// The system calls of a set of systemd's, with those of the sets in it.
fn calls_of(sets: &str, name: &str) -> BTreeSet<String> {
    let mut lines = sets.lines().skip_while(|line| *line != name).skip(1);
    let mut calls = BTreeSet::new();
    while let Some(line) = lines.next().filter(|line| line.starts_with(' ')) {
        match line.trim() {
            comment if comment.starts_with('#') => {}
            set if set.starts_with('@') => calls.extend(calls_of(sets, set)),
            call => drop(calls.insert(call.to_string())),
        }
    }
    calls
}

/// What the filter of a unit lets through.
fn allowed(unit: &str, sets: &str) -> BTreeSet<String> {
    let mut allowed = calls_of(sets, "@default");
    for filter in unit.lines().filter_map(|line| line.strip_prefix("SystemCallFilter=")) {
        let is_denied = filter.starts_with('~');
        for set in filter.trim_start_matches('~').split(' ') {
            let calls = calls_of(sets, set);
            assert!(!calls.is_empty(), "{set}");
            allowed = if is_denied { &allowed - &calls } else { &allowed | &calls };
        }
    }
    allowed
}

/// Runs what a unit runs, its `$WORDS` being split by a shell as systemd does, and returns the calls it made.
fn traced(place: &Place, unit: &str, settings: &[(&str, &str)]) -> String {
    let line = setting(unit, "ExecStart").replace("%i", "db");
    let log = place.path("calls");
    let mut strace = Command::new("strace");
    strace.args(["-f", "-qq", "-o"]).arg(&log).args(["sh", "-c", &format!("exec {line}")]);
    let output = strace.envs(settings.iter().copied()).env("METRICS_DIR", place.path("")).output().unwrap();
    assert!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
    fs::read_to_string(log).unwrap()
}

#[test]
fn what_the_units_forbid_is_not_needed() {
    if !has("systemd-analyze") || !has("strace") {
        return;
    }
    let place = Place::new();
    fs::create_dir(place.path("db")).unwrap();
    (0..40).for_each(|at| fs::write(place.path(&format!("db/{at}.sst")), [at; 70_000]).unwrap());
    let (db, root) = (place.path("db"), place.root.clone());
    let settings = [
        ("DATA_DIR", db.to_str().unwrap()),
        ("HOTBACKUP_ROOT", root.to_str().unwrap()),
        ("BACKUP_ARGS", "--rule *.sst=immutable --freeze-cmd true --thaw-cmd true"),
        ("PRUNE_ARGS", "--keep-newest 1"),
    ];
    let sets = Command::new("systemd-analyze").args(["syscall-filter", "--no-pager"]).output().unwrap();
    let sets = String::from_utf8(sets.stdout).unwrap();
    let units = installed(&place);
    // Twice, so that one goes.
    for unit in [&units[0], &units[0], &units[1]] {
        let text = fs::read_to_string(unit).unwrap();
        let allowed = allowed(&text, &sets);
        assert!(!allowed.contains("mount") && !allowed.contains("bpf"), "{allowed:?}");
        let calls = traced(&place, &text, &settings);
        let made: BTreeSet<_> = calls
            .lines()
            .filter_map(|line| line.split_once(' ')?.1.trim_start().split_once('('))
            .map(|(name, _)| name.to_string())
            .filter(|name| name.bytes().all(|letter| letter.is_ascii_alphanumeric() || letter == b'_'))
            .collect();
        assert!(made.contains("flock") && made.len() > 20, "{made:?}");
        let refused: Vec<_> = made.difference(&allowed).collect();
        assert!(refused.is_empty(), "{}: {refused:?}", unit.display());
        assert!(!calls.contains("CLONE_NEW"), "RestrictNamespaces would refuse it");
        assert!(!calls.contains("PROT_WRITE|PROT_EXEC"), "MemoryDenyWriteExecute would refuse it");
    }
    let snapshots =
        fs::read_dir(&place.root).unwrap().filter(|entry| entry.as_ref().unwrap().path().is_dir());
    assert_eq!(snapshots.count(), 1, "the last unit pruned");
    for metrics in ["hotbackup-db-backup.prom", "hotbackup-db-prune.prom"] {
        assert!(place.path(metrics).exists(), "{metrics}");
    }
}

#[test]
fn what_the_restrictions_on_modes_would_refuse_a_backup_does() {
    if !has("strace") {
        return;
    }
    let place = Place::new();
    fs::create_dir(place.path("db")).unwrap();
    fs::write(place.path("db/1.sst"), [1; 100]).unwrap();
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(place.path("db"), fs::Permissions::from_mode(0o2750)).unwrap();
    let unit = fs::read_to_string(&installed(&place)[0]).unwrap();
    let (db, root) = (place.path("db"), place.root.clone());
    let calls = traced(
        &place,
        &unit,
        &[
            ("DATA_DIR", db.to_str().unwrap()),
            ("HOTBACKUP_ROOT", root.to_str().unwrap()),
            ("BACKUP_ARGS", "--rule *=immutable"),
        ],
    );
    assert!(calls.contains("02750"), "directories of the group stay the group's");
    assert!(!unit.contains("\nRestrictSUIDSGID="));
}
