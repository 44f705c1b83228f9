//! What each class promises about a file, and what the snapshot holds for it: hooks act at the
//! exact moments.

use std::fs::{self, File};
use std::io::Write;
use std::ops::ControlFlow;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::common::{self, Place, bytes, frozen, residue, tree, verify, write};
use hotbackup::{Code, FileClass, Options, Phase};

const HEAD: usize = 256 << 10;

/// Options of a host that stops writing in its freeze, and does something in the freeze hook, in
/// the thaw hook, or when the copy begins.
fn acting(
    class: FileClass,
    in_freeze: impl Fn() + Send + Sync + 'static,
    in_thaw: impl Fn() + Send + Sync + 'static,
) -> Options {
    let mut options = Options::new();
    options.add_rule("subject", class).unwrap();
    options.hooks().freeze_thaw(
        move |_| {
            in_freeze();
            Ok(())
        },
        move |_| {
            in_thaw();
            Ok(())
        },
    );
    options
}

/// A place with a file of this content that is the subject of the test.
fn with_subject(content: &[u8]) -> (Place, std::path::PathBuf) {
    let place = Place::with_snapshot();
    let subject = place.data().join("subject");
    write(&subject, content);
    (place, subject)
}

fn overwrite(path: &Path, content: &[u8], at: u64) {
    File::options().write(true).open(path).unwrap().write_all_at(content, at).unwrap();
}

fn append(path: &Path, content: &[u8]) {
    File::options().append(true).open(path).unwrap().write_all(content).unwrap();
}

/// The subject in the snapshot that these options make, which must also verify.
fn copied(place: &Place, options: &Options) -> Vec<u8> {
    let job = place.back_up(options).unwrap();
    verify(job.location()).unwrap();
    fs::read(job.location().join("subject")).unwrap()
}

#[test]
fn a_log_is_captured_up_to_its_length_in_the_window() {
    let (place, log) = with_subject(&bytes(100_000, 1));
    let (before, after) = (log.clone(), log.clone());
    let mut options = acting(
        FileClass::AppendOnly,
        move || append(&before, b"before the freeze"),
        move || append(&after, b"after it"),
    );
    // And it grows all through the copy, which takes a while.
    options.set_rate_limit(500_000);
    options.hooks().progress(move |progress, _| {
        if progress.phase == Phase::Copy {
            append(&log, &bytes(10_000, 2));
        }
        Ok(ControlFlow::Continue(()))
    });
    let expected = [bytes(100_000, 1), b"before the freeze".to_vec()].concat();
    assert!(copied(&place, &options) == expected);
}

#[test]
fn a_log_that_is_written_below_its_length_or_cut_is_named() {
    type Change = fn(&Path);
    let changes: [(&str, Change); 6] = [
        ("its head overwritten", |log| overwrite(log, b"x", 0)),
        ("the end of its first block overwritten", |log| overwrite(log, b"x", 4095)),
        ("its tail overwritten", |log| overwrite(log, b"x", 99_999)),
        ("the start of its last block overwritten", |log| overwrite(log, b"x", 100_000 - 4096)),
        ("cut", |log| File::options().write(true).open(log).unwrap().set_len(50_000).unwrap()),
        ("reused from the start", |log| write(log, &bytes(200_000, 3))),
    ];
    for (what, change) in changes {
        let (place, log) = with_subject(&bytes(100_000, 1));
        let changing = log.clone();
        let error = place.refused(&acting(FileClass::AppendOnly, || {}, move || change(&changing)));
        assert_eq!(
            (error.code(), error.path()),
            (Code::SourceChanged, Some(log.as_path())),
            "{what}: {error}"
        );
        assert!(error.message().contains("subject"), "{what}: {error}");
    }
}

#[test]
fn logs_as_short_as_they_come_are_captured_and_checked_too() {
    for length in [0, 1, 4095, 4096, 4097, 8192, 8193] {
        let (place, log) = with_subject(&bytes(length, 1));
        let growing = log.clone();
        let options = acting(FileClass::AppendOnly, || {}, move || append(&growing, b"more"));
        assert!(copied(&place, &options) == bytes(length, 1), "{length}");
        if length > 0 {
            let last = length as u64 - 1;
            let changing = log.clone();
            let options = acting(FileClass::AppendOnly, || {}, move || overwrite(&changing, b"\0\xff", last));
            write(&log, &bytes(length, 1));
            assert_eq!(place.refused(&options).code(), Code::SourceChanged, "{length}");
        }
    }
}

