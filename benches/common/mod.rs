//! What the benchmarks share. Every figure is a ratio of two things measured in one run, by
//! turns, since machines are noisy.
#![allow(dead_code)] // each benchmark uses its part

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Where to work: `HOTBACKUP_BENCH_DIR`, else the build directory, which is on a disk where
/// `/tmp` may be memory.
pub fn work_dir() -> tempfile::TempDir {
    let place = std::env::var_os("HOTBACKUP_BENCH_DIR").map(PathBuf::from);
    let place = place.unwrap_or_else(|| PathBuf::from(env!("CARGO_TARGET_TMPDIR")));
    tempfile::tempdir_in(place).expect("a directory to work in")
}

/// Writes `count` files of `size` bytes that no compression can shrink.
pub fn fill(directory: &Path, count: usize, size: usize, suffix: &str) {
    fs::create_dir_all(directory).expect("a directory");
    let mut block = vec![0u8; size.clamp(1, 1 << 20)];
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    for number in 0..count {
        for word in block.chunks_mut(8) {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            word.copy_from_slice(&state.to_le_bytes()[..word.len()]);
        }
        let mut file = File::create(directory.join(format!("{number:06}{suffix}"))).expect("a file");
        let mut left = size;
        while left > 0 {
            let piece = left.min(block.len());
            file.write_all(&block[..piece]).expect("bytes");
            left -= piece;
        }
    }
}

/// Writes back what earlier steps left dirty, so that no step pays for another.
pub fn settle() {
    assert!(std::process::Command::new("sync").status().expect("sync").success());
}

/// How long `work` takes.
pub fn timed(work: impl FnOnce()) -> Duration {
    let start = Instant::now();
    work();
    start.elapsed()
}

/// The middle one.
pub fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

/// One line of the report.
pub fn report(what: &str, ours: Duration, theirs: Duration, bound: f64) {
    let ratio = ours.as_secs_f64() / theirs.as_secs_f64();
    let verdict = if ratio <= bound { "within" } else { "OVER" };
    println!("{what}: {ours:.1?} against {theirs:.1?}, ratio {ratio:.2}, {verdict} the bound of {bound}");
}
