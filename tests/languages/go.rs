//! The Go package in bindings/go: its own tests, which run the shared scenarios among others, linked
//! statically with the library that this test run has built. (tests/packaging/installed.rs has one linked as
//! pkg-config says.)

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use crate::common::go as command;
use crate::common::library::{package, run};

/// A go command in the package's directory.
fn go() -> Option<Command> {
    let mut go = command::go(&package().join("bindings/go"), 24)?;
    go.env("GOPROXY", "off"); // it depends on nothing, so nothing may be fetched
    Some(go)
}

/// The sources, without those of the modules that lie below.
fn sources() -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut directories = vec![package().join("bindings/go")];
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(&directory).expect("a directory of the package") {
            let path = entry.expect("an entry").path();
            match path.extension() {
                _ if path.is_dir() && !path.join("go.mod").exists() => directories.push(path),
                Some(extension) if extension == "go" => found.push(path),
                _ => {}
            }
        }
    }
    found
}

#[test]
fn the_package_is_formatted_and_vetted() {
    let Some(mut go) = go() else { return };
    let root = run(go.args(["env", "GOROOT"]));
    let unformatted = run(Command::new(format!("{}/bin/gofmt", root.trim())).arg("-l").args(sources()));
    assert_eq!(unformatted, "");
    for tags in ["", "hotbackup_gcdebug"] {
        run(self::go().expect("it was there").args(["vet", "-tags", tags, "./..."]));
    }
}

#[test]
fn its_tests_pass_under_the_race_detector() {
    let Some(mut go) = go() else { return };
    run(go.args(["test", "-race", "-count=1", "./..."]));
}

#[test]
fn its_tests_pass_with_a_garbage_collection_at_every_call() {
    let Some(mut go) = go() else { return };
    run(go.args(["test", "-race", "-count=1", "-short", "-tags", "hotbackup_gcdebug", "./..."]));
}
