//! RocksDB and LevelDB back themselves up while they are written to, flush and compact. The programs
//! are those of examples-c: they restore each snapshot, let the engine open and check it, compare every
//! key with what was committed at the freeze, and fail at the first difference.

#[path = "c/library.rs"]
mod library;

use std::path::{Path, PathBuf};
use std::process::Command;

use library::{has, has_header, library, package, run, staged};

/// Of each variant.
const ROUNDS: &str = "20";

const EXACT: &str = ": 20 snapshots, 0 wrong";

const VARIANTS: [&str; 5] =
    ["named", "named-wal-dir-blobs", "named-recycled", "walked-wal-dir-blobs", "walked-recycled"];

/// A log was deleted from a restored database, which opened all the same, and the comparison told.
const LOST_LOG_FOUND: &str = "found by comparison";

const CLOSED: &str = ": the snapshot of the closed database holds all of its";

#[test]
fn every_snapshot_of_rocksdb_is_the_point_of_its_freeze() {
    let Some(printed) = back_up("rocksdb") else { return };
    for variant in VARIANTS {
        assert!(printed.contains(&format!("rocksdb {variant}{EXACT}")), "{variant}: {printed}");
        assert!(printed.contains(&format!("rocksdb {variant}{CLOSED}")), "{variant}: {printed}");
    }
    assert_eq!(printed.matches(LOST_LOG_FOUND).count(), 4, "{printed}");
}

#[test]
fn every_snapshot_of_leveldb_is_the_point_of_its_freeze() {
    let Some(printed) = back_up("leveldb") else { return };
    for line in [EXACT, LOST_LOG_FOUND, CLOSED] {
        assert!(printed.contains(line), "{line}: {printed}");
    }
}

/// What the program printed; none: the engine is not installed.
fn back_up(engine: &str) -> Option<String> {
    if !has("c++") || !has_header(&format!("{engine}/db.h"), &format!("lib{engine}-dev")) {
        return None;
    }
    let stage = staged();
    let data = tempfile::tempdir().expect("a temporary directory");
    let program = compile(engine, stage.path());
    Some(run(Command::new(program).arg(data.path()).args(["--rounds", ROUNDS])))
}

fn compile(engine: &str, stage: &Path) -> PathBuf {
    let program = stage.join(engine);
    run(Command::new("c++")
        .args(["-std=c++17", "-O1", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-pthread"])
        .arg("-I")
        .arg(package().join("include"))
        .arg(package().join("examples-c").join(engine).with_extension("cpp"))
        .arg(library())
        .arg(format!("-Wl,-rpath,{}", stage.display()))
        .arg(format!("-l{engine}"))
        .arg("-o")
        .arg(&program));
    program
}
