//! An Alopex store under a writer that never stops, which backs itself up through the C API.
//!
//! Alopex lists `sst/` to find its tables and builds them in place under their final names, so
//! the freeze must stop whatever may build one: commits (which flush a full memtable), `flush` and
//! `checkpoint` (which also moves the start of the log). All of them go through one gate here, as
//! they do through the server. The store's own `commit_lock` would not do: `flush` does not take it.

use std::collections::BTreeMap;
use std::ffi::{CString, c_void};
use std::path::{Path, PathBuf};
use std::ptr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use alopex_core::lsm::{LsmKV, LsmKVConfig};
use alopex_core::{KVStore, KVTransaction, TxnManager, TxnMode};
use parking_lot::Mutex;

use super::c::{self, Handle};

/// All keys and values of a store.
pub type State = BTreeMap<Vec<u8>, Vec<u8>>;

const KEYS: u64 = 200;

fn key(n: u64) -> Vec<u8> {
    format!("key{:06}", n.wrapping_mul(7919) % KEYS).into_bytes()
}

/// What commit number `n` puts; `None`: it deletes.
fn value(n: u64) -> Option<Vec<u8>> {
    (!n.is_multiple_of(9)).then(|| format!("{n:0100}").into_bytes())
}

/// The state after commit number `last`.
pub fn expected(last: u64) -> State {
    let mut state = State::new();
    for n in 1..=last {
        match value(n) {
            Some(value) => drop(state.insert(key(n), value)),
            None => drop(state.remove(&key(n))),
        }
    }
    state
}

/// Opens a copy of a store and reads all of it.
pub fn read_all(directory: &Path) -> State {
    let store = LsmKV::open(directory).expect("Alopex opens it");
    let mut transaction = store.begin(TxnMode::ReadOnly).unwrap();
    transaction.scan_prefix(b"").unwrap().collect()
}

/// The store and what its hooks share with its writer.
pub struct Host {
    store: LsmKV,
    /// The number of the last commit. Who changes files of the store holds it.
    gate: Mutex<u64>,
    at_freeze: AtomicU64,
    stop: AtomicBool,
}

impl Host {
    /// Opens a new store.
    pub fn open(directory: &Path) -> Arc<Self> {
        // The layout's validator, like the server's, reads the log with the default configuration.
        let mut config = LsmKVConfig::default();
        // Small memtables: the writer alone makes tables too.
        config.memtable.flush_threshold = 8 << 10;
        config.memtable.max_immutable_count = 1;
        let (store, _) = LsmKV::open_with_config(directory, config).unwrap();
        Arc::new(Self {
            store,
            gate: Mutex::new(0),
            at_freeze: AtomicU64::new(0),
            stop: AtomicBool::new(false),
        })
    }

    /// Starts the writer. `flushes_freely`: a second thread flushes without regard to the gate.
    pub fn write(self: &Arc<Self>, flushes_freely: bool) -> Writer {
        let run = |work: fn(&Host)| {
            let host = self.clone();
            thread::spawn(move || {
                while !host.stop.load(Relaxed) {
                    work(&host);
                }
            })
        };
        let mut threads = vec![run(Host::commit)];
        if flushes_freely {
            threads.push(run(|host| {
                host.store.flush().unwrap();
                thread::sleep(Duration::from_millis(3));
            }));
        }
        Writer { host: self.clone(), threads }
    }

    fn commit(&self) {
        let mut last = self.gate.lock();
        let n = *last + 1;
        let mut transaction = self.store.begin(TxnMode::ReadWrite).unwrap();
        match value(n) {
            Some(value) => transaction.put(key(n), value).unwrap(),
            None => transaction.delete(key(n)).unwrap(),
        }
        self.store.txn_manager().commit(transaction).unwrap();
        if n.is_multiple_of(64) {
            self.store.flush().unwrap();
        }
        *last = n;
    }

    /// The number of the last commit so far.
    pub fn last_commit(&self) -> u64 {
        *self.gate.lock()
    }

    /// The number of the last commit before the last freeze.
    pub fn at_freeze(&self) -> u64 {
        self.at_freeze.load(Relaxed)
    }

    /// Backs the store up through the C API; the snapshot's location.
    pub fn back_up(self: &Arc<Self>) -> Result<PathBuf, String> {
        let user_data = Arc::as_ptr(self).cast_mut().cast::<c_void>();
        // SAFETY: each handle is used as hotbackup.h says, and the host outlives the coordinator.
        unsafe {
            let options = c::backup_options_new();
            c::call(|error| c::backup_options_set_layout(options, c"alopex".as_ptr(), error))?;
            c::call(|error| {
                c::backup_options_set_checkpoint_hook(options, Some(checkpoint), user_data, None, error)
            })?;
            c::call(|error| {
                c::backup_options_set_freeze_hook(options, Some(freeze), Some(thaw), user_data, None, error)
            })?;
            let mut coordinator = ptr::null_mut();
            let directory = c::c_path(&self.store.data_dir);
            c::call(|error| {
                c::backup_coordinator_open(directory.as_ptr(), options, &mut coordinator, error)
            })?;
            c::backup_options_free(options);
            let mut job = ptr::null_mut();
            let result = c::call(|error| c::backup_start(coordinator, &mut job, error));
            let result = result.and_then(|()| c::finish(job));
            c::backup_coordinator_close(coordinator);
            result
        }
    }
}

/// The threads that write, stopped and joined when it is dropped.
pub struct Writer {
    host: Arc<Host>,
    threads: Vec<JoinHandle<()>>,
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.host.stop.store(true, Relaxed);
        for thread in self.threads.drain(..) {
            let ended = thread.join();
            assert!(ended.is_ok() || thread::panicking(), "a writer panicked");
        }
    }
}

/// # Safety
/// A hook's user data is the host, which outlives the coordinator.
unsafe fn host<'a>(user_data: *mut c_void) -> &'a Host {
    // SAFETY: as the caller says.
    unsafe { &*user_data.cast::<Host>() }
}

unsafe extern "C" fn checkpoint(user_data: *mut c_void, hook: Handle) -> i32 {
    // SAFETY: set with the host; the hook lives for the time of the call.
    unsafe {
        let host = host(user_data);
        let _gate = host.gate.lock();
        let Err(error) = host.store.checkpoint() else { return 0 };
        let why = CString::new(error.to_string()).expect("a message without NUL");
        c::backup_hook_set_error(hook, why.as_ptr(), ptr::null_mut(), None);
        1
    }
}

unsafe extern "C" fn freeze(user_data: *mut c_void, _hook: Handle) -> i32 {
    // SAFETY: set with the host.
    let host = unsafe { host(user_data) };
    let last = host.gate.lock();
    host.at_freeze.store(*last, Relaxed);
    // Held until thaw, which is called once and on this thread.
    std::mem::forget(last);
    0
}

unsafe extern "C" fn thaw(user_data: *mut c_void, _hook: Handle) -> i32 {
    // SAFETY: set with the host; freeze has left the gate locked on this thread.
    unsafe { host(user_data).gate.force_unlock() };
    0
}

/// Restores through the C API.
pub fn restore(snapshot: &Path, target: &Path) -> Result<(), String> {
    let (snapshot, target) = (c::c_path(snapshot), c::c_path(target));
    let mut job = ptr::null_mut();
    // SAFETY: the paths are C strings; NULL options are the defaults.
    c::call(|error| unsafe {
        c::backup_restore_start(snapshot.as_ptr(), target.as_ptr(), ptr::null_mut(), &mut job, error)
    })?;
    c::finish(job).map(drop)
}
