//! Snapshots that a supply brings: restored by the ordinary journal, or fetched as snapshots of this machine.

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crate::common::{Place, bytes, frozen, tree, verify, write};
use hotbackup::extension::{self, Stored, Supply, SupplyReader};
use hotbackup::{Code, Error, Job, Kind, Options, Phase, Result, State};

/// A directory with a snapshot, as if it lay far away, and what was read of it.
struct Far {
    at: PathBuf,
    opened: Mutex<Vec<PathBuf>>,
    /// What it gives of each file is this much.
    fails_after: AtomicU64,
}

impl Far {
    fn new(at: &Path) -> Arc<Self> {
        Arc::new(Self { at: at.into(), opened: Mutex::default(), fails_after: AtomicU64::new(u64::MAX) })
    }

    fn restore(self: &Arc<Self>, target: &Path, options: &Options) -> Result<Job> {
        let supply: Arc<dyn Supply> = self.clone();
        extension::restore(move |_| Ok(supply), target, options)
    }

    fn fetch(self: &Arc<Self>, target: &Path) -> Result<Job> {
        let supply: Arc<dyn Supply> = self.clone();
        extension::fetch(move |_| Ok(supply), target, &Options::new())
    }

    fn opened(&self) -> usize {
        std::mem::take(&mut *self.opened.lock().unwrap()).len()
    }
}

struct FarFile<'a> {
    file: File,
    left: &'a AtomicU64,
    /// What is lent: little at a time, and no round number, as a store gives it.
    buffer: Vec<u8>,
}

impl Supply for Far {
    fn name(&self) -> &Path {
        Path::new("far://away")
    }

    fn manifest(&self) -> Result<Vec<u8>> {
        fs::read(self.at.join("snapshot.manifest")).map_err(|error| Error::io("reading", &self.at, error))
    }

    fn open(&self, path: &Path, _: u64) -> Result<Box<dyn SupplyReader + '_>> {
        self.opened.lock().unwrap().push(path.into());
        let file = File::open(self.at.join(path)).map_err(|error| Error::io("opening", path, error))?;
        Ok(Box::new(FarFile { file, left: &self.fails_after, buffer: vec![0; 70_001] }))
    }
}

impl SupplyReader for FarFile<'_> {
    fn next(&mut self) -> Result<&[u8]> {
        let count = self.file.read(&mut self.buffer).map_err(|error| Error::system("reading", error))?;
        match self.left.load(Relaxed).checked_sub(count as u64) {
            Some(left) => self.left.store(left, Relaxed),
            None => return Err(Error::new(Code::Unreachable, "far://away: it is gone")),
        }
        Ok(&self.buffer[..count])
    }
}

fn snapshot(place: &Place) -> PathBuf {
    let data = place.data();
    write(&data.join("zeros"), &vec![0; 3 << 20]);
    write(&data.join("large"), &bytes(5 << 20, 3));
    write(&data.join("empty"), b"");
    place.back_up(&frozen()).unwrap().location().to_path_buf()
}

#[test]
fn what_a_supply_brings_is_restored_byte_for_byte_over_a_database_and_can_be_undone() {
    let place = Place::with_files();
    let snapshot = snapshot(&place);
    let target = place.beside("target");
    write(&target.join("old"), b"old");
    let job = Far::new(&snapshot).restore(&target, &Options::new()).unwrap();
    job.wait().unwrap();
    assert_eq!((job.kind(), job.location()), (Kind::Restore, target.as_path()));
    assert_eq!(tree(&target), tree(&snapshot));
    hotbackup::restore_undo(&target).unwrap();
    assert_eq!(fs::read(target.join("old")).unwrap(), b"old");
}

#[test]
fn zeros_that_are_brought_become_holes() {
    use std::os::unix::fs::MetadataExt;
    let place = Place::with_files();
    let snapshot = snapshot(&place);
    let target = place.beside("target");
    Far::new(&snapshot).restore(&target, &Options::new()).unwrap().wait().unwrap();
    assert!(target.join("zeros").metadata().unwrap().blocks() * 512 < 1 << 20);
}

#[test]
fn a_file_that_comes_otherwise_or_not_to_its_end_leaves_the_target_as_it_was() {
    let place = Place::with_files();
    let snapshot = snapshot(&place);
    let target = place.beside("target");
    write(&target.join("old"), b"old");
    let before = tree(&target);
    let far = Far::new(&snapshot);
    far.fails_after.store(4 << 20, Relaxed);
    let error = far.restore(&target, &Options::new()).unwrap().wait().unwrap_err();
    assert_eq!(error.code(), Code::Unreachable, "{error}");
    assert!(error.message().ends_with("; the target is as it was"), "{error}");
    far.fails_after.store(u64::MAX, Relaxed);
    for damaged in [bytes(5 << 20, 4), bytes((5 << 20) - 1, 3)] {
        write(&snapshot.join("large"), &damaged);
        let error = far.restore(&target, &Options::new()).unwrap().wait().unwrap_err();
        assert_eq!(error.code(), Code::Corrupt, "{error}");
        assert!(error.message().contains("large"), "{error}");
    }
    assert_eq!(tree(&target), before);
}

