//! A host's writer alone, beside a backup at a limited rate, and beside a push at the same rate, to a directory of the same
//! disk and to one in memory, as to another machine: how long each of its small synced writes takes, in one run, in random
//! order. `HOTBACKUP_BENCH_MB` is how many MB of tables there are (256), `HOTBACKUP_BENCH_RATE` how many MiB a second each
//! may take (32), `HOTBACKUP_BENCH_ROUNDS` how often it is done (3), `HOTBACKUP_BENCH_DIR` where.

#[path = "../../../remote/tests/common/mod.rs"]
mod common;

#[path = "../store/data.rs"]
#[allow(dead_code, reason = "nothing changes here")]
mod data;

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};

const PAGE: usize = 4096;

/// What the writer's file has.
const LENGTH: u64 = 64 << 20;

/// Between two writes.
const PAUSE: Duration = Duration::from_millis(2);

const BESIDE: [&str; 4] = ["nothing", "a backup", "a push to the same disk", "a push elsewhere"];

const SIDES: usize = BESIDE.len();

fn number(variable: &str, otherwise: usize) -> usize {
    std::env::var(variable).map_or(otherwise, |text| text.parse().expect("a number"))
}

fn main() {
    let (megabytes, rounds) = (number("HOTBACKUP_BENCH_MB", 256), number("HOTBACKUP_BENCH_ROUNDS", 3));
    let rate = format!("{}MiB", number("HOTBACKUP_BENCH_RATE", 32));
    let work = std::env::var_os("HOTBACKUP_BENCH_DIR").unwrap_or_else(|| env!("CARGO_TARGET_TMPDIR").into());
    let place = tempfile::tempdir_in(work).expect("a directory to work in");
    let place = place.path();
    let memory = tempfile::tempdir_in("/dev/shm").expect("a directory in memory");
    data::make(&place.join("data"), megabytes);
    let file =
        File::options().read(true).write(true).create_new(true).open(place.join("written")).expect("a file");
    file.set_len(LENGTH)
        .and_then(|()| file.write_all_at(&vec![1; LENGTH as usize], 0))
        .expect("it is filled");
    file.sync_all().expect("it is synced");
    run(hotbackup(place).args(backup("pushed")));
    let snapshot = newest(&place.join("pushed"));
    let mut random = common::Random::new(std::process::id().into());
    let mut found: [Vec<[f64; 3]>; SIDES] = Default::default();
    for round in 0..rounds + 1 {
        let mut order: [usize; SIDES] = std::array::from_fn(|side| side);
        for last in (1..SIDES).rev() {
            order.swap(last, random.below(last as u64 + 1) as usize);
        }
        for side in order {
            let mut command = hotbackup(place);
            match side {
                0 => command.arg("--version"),
                1 => command.args(backup(&format!("root-{round}"))).args(["--rate", &rate]),
                _ => {
                    let at = if side == 2 { place } else { memory.path() };
                    let repository = format!("file://{}/repository-{round}", at.display());
                    run(hotbackup(place).args(["remote", "init", "--repo", &repository]));
                    command.args(["remote", "push", "--repo", &repository, "--rate", &rate]).arg(&snapshot)
                }
            };
            let took = beside(&file, &mut random, |is_over| {
                let began = Instant::now();
                run(&mut command);
                // Alone for about as long.
                while side == 0 && began.elapsed() < Duration::from_secs(8) {
                    std::thread::sleep(PAUSE);
                }
                is_over.store(true, Relaxed);
            });
            // The first round warms up.
            if round > 0 {
                found[side].push(took);
            }
        }
    }
    report(found);
}

fn hotbackup(place: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hotbackup"));
    command.current_dir(place).env("HOME", place).env("RESTIC_PASSWORD", "correct horse");
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command
}

fn backup(root: &str) -> [&str; 8] {
    // With a freeze nothing waits until files prove that they are left alone.
    ["backup", "data", "--root", root, "--freeze-cmd", "true", "--thaw-cmd", "true"]
}

fn run(command: &mut Command) {
    assert!(command.status().expect("it runs").success(), "{command:?}");
}

fn newest(root: &Path) -> PathBuf {
    let entries = std::fs::read_dir(root).expect("a root").map(|entry| entry.expect("an entry").path());
    let is_snapshot = |path: &PathBuf| path.join("snapshot.manifest").exists();
    entries.filter(is_snapshot).max().expect("a snapshot")
}

/// Writes until the work is over: how long the middle one of all took, the slowest but one in a hundred, the slowest.
fn beside(file: &File, random: &mut common::Random, work: impl FnOnce(&AtomicBool) + Send) -> [f64; 3] {
    let is_over = AtomicBool::new(false);
    let mut took = Vec::new();
    std::thread::scope(|scope| {
        scope.spawn(|| work(&is_over));
        while !is_over.load(Relaxed) {
            let at = random.below(LENGTH / PAGE as u64) * PAGE as u64;
            let page = random.bytes(PAGE);
            let began = Instant::now();
            file.write_all_at(&page, at).and_then(|()| file.sync_data()).expect("a page");
            took.push(began.elapsed().as_secs_f64() * 1000.0);
            std::thread::sleep(PAUSE);
        }
    });
    took.sort_by(f64::total_cmp);
    let at = |share: f64| took[((took.len() - 1) as f64 * share) as usize];
    [at(0.5), at(0.99), at(1.0)]
}

fn report(mut found: [Vec<[f64; 3]>; SIDES]) {
    let mut medians = [[0.0; 3]; SIDES];
    for (side, rounds) in found.iter_mut().enumerate() {
        for (which, median) in medians[side].iter_mut().enumerate() {
            rounds.sort_by(|a, b| a[which].total_cmp(&b[which]));
            *median = rounds[rounds.len() / 2][which];
        }
    }
    for (what, [half, p99, most]) in BESIDE.iter().zip(medians) {
        println!("beside {what}: half {half:.2} ms, p99 {p99:.2} ms, longest {most:.1} ms");
    }
    for (what, push) in BESIDE.iter().zip(medians).skip(2) {
        let [_, p99, longest] = std::array::from_fn(|which| push[which] / medians[1][which]);
        println!("{what} against a backup: p99 {p99:.2} x, longest {longest:.2} x");
    }
}
