//! Very many files: what a backup of 50,000 small ones takes against `rsync -a` and `sync -f`, and against a
//! bare loop of the same calls; its freeze window against a bare listing and against a bare loop of links;
//! and the memory that a backup, a list, a verification and a restore take at their peaks for each file.
//!
//! `HOTBACKUP_BENCH_FILES` says of how many files the memory is measured, in place of 200,000.

mod common;

use std::fs::{self, File};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use common::{fill, median, report, settle, timed, work_dir};
use hotbackup::{BackupRoot, Coordinator, FileClass, Options, Share};

const RUNS: usize = 5;
const FILES: usize = 50_000;
const A_DIRECTORY: usize = 1_000;

/// The step that a process of its own measures, and the directory to work in.
const STEP: &str = "HOTBACKUP_BENCH_STEP";

/// The steps, and what a file may take at the peak of each, in bytes.
const STEPS: [(&str, u64); 4] = [("backup", 450), ("list", 20), ("verify", 200), ("restore", 200)];

fn main() {
    if let Some(step) = std::env::var_os(STEP) {
        let work = std::env::var_os("HOTBACKUP_BENCH_DIR").expect("where to work");
        return measure(&step.to_string_lossy(), Path::new(&work));
    }
    time_of_many();
    let files = std::env::var("HOTBACKUP_BENCH_FILES").ok();
    memory_of_many(files.map_or(200_000, |files| files.parse().expect("a number of files")));
}

fn make(data: &Path, files: usize) {
    for number in 0..files / A_DIRECTORY {
        fill(&data.join(format!("tables/{number:04}")), A_DIRECTORY, 100, ".sst");
    }
    fill(&data.join("meta"), 4, 16 << 10, "");
    settle();
}

fn time_of_many() {
    let work = work_dir();
    let (data, copy) = (work.path().join("data"), work.path().join("copy"));
    make(&data, FILES);
    let files = files_of(&data);
    let has_rsync = Command::new("rsync").arg("--version").output().is_ok();
    let (mut backups, mut rsyncs, mut loops) = (Vec::new(), Vec::new(), Vec::new());
    let (mut windows, mut listings, mut links) = (Vec::new(), Vec::new(), Vec::new());
    // The first round warms the caches and does not count.
    for run in 0..=RUNS {
        let emptied = || {
            fs::remove_dir_all(&copy).expect("the copy removed");
            settle();
        };
        let backup = timed(|| back_up(&data, &data.join(".lifecycle/backups")));
        fs::remove_dir_all(data.join(".lifecycle")).expect("the snapshot removed");
        settle();
        let of_loop = timed(|| bare_loop(&files, &copy));
        emptied();
        let of_links = timed(|| link_all(&files, &copy));
        emptied();
        let rsync = has_rsync.then(|| timed(|| rsync(&data, &copy)));
        if has_rsync {
            emptied();
        }
        let (listing, window) = (timed(|| drop(files_of(&data))), window(&data));
        if run > 0 {
            backups.push(backup);
            loops.push(of_loop);
            links.push(of_links);
            rsyncs.extend(rsync);
            listings.push(listing);
            windows.push(window);
        }
    }
    let (backup, window) = (median(backups), median(windows));
    match has_rsync {
        true => report("50,000 files of 100 bytes against rsync", backup, median(rsyncs), 0.7),
        false => println!("50,000 files of 100 bytes against rsync: rsync is not installed"),
    }
    report("50,000 files of 100 bytes against a bare loop", backup, median(loops), 1.5);
    report("window with 50,000 files against a listing of them", window, median(listings), 4.0);
    report("window with 50,000 files against as many links", window, median(links), 0.15);
}

fn files_of(directory: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(directory).expect("a listing") {
        let entry = entry.expect("an entry");
        match entry.file_type().expect("a type").is_dir() {
            true => files.extend(files_of(&entry.path())),
            false => files.push(entry.path()),
        }
    }
    files
}

fn options(root: &Path) -> Options {
    let mut options = Options::new();
    options.add_rule("*.sst", FileClass::IMMUTABLE).expect("a rule");
    options.set_root(root).expect("a root");
    options.set_share(Share::Never);
    options
}

fn back_up(data: &Path, root: &Path) {
    let mut options = options(root);
    options.hooks().freeze_thaw(|_| Ok(()), |_| Ok(()));
    let coordinator = Coordinator::open(data, &options).expect("a coordinator");
    coordinator.start().expect("a job").wait().expect("a backup");
}

