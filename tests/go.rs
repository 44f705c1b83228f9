//! The Go package in bindings/go: its own tests, which run the shared scenarios among others, linked
//! statically with the library that this test run has built. (tests/packaging.rs has one linked as
//! pkg-config says.)

#[path = "c/library.rs"]
mod library;

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use library::{library, package, run};

/// The first version that the package builds with.
const MINOR: u32 = 24;

/// A go command in the package's directory; `None`, after a line that says so: it is not there.
fn go() -> Option<Command> {
    let version = Command::new("go").arg("version").output();
    let version =
        version.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
    let minor = version
        .split_once(" go1.")
        .and_then(|(_, rest)| rest.split(['.', ' ', 'r', 'b']).next()?.parse().ok());
    if minor.is_none_or(|minor: u32| minor < MINOR) {
        let why = format!("go 1.{MINOR} or later is not there: see https://go.dev/doc/install");
        assert!(std::env::var_os("HOTBACKUP_TEST_REQUIRE_ALL").is_none(), "{why}");
        eprintln!("skipped: {why}");
        return None;
    }
    let mut go = Command::new("go");
    // It depends on nothing, so nothing may be fetched.
    go.current_dir(package().join("bindings/go")).env("GOPROXY", "off").env("GOTOOLCHAIN", "local");
    go.env("CGO_ENABLED", "1").env("CGO_LDFLAGS", format!("-L{}", directory().display()));
    Some(go)
}

/// Where libhotbackup.a is.
fn directory() -> PathBuf {
    let directory = library().parent().expect("a directory").to_path_buf();
    assert!(directory.join("libhotbackup.a").exists(), "libhotbackup.a is built along with the tests");
    directory
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
