//! RocksDB and LevelDB back themselves up while they are written to, flush and compact. The programs
//! are those of examples-c: they restore each snapshot, let the engine open and check it, compare every
//! key with what was committed at the freeze, and fail at the first difference. The same with checkpoints, opened
//! where they lie, as copies and to write to them, after which the live database is compared too.

use std::path::PathBuf;
use std::process::Command;

use crate::common::library::{has, has_header, package, run, staged};
use crate::common::programs::linked;
use tempfile::TempDir;

/// Of each variant.
const ROUNDS: &str = "20";

const EXACT: &str = ": 20 snapshots, 0 wrong";

const CHECKPOINTS: &str = ": 20 checkpoints, 0 wrong";

const VARIANTS: [&str; 7] = [
    "named",
    "named-wal-dir-blobs",
    "named-recycled",
    "walked-wal-dir-blobs",
    "walked-recycled",
    "named-unlogged",
    "walked-unlogged",
];

/// A log was deleted from a restored database, which opened all the same, and the comparison told.
const LOST_LOG_FOUND: &str = "found by comparison";

const CLOSED: &str = ": the snapshot of the closed database holds all of its";

#[test]
fn every_snapshot_of_rocksdb_is_the_point_of_its_freeze() {
    let Some(rocksdb) = Program::of("rocksdb") else { return };
    let printed = rocksdb.run();
    for variant in VARIANTS {
        assert!(printed.contains(&format!("rocksdb {variant}{EXACT}")), "{variant}: {printed}");
        assert!(printed.contains(&format!("rocksdb {variant}{CHECKPOINTS}")), "{variant}: {printed}");
        assert!(printed.contains(&format!("rocksdb {variant}{CLOSED}")), "{variant}: {printed}");
    }
    assert_eq!(printed.matches(LOST_LOG_FOUND).count(), 4, "{printed}");
}

#[test]
fn every_snapshot_of_leveldb_is_the_point_of_its_freeze() {
    let Some(leveldb) = Program::of("leveldb") else { return };
    let printed = leveldb.run();
    for line in [EXACT, LOST_LOG_FOUND, CHECKPOINTS, CLOSED] {
        assert!(printed.contains(line), "{line}: {printed}");
    }
}

#[test]
fn commits_to_rocksdb_that_are_in_no_log_and_that_nobody_flushes_are_missed() {
    let Some(rocksdb) = Program::of("rocksdb") else { return };
    for variant in ["named-unlogged", "walked-unlogged"] {
        let output =
            rocksdb.command().args(["--only", variant, "--break", "flush"]).output().expect("it runs");
        let printed = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{variant}: {printed}");
        let wrong = format!("rocksdb {variant}: THE RESTORED DATABASE IS WRONG: ");
        assert!(printed.contains(&wrong), "{printed}");
    }
}

/// A program of examples-c, and a directory to run it in.
struct Program {
    stage: TempDir,
    program: PathBuf,
}

impl Program {
    /// None: the engine is not installed.
    fn of(engine: &str) -> Option<Self> {
        if !has("c++") || !has_header(&format!("{engine}/db.h"), &format!("lib{engine}-dev")) {
            return None;
        }
        let stage = staged();
        let program = stage.path().join(engine);
        let source = package().join("examples-c").join(engine).with_extension("cpp");
        let mut compiler = Command::new("c++");
        compiler.args(["-std=c++17", "-O1", "-Wall", "-Wextra", "-Wpedantic", "-Werror"]);
        run(linked(&mut compiler, &[source], &program).arg(format!("-l{engine}")));
        Some(Self { stage, program })
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command.arg(self.stage.path().join("data")).args(["--rounds", ROUNDS]);
        command
    }

    /// What it printed.
    fn run(&self) -> String {
        run(&mut self.command())
    }
}