#[test]
fn what_is_deleted_or_replaced_after_the_freeze_is_still_in_the_snapshot() {
    for class in [
        FileClass::IMMUTABLE,
        FileClass::Immutable { unfinished_ok: true },
        FileClass::AppendOnly,
        FileClass::Pinned,
        FileClass::Mutable,
    ] {
        for replaced in [false, true] {
            let (place, subject) = with_subject(&bytes(600_000, 1));
            let options = acting(
                class,
                || {},
                move || {
                    fs::remove_file(&subject).unwrap();
                    if replaced {
                        write(&subject, b"another file of the same name");
                    }
                },
            );
            assert!(copied(&place, &options) == bytes(600_000, 1), "{class:?} {replaced}");
            assert!(residue(&place.data()).is_empty());
        }
    }
}

#[test]
fn what_appears_or_goes_before_the_freeze_is_so_in_the_snapshot() {
    for class in [
        FileClass::IMMUTABLE,
        FileClass::Immutable { unfinished_ok: true },
        FileClass::AppendOnly,
        FileClass::Pinned,
        FileClass::Mutable,
    ] {
        let (place, subject) = with_subject(b"is compacted");
        let data = place.data();
        let mut options = acting(
            class,
            move || {
                // The pins were taken before this.
                fs::remove_file(&subject).unwrap();
                write(&data.join("compacted/subject"), b"has been compacted");
            },
            || {},
        );
        options.add_rule("compacted/*", class).unwrap();
        let job = place.back_up(&options).unwrap();
        assert_eq!(tree(job.location()), tree(&place.data()), "{class:?}");
        verify(job.location()).unwrap();
    }
}

#[test]
fn a_directory_that_goes_with_its_files_before_the_freeze_leaves_no_trace() {
    let place = Place::with_snapshot();
    let large = place.data().join("going/deep/large");
    write(&large, &bytes(200_000, 1));
    let going = place.data().join("going");
    let options = acting(FileClass::Mutable, move || fs::remove_dir_all(&going).unwrap(), || {});
    let job = place.back_up(&options).unwrap();
    assert_eq!(tree(job.location()), tree(&place.data()));
    verify(job.location()).unwrap();
}

#[test]
fn of_a_pinned_file_the_head_is_that_of_the_window_and_the_rest_is_read_after_it() {
    let content = bytes(1 << 20, 1);
    let (place, subject) = with_subject(&content);
    let (in_freeze, in_thaw, in_release) = (subject.clone(), subject.clone(), subject.clone());
    let mut options = acting(
        FileClass::Pinned,
        // The last commit before the window.
        move || overwrite(&in_freeze, b"META", 0),
        move || {
            // The next commits: both ends of the head, a page that was free, and growth.
            overwrite(&in_thaw, b"LATER", 0);
            overwrite(&in_thaw, b"LATER", HEAD as u64 - 5);
            overwrite(&in_thaw, b"FREE", HEAD as u64);
            append(&in_thaw, b"grown");
        },
    );
    options.hooks().release(move |_| {
        overwrite(&in_release, &bytes(1 << 20, 2), 0);
        Ok(())
    });
    let mut expected = content;
    expected[..4].copy_from_slice(b"META");
    expected[HEAD..HEAD + 4].copy_from_slice(b"FREE");
    assert!(copied(&place, &options) == expected);
}

#[test]
fn pinned_files_of_any_size_around_the_head_are_whole() {
    for length in [0, 1, HEAD - 1, HEAD, HEAD + 1, 2 * HEAD + 7] {
        let (place, subject) = with_subject(&bytes(length, 1));
        let options = acting(FileClass::Pinned, || {}, move || append(&subject, b"grown"));
        assert!(copied(&place, &options) == bytes(length, 1), "{length}");
    }
}

#[test]
fn a_pinned_file_that_is_cut_is_named_and_kills_nobody() {
    let (place, subject) = with_subject(&bytes(1 << 20, 1));
    let cutting = subject.clone();
    // A little more each time, so that no capture is whole.
    let length = std::sync::atomic::AtomicU64::new(HEAD as u64 + 100);
    let cut = move || {
        let length = length.fetch_sub(1, Relaxed);
        File::options().write(true).open(&cutting).unwrap().set_len(length).unwrap();
    };
    let error = place.refused(&acting(FileClass::Pinned, || {}, cut));
    assert_eq!((error.code(), error.path()), (Code::SourceChanged, Some(subject.as_path())), "{error}");
}

#[test]
fn a_pinned_files_holes_stay_holes() {
    use std::os::unix::fs::MetadataExt;
    let (place, subject) = with_subject(b"meta");
    let file = File::options().write(true).open(&subject).unwrap();
    file.set_len(64 << 20).unwrap();
    file.write_all_at(b"page", 32 << 20).unwrap();
    let job = place.back_up(&acting(FileClass::Pinned, || {}, || {})).unwrap();
    let copy = job.location().join("subject");
    assert!(fs::read(&copy).unwrap() == fs::read(&subject).unwrap());
    assert!(fs::metadata(&copy).unwrap().blocks() * 512 < 8 << 20);
    assert!(job.status().unwrap().bytes_holes > 60 << 20);
}

