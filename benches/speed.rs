//! Speed: a backup with default options (durable, verified by checksum) against `cp -r` and
//! `sync -f`, by turns, median of five.

mod common;

use std::path::Path;
use std::process::Command;

use common::{fill, median, report, settle, timed, work_dir};
use hotbackup::{Coordinator, Options};

const RUNS: usize = 5;

fn main() {
    compare("1 GB in 64 files of 16 MB", 64, 16 << 20, 1.3);
    compare("20,000 files of 4 KB", 20_000, 4 << 10, 1.3);
}

fn compare(what: &str, count: usize, size: usize, bound: f64) {
    let work = work_dir();
    let data = work.path().join("data");
    fill(&data, count, size, ".sst");
    settle();
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    // The first pair warms the cache and does not count.
    for run in 0..=RUNS {
        let copy = work.path().join("copy");
        let cp = timed(|| copy_and_sync(&data, &copy));
        std::fs::remove_dir_all(&copy).expect("the copy removed");
        settle();
        let backup = timed(|| back_up(&data));
        std::fs::remove_dir_all(data.join(".lifecycle")).expect("the snapshot removed");
        settle();
        if run > 0 {
            ours.push(backup);
            theirs.push(cp);
        }
    }
    report(what, median(ours), median(theirs), bound);
}

fn copy_and_sync(from: &Path, to: &Path) {
    for command in [Command::new("cp").arg("-r").arg(from).arg(to), Command::new("sync").arg("-f").arg(to)] {
        assert!(command.status().expect("a command").success());
    }
}

fn back_up(data: &Path) {
    let mut options = Options::new();
    options.add_rule("*.sst", hotbackup::FileClass::IMMUTABLE).expect("a rule");
    options.hooks().freeze_thaw(|_| Ok(()), |_| Ok(()));
    let coordinator = Coordinator::open(data, &options).expect("a coordinator");
    coordinator.start().expect("a job").wait().expect("a backup");
}
