//! Ctrl-C: quick, and nothing is torn.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::common::{Place, Ran};

/// Long enough for a machine on which everything else runs too.
const AT_MOST: Duration = Duration::from_secs(1);

/// A database whose copy takes minutes at the rate that is given to it.
fn large() -> Place {
    let place = Place::with_snapshots(1);
    place.write("db/large", 32 << 20);
    place
}

const SLOW: [&str; 6] = ["backup", "db", "--rule", "*=immutable", "--rate", "256KiB"];

fn started(place: &Place, arguments: &[&str]) -> Child {
    let mut command = place.command(arguments);
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

/// Waits until a line is said, and gives the rest of what is said.
fn until(child: &mut Child, line: &str) -> BufReader<std::process::ChildStderr> {
    let mut said = BufReader::new(child.stderr.take().unwrap());
    let mut all = String::new();
    while !all.contains(line) {
        assert_ne!(said.read_line(&mut all).unwrap(), 0, "it ended: {all}");
    }
    said
}

fn signal(child: &Child, signal: Signal) {
    kill_process(Pid::from_child(child), signal).unwrap();
}

/// Sends a signal and waits for the end; also how long that took.
fn ended_by(mut child: Child, number: Signal, mut said: impl Read) -> (Ran, Duration) {
    let since = Instant::now();
    signal(&child, number);
    let status = child.wait().unwrap();
    let took = since.elapsed();
    let (mut out, mut err) = (String::new(), String::new());
    child.stdout.take().unwrap().read_to_string(&mut out).unwrap();
    said.read_to_string(&mut err).unwrap();
    (Ran { code: status.code(), out, err }, took)
}

#[test]
fn a_backup_ends_at_once_with_130_and_says_what_is_unharmed() {
    for number in [Signal::INT, Signal::TERM, Signal::HUP] {
        let place = large();
        let mut child = started(&place, &[&SLOW[..], &["-v"]].concat());
        let said = until(&mut child, "phase: copy\n");
        sleep(Duration::from_millis(300));
        let (ran, took) = ended_by(child, number, said);
        println!("a backup ended {} ms after {number:?}", took.as_millis());
        assert!(took < AT_MOST, "{took:?}");
        let ran = ran.exits(130);
        assert!(ran.error().contains("older snapshots are as they were"), "{ran:#?}");
        assert_eq!(place.snapshots().len(), 1);
        let left: Vec<_> =
            fs::read_dir(place.root()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert!(!left.iter().any(|name| name.to_string_lossy().starts_with(".staging")), "{left:?}");
    }
}

#[test]
fn a_cancelled_backup_is_one_document() {
    let place = large();
    let mut child = started(&place, &[&SLOW[..], &["-v", "--json"]].concat());
    let said = until(&mut child, "phase: copy\n");
    let (ran, _) = ended_by(child, Signal::INT, said);
    assert_eq!(ran.exits(130).json("failed")["error"]["code"], "CANCELLED");
}

#[test]
fn a_restore_ends_at_once_and_its_target_is_as_it_was() {
    let place = Place::new();
    place.write("db/large", 32 << 20);
    place.back_up();
    place.write("out/mine", 10);
    let arguments = ["restore", "latest", "out", "-r", "db", "--yes", "--rate", "256KiB", "-v"];
    let mut child = started(&place, &arguments);
    let said = until(&mut child, "phase: copy\n");
    sleep(Duration::from_millis(300));
    let (ran, took) = ended_by(child, Signal::INT, said);
    println!("a restore ended {} ms after its signal", took.as_millis());
    assert!(took < AT_MOST, "{took:?}");
    assert!(ran.exits(130).error().contains("the target is as it was"));
    assert!(place.path("out/mine").exists() && !place.path("out/large").exists());
    assert!(place.run(["recover", "out"]).succeeds().out.starts_with("nothing"));
}

#[test]
fn the_host_is_thawed_however_often_someone_asks() {
    let place = large();
    // It has stopped writes before it is interrupted, and resuming takes its time.
    let freeze = "touch frozen; echo stopped >&2; sleep 60";
    let thaw = "sleep 0.5; rm frozen; touch thawed";
    let mut child = started(&place, &["backup", "db", "--freeze-cmd", freeze, "--thaw-cmd", thaw]);
    let said = until(&mut child, "freeze-cmd: stopped\n");
    signal(&child, Signal::INT);
    sleep(Duration::from_millis(100));
    signal(&child, Signal::INT);
    sleep(Duration::from_millis(100));
    let (ran, _) = ended_by(child, Signal::INT, said);
    let ran = ran.exits(130);
    assert!(ran.err.contains("waiting for --thaw-cmd"), "{ran:#?}");
    assert!(place.path("thawed").exists() && !place.path("frozen").exists());
}

#[test]
fn a_hook_command_does_not_hear_the_terminals_signal_but_is_ended_by_ours() {
    let place = Place::new();
    let checkpoint = "trap 'touch ended; exit 9' TERM; echo here; sleep 60 & wait";
    let mut child = started(&place, &["backup", "db", "--checkpoint-cmd", checkpoint]);
    let said = until(&mut child, "checkpoint-cmd: here\n");
    let (ran, took) = ended_by(child, Signal::INT, said);
    assert!(took < AT_MOST, "{took:?}");
    ran.exits(130);
    assert!(place.path("ended").exists());
}

#[test]
fn a_second_signal_leaves_at_once_and_the_next_backup_tidies_up() {
    let place = large();
    // What ignores the first signal is ended by the second.
    let checkpoint = "trap '' TERM; echo here; sleep 60; sleep 60";
    let mut child = started(&place, &["backup", "db", "--checkpoint-cmd", checkpoint]);
    let said = until(&mut child, "checkpoint-cmd: here\n");
    signal(&child, Signal::INT);
    sleep(Duration::from_millis(100));
    let (ran, took) = ended_by(child, Signal::INT, said);
    assert!(took < AT_MOST, "{took:?}");
    assert!(ran.exits(130).error().contains("the next backup removes"));
    place.back_up();
    assert_eq!(place.snapshots().len(), 2);
    place.run(["verify", "--all", "-r", "db"]).succeeds();
}
