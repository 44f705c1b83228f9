//! The Python package in bindings/python: its own tests, which run the shared scenarios among
//! others, against the library that this test run has built; its types and lints; and its wheel,
//! installed where nothing else is.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::common::library::{library, package, run};
use crate::common::python;

/// Ends a test that hangs.
const SECONDS: &str = "1200";

fn bindings() -> PathBuf {
    package().join("bindings/python")
}

/// The interpreter with what the tests of the package need.
fn tools() -> Option<&'static Path> {
    python::tools(&bindings().join("tests/requirements.txt"))
}

/// A command of the tools, in the package's directory. What Python and pytest keep for a next time
/// stays out of the source tree.
fn tool(python: &Path, module: &str) -> Command {
    let mut command = Command::new("timeout");
    command.arg(SECONDS).arg(python).args(["-m", module]).current_dir(bindings());
    command.env("PYTHONDONTWRITEBYTECODE", "1").env("HOTBACKUP_LIBRARY", library());
    command
}

#[test]
fn the_python_package_passes_its_tests() {
    let Some(python) = tools() else { return };
    run(tool(python, "pytest").args(["-p", "no:cacheprovider"]));
}

#[test]
fn its_types_are_complete_and_its_syntax_is_that_of_the_oldest_python() {
    let Some(python) = tools() else { return };
    let cache = tempfile::tempdir().expect("a temporary directory");
    run(tool(python, "mypy").arg("--cache-dir").arg(cache.path()));
    run(tool(python, "ruff").args(["check", "--no-cache"]));
    run(tool(python, "ruff").args(["format", "--check", "--no-cache"]));
    let mut vermin = Command::new(python.with_file_name("vermin"));
    vermin.args(["--quiet", "--target=3.9-", "--no-tips", "hotbackup", "setup.py", "examples"]);
    run(vermin.current_dir(bindings()));
}

#[test]
fn its_wheel_works_where_nothing_else_is_installed() {
    let Some(python) = tools() else { return };
    let scratch = tempfile::tempdir().expect("a temporary directory");
    let place = scratch.path();

    // As `pip install bindings/python` does it; cargo finds most of it built in the end.
    let target = env::var_os("CARGO_TARGET_DIR").map_or_else(|| package().join("target"), PathBuf::from);
    let mut wheel = tool(python, "pip");
    wheel.args(["wheel", "--quiet", "--disable-pip-version-check", "--no-deps", "--wheel-dir"]);
    run(wheel.arg(place).arg(bindings()).env("CARGO_TARGET_DIR", package().join(target)));
    let wheel = only_file(place);
    let name = wheel.file_name().expect("a name").to_string_lossy().into_owned();
    let (version, machine) = (env!("CARGO_PKG_VERSION"), env::consts::ARCH);
    assert_eq!(name, format!("hotbackup-{version}-py3-none-linux_{machine}.whl"));

    let environment = place.join("environment");
    run(Command::new("python3").args(["-m", "venv"]).arg(&environment));
    let fresh = environment.join("bin/python");
    let install = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-index"];
    run(Command::new(&fresh).args(install).arg(&wheel));

    let (data, restored) = (place.join("data"), place.join("restored"));
    fs::create_dir(&data).expect("a data directory");
    fs::write(data.join("1.sst"), "an immutable table").expect("a file");
    let example = bindings().join("examples/forty.py");
    let mut command = Command::new(&fresh);
    command.arg(example).args([&data, &restored]).current_dir(place);
    let said = run(command.env_remove("HOTBACKUP_LIBRARY").env_remove("PYTHONPATH"));
    assert!(said.contains("1 files, 18 bytes restored"), "{said}");
    assert_eq!(fs::read_to_string(restored.join("1.sst")).expect("a restored file"), "an immutable table");
}

#[test]
fn a_source_distribution_says_that_it_needs_the_repository() {
    let Some(python) = tools() else { return };
    let elsewhere = tempfile::tempdir().expect("a temporary directory");
    for file in ["setup.py", "pyproject.toml"] {
        fs::copy(bindings().join(file), elsewhere.path().join(file)).expect("a copy");
    }
    let mut command = Command::new(python);
    let output = command.args(["setup.py", "--version"]).current_dir(elsewhere.path()).output();
    let output = output.expect("python runs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && said.contains("is built from its repository"), "{said}");
}

fn only_file(directory: &Path) -> PathBuf {
    let mut entries = fs::read_dir(directory).expect("a directory");
    let only = entries.next().expect("a file").expect("a file").path();
    assert!(entries.next().is_none(), "there are more files in {}", directory.display());
    only
}
