//! The freeze window: 1,000 immutable files and 64 KB of mutable ones, against a bare loop of
//! 1,000 `link` calls; and the same with immutable files ten times larger.

mod common;

use std::fs;
use std::path::Path;
use std::time::Duration;

use common::{fill, median, report, settle, timed, work_dir};
use hotbackup::{Coordinator, FileClass, Options};

const RUNS: usize = 9;
const FILES: usize = 1_000;

fn main() {
    let work = work_dir();
    let small = work.path().join("small");
    let large = work.path().join("large");
    for (data, size) in [(&small, 1 << 20), (&large, 10 << 20)] {
        fill(&data.join("tables"), FILES, size, ".sst");
        fill(&data.join("meta"), 4, 16 << 10, "");
        settle();
    }
    let (mut of_small, mut of_large, mut of_links) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..RUNS {
        of_links.push(link_loop(&small.join("tables"), &work.path().join("links")));
        of_small.push(window(&small));
        of_large.push(window(&large));
    }
    let links = median(of_links);
    let (small, large) = (median(of_small), median(of_large));
    report("window with 1,000 files of 1 MB against 1,000 links", small, links, 1.5);
    report("window with 1,000 files of 10 MB against 1,000 links", large, links, 1.5);
    report("window with files ten times larger against the smaller", large, small, 1.5);
}

fn link_loop(tables: &Path, links: &Path) -> Duration {
    fs::create_dir_all(links).expect("a directory");
    let names: Vec<_> =
        fs::read_dir(tables).expect("a listing").map(|entry| entry.expect("an entry").path()).collect();
    let took = timed(|| {
        for (number, name) in names.iter().enumerate() {
            fs::hard_link(name, links.join(number.to_string())).expect("a link");
        }
    });
    fs::remove_dir_all(links).expect("the links removed");
    took
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
