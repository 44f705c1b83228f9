//! `backup`, and the commands that stop and resume a host.

use std::fs;

use crate::common::Place;

const ALL_REST: [&str; 4] = ["backup", "db", "--rule", "*=immutable"];

fn hooks<'a>(freeze: &'a str, thaw: &'a str) -> Vec<&'a str> {
    vec!["backup", "db", "--freeze-cmd", freeze, "--thaw-cmd", thaw]
}

#[test]
fn a_backup_says_where_it_is_and_what_it_cost() {
    let place = Place::new();
    let ran = place.run(ALL_REST).succeeds();
    let snapshot = &place.snapshots()[0];
    assert!(ran.out.starts_with(&format!("backed up to {}\nid ", snapshot.display())), "{ran:#?}");
    assert!(ran.out.contains("3 files, 148 KiB, in "), "{ran:#?}");
    assert_eq!(ran.err, "");
    let made = place.json("backup", ALL_REST.into_iter().chain(["--json"]));
    assert_eq!(made["snapshot"]["location"].as_str(), place.snapshots()[0].to_str());
    assert_eq!(made["job"]["bytes"], 152_000);
    assert_eq!(fs::read(snapshot.join("log")).unwrap(), fs::read(place.path("db/log")).unwrap());
}

#[test]
fn a_backup_goes_to_the_root_that_is_given() {
    let place = Place::new();
    place.run(ALL_REST.into_iter().chain(["-r", "elsewhere"])).succeeds();
    assert!(place.snapshots().is_empty());
    let list = place.json("list", ["list", "elsewhere", "--json"]);
    assert_eq!(list["snapshots"].as_array().unwrap().len(), 1);
}

#[test]
fn options_reach_the_snapshot() {
    let place = Place::new();
    place.write("wal/0001", 10);
    place.write("db/LOCK", 1);
    let arguments =
        ["--rule", "LOCK=excluded", "--rule", "*=immutable", "--layout", "sqlite", "--source", "wal=wal"];
    let more =
        ["--metadata", "release 7", "--threads", "1", "--share", "never", "--verify", "media", "--json"];
    let made = place.json("backup", ["backup", "db"].into_iter().chain(arguments).chain(more));
    let snapshot = &made["snapshot"];
    assert_eq!((&snapshot["layout"], &snapshot["metadata"]), (&"sqlite".into(), &"release 7".into()));
    assert_eq!(snapshot["files"], 4);
    assert!(place.snapshots()[0].join("wal/0001").exists() && !place.snapshots()[0].join("LOCK").exists());
}

#[test]
fn a_directory_that_is_not_what_its_layout_says_is_no_snapshot() {
    let place = Place::new();
    let ran = place.run(ALL_REST.into_iter().chain(["--layout", "rocksdb"])).exits(6);
    assert!(ran.error().contains("CURRENT") && ran.error().contains("what its --layout says"), "{ran:#?}");
}

#[test]
fn hook_commands_run_in_their_order_and_know_their_backup() {
    let place = Place::new();
    let log = place.path("order");
    let told = |name: &str| {
        let variables =
            "$HOTBACKUP_HOOK $HOTBACKUP_DATA_DIR $HOTBACKUP_ROOT $HOTBACKUP_SNAPSHOT $HOTBACKUP_JOB";
        format!(
            "test $HOTBACKUP_HOOK = {name} && echo {variables} ${{HOTBACKUP_STAGING:+staged}} >> {}",
            log.display()
        )
    };
    let [checkpoint, freeze, thaw, validate] = ["checkpoint", "freeze", "thaw", "validate"].map(told);
    let validate = format!("{validate} && test -f $HOTBACKUP_STAGING/tables/1.sst");
    let mut arguments = hooks(&freeze, &thaw);
    arguments.extend(["--checkpoint-cmd", &checkpoint, "--validate-cmd", &validate, "--json"]);
    let made = place.json("backup", arguments);
    let (data, root) = (place.path("db"), place.root());
    let snapshot = made["snapshot"]["location"].as_str().unwrap();
    let job = made["snapshot"]["id"].as_str().unwrap();
    let line = |name: &str, more: &str| {
        format!("{name} {} {} {snapshot} {job}{more}\n", data.display(), root.display())
    };
    let expected = [("checkpoint", ""), ("freeze", ""), ("thaw", ""), ("validate", " staged")];
    let expected: String = expected.iter().map(|(name, more)| line(name, more)).collect();
    assert_eq!(fs::read_to_string(log).unwrap(), expected);
    assert!(made["job"]["freeze_seconds"].as_f64().unwrap() > 0.0);
}

