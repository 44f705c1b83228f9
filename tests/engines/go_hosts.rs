//! bbolt and Pebble as hosts, in Go (bindings/go/hosts): each is backed up while it is written to,
//! restored, opened by itself and compared, key by key, with what was committed before the freeze.

use std::process::Command;

use crate::common::go as command;
use crate::common::library::{package, run};

/// A go command in the module of the hosts; `None`, after a line that says so: go or an engine's
/// module is not there.
fn go() -> Option<Command> {
    let mut download = command()?;
    // What go.sum names, and nothing else, is taken from the cache of modules or fetched into it.
    if !download.args(["mod", "download"]).output().is_ok_and(|output| output.status.success()) {
        let why = "the modules of bbolt and Pebble are not there: cd bindings/go/hosts && go mod download";
        return command::skip(why);
    }
    command()
}

fn command() -> Option<Command> {
    let mut go = command::go(&package().join("bindings/go/hosts"), 25)?;
    go.env("GOFLAGS", "-mod=readonly");
    Some(go)
}

fn passes(engine: &str) {
    let Some(mut go) = go() else { return };
    run(go.args(["test", "-count=1", "-timeout=20m", engine]));
}

#[test]
fn each_snapshot_of_bbolt_holds_exactly_the_commit_of_its_freeze() {
    passes("./bbolt");
}

#[test]
fn each_snapshot_of_pebble_holds_exactly_the_commits_before_its_freeze() {
    passes("./pebble");
}

#[test]
fn the_comparison_finds_each_kind_of_difference() {
    passes("./workload");
}

#[test]
fn the_hosts_are_formatted_and_vetted() {
    let Some(mut go) = go() else { return };
    let root = run(command().expect("it was there").args(["env", "GOROOT"]));
    let gofmt = &mut Command::new(format!("{}/bin/gofmt", root.trim()));
    assert_eq!(run(gofmt.arg("-l").arg(package().join("bindings/go/hosts"))), "");
    run(go.args(["vet", "./..."]));
}