/// The window of one backup, which is cancelled once it has closed: the copy is another figure.
fn window(data: &Path) -> Duration {
    let mut options = options(&data.join(".lifecycle/backups"));
    options.hooks().freeze_thaw(|_| Ok(()), |hook| Ok(hook.job().cancel()?));
    let coordinator = Coordinator::open(data, &options).expect("a coordinator");
    let job = coordinator.start().expect("a job");
    job.wait().expect_err("it was cancelled");
    job.status().expect("a status").freeze
}

fn rsync(data: &Path, copy: &Path) {
    for command in [
        Command::new("rsync").args(["-a", "--exclude", ".lifecycle"]).arg(data).arg(copy),
        Command::new("sync").arg("-f").arg(copy),
    ] {
        assert!(command.status().expect("a command").success());
    }
}

/// What a backup cannot do without: each file gets a link, is read, written with its time, and once all are
/// durable read back.
fn bare_loop(files: &[PathBuf], copy: &Path) {
    fs::create_dir_all(copy).expect("a directory");
    let mut bytes = Vec::new();
    let name = |number: usize| copy.join(format!("{}/{number}", number / A_DIRECTORY));
    for number in 0..=files.len() / A_DIRECTORY {
        fs::create_dir_all(copy.join(number.to_string())).expect("a directory");
    }
    let pin = |number: usize| copy.join(format!("{number}.pin"));
    for (number, path) in files.iter().enumerate() {
        fs::hard_link(path, pin(number)).expect("a link");
    }
    for (number, path) in files.iter().enumerate() {
        let mut file = File::open(path).expect("a file");
        bytes.clear();
        file.read_to_end(&mut bytes).expect("its bytes");
        let mut new = File::create_new(name(number)).expect("a new file");
        new.write_all(&bytes).expect("bytes written");
        new.set_modified(file.metadata().expect("a stat").modified().expect("a time")).expect("a time set");
        fs::remove_file(pin(number)).expect("a link removed");
    }
    assert!(Command::new("sync").arg("-f").arg(copy).status().expect("sync").success());
    for number in 0..files.len() {
        bytes.clear();
        File::open(name(number)).and_then(|mut file| file.read_to_end(&mut bytes)).expect("bytes");
    }
}

fn link_all(files: &[PathBuf], links: &Path) {
    fs::create_dir_all(links).expect("a directory");
    for (number, name) in files.iter().enumerate() {
        fs::hard_link(name, links.join(number.to_string())).expect("a link");
    }
}

/// Each step in a process of its own: what one has let go of another would use again.
fn memory_of_many(files: usize) {
    let work = work_dir();
    make(&work.path().join("data"), files);
    for (step, bound) in STEPS {
        let this = std::env::current_exe().expect("this program");
        let mut command = Command::new(this);
        command.env(STEP, step).env("HOTBACKUP_BENCH_DIR", work.path());
        let output = command.output().expect("a process");
        let grown = String::from_utf8(output.stdout).expect("a number");
        let grown: u64 = grown.trim().parse().expect("a number");
        let each = grown / files as u64;
        let verdict = if each <= bound { "within" } else { "OVER" };
        println!(
            "memory at the peak of a {step} of {files} files: {each} bytes a file, {verdict} the bound of {bound}"
        );
    }
}

/// Prints by how many bytes the peak of this process grows with a step.
fn measure(step: &str, work: &Path) {
    let (data, root) = (work.join("data"), work.join("root"));
    fs::write("/proc/self/clear_refs", "5").expect("the peak is forgotten");
    let before = status("VmHWM:");
    let newest = || BackupRoot::at(&root).latest().expect("a snapshot").location().to_path_buf();
    match step {
        "backup" => back_up(&data, &root),
        "list" => assert_eq!(BackupRoot::at(&root).list().expect("a list").len(), 1),
        "verify" => {
            let job = hotbackup::verify(newest(), &Options::new()).expect("a job");
            job.wait().expect("a good snapshot");
        }
        "restore" => {
            let job = hotbackup::restore(newest(), work.join("restored"), &Options::new()).expect("a job");
            job.wait().expect("a restored tree");
        }
        other => panic!("{other} is no step"),
    }
    println!("{}", (status("VmHWM:") - before) * 1024);
}

/// A line of this process's status, in KiB.
fn status(name: &str) -> u64 {
    let status = fs::read_to_string("/proc/self/status").expect("a status");
    let line = status.lines().find_map(|line| line.strip_prefix(name)).expect("a line");
    line.trim().trim_end_matches(" kB").parse().expect("a number")
}
