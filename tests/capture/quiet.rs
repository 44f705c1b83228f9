//! Without a freeze hook, what may change is backed up only when it demonstrably rests.

use std::fs::{self, File, Permissions};
use std::ops::ControlFlow;
use std::os::unix::fs::{FileExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::common::{Place, tree, verify, write};
use hotbackup::{Code, FileClass, Options, Phase};

/// Does something to a file again and again until it is dropped.
struct Meanwhile {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Meanwhile {
    fn again_and_again(path: PathBuf, act: impl Fn(&Path, u64) + Send + 'static) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = stop.clone();
        let thread = std::thread::spawn(move || {
            for n in 0..u64::MAX {
                if stopped.load(Relaxed) {
                    return;
                }
                act(&path, n);
                // Rarer than a copy takes, more often than stamps need to be old.
                std::thread::sleep(Duration::from_millis(300));
            }
        });
        Self { stop, thread: Some(thread) }
    }
}

impl Drop for Meanwhile {
    fn drop(&mut self) {
        self.stop.store(true, Relaxed);
        let ended = self.thread.take().map(JoinHandle::join);
        assert!(ended.is_some_and(|ended| ended.is_ok()) || std::thread::panicking());
    }
}

#[test]
fn a_directory_that_rests_is_backed_up_as_it_is() {
    let place = Place::with_files();
    let job = place.back_up(&Options::new()).unwrap();
    assert_eq!(tree(job.location()), tree(&place.data()));
    verify(job.location()).unwrap();
}

#[test]
fn a_directory_that_is_written_to_now_and_then_is_refused() {
    let place = Place::with_files();
    place.back_up(&Options::new()).unwrap();
    let log = place.data().join("log");
    let _writing = Meanwhile::again_and_again(log.clone(), |log, n| write(log, &n.to_le_bytes()));
    let error = place.refused(&Options::new());
    assert_eq!((error.code(), error.path()), (Code::SourceChanged, Some(log.as_path())), "{error}");
    assert!(error.message().contains("freeze hook"), "it says what would help: {error}");
}

#[test]
fn a_write_whose_mtime_is_set_back_is_found_out_too() {
    let place = Place::with_files();
    place.back_up(&Options::new()).unwrap();
    let log = place.data().join("log");
    let mtime = fs::metadata(&log).unwrap().modified().unwrap();
    let _writing = Meanwhile::again_and_again(log.clone(), move |log, n| {
        let file = File::options().write(true).open(log).unwrap();
        file.write_all_at(&n.to_le_bytes(), 100).unwrap();
        file.set_modified(mtime).unwrap();
    });
    let error = place.refused(&Options::new());
    assert_eq!((error.code(), error.path()), (Code::SourceChanged, Some(log.as_path())), "{error}");
}

#[test]
fn a_further_source_that_is_written_to_is_refused_too() {
    let place = Place::with_files();
    let log = place.beside("wal/1.log");
    write(&log, b"log");
    let mut options = Options::new();
    options.add_source(&place.beside("wal"), Path::new("wal")).unwrap();
    place.back_up(&options).unwrap();
    let _writing = Meanwhile::again_and_again(log.clone(), |log, n| write(log, &n.to_le_bytes()));
    let error = place.refused(&options);
    assert_eq!((error.code(), error.path()), (Code::SourceChanged, Some(log.as_path())), "{error}");
}

#[test]
fn one_write_amid_the_copy_only_means_a_second_try() {
    let change: fn(&Path) = |log| write(log, b"the last word");
    // By its ctime alone.
    let hidden_change: fn(&Path) = |log| {
        let file = File::options().write(true).open(log).unwrap();
        let mtime = file.metadata().unwrap().modified().unwrap();
        file.write_all_at(b"the last word", 0).unwrap();
        file.set_modified(mtime).unwrap();
    };
    for change in [change, hidden_change] {
        let place = Place::with_files();
        let log = place.data().join("log");
        let mut options = Options::new();
        // The copy takes long enough for the progress hook to be called amid it.
        options.set_rate_limit(1_000_000);
        let written = Arc::new(AtomicBool::new(false));
        let (writing, once) = (log.clone(), written.clone());
        options.hooks().progress(move |progress, _| {
            // Late enough for the log to have been copied: it comes before the large tables.
            if progress.phase == Phase::Freeze && progress.bytes_done > 100_000 && !once.swap(true, Relaxed) {
                change(&writing);
            }
            Ok(ControlFlow::Continue(()))
        });
        let job = place.back_up(&options).unwrap();
        assert!(written.load(Relaxed), "nothing was written amid the copy");
        assert!(fs::read(job.location().join("log")).unwrap().starts_with(b"the last word"));
        assert_eq!(tree(job.location()), tree(&place.data()));
    }
}

#[test]
fn immutable_files_alone_have_nothing_to_prove() {
    let place = Place::with_files();
    let table = place.data().join("tables/1.sst");
    let mut options = Options::new();
    options.add_rule("*", FileClass::IMMUTABLE).unwrap();
    // A changed mode moves the ctime alone, which would be no rest for a mutable file.
    let _touching = Meanwhile::again_and_again(table, |table, n| {
        fs::set_permissions(table, Permissions::from_mode(0o600 + (n % 2) as u32 * 0o44)).unwrap();
    });
    let job = place.back_up(&options).unwrap();
    assert_eq!(tree(job.location()), tree(&place.data()));
}

#[test]
fn a_mutable_file_whose_mode_alone_changes_does_not_rest() {
    let place = Place::with_files();
    let index = place.data().join("index");
    let _touching = Meanwhile::again_and_again(index.clone(), |index, n| {
        fs::set_permissions(index, Permissions::from_mode(0o600 + (n % 2) as u32 * 0o44)).unwrap();
    });
    let error = place.refused(&Options::new());
    assert_eq!((error.code(), error.path()), (Code::SourceChanged, Some(index.as_path())), "{error}");
}

#[test]
fn what_is_excluded_may_be_written_all_the_time() {
    let place = Place::with_files();
    let _writing = Meanwhile::again_and_again(place.data().join("LOG"), |log, n| {
        write(log, &vec![b'l'; n as usize]);
    });
    let mut options = Options::new();
    options.add_rule("LOG", FileClass::Excluded).unwrap();
    let job = place.back_up(&options).unwrap();
    assert!(!job.location().join("LOG").exists());
}

#[test]
fn a_log_that_grows_is_backed_up_up_to_a_length_that_it_had() {
    let place = Place::with_files();
    fs::remove_file(place.data().join("index")).unwrap();
    fs::remove_file(place.data().join("empty")).unwrap();
    let mut options = Options::new();
    options.add_rule("*.sst", FileClass::IMMUTABLE).unwrap();
    options.add_rule("log", FileClass::AppendOnly).unwrap();
    let _appending = Meanwhile::again_and_again(place.data().join("log"), |log, _| {
        use std::io::Write;
        File::options().append(true).open(log).unwrap().write_all(b"a record").unwrap();
    });
    let job = place.back_up(&options).unwrap();
    let (copy, log) = (job.location().join("log"), fs::read(place.data().join("log")).unwrap());
    assert!(log.starts_with(&fs::read(copy).unwrap()));
}
