//! A live Alopex store backs itself up while a thread of it never stops writing, is restored, and
//! every key of it is compared with what was committed before the freeze.
//!
//! `cargo run --features alopex --example alopex [-- <directory>]`
//!
//! Alopex finds its tables by listing `sst/` and builds them there in place, so the freeze stops
//! whatever may build one: commits, which flush a full memtable, `flush` and `checkpoint`. All of
//! them go through one gate. (The store's own commit lock would not do: `flush` does not take it.)

use std::collections::BTreeMap;
use std::error::Error;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::{Duration, Instant};
use std::{env, fs, process, thread};

use alopex_core::lsm::{LsmKV, LsmKVConfig};
use alopex_core::{KVStore, KVTransaction, TxnManager, TxnMode};
use hotbackup::{Coordinator, Hook, HookResult, Host, Options};

type State = BTreeMap<Vec<u8>, Vec<u8>>;

/// The store and the gate that whoever changes its files goes through.
struct Database {
    store: LsmKV,
    gate: Mutex<Gate>,
    thawed: Condvar,
    closing: AtomicBool,
}

#[derive(Default)]
struct Gate {
    frozen: bool,
    last_commit: u64,
    last_before_freeze: u64,
    /// What each commit took.
    took: Vec<Duration>,
}

impl Database {
    fn open(directory: &Path) -> Result<Self, Box<dyn Error>> {
        let mut config = LsmKVConfig::default();
        config.memtable.flush_threshold = 8 << 10; // the writer alone makes tables too
        let (store, _) = LsmKV::open_with_config(directory, config)?;
        Ok(Self { store, gate: Mutex::default(), thawed: Condvar::new(), closing: AtomicBool::new(false) })
    }

    fn enter(&self) -> MutexGuard<'_, Gate> {
        let gate = self.gate.lock().expect("no writer has panicked");
        self.thawed.wait_while(gate, |gate| gate.frozen).expect("no writer has panicked")
    }

    fn commit(&self) -> Result<(), Box<dyn Error>> {
        let mut gate = self.enter();
        let number = gate.last_commit + 1;
        let begun = Instant::now();
        let mut transaction = self.store.begin(TxnMode::ReadWrite)?;
        match value_of(number) {
            Some(value) => transaction.put(key_of(number), value)?,
            None => transaction.delete(key_of(number))?,
        }
        self.store.txn_manager().commit(transaction)?;
        gate.last_commit = number;
        gate.took.push(begun.elapsed());
        Ok(())
    }

    fn write_until_closing(&self) {
        while !self.closing.load(Ordering::Relaxed) {
            if let Err(error) = self.commit() {
                eprintln!("a commit failed: {error}");
                process::exit(1);
            }
        }
    }
}

fn key_of(commit: u64) -> Vec<u8> {
    format!("key{:06}", commit.wrapping_mul(7919) % 500).into_bytes()
}

/// What a commit puts; `None`: it deletes.
fn value_of(commit: u64) -> Option<Vec<u8>> {
    (!commit.is_multiple_of(9)).then(|| format!("{commit:0100}").into_bytes())
}

/// The state after a commit.
fn state_after(last_commit: u64) -> State {
    let mut state = State::new();
    for commit in 1..=last_commit {
        match value_of(commit) {
            Some(value) => state.insert(key_of(commit), value),
            None => state.remove(&key_of(commit)),
        };
    }
    state
}

impl Host for Database {
    fn checkpoint(&self, _: &Hook<'_>) -> HookResult {
        let _gate = self.enter();
        self.store.checkpoint()?;
        Ok(())
    }

    fn freeze(&self, _: &Hook<'_>) -> HookResult {
        let mut gate = self.enter();
        gate.frozen = true;
        gate.last_before_freeze = gate.last_commit;
        Ok(())
    }

    fn thaw(&self, _: &Hook<'_>) -> HookResult {
        self.gate.lock().expect("no writer has panicked").frozen = false;
        self.thawed.notify_all();
        Ok(())
    }
}

/// Backs up a live store in `directory`, restores it beside that, and compares.
pub fn run(directory: &Path) -> Result<(), Box<dyn Error>> {
    let (data, restored) = (directory.join("data"), directory.join("restored"));
    fs::create_dir_all(&data)?;
    let database = Arc::new(Database::open(&data)?);
    let writing = database.clone();
    let writer = thread::spawn(move || writing.write_until_closing());
    thread::sleep(Duration::from_millis(200));

    let mut options = Options::new();
    options.set_layout("alopex")?;
    options.hooks().host(database.clone());
    let coordinator = Coordinator::open(&data, &options)?;
    let job = coordinator.start()?;
    job.wait()?;
    let (frozen, commit) = {
        let mut gate = database.enter();
        gate.took.sort_unstable();
        (gate.last_before_freeze, gate.took[gate.took.len() / 2])
    };
    println!("{} holds {frozen} commits", job.location().display());
    let stopped = job.status()?.freeze.as_secs_f64() * 1e3;
    println!("writes stopped for {stopped:.1} ms, a commit takes {:.1} ms", commit.as_secs_f64() * 1e3);
    hotbackup::restore(job.location(), &restored, &Options::new())?.wait()?;

    database.closing.store(true, Ordering::Relaxed);
    writer.join().map_err(|_| "the writer panicked")?;
    let copy = LsmKV::open(&restored)?;
    let found: State = copy.begin(TxnMode::ReadOnly)?.scan_prefix(b"")?.collect();
    if found != state_after(frozen) {
        return Err("the restored store is not what it was at the freeze".into());
    }
    println!("every one of {} keys is as it was at the freeze", found.len());
    Ok(())
}

fn main() -> Result<(), Box<dyn Error>> {
    let default = || env::temp_dir().join(format!("hotbackup-alopex-{}", process::id()));
    run(&env::args_os().nth(1).map_or_else(default, PathBuf::from))
}
