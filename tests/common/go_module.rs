//! A module of a user's with a program that backs up and restores, outside of the source tree.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use super::go as command;
use super::library::{package, run};

pub struct Module(TempDir);

impl Module {
    /// `None`, after a line that says so: Go is not there.
    pub fn new() -> Option<Self> {
        let module = Self(tempfile::tempdir().unwrap());
        command::go(module.0.path(), 24)?;
        let go_mod = format!(
            "module user\n\ngo 1.24\n\nrequire hotbackup v0.0.0\n\nreplace hotbackup => {}\n",
            package().join("bindings/go").display()
        );
        fs::write(module.file("go.mod"), go_mod).unwrap();
        fs::copy(package().join("bindings/go/examples/forty/main.go"), module.file("main.go")).unwrap();
        fs::create_dir(module.data()).unwrap();
        fs::write(module.data().join("1.sst"), "a table").unwrap();
        Some(module)
    }

    pub fn file(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub fn program(&self) -> PathBuf {
        self.file("program")
    }

    pub fn data(&self) -> PathBuf {
        self.file("data")
    }

    pub fn target(&self) -> PathBuf {
        self.file("restored")
    }

    pub fn go(&self) -> Command {
        let mut go = command::go(self.0.path(), 24).expect("it was there");
        go.env("GOPROXY", "off"); // the package depends on nothing
        go
    }

    pub fn builds(&self, arguments: &[&str]) {
        run(self.go().args(["build", "-o"]).arg(self.program()).args(arguments).arg("."));
    }

    /// The program restores what it backs up.
    pub fn works(&self) {
        self.restores(Command::new(self.program()).arg(self.data()).arg(self.target()));
    }

    pub fn restores(&self, command: &mut Command) {
        run(command);
        assert_eq!(fs::read_to_string(self.target().join("1.sst")).expect("the table"), "a table");
    }
}

/// Without a dynamic loader.
pub fn assert_static(program: &Path) {
    let headers = run(Command::new("readelf").args(["-l", "-W"]).arg(program));
    assert!(headers.contains("LOAD") && !headers.contains("INTERP"), "{headers}");
}

/// What a command says that must fail.
pub fn refusal(command: &mut Command) -> String {
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success(), "{command:?} succeeds: {said}");
    said
}
