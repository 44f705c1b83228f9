//! An examination finds what is wrong with a root or a data directory, says what to do, and changes nothing.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::mpsc;

use crate::common::{Place, bytes, frozen, frozen_with_tables, names, restore, verify, write};
use hotbackup::{BackupRoot, CheckpointOptions, Code, Coordinator, Finding, Options, Severity, examine};

const UUID: &str = "6b0f7c0a-5d8e-4d7e-9a55-0d3a3f1e7a10";

/// What is found at a path, each in one line, without anything being changed.
fn found(path: &Path) -> Vec<Finding> {
    let before = names(path);
    let findings = examine(path).unwrap();
    assert_eq!(names(path), before, "it has changed something");
    for finding in &findings {
        assert!(!finding.what.is_empty() && finding.what.lines().count() == 1, "{finding:?}");
        assert!(!finding.advice.is_empty() && finding.path.is_absolute(), "{finding:?}");
    }
    assert!(findings.is_sorted_by_key(|finding| std::cmp::Reverse(finding.severity)));
    findings
}

/// Kinds and the names that they are of, but for what is well.
fn wrong(path: &Path) -> Vec<(&'static str, String)> {
    let name = |finding: &Finding| finding.path.file_name().unwrap().to_string_lossy().into_owned();
    let all = found(path);
    all.iter().filter(|one| one.severity > Severity::Ok).map(|one| (one.kind, name(one))).collect()
}

/// That one of a kind was found, and what it says.
#[track_caller]
fn one(findings: &[Finding], kind: &str, severity: Severity, what: &str) {
    let those: Vec<_> = findings.iter().filter(|finding| finding.kind == kind).collect();
    assert_eq!(those.len(), 1, "{kind}: {findings:?}");
    assert_eq!(those[0].severity, severity, "{findings:?}");
    assert!(those[0].what.contains(what), "{what}: {findings:?}");
}

fn newest(place: &Place) -> PathBuf {
    BackupRoot::at(place.root()).latest().unwrap().location().to_path_buf()
}

#[test]
fn where_all_is_well_it_says_so() {
    let place = Place::with_files();
    one(&found(&place.data()), "never_backed_up", Severity::Notice, "no backup");
    place.back_up(&frozen()).unwrap();
    for path in [place.data(), place.root()] {
        let findings = found(&path);
        let name = newest(&place).file_name().unwrap().to_string_lossy().into_owned();
        one(
            &findings,
            "snapshots",
            Severity::Ok,
            &format!("1 of 1 snapshots are good as far as is known, the newest is {name}"),
        );
        assert_eq!(findings.len(), 1, "{findings:?}");
    }
    assert_eq!(examine(place.beside("no")).unwrap_err().code(), Code::NotFound);
    assert_eq!(examine(place.data().join("index")).unwrap_err().code(), Code::InvalidArgument);
}

#[test]
fn who_is_at_work_is_told_with_the_process_and_what_it_uses_is_not_stale() {
    let place = Place::with_snapshot();
    write(&place.data().join("tables/4.sst"), &bytes(1_000, 4));
    let (inside, reached) = mpsc::channel();
    let (go, gone) = mpsc::channel::<()>();
    let gone = std::sync::Mutex::new(gone);
    let mut options = frozen_with_tables();
    options.hooks().release(move |_| {
        inside.send(())?;
        gone.lock().unwrap().recv()?;
        Ok(())
    });
    let coordinator = Coordinator::open(place.data(), &options).unwrap();
    let process = format!("(process {}, ", std::process::id());
    one(&found(&place.data()), "open_in_host", Severity::Ok, &process);
    let job = coordinator.start().unwrap();
    reached.recv().unwrap();
    let all = names(&place.data());
    assert!(all.iter().any(|path| path.to_string_lossy().contains("/pins-")), "{all:?}");
    let findings = found(&place.data());
    one(&findings, "backup_running", Severity::Ok, &process);
    one(&findings, "root_in_use", Severity::Ok, &process);
    assert_eq!(wrong(&place.data()), []);
    go.send(()).unwrap();
    job.wait().unwrap();
    drop(coordinator);
    assert_eq!(found(&place.data()).len(), 1);
}

