//! What the tests share: data directories of their own, trees to compare, tools that may be missing.
#![allow(dead_code, reason = "each test program uses its part")]

pub mod child;
pub mod fuse;
pub mod go;
pub mod go_module;
pub mod guest;
pub mod library;
pub mod mounted;
pub mod programs;
pub mod python;
pub mod scene;

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime};

use hotbackup::{BackupRoot, Coordinator, Error, FileClass, Job, Options, Snapshot};

/// A data directory and room beside it, gone with the value.
pub struct Place {
    top: tempfile::TempDir,
}

impl Place {
    /// An empty one.
    pub fn new() -> Self {
        let place = Self { top: tempfile::tempdir().expect("a temporary directory") };
        fs::create_dir(place.data()).expect("a data directory");
        place
    }

    /// An empty one in memory, where a thousand syncs cost nothing.
    pub fn in_memory() -> Self {
        let memory = Path::new("/dev/shm");
        let top = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() };
        let place = Self { top: top.expect("a temporary directory") };
        fs::create_dir(place.data()).expect("a data directory");
        place
    }

    /// One with a few files of all sorts.
    pub fn with_files() -> Self {
        Self::new().filled()
    }

    /// One in which each round of a window takes long enough for a [`Writer`] to come by. In
    /// memory, where the syncs of other tests do not hold the writer up.
    pub fn with_long_rounds() -> Self {
        let place = Self::in_memory().filled();
        place.back_up(&frozen()).expect("an older snapshot");
        write(&place.data().join("large"), &bytes(64 << 20, 1));
        place
    }

    fn filled(self) -> Self {
        let place = self;
        write(&place.data().join("index"), b"index");
        write(&place.data().join("tables/1.sst"), &bytes(100_000, 1));
        write(&place.data().join("tables/2.sst"), &bytes(300_000, 2));
        write(&place.data().join("tables/deep/er/3.sst"), &bytes(1, 3));
        write(&place.data().join("log"), &bytes(20_000, 4));
        write(&place.data().join("empty"), b"");
        fs::create_dir(place.data().join("hollow")).expect("an empty directory");
        place
    }

    /// The data directory.
    pub fn data(&self) -> PathBuf {
        self.top.path().join("data")
    }

    /// A path beside it.
    pub fn beside(&self, name: &str) -> PathBuf {
        self.top.path().join(name)
    }

    /// Its default backup root.
    pub fn root(&self) -> PathBuf {
        self.data().join(".lifecycle/backup")
    }

    /// One with files of all sorts and an older snapshot of them.
    pub fn with_snapshot() -> Self {
        let place = Self::with_files();
        place.back_up(&frozen()).expect("an older snapshot");
        place
    }

    /// A backup with these options, waited for.
    pub fn back_up(&self, options: &Options) -> hotbackup::Result<Ended> {
        let coordinator = Coordinator::open(&self.data(), options)?;
        let job = coordinator.start()?;
        job.wait()?;
        Ok(Ended(job))
    }

    /// A backup with these options, which has to fail harmlessly.
    pub fn refused(&self, options: &Options) -> Error {
        self.harmless(|| self.back_up(options))
    }

    /// The error of what has to fail in one line and leave the default root byte for byte as it
    /// was, and no residue anywhere in the place.
    pub fn harmless<T>(&self, act: impl FnOnce() -> hotbackup::Result<T>) -> Error {
        harmless_in(&self.root(), || {
            let result = act();
            let residue = residue(self.top.path());
            assert!(result.is_ok() || residue.is_empty(), "left behind: {residue:?}");
            result
        })
    }
}

/// A job that was waited for, and so may be dropped.
#[derive(Debug)]
pub struct Ended(pub Job);

impl std::ops::Deref for Ended {
    type Target = Job;

    fn deref(&self) -> &Job {
        &self.0
    }
}

