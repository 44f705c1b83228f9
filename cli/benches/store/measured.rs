//! What a process costs, by the kernel's own accounts.

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, WaitId, WaitIdOptions, waitid};

/// The kernel's count of time in `/proc`, which is the same everywhere.
const TICKS: f64 = 100.0;

/// How often its peak of memory is looked at: it only grows.
const LOOK: Duration = Duration::from_millis(5);

#[derive(Debug, Clone, Copy)]
pub struct Cost {
    /// Of the processor, all threads, in seconds.
    pub cpu: f64,
    pub took: f64,
    /// The peak of what is resident, in bytes.
    pub memory: u64,
    /// Of bodies.
    pub up: u64,
    pub down: Option<u64>,
    pub requests: Option<usize>,
}

/// What a step touches of memory that nothing has touched before, at most.
const TOUCHED: usize = 6 << 30;

/// Memory that this machine has not touched for a while costs a virtual one's hypervisor its time, which is counted as that
/// of whoever touches it first: a copy into the page cache takes five times as long. Here it is nobody's.
fn warm() {
    let mut memory = vec![0_u8; TOUCHED.min(free() / 2)];
    memory.iter_mut().step_by(4096).for_each(|byte| *byte = 1);
    std::hint::black_box(&memory);
}

/// The bytes that programs can have.
fn free() -> usize {
    let all = std::fs::read_to_string("/proc/meminfo").expect("what memory there is");
    let line = all.lines().find_map(|line| line.strip_prefix("MemAvailable:")).expect("what is free");
    line.trim().trim_end_matches(" kB").parse::<usize>().expect("a number") << 10
}

/// Runs it to its end, which must be a good one.
pub fn measure(command: &mut Command) -> Cost {
    warm();
    let began = Instant::now();
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::null()).spawn().expect("it runs");
    let mut memory = 0;
    while !has_ended(&child) {
        memory = peak(&child).unwrap_or(memory);
        std::thread::sleep(LOOK);
    }
    let took = began.elapsed().as_secs_f64();
    let cpu = cpu(&child);
    assert!(child.wait().expect("our child").success(), "{command:?}");
    Cost { cpu, took, memory, up: 0, down: None, requests: None }
}

/// It has, and its accounts are still there.
fn has_ended(child: &Child) -> bool {
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
    waitid(WaitId::Pid(Pid::from_child(child)), options).expect("our child").is_some()
}

fn peak(child: &Child) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.trim().trim_end_matches(" kB").parse::<u64>().ok()? << 10)
}

fn cpu(child: &Child) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", child.id())).expect("its accounts");
    let after = stat.rsplit(')').next().unwrap_or_default();
    let ticks = |at: usize| after.split_whitespace().nth(at).and_then(|word| word.parse::<f64>().ok());
    (ticks(11).expect("user time") + ticks(12).expect("system time")) / TICKS
}

fn median(mut all: Vec<f64>) -> f64 {
    all.sort_by(f64::total_cmp);
    all.get(all.len() / 2).copied().unwrap_or(f64::NAN)
}

/// The lines of a step, each a median of ours and of theirs.
pub fn report(step: &str, ours: Vec<Cost>, theirs: Vec<Cost>, bounds: [Option<f64>; 3]) {
    let [cpu_bound, up_bound, memory_bound] = bounds;
    let line = |what: &str, unit: &str, of: &dyn Fn(&Cost) -> f64, bound: Option<f64>| {
        let middle = |costs: &[Cost]| median(costs.iter().map(of).collect());
        let (ours, theirs) = (middle(&ours), middle(&theirs));
        let ratio = ours / theirs;
        let verdict = match bound {
            Some(bound) if ratio <= bound => format!(", within the bound of {bound}"),
            Some(bound) => format!(", OVER the bound of {bound}"),
            None => String::new(),
        };
        println!("{step}: {what} {ours:.2} {unit} against {theirs:.2} {unit}, ratio {ratio:.2}{verdict}");
    };
    const MB: f64 = 1e6;
    line("processor", "s", &|cost| cost.cpu, cpu_bound);
    line("memory", "MB", &|cost| cost.memory as f64 / MB, memory_bound);
    line("time", "s", &|cost| cost.took, None);
    if theirs.iter().any(|cost| cost.up > 0) {
        line("up", "MB", &|cost| cost.up as f64 / MB, up_bound);
    }
    if ours.iter().any(|cost| cost.requests.is_some()) {
        line("down", "MB", &|cost| cost.down.unwrap_or_default() as f64 / MB, None);
        line("requests", "", &|cost| cost.requests.unwrap_or_default() as f64, None);
    }
}