#[test]
fn a_manifest_that_comes_damaged_is_refused() {
    let place = Place::with_files();
    let snapshot = snapshot(&place);
    let manifest = snapshot.join("snapshot.manifest");
    let mut text = fs::read(&manifest).unwrap();
    let middle = text.len() / 2;
    text[middle] ^= 1;
    fs::write(&manifest, text).unwrap();
    let target = place.beside("target");
    let error = Far::new(&snapshot).restore(&target, &Options::new()).unwrap().wait().unwrap_err();
    assert_eq!(error.code(), Code::Corrupt, "{error}");
    assert!(error.message().contains("far://away/snapshot.manifest") && !target.exists(), "{error}");
}

#[test]
fn a_fetch_is_a_snapshot_that_verifies_and_restores() {
    let place = Place::with_files();
    let snapshot = snapshot(&place);
    let fetched = place.beside("fetched");
    let job = Far::new(&snapshot).fetch(&fetched).unwrap();
    job.wait().unwrap();
    assert_eq!(job.kind(), Kind::Fetch);
    let read = |at: &Path| fs::read(at.join("snapshot.manifest")).unwrap();
    assert_eq!((tree(&fetched), read(&fetched)), (tree(&snapshot), read(&snapshot)));
    verify(&fetched).unwrap();
    let error = Far::new(&snapshot).fetch(&fetched).unwrap().wait().unwrap_err();
    assert_eq!(error.code(), Code::Conflict, "{error}");
}

#[test]
fn a_fetch_that_failed_goes_on_and_brings_only_what_is_missing() {
    let place = Place::with_files();
    let snapshot = snapshot(&place);
    let (far, fetched) = (Far::new(&snapshot), place.beside("fetched"));
    let files = tree(&snapshot).len();
    far.fails_after.store(6 << 20, Relaxed);
    let error = far.fetch(&fetched).unwrap().wait().unwrap_err();
    assert!(error.message().contains("kept for the next fetch") && !fetched.exists(), "{error}");
    let first = far.opened();
    // One that came and was damaged since is brought again.
    let staging = fs::read_dir(place.beside("")).unwrap().map(|entry| entry.unwrap().path());
    let staging = staging.into_iter().find(|path| path.to_string_lossy().contains(".fetch-")).unwrap();
    let came: Vec<PathBuf> = tree(&staging).into_keys().collect();
    far.fails_after.store(u64::MAX, Relaxed);
    far.fetch(&fetched).unwrap().wait().unwrap();
    let second = far.opened();
    assert!(first + second < 2 * files && second < files, "{first} and {second} of {files}: {came:?}");
    assert_eq!(tree(&fetched), tree(&snapshot));
    assert!(!staging.exists());
}

#[test]
fn the_work_of_another_crate_is_a_job_that_is_told_paced_and_cancelled() {
    let work = |task: &extension::Task| {
        task.enter(Phase::Upload)?;
        let watch = task.watch();
        watch.expect(1_000, 1);
        watch.copied(500);
        watch.warn(Error::new(Code::Corrupt, "a warning"));
        loop {
            watch.pause(std::time::Duration::from_secs(60))?;
        }
    };
    let job = extension::start(Kind::Push, Path::new("far://away"), &Options::new(), work).unwrap();
    while job.status().unwrap().bytes_done < 500 || job.warnings().unwrap().is_empty() {
        std::thread::yield_now();
    }
    let status = job.status().unwrap();
    assert_eq!((status.kind, status.phase, status.percent), (Kind::Push, Phase::Upload, 49));
    job.cancel().unwrap();
    assert_eq!(job.wait().unwrap_err().code(), Code::Cancelled);
    assert_eq!(job.status().unwrap().state, State::Cancelled);
}

#[test]
fn a_snapshot_that_is_read_to_be_sent_is_not_deleted_meanwhile() {
    let place = Place::with_files();
    let snapshot = snapshot(&place);
    let root = snapshot.parent().unwrap();
    extension::run(|| {
        let stored = Stored::open(&snapshot)?;
        let kept = fs::read(snapshot.join("snapshot.manifest")).unwrap();
        assert_eq!(stored.manifest(|_| None)?, kept);
        let error = hotbackup::BackupRoot::at(root).delete(stored.snapshot().id()).unwrap_err();
        assert_eq!(error.code(), Code::Conflict, "{error}");
        let mut large = Vec::new();
        stored.open_file(Path::new("large"))?.read_to_end(&mut large).unwrap();
        assert_eq!(large, bytes(5 << 20, 3));
        Ok(())
    })
    .unwrap();
}
