//! The two libraries that this test run has built, and programs that use them.

use std::env;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;

/// Ends a program that hangs.
const SECONDS: &str = "900";

/// The root of the workspace.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().expect("the workspace is there")
}

/// The list of cases.
pub fn cases() -> PathBuf {
    root().join("remote/capi/tests/scenarios/cases.txt")
}

/// cargo puts a library beside the test programs, or above them.
pub fn library(name: &str) -> PathBuf {
    let program = env::current_exe().expect("the test program has a path");
    let found = program.ancestors().skip(1).take(2).map(|above| above.join(format!("lib{name}.so")));
    found.into_iter().find(|path| path.exists()).expect("the library is built along with the tests")
}

/// A directory where a linker and a program find both.
pub fn staged() -> TempDir {
    let stage = tempfile::tempdir().expect("a temporary directory");
    for (name, built) in [("hotbackup", "hotbackup"), ("hotbackup_remote", "hotbackup_remote_capi")] {
        for ending in ["so", "so.0"] {
            symlink(library(built), stage.path().join(format!("lib{name}.{ending}"))).expect("a link");
        }
    }
    // Go links this one statically.
    let archive = library("hotbackup").with_extension("a");
    symlink(archive, stage.path().join("libhotbackup.a")).expect("a link");
    stage
}

/// Whether a tool is there. Where HOTBACKUP_TEST_REQUIRE_ALL is set it must be.
pub fn has(tool: &str, question: &str) -> bool {
    let there = Command::new(tool).arg(question).output().is_ok_and(|output| output.status.success());
    if !there {
        assert!(env::var_os("HOTBACKUP_TEST_REQUIRE_ALL").is_none(), "{tool} is required and not there");
        eprintln!("skipped: {tool} is not there");
    }
    there
}

/// Runs what must succeed, and returns what it printed.
pub fn run(command: &mut Command) -> String {
    let Output { status, stdout, stderr } =
        command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let printed = String::from_utf8_lossy(&stdout).into_owned();
    assert!(status.success(), "{command:?}: {status}\n{printed}{}", String::from_utf8_lossy(&stderr));
    printed
}

/// A command that finds both libraries, and is ended if it hangs.
pub fn beside_the_libraries(stage: &Path, program: &str) -> Command {
    let mut command = Command::new("timeout");
    command.arg(SECONDS).arg(program).env("LD_LIBRARY_PATH", stage);
    command
}
