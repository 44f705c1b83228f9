//! A little LSM engine, built like LevelDB: commits go to a log and a memtable, full memtables
//! become tables, compactions replace tables. Tables are built in place under their final names;
//! which of them live, a MANIFEST says that CURRENT names. A freeze stops commits and nothing else.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::thread::{self, JoinHandle};
use std::time::{Duration, SystemTime};

use parking_lot::{Condvar, Mutex};

const KEYS: u64 = 300;
const LOG_COMMITS: usize = 40;
const MANIFEST_EDITS: usize = 30;

/// Key to the number of the commit that wrote it last.
pub type State = BTreeMap<u64, u64>;

/// What commit number `n` writes to: a key, and whether it deletes it.
fn commit(n: u64) -> (u64, bool) {
    (n.wrapping_mul(7919) % KEYS, n.is_multiple_of(11))
}

/// The state after commit number `last`.
pub fn expected(last: u64) -> State {
    live((1..=last).map(|n| (commit(n).0, n)))
}

/// The newest commit of each key, those that deleted it left out.
fn live(records: impl Iterator<Item = (u64, u64)>) -> State {
    let mut newest = State::new();
    for (key, n) in records {
        let known = newest.entry(key).or_default();
        *known = n.max(*known);
    }
    newest.retain(|_, n| !commit(*n).1);
    newest
}

fn record(n: u64) -> String {
    format!("{} {n} {n:0100}\n", commit(n).0)
}

struct Commits {
    frozen: bool,
    last: u64,
    memtable: Vec<u64>,
    log: File,
    log_number: u64,
    /// Full memtables, each with the oldest log that is needed once it is a table.
    full: VecDeque<(Vec<u64>, u64)>,
}

struct Manifest {
    file: File,
    number: u64,
    edits: usize,
    tables: BTreeSet<u64>,
    oldest_log: u64,
}

/// The engine, its writer and its compactor at work until it is dropped.
pub struct Engine {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

struct Shared {
    dir: PathBuf,
    commits: Mutex<Commits>,
    thawed: Condvar,
    manifest: Mutex<Manifest>,
    next_number: AtomicU64,
    edits: AtomicU64,
    stop: AtomicBool,
}

impl Engine {
    pub fn start(dir: &Path) -> Self {
        let manifest = Manifest {
            file: File::create(dir.join("MANIFEST-1")).unwrap(),
            number: 1,
            edits: 0,
            tables: BTreeSet::new(),
            oldest_log: 2,
        };
        writeln!(&manifest.file, "log=2").unwrap();
        fs::write(dir.join("CURRENT"), "MANIFEST-1").unwrap();
        // Files that take time to copy, so that much happens while the window is open.
        fs::write(dir.join("settings"), vec![7; 2 << 20]).unwrap();
        let commits = Commits {
            frozen: false,
            last: 0,
            memtable: Vec::new(),
            log: File::create(dir.join("2.log")).unwrap(),
            log_number: 2,
            full: VecDeque::new(),
        };
        let shared = Arc::new(Shared {
            dir: dir.to_path_buf(),
            commits: Mutex::new(commits),
            thawed: Condvar::new(),
            manifest: Mutex::new(manifest),
            next_number: AtomicU64::new(3),
            edits: AtomicU64::new(0),
            stop: AtomicBool::new(false),
        });
        let run = |work: fn(&Shared)| {
            let shared = shared.clone();
            thread::spawn(move || {
                while !shared.stop.load(Relaxed) {
                    work(&shared);
                }
            })
        };
        let threads = vec![run(Shared::commit), run(Shared::flush), run(Shared::compact)];
        Self { shared, threads }
    }

    /// Stops commits, and returns the number of the last one.
    pub fn freeze(&self) -> u64 {
        let mut commits = self.shared.commits.lock();
        commits.frozen = true;
        commits.last
    }

    pub fn thaw(&self) {
        self.shared.commits.lock().frozen = false;
        self.shared.thawed.notify_all();
    }

