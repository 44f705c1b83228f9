//! What the tests share: places with a database and its root, and runs of the command in them.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;

/// A directory of a test's own, gone with the value.
pub struct Place {
    top: tempfile::TempDir,
}

impl Place {
    /// A database, in memory, where syncs cost nothing.
    pub fn new() -> Self {
        let memory = Path::new("/dev/shm");
        let top = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() };
        let place = Self { top: top.expect("a temporary directory") };
        place.write("db/tables/1.sst", 100_000);
        place.write("db/tables/2.sst", 50_000);
        place.write("db/log", 2_000);
        place
    }

    /// The same with so many snapshots.
    pub fn with_snapshots(number: usize) -> Self {
        let place = Self::new();
        (0..number).for_each(|_| place.back_up());
        place
    }

    /// Writes a file of this size, its bytes different ones.
    pub fn write(&self, name: &str, size: usize) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().expect("a directory")).expect("it can be made");
        let bytes: Vec<u8> =
            (0..size as u64).map(|at| (at.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 56) as u8).collect();
        fs::write(path, bytes).expect("it can be written");
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.top.path().join(name)
    }

    /// The root that the database has in itself.
    pub fn root(&self) -> PathBuf {
        self.path("db/.lifecycle/backup")
    }

    /// A backup of files that all rest.
    pub fn back_up(&self) {
        self.run(["backup", "db", "--rule", "*=immutable"]).succeeds();
    }

    /// The paths of the snapshots, the newest first.
    pub fn snapshots(&self) -> Vec<PathBuf> {
        let numbers = fs::read_dir(self.root()).into_iter().flatten().map(|entry| entry.expect("an entry"));
        let numbers =
            numbers.filter_map(|entry| entry.file_name().to_str()?.strip_prefix("ts-")?.parse().ok());
        let mut numbers: Vec<u64> = numbers.collect();
        numbers.sort_unstable_by(|a, b| b.cmp(a));
        numbers.iter().map(|number| self.root().join(format!("ts-{number}"))).collect()
    }

    /// The command, to be run in here, with nobody at a terminal.
    pub fn command<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_hotbackup"));
        command.args(arguments).current_dir(self.top.path()).stdin(Stdio::null());
        for variable in ["HOTBACKUP_ROOT", "NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE", "COLUMNS"] {
            command.env_remove(variable);
        }
        for variable in ["HOTBACKUP_REPO", "RESTIC_PASSWORD", "RESTIC_PASSWORD_FILE"] {
            command.env_remove(variable);
        }
        // Restic keeps a cache in there.
        command.env("TZ", "UTC").env("XDG_CACHE_HOME", self.path("cache"));
        command
    }

    /// Runs it to its end.
    pub fn run<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> Ran {
        Ran::of(self.command(arguments).output().expect("the command runs"))
    }

    /// Runs it as a user to whom nothing belongs; `None`, and the test is skipped: only root can.
    pub fn run_as_nobody(&self, arguments: &[&str]) -> Option<Ran> {
        if !rustix::process::geteuid().is_root() {
            skip("running as another user needs root");
            return None;
        }
        // Where that user finds it, whatever the directories above the build are closed to.
        let program = self.path("hotbackup");
        fs::copy(env!("CARGO_BIN_EXE_hotbackup"), &program).expect("a copy");
        fs::set_permissions(self.top.path(), fs::Permissions::from_mode(0o755)).expect("it is ours");
        let mut command = Command::new(program);
        command.args(arguments).current_dir(self.top.path()).stdin(Stdio::null()).uid(65_534).gid(65_534);
        Some(Ran::of(command.output().expect("the command runs")))
    }

    /// Its document, which is what the schema says.
    pub fn json<A: AsRef<OsStr>>(&self, definition: &str, arguments: impl IntoIterator<Item = A>) -> Value {
        let ran = self.run(arguments).succeeds();
        assert_eq!(ran.err, "", "with --json nothing else is said");
        ran.json(definition)
    }
}

/// How a run ended.
#[derive(Debug)]
pub struct Ran {
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

impl Ran {
    pub fn of(output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).expect("it prints UTF-8");
        Self { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
    }

    #[track_caller]
    pub fn succeeds(self) -> Self {
        self.exits(0)
    }

    #[track_caller]
    pub fn exits(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{self:#?}");
        self
    }

    /// The one line that says what is wrong and, after it, what to do.
    #[track_caller]
    pub fn error(&self) -> &str {
        let mut lines = self.err.lines().filter(|line| line.starts_with("hotbackup: "));
        let line = lines.next().unwrap_or_else(|| panic!("no error: {self:#?}"));
        assert_eq!(lines.next(), None, "one error is one line");
        line
    }

    /// The document that was printed.
    #[track_caller]
    pub fn json(&self, definition: &str) -> Value {
        let document: Value =
            serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {self:#?}"));
        let mut schema: Value =
            serde_json::from_str(include_str!("../../schema/hotbackup.schema.json")).expect("JSON");
        assert!(schema["$defs"][definition].is_object(), "the schema does not tell of {definition}");
        let whole = jsonschema::validator_for(&schema).expect("a schema");
        assert!(whole.is_valid(&document), "it is none of the documents: {document:#}");
        schema["anyOf"] = serde_json::json!([{ "$ref": format!("#/$defs/{definition}") }]);
        let validator = jsonschema::validator_for(&schema).expect("a schema");
        let wrong: Vec<_> = validator.iter_errors(&document).map(|error| error.to_string()).collect();
        assert!(wrong.is_empty(), "{definition}: {wrong:?}\n{document:#}");
        document
    }
}

/// Says that a test cannot run here. Where HOTBACKUP_TEST_REQUIRE_ALL is set that is a failure.
pub fn skip(why: &str) {
    assert!(std::env::var_os("HOTBACKUP_TEST_REQUIRE_ALL").is_none(), "must not be skipped: {why}");
    eprintln!("skipped: {why}");
}
