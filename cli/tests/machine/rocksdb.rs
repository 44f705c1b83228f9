//! A RocksDB under writers that never stop: `host.cpp`, in a process of its own.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};

use crate::library::{has, has_header, run, staged};

/// The compiled program, and the library beside it.
pub struct Program {
    stage: tempfile::TempDir,
}

/// What was committed when a snapshot was frozen: so many commits of each writer.
pub type Committed = [u64; 3];

/// A database that is written to, until it is killed.
pub struct Host {
    child: Child,
    said: BufReader<ChildStdout>,
}

impl Program {
    /// None, and it is said: the engine is not installed.
    pub fn compiled() -> Option<Self> {
        if !has("c++") || !has_header("rocksdb/db.h", "librocksdb-dev") {
            return None;
        }
        let (stage, top) = (staged(), Path::new(env!("CARGO_MANIFEST_DIR")));
        let mut compiler = Command::new("c++");
        compiler.args(["-std=c++17", "-O1", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-pthread"]);
        for headers in ["../include", "../examples-c"] {
            compiler.arg("-I").arg(top.join(headers));
        }
        compiler.arg(top.join("tests/machine/host.cpp")).arg(crate::library::library());
        compiler.arg(format!("-Wl,-rpath,{}", stage.path().display()));
        run(compiler.arg("-lrocksdb").arg("-o").arg(stage.path().join("host")));
        Some(Self { stage })
    }

    fn command(&self) -> Command {
        Command::new(self.stage.path().join("host"))
    }

    /// Makes a database and begins to write to it.
    pub fn start(&self, data: &Path, root: &Path) -> Host {
        let mut command = self.command();
        command.arg("run").arg(data).arg(root).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("it runs");
        let said = BufReader::new(child.stdout.take().expect("a pipe"));
        Host { child, said }
    }

    /// Lets RocksDB open and check what was restored, and compares every key with what was committed. What differs, if
    /// anything does.
    pub fn compare(&self, restored: &Path, committed: Committed) -> Result<(), String> {
        let mut command = self.command();
        command.arg("compare").arg(restored).args(committed.map(|number| number.to_string()));
        let output = command.output().expect("it runs");
        match output.status.success() {
            true => Ok(()),
            false => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
        }
    }
}

impl Host {
    /// It makes a snapshot or a checkpoint. What was committed at its freeze, and where it is.
    pub fn make(&mut self, kind: &str) -> (Committed, String) {
        let stdin = self.child.stdin.as_mut().expect("a pipe");
        writeln!(stdin, "{kind}").and_then(|()| stdin.flush()).expect("it listens");
        let mut line = String::new();
        self.said.read_line(&mut line).expect("it answers");
        let words: Vec<&str> = line.split_whitespace().collect();
        let [a, b, c, location] = words[..] else { panic!("the host has ended: {words:?}") };
        ([a, b, c].map(|word| word.parse().expect("a number")), location.to_string())
    }
}

impl Drop for Host {
    /// As the power goes.
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