    /// How often tables were exchanged so far.
    pub fn edits(&self) -> u64 {
        self.shared.edits.load(Relaxed)
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.shared.stop.store(true, Relaxed);
        self.thaw();
        for thread in self.threads.drain(..) {
            let ended = thread.join();
            assert!(ended.is_ok() || thread::panicking(), "a thread of the engine panicked");
        }
    }
}

impl Shared {
    fn number(&self) -> u64 {
        self.next_number.fetch_add(1, Relaxed)
    }

    /// From nothing to three milliseconds, never the same.
    fn dawdle(&self) {
        let jitter = self.next_number.load(Relaxed).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40;
        thread::sleep(Duration::from_micros(jitter % 3000));
    }

    fn commit(&self) {
        let mut commits = self.commits.lock();
        while commits.frozen && !self.stop.load(Relaxed) {
            self.thawed.wait(&mut commits);
        }
        if commits.frozen || commits.full.len() > 4 {
            drop(commits);
            thread::sleep(Duration::from_millis(1));
            return;
        }
        let n = commits.last + 1;
        commits.log.write_all(record(n).as_bytes()).unwrap();
        commits.memtable.push(n);
        commits.last = n;
        if commits.memtable.len() == LOG_COMMITS {
            commits.log_number = self.number();
            commits.log = File::create(self.dir.join(format!("{}.log", commits.log_number))).unwrap();
            let full = (std::mem::take(&mut commits.memtable), commits.log_number);
            commits.full.push_back(full);
        }
        drop(commits);
        thread::sleep(Duration::from_micros(100));
    }

    fn flush(&self) {
        let full = self.commits.lock().full.front().cloned();
        let Some((memtable, oldest_log)) = full else {
            thread::sleep(Duration::from_millis(1));
            return;
        };
        let table = self.build(&memtable);
        self.edit(&[table], &[], Some(oldest_log));
        self.commits.lock().full.pop_front();
        for number in numbers(&self.dir, "log").into_iter().filter(|number| *number < oldest_log) {
            self.dawdle();
            fs::remove_file(self.dir.join(format!("{number}.log"))).unwrap();
        }
    }

    /// Replaces a table by an equal one, or two by one when there are many.
    fn compact(&self) {
        thread::sleep(Duration::from_millis(2));
        self.dawdle();
        let mut tables: Vec<u64> = self.manifest.lock().tables.iter().copied().collect();
        // The oldest two are mostly left alone, so that snapshots share them.
        if !self.next_number.load(Relaxed).is_multiple_of(64) {
            tables.drain(..tables.len().min(2));
        }
        let inputs = &tables[..tables.len().min(if tables.len() > 6 { 3 } else { 1 })];
        if inputs.is_empty() {
            return;
        }
        let read = |number: &u64| read_table(&self.dir, *number).unwrap();
        let mut records: Vec<u64> = inputs.iter().flat_map(read).map(|(_, n)| n).collect();
        records.sort_unstable();
        let newest: BTreeMap<u64, u64> = records.iter().map(|n| (commit(*n).0, *n)).collect();
        let table = self.build(&newest.into_values().collect::<Vec<_>>());
        self.edit(&[table], inputs, None);
        for number in inputs {
            self.dawdle();
            fs::remove_file(self.dir.join(format!("{number}.sst"))).unwrap();
        }
    }

    /// Builds a table bit by bit under its final name.
    fn build(&self, records: &[u64]) -> u64 {
        let number = self.number();
        let mut file = File::create(self.dir.join(format!("{number}.sst"))).unwrap();
        for part in records.chunks(100) {
            let text: String = part.iter().map(|n| record(*n)).collect();
            file.write_all(text.as_bytes()).unwrap();
            self.dawdle();
        }
        writeln!(file, "end {}", records.len()).unwrap();
        // It looks long complete, so that the very next snapshots share it.
        file.set_modified(SystemTime::now() - Duration::from_secs(3600)).unwrap();
        self.dawdle();
        number
    }