#[test]
fn a_freeze_command_that_fails_is_thawed_and_its_last_words_are_in_the_error() {
    let place = Place::new();
    let freeze = "touch frozen; echo 'no permission to pause' >&2; exit 3";
    let ran = place.run(hooks(freeze, "rm frozen; touch thawed")).exits(8);
    assert!(ran.error().contains("exit code 3: no permission to pause; --thaw-cmd was run"), "{ran:#?}");
    assert!(place.path("thawed").exists() && !place.path("frozen").exists());
    assert!(place.snapshots().is_empty());
}

#[test]
fn a_thaw_command_that_fails_is_told_with_what_it_means() {
    let place = Place::new();
    let ran = place.run(hooks("true", "exit 4")).exits(8);
    assert!(ran.error().contains("--thaw-cmd ended with exit code 4"), "{ran:#?}");
    let ran = place.run(hooks("false", "exit 5")).exits(8);
    assert!(ran.error().contains("exit code 1") && ran.error().contains("MAY STILL BE FROZEN"), "{ran:#?}");
}

#[test]
fn a_failed_checkpoint_stops_nothing_and_a_failed_validation_publishes_nothing() {
    let place = Place::new();
    let mut arguments = hooks("touch frozen", "true");
    arguments.extend(["--checkpoint-cmd", "kill -9 $$"]);
    let ran = place.run(arguments).exits(8);
    assert!(ran.error().contains("--checkpoint-cmd was ended by signal 9"), "{ran:#?}");
    assert!(!place.path("frozen").exists());
    place.run(ALL_REST.into_iter().chain(["--validate-cmd", "false"])).exits(8);
    assert!(place.snapshots().is_empty());
}

#[test]
fn a_freeze_that_takes_too_long_is_thawed() {
    let place = Place::new();
    place.write("db/large", 8 << 20);
    // The window is open for as long as the file is copied in it; the thaw's own time counts too.
    let mut arguments = hooks("true", "sleep 0.2; touch thawed");
    arguments.extend(["--freeze-timeout", "1ms"]);
    let ran = place.run(arguments).exits(8);
    assert!(place.path("thawed").exists(), "{ran:#?}");
}

#[test]
fn what_a_hook_command_prints_is_passed_on_and_never_fills_a_pipe() {
    let place = Place::new();
    let ran = place.run(hooks("seq 20000; echo done >&2", "true")).succeeds();
    assert!(ran.err.contains("freeze-cmd: 20000\n") && ran.err.contains("freeze-cmd: done\n"));
    let mut arguments = hooks("echo hushed", "true");
    arguments.push("-q");
    assert_eq!(place.run(arguments).succeeds().err, "");
}

#[test]
fn a_freeze_needs_a_thaw() {
    let place = Place::new();
    place.run(["backup", "db", "--freeze-cmd", "true"]).exits(2);
    place.run(["backup", "db", "--thaw-cmd", "true"]).exits(2);
}

#[test]
fn a_root_of_another_directory_is_adopted_when_that_is_said() {
    let place = Place::new();
    place.write("other/log", 10);
    let backup = |data: &'static str| ["backup", data, "--rule", "*=immutable", "-r", "shared"];
    place.run(backup("db")).succeeds();
    let ran = place.run(backup("other")).exits(4);
    assert!(ran.error().ends_with("to do: if that is meant, give --adopt-root once"), "{ran:#?}");
    place.run(backup("other").into_iter().chain(["--adopt-root"])).succeeds();
}
