//! Flushes and compactions that add and delete tables all through the window, which no freeze
//! stops, never make a snapshot wrong: each holds exactly the commits from before the freeze, and still does
//! when later ones share its tables and others that did are deleted.

mod engine;

use std::fs;
use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crate::common::{Place, restore};
use engine::{Engine, expected, recover};
use hotbackup::{BackupRoot, Code, Coordinator, FileClass, Options, VerifyLevel};

const SNAPSHOTS: usize = 100;

/// So many are there at a time.
const KEPT: usize = 5;

#[derive(Default)]
struct Window {
    last_commit: AtomicU64,
    edits_before: AtomicU64,
    edits_within: AtomicU64,
}

fn options(engine: &Arc<Engine>, window: &Arc<Window>, journals: FileClass) -> Options {
    let mut options = Options::new();
    options.add_rule("*.sst", FileClass::Immutable { unfinished_ok: true }).unwrap();
    options.add_rule("MANIFEST-*", journals).unwrap();
    options.add_rule("*.log", journals).unwrap();
    // The test itself reads all that counts.
    options.set_verify_level(VerifyLevel::Size);
    let (freezing, thawing) = ((engine.clone(), window.clone()), (engine.clone(), window.clone()));
    options.hooks().freeze_thaw(
        move |_| {
            let (engine, window) = &freezing;
            window.last_commit.store(engine.freeze(), Relaxed);
            window.edits_before.store(engine.edits(), Relaxed);
            Ok(())
        },
        move |_| {
            let (engine, window) = &thawing;
            window.edits_within.store(engine.edits() - window.edits_before.load(Relaxed), Relaxed);
            engine.thaw();
            Ok(())
        },
    );
    options
}

/// Takes snapshot after snapshot of a store at work and compares each with what it must hold.
fn every_snapshot_is_right(journals: FileClass) {
    let place = Place::new();
    let engine = Arc::new(Engine::start(&place.data()));
    let window = Arc::new(Window::default());
    let coordinator = Coordinator::open(&place.data(), &options(&engine, &window, journals)).unwrap();
    let (mut good, mut refused, mut busy_windows, mut left_out, mut shared) = (0, 0, 0, 0, 0);
    let mut kept: Vec<(PathBuf, u64)> = Vec::new();
    while good < SNAPSHOTS {
        let job = coordinator.start().unwrap();
        if let Err(error) = job.wait() {
            // A machine that is so slow that no two looks agree: refused, which is not wrong.
            assert_eq!(error.code(), Code::SourceChanged, "{error}");
            refused += 1;
            assert!(refused < SNAPSHOTS, "the window hardly ever closes: {error}");
            continue;
        }
        let last = window.last_commit.load(Relaxed);
        let found = recover(job.location()).unwrap_or_else(|why| panic!("snapshot {good}: {why}"));
        assert_eq!(found.0, last, "the last commit in snapshot {good}");
        assert_eq!(found.1, expected(last), "the state of snapshot {good}");
        if good.is_multiple_of(10) {
            let target = place.beside("restored");
            restore(job.location(), &target).unwrap();
            assert_eq!(recover(&target).unwrap(), found, "what was restored of snapshot {good}");
            fs::remove_dir_all(&target).unwrap();
        }
        busy_windows += usize::from(window.edits_within.load(Relaxed) > 0);
        left_out += job.status().unwrap().files_left_out;
        shared += job.status().unwrap().bytes_linked;
        kept.push((job.location().to_path_buf(), last));
        // Any of them goes, and any other must still be what it was.
        if kept.len() > KEPT {
            let (gone, _) = kept.swap_remove(good * 7 % KEPT);
            coordinator.root().delete(gone.file_name().unwrap().to_str().unwrap()).unwrap();
        }
        let (older, last) = &kept[good * 3 % kept.len()];
        assert_eq!(recover(older).unwrap(), (*last, expected(*last)), "an older one after snapshot {good}");
        good += 1;
    }
    for (older, last) in &kept {
        assert_eq!(recover(older).unwrap(), (*last, expected(*last)), "an older one at the end");
    }
    eprintln!(
        "{busy_windows} of {good} windows saw tables exchanged, {refused} were refused, {left_out} unfinished \
         tables, {shared} bytes were shared"
    );
    assert!(shared > 0, "nothing was shared");
    assert!(busy_windows > 0, "nothing happened inside the windows: this test shows nothing");
}

#[test]
fn logs_and_manifests_that_only_grow_name_tables_that_are_all_there() {
    every_snapshot_is_right(FileClass::AppendOnly);
}

#[test]
fn mutable_logs_and_manifests_name_tables_that_are_all_there() {
    every_snapshot_is_right(FileClass::Mutable);
}

/// A backup of one immutable table whose second half is written when the freeze begins or ends.
fn back_up_a_table_finished(
    place: &Place,
    path: PathBuf,
    before_the_window: bool,
) -> hotbackup::Result<Vec<u8>> {
    let finish = move |now: bool| {
        let mut table = fs::File::options().append(true).open(&path).unwrap();
        table.write_all(if now { b" second half" } else { b"" }).unwrap();
        Ok(())
    };
    let finish_later = finish.clone();
    let mut options = Options::new();
    options.add_rule("*.sst", FileClass::IMMUTABLE).unwrap();
    options
        .hooks()
        .freeze_thaw(move |_| finish(before_the_window), move |_| finish_later(!before_the_window));
    let job = place.back_up(&options)?;
    Ok(fs::read(job.location().join("1.sst")).unwrap())
}

#[test]
fn an_immutable_table_may_be_finished_between_its_pinning_and_the_freeze() {
    let place = Place::new();
    let table = place.data().join("1.sst");
    fs::write(&table, b"first half").unwrap();
    let found = back_up_a_table_finished(&place, table, true).unwrap();
    assert_eq!(found, b"first half second half");
}

#[test]
fn an_immutable_table_must_not_be_finished_after_the_window() {
    let place = Place::new();
    let table = place.data().join("1.sst");
    fs::write(&table, b"first half").unwrap();
    let error = back_up_a_table_finished(&place, table, false).unwrap_err();
    assert_eq!(error.code(), Code::SourceChanged);
    assert!(error.to_string().contains("1.sst"), "{error}");
    assert!(BackupRoot::at(place.root()).list().unwrap().is_empty());
}