    /// Makes tables live and dead, in one write.
    fn edit(&self, new: &[u64], old: &[u64], oldest_log: Option<u64>) {
        let mut manifest = self.manifest.lock();
        manifest.tables.extend(new);
        manifest.tables.retain(|table| !old.contains(table));
        manifest.oldest_log = oldest_log.unwrap_or(manifest.oldest_log);
        manifest.edits += 1;
        let list = |sign: char, tables: &[u64]| -> String {
            tables.iter().map(|table| format!("{sign}{table} ")).collect()
        };
        let line = format!("{}{}log={}\n", list('+', new), list('-', old), manifest.oldest_log);
        if manifest.edits.is_multiple_of(MANIFEST_EDITS) {
            self.roll(&mut manifest);
        } else {
            manifest.file.write_all(line.as_bytes()).unwrap();
        }
        self.edits.fetch_add(1, Relaxed);
    }

    /// A new MANIFEST, and CURRENT names it.
    fn roll(&self, manifest: &mut Manifest) {
        let before = std::mem::replace(&mut manifest.number, self.number());
        let name = format!("MANIFEST-{}", manifest.number);
        let tables: String = manifest.tables.iter().map(|table| format!("+{table} ")).collect();
        manifest.file = File::create(self.dir.join(&name)).unwrap();
        manifest.file.write_all(format!("{tables}log={}\n", manifest.oldest_log).as_bytes()).unwrap();
        let temporary = self.dir.join(format!("{}.dbtmp", manifest.number));
        fs::write(&temporary, &name).unwrap();
        self.dawdle();
        fs::rename(&temporary, self.dir.join("CURRENT")).unwrap();
        self.dawdle();
        fs::remove_file(self.dir.join(format!("MANIFEST-{before}"))).unwrap();
    }
}

/// Opens a copy as the engine would after a crash: the number of its last commit, and its state.
pub fn recover(dir: &Path) -> Result<(u64, State), String> {
    let read = |name: &str| fs::read_to_string(dir.join(name)).map_err(|error| format!("{name}: {error}"));
    let mut tables = BTreeSet::new();
    let mut oldest_log = 0;
    for word in read(&read("CURRENT")?)?.split_ascii_whitespace() {
        let number = |text: &str| text.parse::<u64>().map_err(|error| format!("{word}: {error}"));
        match (word.split_at(1), word.strip_prefix("log=")) {
            (_, Some(log)) => oldest_log = number(log)?,
            (("+", table), _) => drop(tables.insert(number(table)?)),
            ((_, table), _) => drop(tables.remove(&number(table)?)),
        }
    }
    let mut records = Vec::new();
    for table in tables {
        records.extend(read_table(dir, table)?);
    }
    for log in numbers(dir, "log").into_iter().filter(|number| *number >= oldest_log) {
        records.extend(parse(&read(&format!("{log}.log"))?)?);
    }
    let last = records.iter().map(|(_, n)| *n).max().unwrap_or(0);
    Ok((last, live(records.into_iter())))
}

fn read_table(dir: &Path, number: u64) -> Result<Vec<(u64, u64)>, String> {
    let name = format!("{number}.sst");
    let text = fs::read_to_string(dir.join(&name)).map_err(|error| format!("{name}: {error}"))?;
    let (body, end) = text.rsplit_once("end ").ok_or_else(|| format!("{name} is unfinished"))?;
    let records = parse(body)?;
    if end.trim() != records.len().to_string() {
        return Err(format!("{name} lacks records"));
    }
    Ok(records)
}

fn parse(text: &str) -> Result<Vec<(u64, u64)>, String> {
    let parse = |line: &str| {
        let n = line.split(' ').nth(1)?.parse().ok()?;
        (record(n).trim_end() == line).then_some((commit(n).0, n))
    };
    text.lines().map(|line| parse(line).ok_or_else(|| format!("bad record {line:?}"))).collect()
}

fn numbers(dir: &Path, extension: &str) -> Vec<u64> {
    let name = |entry: fs::DirEntry| entry.file_name().into_string().ok();
    let entries = fs::read_dir(dir).unwrap().filter_map(|entry| name(entry.unwrap()));
    entries.filter_map(|name| name.strip_suffix(extension)?.strip_suffix('.')?.parse().ok()).collect()
}