/// The same for a root anywhere.
pub fn harmless_in<T>(root: &Path, act: impl FnOnce() -> hotbackup::Result<T>) -> Error {
    let kept = || if root.is_dir() { tree(root) } else { BTreeMap::new() };
    let before = kept();
    let Err(error) = act() else { panic!("it did not fail") };
    let mut after = kept();
    if before.is_empty() {
        // What it had no time to be made the owner of is still nobody's.
        after.retain(|path, _| path != Path::new("source") && path != Path::new("lock"));
    }
    assert!(after == before, "{error:?} changed {:?} to {:?}", before.keys(), after.keys());
    assert_eq!(error.message().lines().count(), 1, "{error}");
    assert_eq!(residue(root), Vec::<PathBuf>::new(), "{error}");
    error
}

/// What a backup makes for its own time alone.
pub fn residue(top: &Path) -> Vec<PathBuf> {
    const OURS: [&str; 4] = [".staging-", "pins-", ".latest.", ".source."];
    let is_ours = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        OURS.iter().any(|prefix| name.starts_with(prefix))
    };
    names(top).into_iter().filter(is_ours).collect()
}

/// Options for a source that has a freeze hook: nothing need rest first.
pub fn frozen() -> Options {
    let mut options = Options::new();
    options.hooks().freeze_thaw(|_| Ok(()), |_| Ok(()));
    options
}

/// The same, with tables, which are shared once they are old.
pub fn frozen_with_tables() -> Options {
    let mut options = frozen();
    options.add_rule("*.sst", FileClass::IMMUTABLE).expect("a rule");
    options
}

/// A file that was written an hour ago.
pub fn write_old(path: &Path, bytes: &[u8]) {
    write(path, bytes);
    is_an_hour_old(path);
}

/// Makes it look so.
pub fn is_an_hour_old(path: &Path) {
    let then = SystemTime::now() - Duration::from_secs(3600);
    let file = fs::File::options().write(true).open(path).expect("a file");
    file.set_modified(then).expect("a time");
}

/// Writes a file, making its directories.
pub fn write(path: &Path, bytes: &[u8]) {
    fs::create_dir_all(path.parent().expect("a parent")).expect("directories");
    fs::write(path, bytes).expect("a file");
}

/// Files as RocksDB keeps them.
pub fn like_rocksdb(data: &Path) {
    write(&data.join("CURRENT"), b"MANIFEST-000004\n");
    write(&data.join("MANIFEST-000004"), &bytes(9_000, 1));
    write(&data.join("000005.sst"), &bytes(300_000, 2));
    write(&data.join("cold/000006.sst"), &bytes(70_000, 3));
    write(&data.join("000007.log"), &bytes(5_000, 4));
    write(&data.join("LOCK"), b"");
}

/// Bytes that differ from place to place and from seed to seed.
pub fn bytes(length: usize, seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    (0..length.div_ceil(8)).flat_map(|_| next().to_le_bytes()).take(length).collect()
}

/// What is in a tree: files with their bytes, directories, links with their targets. The
/// library's own directory and manifest are left out.
pub fn tree(top: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    collect(top, top, &mut found);
    found
}

fn collect(top: &Path, directory: &Path, found: &mut BTreeMap<PathBuf, Vec<u8>>) {
    for entry in fs::read_dir(directory).unwrap_or_else(|error| panic!("{}: {error}", directory.display())) {
        let path = entry.expect("an entry").path();
        let relative = path.strip_prefix(top).expect("beneath the top").to_path_buf();
        if relative == Path::new(".lifecycle") || relative == Path::new("snapshot.manifest") {
            continue;
        }
        if path.is_symlink() {
            let target = fs::read_link(&path).expect("a link");
            found.insert(relative, format!("-> {}", target.display()).into_bytes());
        } else if path.is_dir() {
            found.insert(relative, b"directory".to_vec());
            collect(top, &path, found);
        } else {
            found.insert(relative, fs::read(&path).expect("a file"));
        }
    }
}

