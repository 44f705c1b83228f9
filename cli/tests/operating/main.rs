//! The walks of docs/operating.md, typed again: each command of the page must print what stands below it.
//!
//! `HOTBACKUP_UPDATE=1` writes what is printed now into the page, where it is not the same.

mod page;
mod same;
mod shell;

use std::path::Path;
use std::process::Command;
use std::sync::{Mutex, PoisonError};

use page::Page;
use same::Names;
use shell::Shell;

/// The page is written by whoever walks; one after the other.
static WALKING: Mutex<()> = Mutex::new(());

#[test]
fn a_sqlite_database_comes_back_from_each_disaster_as_the_page_says() {
    walk("SQLite", &["sqlite3"], &[]);
}

#[test]
fn a_rocksdb_database_comes_back_from_each_disaster_as_the_page_says() {
    // The disk that is full is mounted in a namespace of the walk's own, and goes with it.
    walk("RocksDB", &["ldb", "unshare", "mount"], &["unshare", "--mount"]);
}

/// Types the commands of one section, in a shell that `within` starts.
fn walk(section: &str, needs: &[&str], within: &[&str]) {
    if let Some(missing) = needs.iter().find(|program| !is_there(program)) {
        return skip(&format!("{missing} is missing"));
    }
    if !within.is_empty() && !runs(within) {
        return skip(&format!("{within:?} needs root and a kernel that can"));
    }
    let _alone = WALKING.lock().unwrap_or_else(PoisonError::into_inner);
    let update = std::env::var_os("HOTBACKUP_UPDATE").is_some();
    let mut page = Page::read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/operating.md"));
    let mut shell = Shell::start(within);
    let mut names = Names::default();
    let mut wrong = Vec::new();
    let steps: Vec<usize> = page.steps_of(section).collect();
    assert!(steps.len() > 10, "{section} is hardly a walk: {} commands", steps.len());
    for at in steps {
        let step = page.step(at);
        let printed = shell.type_in(&names.now(&step.command));
        let Some(difference) = names.compare(&step.output, &printed) else { continue };
        wrong.push(format!("docs/operating.md:{}: $ {}\n{difference}", step.line, step.command));
        match update {
            true => page.prints(at, &names.on_page(&printed)),
            // What follows would only be wrong for the same reason.
            false => break,
        }
    }
    if update {
        return page.write();
    }
    assert!(wrong.is_empty(), "(HOTBACKUP_UPDATE=1 writes the page)\n{}", wrong.join("\n"));
}

fn is_there(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|directory| directory.join(program).is_file())
}

/// Whether a memory file system can be mounted within this.
fn runs(within: &[&str]) -> bool {
    let place = tempfile::tempdir().expect("a temporary directory");
    let mut try_it = Command::new(within[0]);
    try_it.args(&within[1..]).args(["mount", "-t", "tmpfs", "none"]).arg(place.path());
    try_it.output().is_ok_and(|output| output.status.success())
}

fn skip(why: &str) {
    assert!(std::env::var_os("HOTBACKUP_TEST_REQUIRE_ALL").is_none(), "must not be skipped: {why}");
    eprintln!("skipped: {why}");
}
