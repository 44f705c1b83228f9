//! The store of the quickstart (examples-c/store.h) backs itself up while it is written to, seals logs and merges
//! segments. The program compares each record of each snapshot with what was committed at its freeze: at once, and
//! again when younger ones share its segments and others that did are deleted.

use std::process::{Command, Output};

use crate::common::library::{has, package, run, staged};
use crate::common::programs::linked;
use tempfile::TempDir;

#[test]
fn every_snapshot_of_the_quickstarts_store_is_and_stays_the_point_of_its_freeze() {
    let Some(stage) = built() else { return };
    // It fails where nothing was shared.
    let printed = run(rounds(&stage).args(["--rounds", "12"]).arg(stage.path().join("data")));
    assert!(printed.contains("store: 12 snapshots, 0 wrong"), "{printed}");
    assert!(printed.contains("times, others deleted in between, 0 wrong"), "{printed}");
    assert!(!printed.contains("restored 0 times"), "{printed}");
}

#[test]
fn commits_to_the_quickstarts_store_that_go_on_in_the_freeze_are_found() {
    let Some(stage) = built() else { return };
    let command = &mut rounds(&stage);
    command.args(["--break", "freeze"]).arg(stage.path().join("data"));
    let Output { status, stderr, .. } = command.output().expect("it runs");
    let said = String::from_utf8_lossy(&stderr);
    assert_eq!(status.code(), Some(1), "{said}");
    assert!(said.contains("WRONG: ") && said.contains("its last commit is"), "{said}");
}

/// The directory of the program; `None`: there is no compiler.
fn built() -> Option<TempDir> {
    if !has("cc") {
        return None;
    }
    let stage = staged();
    let store = ["store", "store_files", "store_open", "store_merge", "workload"];
    let sources = ["store_rounds", "host", "example"].into_iter().chain(store);
    let sources: Vec<_> =
        sources.map(|name| package().join("examples-c").join(name).with_extension("c")).collect();
    let mut compiler = Command::new("cc");
    compiler.args(["-std=c11", "-D_GNU_SOURCE", "-O1", "-Wall", "-Wextra", "-Wpedantic", "-Werror"]);
    run(linked(&mut compiler, &sources, &stage.path().join("store_rounds")));
    Some(stage)
}

fn rounds(stage: &TempDir) -> Command {
    Command::new(stage.path().join("store_rounds"))
}
