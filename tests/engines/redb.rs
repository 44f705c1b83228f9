//! redb, whose read transactions hold the pages of the tables but not those of redb's own trees, which
//! whoever opens a copy reads too. So its file fails the question of the class `PINNED`, and is right
//! as `MUTABLE`. Both are shown: each copy is opened by redb, and all of it compared with what was
//! committed at the freeze.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::thread;
use std::time::Duration;

use crate::common::{Place, restore};
use hotbackup::{FileClass, HookResult, Options};
use parking_lot::Mutex;
use redb::{Database, ReadTransaction, ReadableTable, TableDefinition, WriteTransaction};

const KEYS: u64 = 20_000;
const OPERATIONS: u64 = 20; // of a commit
const TABLE: TableDefinition<u64, &[u8]> = TableDefinition::new("all");
const LAST: u64 = u64::MAX; // here each commit leaves its number

type State = BTreeMap<u64, Vec<u8>>;

#[test]
fn a_redb_that_is_mutable_is_the_point_of_its_freeze() {
    let place = Place::in_memory();
    let host = Host::open(&place.data());
    let _writer = host.write();
    let mut model = Model::default();
    for round in 0..10 {
        let options = host.options(FileClass::Mutable);
        let job = place.back_up(&options).unwrap();
        let differs = host.differs(&mut model, &place, job.location());
        assert_eq!(differs, None, "round {round}");
    }
}

/// Not that anybody should: it shows that the question is not asked in vain.
#[test]
fn a_redb_that_is_said_to_be_pinned_is_found_to_be_wrong() {
    const TRIES: u32 = 40;
    let place = Place::in_memory();
    let host = Host::open(&place.data());
    let _writer = host.write();
    let mut model = Model::default();
    for round in 1..=TRIES {
        let mut options = host.options(FileClass::Pinned);
        options.set_rate_limit(32 << 20); // so that there are commits while it is copied
        let job = place.back_up(&options).unwrap();
        if let Some(differs) = host.differs(&mut model, &place, job.location()) {
            println!("round {round}: {differs}");
            return;
        }
    }
    panic!("none of {TRIES} copies of a redb was wrong: may it be pinned by now?");
}

/// The database and what its hooks share with its writer.
struct Host {
    database: Database,
    committed: AtomicU64,
    at_freeze: AtomicU64,
    stop: AtomicBool,
    /// Between freeze and thaw: nobody else writes.
    lock: Mutex<Option<WriteTransaction>>,
    /// Between freeze and release.
    reader: Mutex<Option<ReadTransaction>>,
}

impl Host {
    fn open(directory: &Path) -> Arc<Self> {
        let database = Database::create(directory.join("data.redb")).unwrap();
        let host = Self {
            database,
            committed: AtomicU64::new(0),
            at_freeze: AtomicU64::new(0),
            stop: AtomicBool::new(false),
            lock: Mutex::new(None),
            reader: Mutex::new(None),
        };
        for _ in 0..KEYS / OPERATIONS {
            host.commit(redb::Durability::None);
        }
        Arc::new(host)
    }

    /// Commits until it is dropped.
    fn write(self: &Arc<Self>) -> impl Drop + use<> {
        struct Writer(Arc<Host>, Option<thread::JoinHandle<()>>);
        impl Drop for Writer {
            fn drop(&mut self) {
                self.0.stop.store(true, SeqCst);
                let _ = self.1.take().map(thread::JoinHandle::join);
            }
        }
        let host = self.clone();
        let thread = thread::spawn(move || {
            while !host.stop.load(SeqCst) {
                host.commit(redb::Durability::Immediate);
                thread::sleep(Duration::from_millis(1));
            }
        });
        Writer(self.clone(), Some(thread))
    }

