//! Roots with many snapshots: what a list of 10,000 takes, and what list, policy, prune and delete take among 1,000
//! snapshots of 20,000 files, against reading each manifest whole, which is what they did at first, and a deletion
//! against `rm -r` of the same tree.
//!
//! The snapshots are copies of one manifest; those that are deleted have their files too.

mod common;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use common::{fill, median, settle, timed, work_dir};
use hotbackup::{BackupRoot, Coordinator, Options, Retention, Snapshot};

const RUNS: usize = 5;
const MANIFEST: &str = "snapshot.manifest";

fn main() {
    many_small();
    many_large();
}

fn many_small() {
    const SNAPSHOTS: u64 = 10_000;
    let work = work_dir();
    let root = root_of(work.path(), 10, SNAPSHOTS);
    let list = typical(|| assert_eq!(root.list().expect("a list").len() as u64, SNAPSHOTS));
    let whole = typical(|| read_whole(&root));
    println!("{SNAPSHOTS} snapshots of 10 files: a list {list:.2?}, reading each manifest whole {whole:.2?}");
}

fn many_large() {
    const SNAPSHOTS: u64 = 1_000;
    const FILES: usize = 20_000;
    let work = work_dir();
    let root = root_of(work.path(), FILES, SNAPSHOTS);
    let newest = root.latest().expect("a snapshot").location().to_path_buf();
    let (mut prunes, mut deletes, mut removals) = (Vec::new(), Vec::new(), Vec::new());
    let with_files = |name: &str| {
        let copy = work.path().join(name);
        let copied = Command::new("cp").args(["-al"]).arg(&newest).arg(&copy).status();
        assert!(copied.is_ok_and(|status| status.success()), "cp");
        copy
    };
    for number in 0..RUNS {
        // Older than all others, so that a prune takes it and nothing else.
        with_files("root/ts-1");
        let alike = with_files(&format!("alike-{number}"));
        settle();
        prunes.push(timed(|| assert_eq!(root.prune(SNAPSHOTS as u32).expect("a prune"), 1)));
        removals.push(timed(|| fs::remove_dir_all(&alike).expect("removed")));
        with_files("root/ts-1");
        settle();
        deletes.push(timed(|| root.delete("ts-1").expect("a deletion")));
    }
    let mut policy = Retention::new();
    policy.keep_daily(30).keep_monthly(12);
    let list = typical(|| assert_eq!(root.list().expect("a list").len() as u64, SNAPSHOTS));
    let plan = typical(|| drop(root.retention_plan(&policy).expect("a plan")));
    let idle = typical(|| assert_eq!(root.prune(SNAPSHOTS as u32).expect("a prune"), 0));
    let whole = timed(|| read_whole(&root));
    println!("{SNAPSHOTS} snapshots of {FILES} files:");
    println!("  reading each manifest whole, once    {whole:.2?}");
    let whole = whole.as_secs_f64();
    let told = |what: &str, took: Duration| {
        println!("  {what:36} {took:.2?}, {:.4} x", took.as_secs_f64() / whole);
    };
    told("a list", list);
    told("what a policy would do", plan);
    told("a prune that finds nothing", idle);
    let removal = median(removals);
    println!("  rm -r of a tree of as many files     {removal:.2?}");
    for (what, times) in [("a prune of one", prunes), ("a deletion of one", deletes)] {
        let took = median(times.clone());
        println!("  {what:36} {took:.2?}, {:.2} x rm -r", took.as_secs_f64() / removal.as_secs_f64());
    }
}

/// One real snapshot of so many files, the newest, and older ones that have its manifest alone.
fn root_of(work: &Path, files: usize, snapshots: u64) -> BackupRoot {
    let (data, root) = (work.join("data"), work.join("root"));
    fill(&data, files, 100, ".sst");
    let mut options = Options::new();
    options.set_root(&root).expect("a path");
    options.hooks().freeze_thaw(|_| Ok(()), |_| Ok(()));
    let coordinator = Coordinator::open(&data, &options).expect("a coordinator");
    coordinator.start().and_then(|job| job.wait()).expect("a backup");
    let root = BackupRoot::at(&root);
    let manifest =
        fs::read(root.latest().expect("a snapshot").location().join(MANIFEST)).expect("a manifest");
    for number in 2..=snapshots {
        let older: PathBuf = root.path().join(format!("ts-{}", 1_000_000 + number * 86_400));
        fs::create_dir(&older).and_then(|()| fs::write(older.join(MANIFEST), &manifest)).expect("a copy");
    }
    settle();
    root
}

/// The median of several, the first of which warms the caches and does not count.
fn typical(mut step: impl FnMut()) -> Duration {
    step();
    let times: Vec<Duration> = (0..RUNS).map(|_| timed(&mut step)).collect();
    median(times)
}

fn read_whole(root: &BackupRoot) {
    for entry in fs::read_dir(root.path()).expect("a listing") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            Snapshot::open(&path).expect("a snapshot");
        }
    }
}
