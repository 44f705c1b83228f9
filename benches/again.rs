//! A second backup: with nothing changed, and with one file in a hundred changed, against a full one of the same
//! files; and of 50,000 files with nothing changed against a bare loop of `link`. Each line names its bound.

mod common;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use common::{fill, median, report, settle, timed, work_dir};
use hotbackup::{Coordinator, FileClass, Options, Share};

const RUNS: usize = 5;

fn main() {
    large();
    many();
}

/// 1 GB, as RocksDB has it.
fn large() {
    let work = work_dir();
    let data = work.path().join("data");
    fill(&data, 76, 14 << 20, ".sst");
    settle();
    let (mut full, mut nothing, mut some) = (Vec::new(), Vec::new(), Vec::new());
    // Files are shared once their stamps are older than any is coarse.
    std::thread::sleep(Duration::from_millis(2_100));
    for run in 0..=RUNS {
        let root = work.path().join(format!("root-{run}"));
        let taken = timed(|| back_up(&data, &root, Share::Never));
        settle();
        let again = timed(|| back_up(&data, &root, Share::Safely));
        change_one(&data, run);
        settle();
        let changed = timed(|| back_up(&data, &root, Share::Safely));
        settle();
        // The first warms the cache and does not count.
        if run > 0 {
            full.push(taken);
            nothing.push(again);
            some.push(changed);
        }
    }
    let full = median(full);
    report("1 GB in 76 files with nothing changed against a full backup", median(nothing), full, 0.05);
    report("1 GB in 76 files with one changed against a full backup", median(some), full, 0.1);
}

/// Another file takes the place of one, as a compaction leaves it.
fn change_one(data: &Path, run: usize) {
    let mut files: Vec<PathBuf> =
        fs::read_dir(data).expect("a listing").map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.is_file());
    files.sort();
    let new = data.join(format!("new-{run:06}.sst"));
    fs::copy(&files[run], &new).expect("a copy");
    fs::remove_file(&files[run]).expect("it is removed");
}

fn many() {
    let work = work_dir();
    let data = work.path().join("data");
    for number in 0..50 {
        fill(&data.join(format!("{number:03}")), 1_000, 4 << 10, ".sst");
    }
    settle();
    std::thread::sleep(Duration::from_millis(2_100));
    let root = work.path().join("root");
    back_up(&data, &root, Share::Safely);
    settle();
    let (mut ours, mut links) = (Vec::new(), Vec::new());
    for run in 0..=RUNS {
        let linked = timed(|| link_all(&data, &work.path().join(format!("links-{run}"))));
        settle();
        let again = timed(|| back_up(&data, &root, Share::Safely));
        settle();
        if run > 0 {
            ours.push(again);
            links.push(linked);
        }
    }
    report("50,000 files with nothing changed against a link of each", median(ours), median(links), 6.0);
}

fn link_all(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a directory");
    for entry in fs::read_dir(from).expect("a listing") {
        let entry = entry.expect("an entry");
        let to = to.join(entry.file_name());
        match entry.file_type().expect("a type").is_dir() {
            true => link_all(&entry.path(), &to),
            false => fs::hard_link(entry.path(), to).expect("a link"),
        }
    }
}

fn back_up(data: &Path, root: &Path, share: Share) {
    let mut options = Options::new();
    options.add_rule("*.sst", FileClass::IMMUTABLE).expect("a rule");
    options.set_root(root).expect("a root");
    options.set_share(share);
    options.set_adopt_root(true);
    options.hooks().freeze_thaw(|_| Ok(()), |_| Ok(()));
    let coordinator = Coordinator::open(data, &options).expect("a coordinator");
    coordinator.start().expect("a job").wait().expect("a backup");
}
