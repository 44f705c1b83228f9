//! `remote probe` and `remote doctor`: what is so, and what to do about it.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use serde_json::Value;

use super::{Far, fake, files, ran};

/// The findings of an examination, by their kinds: how bad, and what to do.
fn findings(document: &Value) -> Vec<(String, String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_string();
    let all = document["findings"].as_array().unwrap().iter();
    all.map(|one| (text(&one["kind"]), text(&one["severity"]), text(&one["to_do"]))).collect()
}

#[track_caller]
fn has(document: &Value, kind: &str, severity: &str, to_do: &str) {
    let is_it = |one: &(String, String, String)| one.0 == kind && one.1 == severity && one.2.contains(to_do);
    assert!(findings(document).iter().any(is_it), "{kind} {severity} {to_do}: {document:#}");
}

#[test]
fn a_probe_tries_a_place_where_no_repository_need_be_and_leaves_nothing() {
    let far = Far::new();
    let new = format!("file://{}", far.place.path("new").display());
    let document = far.json("remote_probe", &["probe", "--repo", &new]);
    assert_eq!(document["path"], new);
    for kind in ["consistent", "clock", "removable"] {
        has(&document, kind, "ok", "");
    }
    assert!(files(&far.place.path("new")).is_empty());
    let ran = far.run(&["probe"]).succeeds();
    assert!(
        ran.out.contains(&format!("ok: {}: what is written is read and listed at once", far.url)),
        "{ran:#?}"
    );
    // There is a file in the place of a directory.
    fs::write(far.place.path("file"), "").unwrap();
    let ran =
        far.run(&["probe", "--repo", &format!("file://{}", far.place.path("file").display()), "--json"]);
    let document = ran.exits(13).json("remote_probe");
    has(&document, "unwritable", "error", "what they may do there");
    assert_eq!(document["error"]["code"], "FOUND");
}

#[test]
fn the_doctor_says_how_a_repository_is_and_what_is_in_its_way() {
    let far = Far::new();
    let path = fake(&far, "0.18.0", "exit 0");
    let examined = |path: &str, code| {
        let mut command = far.command(&["doctor", "--json"]);
        command.env("PATH", path);
        let ran = ran(command).exits(code);
        assert_eq!(ran.err.is_empty(), code == 0, "{ran:#?}");
        ran.json("remote_doctor")
    };
    has(&examined(&path, 0), "no_snapshots", "notice", "hotbackup remote push");
    far.run(&["push", "-r", "db", "-o", "host=db1"]).succeeds();
    far.place.back_up();
    far.run(&["push", "-r", "db", "-o", "host=db2"]).succeeds();
    let document = examined(&path, 0);
    for kind in ["restic", "repository", "locks", "newest_snapshot"] {
        has(&document, kind, "ok", "");
    }
    let ran = far.run(&["doctor"]).succeeds();
    assert!(
        ran.out.contains("1 snapshot of db1, the newest made at ") && ran.out.contains(" of db2"),
        "{ran:#?}"
    );
    has(&examined(&fake(&far, "0.16.4", "exit 0"), 0), "restic", "notice", "0.17");
    has(&examined(&fake(&far, "0.14.0", "exit 0"), 0), "restic", "warning", "0.17");
    has(&examined("/nowhere", 0), "restic", "warning", "apt install restic");

    // Nobody can read it: it may be an exclusive one.
    let lock = far.place.path("far/locks").join("ab".repeat(32));
    fs::write(&lock, "nonsense").unwrap();
    has(&examined(&path, 0), "exclusive_lock", "notice", "if it was killed");
    let long_ago = std::time::SystemTime::now() - std::time::Duration::from_secs(31 * 60);
    fs::File::options().write(true).open(&lock).unwrap().set_modified(long_ago).unwrap();
    has(&examined(&path, 13), "stale_lock", "error", "`restic unlock`");
    fs::remove_file(lock).unwrap();

    let record = files(&far.place.path("far/snapshots")).remove(0);
    fs::set_permissions(&record, fs::Permissions::from_mode(0o600)).unwrap();
    fs::write(record, "nonsense").unwrap();
    let document = examined(&path, 13);
    has(&document, "unreadable_snapshot", "error", "hotbackup remote verify --all");
    assert_eq!(findings(&document)[0].0, "unreadable_snapshot", "the worst is the first");
    has(&document, "newest_snapshot", "ok", "");
}

#[test]
fn the_doctor_says_why_a_repository_cannot_be_opened() {
    let far = Far::new();
    let elsewhere = format!("file://{}", far.place.path("elsewhere").display());
    let shown = far.run(&["doctor", "--repo", &elsewhere]).exits(13).out;
    assert!(shown.contains("error: file://") && shown.contains("hotbackup remote init"), "{shown}");
    fs::write(far.place.path("password"), "wrong\n").unwrap();
    let document = far.run(&["doctor", "--json"]).exits(13).json("remote_doctor");
    has(&document, "password", "error", "give the repository's password");
    let closed = ["-o", "endpoint=http://127.0.0.1:1", "-o", "access_key=a", "-o", "retries=0"];
    let mut command =
        far.command(&["doctor", "--json", "--repo", "s3://bucket/db1", "--options-file", "options"]);
    fs::write(far.place.path("options"), "secret_key=hush-hush\n").unwrap();
    fs::set_permissions(far.place.path("options"), fs::Permissions::from_mode(0o600)).unwrap();
    command.args(closed);
    has(
        &ran(command).exits(13).json("remote_doctor"),
        "store",
        "error",
        "look at the network and the endpoint",
    );
}
