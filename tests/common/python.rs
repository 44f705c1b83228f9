//! Python with the tools of the packages' tests.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// The interpreter of an environment with what `wanted` names, made once and kept with what cargo builds. `None`, after
/// a line that says so: it cannot be made here.
pub fn tools(wanted: &Path) -> Option<&'static Path> {
    static PYTHON: OnceLock<Option<PathBuf>> = OnceLock::new();
    PYTHON.get_or_init(|| make_tools(wanted)).as_deref()
}

fn make_tools(wanted: &Path) -> Option<PathBuf> {
    let environment = Path::new(env!("CARGO_TARGET_TMPDIR")).join("python-tools");
    let (python, made_for) = (environment.join("bin/python"), environment.join("made-for"));
    let wanted_text = fs::read_to_string(wanted).expect("the requirements of the tests");
    if fs::read_to_string(&made_for).is_ok_and(|had| had == wanted_text) {
        return Some(python);
    }
    let install = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r"];
    let made = succeeds(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&environment))
        && succeeds(Command::new(&python).args(install).arg(wanted));
    if !made {
        let why = "python3 -m venv and pip install -r bindings/python/tests/requirements.txt \
                   do not work here (apt-get install python3-venv; they come from PyPI)";
        assert!(env::var_os("HOTBACKUP_TEST_REQUIRE_ALL").is_none(), "{why}");
        eprintln!("skipped: {why}");
        return None;
    }
    fs::write(made_for, wanted_text).expect("a note of what was installed");
    Some(python)
}

fn succeeds(command: &mut Command) -> bool {
    command.status().is_ok_and(|status| status.success())
}