#[test]
fn what_killed_jobs_have_left_is_told_with_its_size() {
    let place = Place::with_snapshot();
    let staging = format!(".staging-{UUID}");
    write(&place.root().join(&staging).join("1.sst"), &bytes(1 << 20, 1));
    write(&place.root().join(".latest.new"), b"");
    write(&place.root().join("note.txt"), b"mine");
    let lifecycle = place.data().join(".lifecycle");
    write(&lifecycle.join(format!("pins-{UUID}/0/1")), &bytes(1 << 20, 1));
    // What has another name holds nothing.
    fs::hard_link(place.data().join("tables/1.sst"), lifecycle.join(format!("pins-{UUID}/0/2"))).unwrap();
    write(&lifecycle.join("restore").join(UUID).join("index"), &bytes(1 << 20, 1));
    write(&place.beside(&format!(".data.hotbackup-{UUID}")).join("index"), &bytes(1 << 20, 1));
    write(&lifecycle.join("roots.new"), b"");
    write(&lifecycle.join("note.txt"), b"mine");
    let mut told = wrong(&place.data());
    told.sort();
    let mut expected = [
        ("stale_staging", staging),
        ("leftover", ".latest.new".into()),
        ("foreign", "note.txt".into()),
        ("stale_pins", format!("pins-{UUID}")),
        ("restore_staging", UUID.to_string()),
        ("restore_staging", format!(".data.hotbackup-{UUID}")),
        ("leftover", "roots.new".into()),
        ("foreign", "note.txt".into()),
    ];
    expected.sort();
    assert_eq!(told, expected);
    let findings = found(&place.data());
    for finding in findings.iter().filter(|finding| finding.severity == Severity::Warning) {
        assert!(finding.what.contains(&format!("it holds {} bytes", 1 << 20)), "{finding:?}");
    }
    place.back_up(&frozen()).unwrap();
    hotbackup::recover(place.data()).unwrap();
    let left: Vec<_> = wrong(&place.data()).into_iter().map(|(kind, _)| kind).collect();
    assert!(!left.contains(&"stale_staging") && !left.contains(&"stale_pins"), "as is advised: {left:?}");
}

/// The journal of a swap in which `coming` is to come in from a staging that is there.
fn interrupt(place: &Place, coming: &str) {
    let from = format!(".lifecycle/restore/{UUID}");
    write(&place.data().join(&from).join(coming), b"of the snapshot");
    let path = |text: &str| format!("\"{text}\"");
    let record = format!(
        "{{\"version\": 1, \"from\": {}, \"aside\": {}, \"keep\": true, \"out\": [{name}], \"into\": [{name}], \
         \"rules\": [], \"kept\": null}}",
        path(&from),
        path(".lifecycle/restore-backup/ts-1"),
        name = path(coming),
    );
    let text = format!("{record}\n{:08x}\n", crate::contents::crc32(record.as_bytes()));
    write(&place.data().join(".lifecycle/restore/journal"), text.as_bytes());
}

#[test]
fn an_interrupted_restore_is_told_with_what_a_recovery_does() {
    let place = Place::with_snapshot();
    interrupt(&place, "index");
    let findings = found(&place.data());
    one(&findings, "restore_interrupted", Severity::Error, "1 names come in and 1 go");
    assert!(findings[0].advice.contains("backup_recover"));
    hotbackup::recover(place.data()).unwrap();
    assert_eq!(fs::read(place.data().join("index")).unwrap(), b"of the snapshot");
    assert_eq!(wrong(&place.data()), [("undo_kept", "ts-1".to_string())]);
    write(&place.data().join(".lifecycle/restore/journal"), b"damaged");
    one(&found(&place.data()), "journal_damaged", Severity::Error, "damaged");
}