    fn commit(&self, durability: redb::Durability) {
        let mut transaction = self.database.begin_write().unwrap();
        transaction.set_durability(durability);
        let n = self.committed.load(SeqCst) + 1;
        {
            let mut table = transaction.open_table(TABLE).unwrap();
            for (key, value) in operations(n) {
                match value {
                    Some(value) => drop(table.insert(key, value.as_slice()).unwrap()),
                    None => drop(table.remove(key).unwrap()),
                }
            }
        }
        transaction.commit().unwrap();
        self.committed.store(n, SeqCst);
    }

    /// With the hooks that a host of redb has.
    fn options(self: &Arc<Self>, class: FileClass) -> Options {
        let mut options = Options::new();
        options.add_rule("*.redb", class).unwrap();
        let (freeze, thaw, release) = (self.clone(), self.clone(), self.clone());
        options.hooks().freeze_thaw(
            move |_| freeze.freeze(),
            move |_| {
                drop(thaw.lock.lock().take());
                Ok(())
            },
        );
        options.hooks().release(move |_| {
            drop(release.reader.lock().take());
            Ok(())
        });
        options
    }

    fn freeze(&self) -> HookResult {
        let committed = self.committed.load(SeqCst);
        let lock = self.database.begin_write().unwrap();
        let reader = self.database.begin_read().unwrap();
        let last = read(&reader).remove(&LAST).unwrap();
        let last = u64::from_le_bytes(last.try_into().unwrap());
        assert!(last >= committed, "commit {committed} was made, and {last} is the last");
        self.at_freeze.store(last, SeqCst);
        *self.reader.lock() = Some(reader);
        *self.lock.lock() = Some(lock);
        Ok(())
    }

    /// How what is restored from a snapshot differs from what was committed at the freeze.
    fn differs(&self, model: &mut Model, place: &Place, snapshot: &Path) -> Option<String> {
        let expected = model.at(self.at_freeze.load(SeqCst));
        let target = tempfile::tempdir_in(place.data().parent().unwrap()).unwrap();
        restore(snapshot, target.path()).unwrap();
        let opened = catch_unwind(AssertUnwindSafe(|| {
            let mut database = Database::open(target.path().join("data.redb")).map_err(|e| e.to_string())?;
            if !database.check_integrity().map_err(|e| e.to_string())? {
                return Err("its integrity had to be repaired".to_string());
            }
            Ok(read(&database.begin_read().map_err(|e| e.to_string())?))
        }));
        match opened {
            Ok(Ok(found)) if found == *expected => None,
            Ok(Ok(found)) => Some(format!("{} keys for {}", found.len(), expected.len())),
            Ok(Err(error)) => Some(error),
            Err(_) => Some("redb panicked".to_string()),
        }
    }
}

fn read(transaction: &ReadTransaction) -> State {
    let table = transaction.open_table(TABLE).unwrap();
    let all = table.iter().unwrap().map(|entry| {
        let (key, value) = entry.unwrap();
        (key.value(), value.value().to_vec())
    });
    all.collect()
}

/// What commit number `n` does; `None`: a key is deleted.
fn operations(n: u64) -> Vec<(u64, Option<Vec<u8>>)> {
    let operation = |i: u64| {
        let key = (n * OPERATIONS + i).wrapping_mul(0x9E37_79B9_7F4A_7C15) % KEYS;
        let value = (!(n + i).is_multiple_of(9)).then(|| format!("{n}.{i}").repeat(40).into_bytes());
        (key, value)
    };
    let last = (LAST, Some(n.to_le_bytes().to_vec()));
    (0..OPERATIONS).map(operation).chain([last]).collect()
}

/// What the database holds after so many commits.
#[derive(Default)]
struct Model {
    commits: u64,
    state: State,
}

impl Model {
    fn at(&mut self, commits: u64) -> &State {
        while self.commits < commits {
            self.commits += 1;
            for (key, value) in operations(self.commits) {
                match value {
                    Some(value) => drop(self.state.insert(key, value)),
                    None => drop(self.state.remove(&key)),
                }
            }
        }
        &self.state
    }
}
