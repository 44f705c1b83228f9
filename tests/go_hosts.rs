//! bbolt and Pebble as hosts, in Go (bindings/go/hosts): each is backed up while it is written to,
//! restored, opened by itself and compared, key by key, with what was committed before the freeze.

#[path = "c/library.rs"]
mod library;

use std::env;
use std::process::Command;

use library::{library, package, run};

/// The first version that the engines build with.
const MINOR: u32 = 25;

/// A go command in the module of the hosts; `None`, after a line that says so: go or an engine's
/// module is not there.
fn go() -> Option<Command> {
    let version = Command::new("go").arg("version").output();
    let version =
        version.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
    let minor = version
        .split_once(" go1.")
        .and_then(|(_, rest)| rest.split(['.', ' ', 'r', 'b']).next()?.parse().ok());
    if minor.is_none_or(|minor: u32| minor < MINOR) {
        return skip(&format!("go 1.{MINOR} or later is not there: see https://go.dev/doc/install"));
    }
    // What go.sum names, and nothing else, is taken from the cache of modules or fetched into it.
    if !command().args(["mod", "download"]).output().is_ok_and(|output| output.status.success()) {
        return skip(
            "the modules of bbolt and Pebble are not there: cd bindings/go/hosts && go mod download",
        );
    }
    Some(command())
}

fn command() -> Command {
    let library = library();
    let directory = library.parent().expect("a directory");
    assert!(directory.join("libhotbackup.a").exists(), "libhotbackup.a is built along with the tests");
    let mut go = Command::new("go");
    go.current_dir(package().join("bindings/go/hosts"));
    go.env("GOFLAGS", "-mod=readonly").env("GOTOOLCHAIN", "local");
    go.env("CGO_ENABLED", "1").env("CGO_LDFLAGS", format!("-L{}", directory.display()));
    go
}

fn skip<T>(why: &str) -> Option<T> {
    assert!(env::var_os("HOTBACKUP_TEST_REQUIRE_ALL").is_none(), "{why}");
    eprintln!("skipped: {why}");
    None
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
    let root = run(command().args(["env", "GOROOT"]));
    let gofmt = &mut Command::new(format!("{}/bin/gofmt", root.trim()));
    assert_eq!(run(gofmt.arg("-l").arg(package().join("bindings/go/hosts"))), "");
    run(go.args(["vet", "./..."]));
}
