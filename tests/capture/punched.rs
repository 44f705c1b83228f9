//! Holes that come and go while a file is copied: where data begins and where it ends are two
//! answers of the file system, and the host may punch between them.
#![allow(unsafe_code, reason = "fallocate has no safe wrapper in std")]

use std::fs::{self, File};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread::JoinHandle;
use std::time::Instant;

use crate::common::child::{self, Ended, has_strace};
use crate::common::{Place, frozen, skip, verify};

const PAGE: usize = 4096;
/// Each eighth one is a reader's; those behind it are free.
const PAGES: usize = 1024;
const STEP: usize = 8;

/// `FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE`, or nothing: allocates.
fn fallocate(file: &File, punch: bool, at: u64, length: u64) -> bool {
    let mode = if punch { libc::FALLOC_FL_KEEP_SIZE | libc::FALLOC_FL_PUNCH_HOLE } else { 0 };
    // SAFETY: it takes a descriptor that is open, and numbers.
    unsafe { libc::fallocate(file.as_raw_fd(), mode, at as i64, length as i64) == 0 }
}

/// An engine whose free pages are punched and used again all the time.
struct Engine {
    stop: Arc<AtomicBool>,
    writer: Option<JoinHandle<()>>,
}

impl Engine {
    fn start(path: &Path) -> Option<Self> {
        let file = File::options().read(true).write(true).create(true).truncate(true).open(path).unwrap();
        (0..PAGES).for_each(|page| file.write_all_at(&Self::page(page), (page * PAGE) as u64).unwrap());
        if !fallocate(&file, true, PAGE as u64, PAGE as u64) {
            return None;
        }
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = stop.clone();
        let writer = std::thread::spawn(move || {
            let free = (0..PAGES).filter(|page| page % STEP != 0);
            for at in free.map(|page| (page * PAGE) as u64).cycle() {
                if stopped.load(Relaxed) {
                    return;
                }
                file.write_all_at(&[0xff; PAGE], at).unwrap();
                let before = at.saturating_sub(3 * PAGE as u64);
                if !(before / PAGE as u64).is_multiple_of(STEP as u64) {
                    assert!(fallocate(&file, true, before, PAGE as u64));
                }
            }
        });
        Some(Self { stop, writer: Some(writer) })
    }

    fn page(number: usize) -> [u8; PAGE] {
        [number as u8 | 1; PAGE]
    }

    fn assert_whole(copy: &Path) {
        let copy = fs::read(copy).unwrap();
        assert_eq!(copy.len(), PAGES * PAGE);
        for page in (0..PAGES).step_by(STEP) {
            let found = &copy[page * PAGE..(page + 1) * PAGE];
            assert!(found == Self::page(page), "page {page} begins with {}", found[0]);
        }
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.stop.store(true, Relaxed);
        let _ = self.writer.take().map(JoinHandle::join);
    }
}

#[test]
fn a_pinned_files_pages_are_whole_though_free_ones_are_punched_while_it_is_copied() {
    if !has_strace() {
        return skip("no strace here");
    }
    for place in [Place::in_memory(), Place::new()] {
        let subject = place.data().join("subject");
        let Some(_engine) = Engine::start(&subject) else { return skip("no holes can be punched here") };
        for _ in 0..3 {
            // Time for the engine between any two calls about holes.
            let deed = [Path::new("back up pinned"), &place.data()];
            let (ended, _) = child::run(&deed, "lseek:delay_exit=1000");
            assert!(matches!(ended, Ended::Done), "{ended:?}");
            let [snapshot] = &hotbackup::BackupRoot::at(place.root()).list().unwrap()[..] else {
                panic!("one snapshot")
            };
            Engine::assert_whole(&snapshot.location().join("subject"));
            verify(snapshot.location()).unwrap();
            hotbackup::BackupRoot::at(place.root()).delete(snapshot.id()).unwrap();
        }
    }
}

#[test]
fn space_that_was_allocated_ahead_is_not_read() {
    let place = Place::new();
    let log = place.data().join("log");
    let length = 64 << 20;
    let file = File::create(&log).unwrap();
    if !fallocate(&file, false, 0, length) {
        return skip("no space can be allocated ahead here");
    }
    file.write_all_at(b"a record", 0).unwrap();
    file.write_all_at(b"another", length / 2).unwrap();
    assert!(log.metadata().unwrap().blocks() * 512 >= length, "it has all its blocks");
    let job = place.back_up(&frozen()).unwrap();
    let status = job.status().unwrap();
    assert!(status.bytes_holes > length - (8 << 20) && status.bytes_copied < 8 << 20, "{status:?}");
    let copy = job.location().join("log");
    assert!(fs::read(&copy).unwrap() == fs::read(&log).unwrap());
    assert!(copy.metadata().unwrap().blocks() * 512 < 8 << 20);
    verify(job.location()).unwrap();
}

#[test]
fn what_is_written_into_space_allocated_ahead_is_read_before_it_is_on_disk() {
    let place = Place::new();
    let log = place.data().join("log");
    let file = File::create(&log).unwrap();
    if !fallocate(&file, false, 0, 16 << 20) {
        return skip("no space can be allocated ahead here");
    }
    let since = Instant::now();
    for round in 0..20u64 {
        let record = [round as u8 + 1; 300];
        file.write_all_at(&record, round * 700_001).unwrap();
        let job = place.back_up(&frozen()).unwrap();
        assert!(fs::read(job.location().join("log")).unwrap() == fs::read(&log).unwrap(), "{round}");
        hotbackup::BackupRoot::at(place.root()).prune(1).unwrap();
        if since.elapsed().as_secs() > 20 {
            return;
        }
    }
}
