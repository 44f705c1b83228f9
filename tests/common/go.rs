//! Go, linked statically with the library that this test run has built.

use std::env;
use std::path::Path;
use std::process::Command;

use super::library::library;

/// A go command in a directory, for modules that ask for go 1.`minor`; `None`, after a line that says
/// so: it is not there.
pub fn go(directory: &Path, minor: u32) -> Option<Command> {
    let version = Command::new("go").arg("version").output();
    let version =
        version.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
    let found = version
        .split_once(" go1.")
        .and_then(|(_, rest)| rest.split(['.', ' ', 'r', 'b']).next()?.parse().ok());
    if found.is_none_or(|found: u32| found < minor) {
        return skip(&format!("go 1.{minor} or later is not there: see https://go.dev/doc/install"));
    }
    let library = library();
    let libraries = library.parent().expect("a directory");
    assert!(libraries.join("libhotbackup.a").exists(), "libhotbackup.a is built along with the tests");
    let mut go = Command::new("go");
    go.current_dir(directory).env("GOTOOLCHAIN", "local").env("GOWORK", "off");
    go.env("CGO_ENABLED", "1").env("CGO_LDFLAGS", format!("-L{}", libraries.display()));
    Some(go)
}

/// Where HOTBACKUP_TEST_REQUIRE_ALL is set, nothing may be skipped.
pub fn skip<T>(why: &str) -> Option<T> {
    assert!(env::var_os("HOTBACKUP_TEST_REQUIRE_ALL").is_none(), "{why}");
    eprintln!("skipped: {why}");
    None
}