#[test]
fn a_mutable_file_is_exactly_as_it_was_in_the_window() {
    for length in [10, 100_000, 3 << 20] {
        let (place, subject) = with_subject(&bytes(length, 1));
        let (before, after) = (subject.clone(), subject.clone());
        let options = acting(
            FileClass::Mutable,
            move || overwrite(&before, b"BEFORE", 0),
            move || {
                overwrite(&after, b"AFTER", 3);
                append(&after, b"grown");
            },
        );
        let mut expected = bytes(length, 1);
        expected[..6].copy_from_slice(b"BEFORE");
        assert!(copied(&place, &options) == expected, "{length}");
    }
}

#[test]
fn what_no_rule_names_is_mutable() {
    let place = Place::with_snapshot();
    let index = place.data().join("index");
    let mut options = Options::new();
    options.hooks().freeze_thaw(
        |_| Ok(()),
        move |_| {
            write(&index, b"later");
            Ok(())
        },
    );
    let job = place.back_up(&options).unwrap();
    assert_eq!(fs::read(job.location().join("index")).unwrap(), b"index");
}

#[test]
fn what_is_excluded_is_not_looked_at_a_directory_with_all_below_it() {
    use std::os::unix::fs::symlink;
    let place = Place::with_snapshot();
    let data = place.data();
    write(&data.join("cache/a/b"), b"not data");
    // It would fail the job anywhere else.
    symlink("nowhere", data.join("cache/link")).unwrap();
    let mut options = frozen();
    options.add_rule("cache", FileClass::Excluded).unwrap();
    options.add_rule("*.sst", FileClass::Excluded).unwrap();
    let job = place.back_up(&options).unwrap();
    let mut expected = tree(&data);
    expected
        .retain(|path, _| !path.starts_with("cache") && path.extension().is_none_or(|name| name != "sst"));
    assert_eq!(tree(job.location()), expected);
}

#[test]
fn the_callers_rules_come_before_the_layouts() {
    let place = Place::with_files();
    write(&place.data().join("db.alopex.lock"), b"");
    let mut options = frozen();
    options.set_layout("alopex").unwrap();
    options.add_rule("lsm.wal", FileClass::Excluded).unwrap();
    options.add_rule("*.alopex.lock", FileClass::IMMUTABLE).unwrap();
    let seen = Arc::new(Mutex::new(Vec::new()));
    let staged = seen.clone();
    // Looked at before the layout's validator refuses it, which comes first: so not by this hook,
    // but by the progress at that phase.
    options.hooks().progress(move |progress, hook| {
        if progress.phase == Phase::Verify {
            let root = hook.job().location().parent().unwrap().to_path_buf();
            *staged.lock().unwrap() = common::names(&root);
        }
        Ok(ControlFlow::Continue(()))
    });
    write(&place.data().join("lsm.wal"), b"log");
    place.refused(&options);
    let seen = seen.lock().unwrap();
    assert!(seen.iter().any(|path| path.ends_with("db.alopex.lock")), "{seen:?}");
    assert!(!seen.iter().any(|path| path.ends_with("lsm.wal")), "{seen:?}");
}

#[test]
fn progress_comes_about_every_100_ms_moved_or_not_and_at_each_change_of_phase() {
    let place = Place::with_snapshot();
    write(&place.data().join("subject"), &bytes(100_000, 1));
    let reports = Arc::new(Mutex::new(Vec::new()));
    let mut options = acting(FileClass::IMMUTABLE, || {}, || {});
    // One byte a second: nothing moves, until the hook has come often enough.
    options.set_rate_limit(1);
    let (noted, lifted) = (reports.clone(), AtomicBool::new(false));
    options.hooks().progress(move |progress, hook| {
        let mut reports = noted.lock().unwrap();
        reports.push((Instant::now(), *progress));
        if reports.len() > 12 && !lifted.swap(true, Relaxed) {
            hook.job().set_rate_limit(0).unwrap();
        }
        Ok(ControlFlow::Continue(()))
    });
    place.back_up(&options).unwrap();
    let reports = reports.lock().unwrap();
    let mut phases: Vec<Phase> = reports.iter().map(|(_, progress)| progress.phase).collect();
    phases.dedup();
    use Phase::*;
    assert_eq!(phases, [Checkpoint, Pin, Freeze, Copy, Verify, Publish]);
    // Not more often, besides the changes of phase.
    let took = reports.last().unwrap().0 - reports[0].0;
    let ticks = took.as_millis() as usize / Duration::from_millis(100).as_millis() as usize;
    assert!(reports.len() <= ticks + phases.len() + 1, "{} in {took:?}", reports.len());
    let percents: Vec<u32> = reports.iter().map(|(_, progress)| progress.percent).collect();
    assert!(percents.is_sorted() && percents.iter().all(|percent| *percent < 100), "{percents:?}");
}