/// Every name beneath a directory, the hidden ones too.
pub fn names(top: &Path) -> Vec<PathBuf> {
    let mut names = Vec::new();
    let mut pending = vec![top.to_path_buf()];
    while let Some(directory) = pending.pop() {
        for entry in fs::read_dir(&directory).into_iter().flatten().flatten() {
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                pending.push(entry.path());
            }
            names.push(entry.path().strip_prefix(top).expect("beneath the top").to_path_buf());
        }
    }
    names.sort();
    names
}

/// Restores and waits.
pub fn restore(snapshot: &Path, target: &Path) -> hotbackup::Result<()> {
    hotbackup::restore(snapshot, target, &Options::new())?.wait()
}

/// Verifies and waits.
pub fn verify(snapshot: &Path) -> hotbackup::Result<()> {
    hotbackup::verify(snapshot, &Options::new())?.wait()
}

/// The readable snapshots of a root, each of which must verify.
pub fn sound_snapshots(root: &Path) -> Vec<Snapshot> {
    let all = BackupRoot::at(root).list().expect("a listing");
    for snapshot in &all {
        assert!(snapshot.error().is_none(), "{snapshot:?}");
        verify(snapshot.location()).expect("a listed snapshot verifies");
    }
    all
}

/// The running test again, named with its module, in a process of its own that `change` may set up:
/// `None` there, and here the command.
pub fn another_process(test: &str) -> Option<Command> {
    const THERE: &str = "HOTBACKUP_TEST_ANOTHER_PROCESS";
    if std::env::var_os(THERE).is_some() {
        return None;
    }
    // Under a wrong name nothing would run, and pass.
    let listed = Command::new("/proc/self/exe").args(["--exact", test, "--list"]).output();
    let listed = String::from_utf8(listed.expect("a listing").stdout).expect("names");
    assert!(listed.contains(&format!("{test}: test")), "there is no test {test}");
    // By the link, since another user may not be able to walk to the file.
    let mut command = Command::new("/proc/self/exe");
    command.args(["--exact", test, "--nocapture"]).env(THERE, "1");
    Some(command)
}

/// Whether this is a process that permissions hold for. If it is not, the test is run in one.
pub fn is_unprivileged(test: &str) -> bool {
    if fs::metadata("/proc/self").expect("this process").uid() != 0 {
        return true;
    }
    const NOBODY: u32 = 12_345;
    let mut command = another_process(test).expect("root only here");
    let status = command.uid(NOBODY).gid(NOBODY).status().expect("the test as another user");
    assert!(status.success(), "{test} failed as another user");
    false
}

/// A file system of its own, unmounted with the value.
pub struct Mount {
    place: tempfile::TempDir,
}

impl Mount {
    /// A tmpfs with these options; `None`: this user may not mount.
    pub fn tmpfs(options: &str) -> Option<Self> {
        let place = tempfile::tempdir().expect("a temporary directory");
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", options, "tmpfs"]).arg(place.path());
        let mounted = mount.stderr(Stdio::null()).status().is_ok_and(|status| status.success());
        mounted.then_some(Self { place })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        self.place.path()
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(self.place.path()).status();
    }
}

/// A thread that gives a file another length about every millisecond, until it is dropped.
pub struct Writer {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    /// Begins to write.
    pub fn start(path: &Path) -> Self {
        let (path, stop) = (path.to_path_buf(), Arc::new(AtomicBool::new(false)));
        let stopped = stop.clone();
        let thread = std::thread::spawn(move || {
            for n in 0.. {
                if stopped.load(Ordering::Relaxed) {
                    return;
                }
                write(&path, &vec![b'w'; n % 1000]);
                std::thread::sleep(Duration::from_millis(1));
            }
        });
        Self { stop, thread: Some(thread) }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

/// Something this test needs is missing: it says so, and fails where nothing may be skipped.
pub fn skip(why: &str) {
    assert!(std::env::var_os("HOTBACKUP_TEST_REQUIRE_ALL").is_none(), "must not be skipped: {why}");
    eprintln!("skipped: {why}");
}
