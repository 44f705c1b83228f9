//! The restic program over a repository of the tests: the other reader and writer of what this crate writes.

use std::ffi::OsStr;
use std::fs::File;
use std::path::Path;
use std::process::Command;

use rustix::fs::{FlockOperation, flock};

use super::backend::Backend;
use super::proxy::Proxy;
use super::service::local;

/// restic, told of a repository.
pub struct Restic {
    backend: Backend,
    password: String,
    /// Its home and its temporary files.
    scratch: tempfile::TempDir,
}

/// How a run ended.
#[derive(Debug)]
pub struct Ran {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Restic {
    /// For this repository; `None`, and it is said: there is no restic here.
    pub fn of(backend: &Backend, password: &str) -> Option<Self> {
        if Command::new("restic").arg("version").output().is_err() {
            super::skip("restic is not there: apt-get install restic");
            return None;
        }
        let scratch = tempfile::tempdir().expect("a temporary directory");
        Some(Self { backend: backend.clone(), password: password.to_string(), scratch })
    }

    /// Its command, with nothing of this process's environment.
    pub fn command(&self) -> Command {
        let mut command = Command::new("restic");
        command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.env("HOME", self.scratch.path()).env("TMPDIR", self.scratch.path());
        command
            .env("RESTIC_REPOSITORY", self.backend.restic_repository())
            .env("RESTIC_PASSWORD", &self.password);
        command.envs(self.backend.restic_env()).arg("--no-cache");
        command
    }

    /// Runs it, however that ends.
    pub fn run<A: AsRef<OsStr>>(&self, arguments: &[A]) -> Ran {
        self.finish(self.command().args(arguments))
    }

    /// The same for a command that was made ready.
    pub fn finish(&self, command: &mut Command) -> Ran {
        let _front = self.front();
        let output = command.output().expect("restic is there");
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        Ran { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
    }

    /// Runs it and returns what it printed; that it fails is a failure of the test.
    #[track_caller]
    pub fn must<A: AsRef<OsStr>>(&self, arguments: &[A]) -> String {
        let ran = self.run(arguments);
        let said: Vec<_> = arguments.iter().map(|argument| argument.as_ref().to_string_lossy()).collect();
        let repository = self.backend.restic_repository();
        let Ran { code, stdout, stderr } = &ran;
        assert!(*code == Some(0), "restic {} of {repository}: {code:?}\n{stdout}{stderr}", said.join(" "));
        ran.stdout
    }

    #[track_caller]
    pub fn init(&self) {
        self.must(&["init", "--repository-version", "2"]);
    }

    /// Backs up what is in a directory: its names are the snapshot's.
    #[track_caller]
    pub fn backup(&self, directory: &Path) {
        let ran = self.finish(self.command().args(["backup", "."]).current_dir(directory));
        assert!(ran.code == Some(0), "restic backup of {}: {ran:?}", directory.display());
    }

    /// Everything is read and found good.
    #[track_caller]
    pub fn check(&self) {
        self.must(&["check", "--read-data"]);
    }

    #[track_caller]
    pub fn snapshots(&self) -> Vec<serde_json::Value> {
        serde_json::from_str(&self.must(&["snapshots", "--json"])).expect("snapshots in JSON")
    }

    /// What a snapshot holds: a line about it, then one for each name.
    #[track_caller]
    pub fn ls(&self, snapshot: &str) -> Vec<serde_json::Value> {
        let printed = self.must(&["ls", "--json", snapshot]);
        printed.lines().map(|line| serde_json::from_str(line).expect("a line of JSON")).collect()
    }

    #[track_caller]
    pub fn restore(&self, snapshot: &str, target: &Path) {
        self.must(&["restore".as_ref(), snapshot.as_ref(), "--target".as_ref(), target.as_os_str()]);
    }

    #[track_caller]
    pub fn prune(&self) {
        self.must(&["prune", "--max-unused", "0"]);
    }

    #[track_caller]
    pub fn forget(&self, snapshot: &str) {
        self.must(&["forget", snapshot]);
    }

    /// Removes locks that it takes for stale, or all.
    #[track_caller]
    pub fn unlock(&self, all: bool) {
        match all {
            true => self.must(&["unlock", "--remove-all"]),
            false => self.must(&["unlock"]),
        };
    }

    /// Where restic looks at one port of this machine alone: what brings it from there to the server. One
    /// at a time in all test programs.
    fn front(&self) -> Option<(Proxy, File)> {
        let port = self.backend.restic_port()?;
        let turn = File::create(Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("port-{port}.lock")));
        let turn = turn.expect("a lock");
        flock(&turn, FlockOperation::LockExclusive).expect("a lock");
        Some((Proxy::listening(local(port), self.backend.address()), turn))
    }
}
