//! Very many files: the freeze window of 50,000 immutable ones against a bare listing of them, and the
//! memory that a whole backup of them takes at its peak.

mod common;

use std::fs;
use std::path::Path;
use std::time::Duration;

use common::{fill, median, report, settle, timed, work_dir};
use hotbackup::{Coordinator, FileClass, Options};

const RUNS: usize = 7;
const FILES: usize = 50_000;
const DIRECTORIES: usize = 50;

/// What a file of the list may take at the peak, in bytes.
const A_FILE: u64 = 600;

fn main() {
    let work = work_dir();
    let data = work.path().join("data");
    for number in 0..DIRECTORIES {
        fill(&data.join(format!("tables/{number:03}")), FILES / DIRECTORIES, 100, ".sst");
    }
    fill(&data.join("meta"), 4, 16 << 10, "");
    settle();
    // First, while nothing that this process has let go of is there to be used again.
    let peak = peak_of_a_backup(&data, &work.path().join("root")) / FILES as u64;
    let verdict = if peak <= A_FILE { "within" } else { "OVER" };
    println!("memory at the peak of a backup: {peak} bytes a file, {verdict} the bound of {A_FILE}");
    let (mut windows, mut listings) = (Vec::new(), Vec::new());
    for _ in 0..RUNS {
        listings.push(timed(|| list(&data)));
        windows.push(window(&data));
    }
    report("window with 50,000 files against a listing of them", median(windows), median(listings), 4.0);
}

fn list(directory: &Path) {
    for entry in fs::read_dir(directory).expect("a listing") {
        let entry = entry.expect("an entry");
        if entry.file_type().expect("a type").is_dir() {
            list(&entry.path());
        }
    }
}

/// The window of one backup, which is cancelled once it has closed: the copy is another figure.
fn window(data: &Path) -> Duration {
    let mut options = Options::new();
    options.add_rule("*.sst", FileClass::IMMUTABLE).expect("a rule");
    options.hooks().freeze_thaw(|_| Ok(()), |hook| Ok(hook.job().cancel()?));
    let coordinator = Coordinator::open(data, &options).expect("a coordinator");
    let job = coordinator.start().expect("a job");
    job.wait().expect_err("it was cancelled");
    job.status().expect("a status").freeze
}

/// By how many bytes the peak of this process grows with a whole backup.
fn peak_of_a_backup(data: &Path, root: &Path) -> u64 {
    let mut options = Options::new();
    options.add_rule("*.sst", FileClass::IMMUTABLE).expect("a rule");
    options.set_root(root).expect("a root");
    options.hooks().freeze_thaw(|_| Ok(()), |_| Ok(()));
    let coordinator = Coordinator::open(data, &options).expect("a coordinator");
    fs::write("/proc/self/clear_refs", "5").expect("the peak is forgotten");
    let before = status("VmHWM:");
    coordinator.start().expect("a job").wait().expect("a backup");
    (status("VmHWM:") - before) * 1024
}

/// A line of this process's status, in KiB.
fn status(name: &str) -> u64 {
    let status = fs::read_to_string("/proc/self/status").expect("a status");
    let line = status.lines().find_map(|line| line.strip_prefix(name)).expect("a line");
    line.trim().trim_end_matches(" kB").parse().expect("a number")
}
