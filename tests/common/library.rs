//! The shared library that this test run has built, and programs linked to it.

use std::env;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;

pub const SONAME: &str = "libhotbackup.so.0";

/// The package's directory.
pub fn package() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// cargo puts it beside the test programs, or above them.
pub fn library() -> PathBuf {
    let program = env::current_exe().expect("the test program has a path");
    let found = program.ancestors().skip(1).take(2).map(|above| above.join("libhotbackup.so"));
    found.into_iter().find(|path| path.exists()).expect("libhotbackup.so is built along with the tests")
}

/// A directory where a program finds the library under its soname.
pub fn staged() -> TempDir {
    let stage = tempfile::tempdir().expect("a temporary directory");
    symlink(library(), stage.path().join(SONAME)).expect("a link to the library");
    stage
}

/// Runs a tool that must succeed, and returns what it printed.
pub fn run(command: &mut Command) -> String {
    let Output { status, stdout, stderr } =
        command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let stderr = String::from_utf8_lossy(&stderr);
    assert!(status.success(), "{command:?}: {status}\n{}{stderr}", String::from_utf8_lossy(&stdout));
    String::from_utf8(stdout).expect("tools print UTF-8")
}

/// Whether a tool is there. Where HOTBACKUP_TEST_REQUIRE_ALL is set it must be.
pub fn has(tool: &str) -> bool {
    has_that_answers(tool, "--version")
}

/// Whether a tool is there that is asked for its version in its own way, likewise.
pub fn has_that_answers(tool: &str, question: &str) -> bool {
    let there = Command::new(tool).arg(question).output().is_ok_and(|output| output.status.success());
    if !there {
        assert!(env::var_os("HOTBACKUP_TEST_REQUIRE_ALL").is_none(), "{tool} is required and not there");
        eprintln!("skipped: {tool} is not there");
    }
    there
}

/// Whether a header is there that this Debian package brings, likewise.
pub fn has_header(header: &str, debian: &str) -> bool {
    let there = Command::new("c++")
        .args(["-std=c++17", "-fsyntax-only", "-x", "c++", "-include", header, "/dev/null"])
        .output()
        .is_ok_and(|output| output.status.success());
    if !there {
        let why = format!("{header} is not there: apt-get install {debian}");
        assert!(env::var_os("HOTBACKUP_TEST_REQUIRE_ALL").is_none(), "{why}");
        eprintln!("skipped: {why}");
    }
    there
}