#[test]
fn what_restores_and_checkpoints_keep_is_told() {
    let place = Place::with_snapshot();
    write(&place.data().join("later"), &bytes(1 << 20, 9));
    restore(&newest(&place), &place.data()).unwrap();
    one(&found(&place.data()), "undo_kept", Severity::Notice, "bytes");
    let coordinator = Coordinator::open(place.data(), &frozen()).unwrap();
    coordinator.start_checkpoint(CheckpointOptions::new().links_are_safe()).unwrap().wait().unwrap();
    one(&found(&place.data()), "checkpoint", Severity::Notice, "bytes are its own");
}

#[test]
fn snapshots_that_are_not_good_are_told() {
    let place = Place::with_snapshot();
    for seed in 0..2 {
        write(&place.data().join("index"), &bytes(100, seed));
        place.back_up(&frozen()).unwrap();
    }
    let all: Vec<_> = BackupRoot::at(place.root()).list().unwrap();
    let at = |index: usize| all[index].location().to_path_buf();
    write(&at(1).join("index"), &bytes(100, 77));
    verify(&at(1)).unwrap_err();
    fs::write(at(2).join("snapshot.manifest"), b"{").unwrap();
    let findings = found(&place.root());
    one(&findings, "snapshot_damaged", Severity::Error, "bad");
    one(&findings, "snapshot_unreadable", Severity::Error, "manifest");
    one(&findings, "snapshots", Severity::Ok, "1 of 3 snapshots are good");
    let latest = place.root().join("latest");
    fs::write(&latest, at(1).as_os_str().as_encoded_bytes()).unwrap();
    one(&found(&place.root()), "latest_is_older", Severity::Notice, "is the newest");
    fs::write(&latest, b"/somewhere/ts-7").unwrap();
    one(&found(&place.root()), "latest_names_nothing", Severity::Error, "ts-7");
    fs::remove_file(&latest).unwrap();
    one(&found(&place.root()), "latest_names_nothing", Severity::Error, "not there");
}

#[test]
fn a_root_that_is_not_the_one_remembered_is_told_from_both_sides() {
    let place = Place::with_files();
    let root = place.beside("root");
    let mut options = Options::new();
    options.set_root(&root).unwrap();
    options.hooks().freeze_thaw(|_| Ok(()), |_| Ok(()));
    place.back_up(&options).unwrap();
    fs::rename(&root, place.beside("away")).unwrap();
    one(&found(&place.data()), "root_missing", Severity::Warning, "was here");
    let other = Place::with_files();
    other.back_up(&options).unwrap();
    one(&found(&place.data()), "root_another", Severity::Warning, "with 1 snapshots");
    assert_eq!(wrong(&other.data()), []);
    fs::remove_dir_all(&root).unwrap();
    fs::rename(place.beside("away"), &root).unwrap();
    assert_eq!(wrong(&place.data()), []);
    fs::write(place.data().join(".lifecycle/id"), b"7a1f7c0a-5d8e-4d7e-9a55-0d3a3f1e7a10").unwrap();
    one(&found(&root), "root_not_its_owners", Severity::Warning, "it belongs to");
    fs::rename(place.data(), place.beside("moved")).unwrap();
    one(&found(&root), "data_dir_missing", Severity::Notice, "which is not there");
    fs::write(root.join("source"), b"damaged").unwrap();
    one(&found(&root), "root_record_damaged", Severity::Error, "damaged");
    fs::remove_file(root.join("source")).unwrap();
    one(&found(&root), "root_record_missing", Severity::Warning, "whose root");
}

#[test]
fn damaged_records_of_a_data_directory_are_told() {
    let place = Place::with_snapshot();
    for record in ["id", "roots", "sources"] {
        let path = place.data().join(".lifecycle").join(record);
        let had = fs::read(&path).ok();
        fs::write(&path, b"damaged").unwrap();
        one(&found(&place.data()), "record_damaged", Severity::Error, "damaged");
        had.map_or_else(|| fs::remove_file(&path).unwrap(), |had| fs::write(&path, had).unwrap());
    }
    assert_eq!(wrong(&place.data()), []);
}
