//! SQLite and LMDB back themselves up while they are written to. The programs are those of examples-c:
//! they restore each snapshot, let the engine open and check it, compare every key with what was
//! committed before the freeze, and fail at the first difference. Told to break something, they must.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::common::library::{has, has_header, package, run, staged};
use crate::common::programs::linked;
use tempfile::TempDir;

/// Of each variant.
const ROUNDS: &str = "20";

#[test]
fn every_snapshot_of_sqlite_is_the_point_of_its_freeze() {
    let Some(sqlite) = Program::of("sqlite") else { return };
    let printed = sqlite.run(&["--rounds", ROUNDS]);
    for variant in ["wal", "wal-pinned", "delete", "truncate", "persist"] {
        assert!(printed.contains(&exact(variant)), "{variant}: {printed}");
    }
    assert_eq!(printed.matches("another process was refused the lock that this one held").count(), 5);
}

#[test]
fn every_snapshot_of_lmdb_is_the_point_of_its_freeze() {
    let Some(lmdb) = Program::of("lmdb") else { return };
    let printed = lmdb.run(&["--rounds", ROUNDS]);
    for variant in ["lmdb", "lmdb-writemap"] {
        assert!(printed.contains(&exact(variant)), "{variant}: {printed}");
    }
    // The program fails if the environment never grew while it was copied.
    assert!(!printed.contains("grew in 0 rounds"), "{printed}");
}

#[test]
fn a_row_that_a_restored_sqlite_lacks_is_found() {
    let Some(sqlite) = Program::of("sqlite") else { return };
    for variant in ["wal", "wal-pinned", "delete"] {
        let printed = sqlite.fails(variant, "row");
        assert!(printed.contains("WRONG: restored: key ") && printed.contains("is missing"), "{printed}");
    }
}

#[test]
fn a_log_that_a_restored_sqlite_lacks_is_found() {
    let Some(sqlite) = Program::of("sqlite") else { return };
    // Here the log is only in the snapshot when it holds a commit that the database lacks.
    let printed = sqlite.fails("wal-pinned", "wal");
    assert!(printed.contains("WRONG: "), "{printed}");
}

#[test]
fn a_lock_that_sqlite_lost_is_found() {
    let Some(sqlite) = Program::of("sqlite") else { return };
    let lock = sqlite.fails("delete", "lock");
    assert!(lock.contains("another process got the lock that this one holds"), "{lock}");
    let log = sqlite.fails("wal", "lock");
    assert!(log.contains("another process removed the log of an open database"), "{log}");
}

#[test]
fn a_validator_that_opens_a_staged_sqlite_plainly_fails_the_backup() {
    let Some(sqlite) = Program::of("sqlite") else { return };
    let printed = sqlite.fails("wal", "validator");
    assert!(printed.contains("BACKUP_CORRUPT") && printed.contains("app.db-wal: it is missing"), "{printed}");
}

#[test]
fn a_row_that_a_restored_lmdb_lacks_is_found() {
    let Some(lmdb) = Program::of("lmdb") else { return };
    for variant in ["lmdb", "lmdb-writemap"] {
        let printed = lmdb.fails(variant, "row");
        assert!(printed.contains("WRONG: restored: key ") && printed.contains("is missing"), "{printed}");
    }
}

/// The line that the program prints for a variant.
fn exact(variant: &str) -> String {
    format!("\n{variant}: {ROUNDS} snapshots restored and compared, none wrong")
}

/// A program of examples-c, and a directory to run it in.
struct Program {
    stage: TempDir,
    program: PathBuf,
}

impl Program {
    /// None: its engine is not installed.
    fn of(engine: &str) -> Option<Self> {
        let (header, debian, link) = match engine {
            "sqlite" => ("sqlite3.h", "libsqlite3-dev", "-lsqlite3"),
            _ => ("lmdb.h", "liblmdb-dev", "-llmdb"),
        };
        if !has("cc") || !has_header(header, debian) {
            return None;
        }
        let stage = staged();
        let program = stage.path().join(engine);
        let sources = [engine, &format!("{engine}_db"), "host", "example"];
        let sources = sources.map(|name| package().join("examples-c").join(name).with_extension("c"));
        let mut compiler = Command::new("cc");
        compiler.args(["-std=c11", "-D_GNU_SOURCE", "-O1", "-Wall", "-Wextra", "-Wpedantic", "-Werror"]);
        run(linked(&mut compiler, &sources, &program).arg(link));
        Some(Self { stage, program })
    }

    fn command(&self, arguments: &[&str], data: &Path) -> Command {
        let mut command = Command::new(&self.program);
        command.args(arguments).arg(data);
        command
    }

    /// What it printed.
    fn run(&self, arguments: &[&str]) -> String {
        run(&mut self.command(arguments, &self.stage.path().join("data")))
    }

    /// What it printed when it failed, as it must once that is broken.
    fn fails(&self, variant: &str, broken: &str) -> String {
        let rounds = if broken == "lock" { "1" } else { ROUNDS }; // all else ends in the first rounds
        let arguments = ["--rounds", rounds, "--only", variant, "--break", broken];
        let data = self.stage.path().join("data");
        let output = self.command(&arguments, &data).output().expect("the program can be run");
        let printed = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        assert_eq!(output.status.code(), Some(1), "{arguments:?}: {printed}");
        printed
    }
}
