//! What each language shows: the list of cases, and what is its own.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::common::{beside_the_libraries, cases, has, library, root, run, staged};
use crate::python;

/// Compiles a program and runs it with a scratch directory as its last argument: it prints nothing unless something is
/// wrong.
fn passes(compiler: &str, flags: &[&str], source: &str, arguments: &[PathBuf]) {
    if !has(compiler, "--version") {
        return;
    }
    let (stage, scratch) = (staged(), tempfile::tempdir().expect("a temporary directory"));
    let program = stage.path().join("program");
    let mut compile = Command::new(compiler);
    compile.args(flags).args(["-Wall", "-Wextra", "-Werror", "-g", "-pthread", "-I"]);
    compile.arg(root().join("include")).arg(root().join("remote/capi/tests").join(source));
    compile.arg("-L").arg(stage.path()).args(["-lhotbackup_remote", "-lhotbackup"]);
    run(compile.arg("-o").arg(&program));
    let mut command = beside_the_libraries(stage.path(), program.to_str().expect("a plain path"));
    assert_eq!(run(command.args(arguments).arg(scratch.path())), "");
}

const C: [&str; 2] = ["-std=c99", "-D_GNU_SOURCE"];

#[test]
fn a_forked_child_gets_errors_and_no_deadlock() {
    passes("cc", &C, "c/fork.c", &[]);
}

#[test]
fn a_host_keeps_its_threads_descriptors_signals_and_locks() {
    passes("cc", &C, "c/guest.c", &[]);
}

#[test]
fn every_case_passes_in_c() {
    passes("cc", &C, "scenarios/scenarios.c", &[cases()]);
}

#[test]
fn every_case_passes_in_cpp() {
    passes("c++", &["-std=c++17"], "scenarios/scenarios.cpp", &[cases()]);
}

/// A command of the tools in the Python package's directory. What Python and pytest keep for a next time stays out of
/// the source tree.
fn tool(module: &str) -> Option<Command> {
    let python = python::tools(&root().join("bindings/python/tests/requirements.txt"))?;
    let mut command = beside_the_libraries(&root(), python.to_str().expect("a plain path"));
    command.args(["-m", module]).current_dir(root().join("bindings/python-remote"));
    command.env("PYTHONDONTWRITEBYTECODE", "1");
    command.env("HOTBACKUP_LIBRARY", library("hotbackup"));
    command.env("HOTBACKUP_REMOTE_LIBRARY", library("hotbackup_remote_capi"));
    Some(command)
}

#[test]
fn the_python_package_passes_its_tests_every_case_among_them() {
    let Some(mut pytest) = tool("pytest") else { return };
    run(pytest.args(["-p", "no:cacheprovider"]));
}

#[test]
fn its_types_are_complete_and_its_syntax_is_that_of_the_oldest_python() {
    let cache = tempfile::tempdir().expect("a temporary directory");
    let Some(mut mypy) = tool("mypy") else { return };
    run(mypy.arg("--cache-dir").arg(cache.path()));
    for arguments in [&["check", "--no-cache"][..], &["format", "--check", "--no-cache"]] {
        run(tool("ruff").expect("it was there").args(arguments));
    }
}

/// A go command in the package's directory.
fn go(stage: &Path) -> Option<Command> {
    if !has("go", "version") {
        return None;
    }
    let mut go = beside_the_libraries(stage, "go");
    go.current_dir(root().join("bindings/go/remote")).env("GOTOOLCHAIN", "local").env("GOWORK", "off");
    go.env("GOPROXY", "off").env("CGO_ENABLED", "1").env("CGO_LDFLAGS", format!("-L{}", stage.display()));
    Some(go)
}

#[test]
fn the_go_package_passes_its_tests_every_case_among_them() {
    let stage = staged();
    let Some(mut go) = go(stage.path()) else { return };
    run(go.args(["test", "-count=1", "./..."]));
}

/// On a thread that has left the process's descriptors Go's collector ends the process.
#[test]
fn go_may_collect_garbage_wherever_a_password_is_asked_for_or_let_go_of() {
    let stage = staged();
    let Some(mut go) = go(stage.path()) else { return };
    let tests = "TestAClose|TestARemoteThatWasForgotten";
    run(go.args(["test", "-count=1", "-tags", "hotbackup_gcdebug", "-run", tests, "./..."]));
}
