//! Engines that truncate what they delete, whatever its link count (Badger does): a table that is
//! shorter than it was is no table that is being built.

use std::fs::{self, File};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};

use crate::common::{self, Place, bytes, tree, verify, write};
use hotbackup::{Code, FileClass, Options, Phase};

const UNFINISHED_OK: FileClass = FileClass::Immutable { unfinished_ok: true };

/// A store whose manifest names its tables. A compaction makes the next table of the last one, and
/// deletes that as Badger does.
#[derive(Clone)]
struct Store(PathBuf);

impl Store {
    fn new(place: &Place) -> Self {
        let store = Self(place.data());
        write(&store.table(1), &bytes(600_000, 1));
        write(&store.0.join("MANIFEST"), b"1");
        store
    }

    fn table(&self, number: usize) -> PathBuf {
        self.0.join(format!("{number}.sst"))
    }

    fn current(top: &Path) -> usize {
        fs::read_to_string(top.join("MANIFEST")).unwrap().parse().unwrap()
    }

    fn compact(&self) {
        self.compact_by(|table| table.set_len(0).unwrap());
    }

    /// With its own way to give the space of a table back before that is unlinked.
    fn compact_by(&self, give_back: impl Fn(&File)) {
        let number = Self::current(&self.0);
        write(&self.table(number + 1), &bytes(600_000, number as u64 + 1));
        write(&self.0.join("MANIFEST"), (number + 1).to_string().as_bytes());
        give_back(&File::options().write(true).open(self.table(number)).unwrap());
        fs::remove_file(self.table(number)).unwrap();
    }

    /// The table that a snapshot's manifest names is there, whole.
    fn assert_sound(snapshot: &Path) -> usize {
        let number = Self::current(snapshot);
        let table = fs::read(snapshot.join(format!("{number}.sst"))).unwrap();
        assert!(table == bytes(600_000, number as u64), "table {number} has {} bytes", table.len());
        verify(snapshot).unwrap();
        number
    }
}

fn options(class: FileClass) -> Options {
    let mut options = Options::new();
    options.add_rule("*.sst", class).unwrap();
    options
}

#[test]
fn a_table_that_is_truncated_and_deleted_after_the_window_means_a_later_point() {
    for class in [UNFINISHED_OK, FileClass::IMMUTABLE, FileClass::AppendOnly, FileClass::Pinned] {
        // In the thaw, and amid the copy.
        for amid in [false, true] {
            let place = Place::new();
            let store = Store::new(&place);
            let mut options = options(class);
            options.set_rate_limit(2_000_000);
            let compacted = Arc::new(AtomicBool::new(false));
            let (at_thaw, once) = (store.clone(), compacted.clone());
            options.hooks().freeze_thaw(
                |_| Ok(()),
                move |_| {
                    if !amid && !once.swap(true, Relaxed) {
                        at_thaw.compact();
                    }
                    Ok(())
                },
            );
            let (at_copy, once) = (store.clone(), compacted.clone());
            options.hooks().progress(move |progress, _| {
                let copying = progress.phase == Phase::Copy && progress.bytes_done > 200_000;
                if amid && copying && !once.swap(true, Relaxed) {
                    at_copy.compact();
                }
                Ok(ControlFlow::Continue(()))
            });
            let job = place.back_up(&options).unwrap_or_else(|error| panic!("{class:?}: {error}"));
            assert!(compacted.load(Relaxed));
            assert_eq!(Store::assert_sound(job.location()), 2, "{class:?} {amid}");
            assert_eq!(tree(job.location()), tree(&place.data()));
            let status = job.status().unwrap();
            assert_eq!((status.files_left_out, status.files_done, status.percent), (0, 2, 100), "{class:?}");
            assert_eq!(status.bytes_done, status.bytes_total, "{class:?}");
        }
    }
}

#[test]
fn a_table_that_was_pinned_unfinished_and_is_truncated_after_the_window_is_found_out_too() {
    let place = Place::new();
    let store = Store::new(&place);
    write(&store.table(2), b"");
    let mut options = options(UNFINISHED_OK);
    let (in_freeze, in_thaw) = (store.clone(), store.clone());
    let calls = Arc::new(AtomicUsize::new(0));
    let (frozen, thawed) = (calls.clone(), calls.clone());
    options.hooks().freeze_thaw(
        move |_| {
            // It was pinned when it was empty; now it is whole, and live.
            if frozen.fetch_add(1, Relaxed) == 0 {
                write(&in_freeze.table(2), &bytes(600_000, 2));
                write(&in_freeze.0.join("MANIFEST"), b"2");
            }
            Ok(())
        },
        move |_| {
            if thawed.load(Relaxed) == 1 {
                in_thaw.compact();
            }
            Ok(())
        },
    );
    let job = place.back_up(&options).unwrap();
    assert_eq!(Store::assert_sound(job.location()), 3);
}

/// As a builder that had stalled, or whose times were set: by its stamp it has long been left alone.
#[test]
fn a_table_that_looked_finished_when_it_was_pinned_is_found_out_too() {
    for class in [UNFINISHED_OK, FileClass::IMMUTABLE] {
        let place = Place::new();
        let store = Store::new(&place);
        write(&store.table(2), &bytes(600_000, 2)[..200_000]);
        let old = std::time::SystemTime::now() - std::time::Duration::from_secs(60);
        File::options().write(true).open(store.table(2)).unwrap().set_modified(old).unwrap();
        let mut options = options(class);
        let (in_freeze, in_thaw) = (store.clone(), store.clone());
        let calls = Arc::new(AtomicUsize::new(0));
        let (frozen, thawed) = (calls.clone(), calls.clone());
        options.hooks().freeze_thaw(
            move |_| {
                if frozen.fetch_add(1, Relaxed) == 0 {
                    write(&in_freeze.table(2), &bytes(600_000, 2));
                    write(&in_freeze.0.join("MANIFEST"), b"2");
                }
                Ok(())
            },
            move |_| {
                if thawed.load(Relaxed) == 1 {
                    // More than it had when it was pinned.
                    in_thaw.compact_by(|table| table.set_len(400_000).unwrap());
                }
                Ok(())
            },
        );
        let job = place.back_up(&options).unwrap();
        assert_eq!(Store::assert_sound(job.location()), 3);
    }
}

#[test]
fn live_files_that_a_checkpoint_named_and_that_shrank_and_went_are_source_changed() {
    let place = Place::new();
    let store = Store::new(&place);
    let mut options = options(UNFINISHED_OK);
    options.hooks().checkpoint(|hook| {
        hook.add_file(Path::new("1.sst"), UNFINISHED_OK, None).unwrap();
        hook.add_file(Path::new("MANIFEST"), FileClass::Mutable, None).unwrap();
        Ok(())
    });
    let once = AtomicBool::new(false);
    options.hooks().freeze_thaw(
        |_| Ok(()),
        move |_| {
            if !once.swap(true, Relaxed) {
                store.compact();
            }
            Ok(())
        },
    );
    let error = place.refused(&options);
    assert_eq!(error.code(), Code::SourceChanged, "{error}");
}

#[test]
fn tables_that_are_truncated_at_each_try_fail_the_backup_after_a_few() {
    for class in [UNFINISHED_OK, FileClass::IMMUTABLE] {
        let place = Place::with_snapshot();
        let store = Store::new(&place);
        let freezes = Arc::new(AtomicUsize::new(0));
        let counted = freezes.clone();
        let mut options = options(class);
        let compacting = store.clone();
        options.hooks().freeze_thaw(
            move |_| {
                counted.fetch_add(1, Relaxed);
                Ok(())
            },
            move |_| {
                compacting.compact();
                Ok(())
            },
        );
        let error = place.refused(&options);
        assert_eq!(error.code(), Code::SourceChanged, "{error}");
        assert_eq!(error.path(), Some(store.table(freezes.load(Relaxed)).as_path()), "{error}");
        assert!((2..=8).contains(&freezes.load(Relaxed)), "{freezes:?}");
    }
}

#[test]
fn a_table_that_is_truncated_and_stays_is_never_taken_for_whole() {
    for class in [UNFINISHED_OK, FileClass::IMMUTABLE, FileClass::AppendOnly] {
        let place = Place::with_snapshot();
        let store = Store::new(&place);
        let table = store.table(1);
        let mut options = options(class);
        options.hooks().freeze_thaw(
            |_| Ok(()),
            move |_| {
                File::options().write(true).open(&table).unwrap().set_len(1000).unwrap();
                Ok(())
            },
        );
        let error = place.refused(&options);
        assert_eq!(
            (error.code(), error.path()),
            (Code::SourceChanged, Some(store.table(1).as_path())),
            "{error}"
        );
    }
}

#[test]
fn a_live_file_that_the_host_named_is_not_left_out_though_it_grows() {
    let place = Place::with_snapshot();
    let store = Store::new(&place);
    let mut options = Options::new();
    options.set_rate_limit(2_000_000);
    options.hooks().freeze_thaw(
        |hook| {
            hook.add_file(Path::new("MANIFEST"), FileClass::Mutable, None).unwrap();
            hook.add_file(Path::new("1.sst"), UNFINISHED_OK, None).unwrap();
            Ok(())
        },
        |_| Ok(()),
    );
    let table = store.table(1);
    options.hooks().progress(move |progress, _| {
        if progress.phase == Phase::Copy {
            use std::io::Write;
            File::options().append(true).open(&table).unwrap().write_all(b"more").unwrap();
        }
        Ok(ControlFlow::Continue(()))
    });
    let error = place.refused(&options);
    assert_eq!(
        (error.code(), error.path()),
        (Code::SourceChanged, Some(store.table(1).as_path())),
        "{error}"
    );
}

/// Gives blocks of a file back, but for its first and its last.
fn punch(table: &File) {
    use rustix::fs::FallocateFlags;
    let flags = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
    rustix::fs::fallocate(table, flags, 8192, 500_000).unwrap();
}

#[test]
fn a_table_that_is_punched_and_deleted_after_the_window_means_a_later_point_too() {
    for class in [UNFINISHED_OK, FileClass::IMMUTABLE, FileClass::AppendOnly] {
        let place = Place::new();
        let store = Store::new(&place);
        File::open(store.table(1)).unwrap().sync_all().unwrap();
        let mut options = options(class);
        let compacted = AtomicBool::new(false);
        let compacting = store.clone();
        options.hooks().freeze_thaw(
            |_| Ok(()),
            move |_| {
                if !compacted.swap(true, Relaxed) {
                    compacting.compact_by(punch);
                }
                Ok(())
            },
        );
        let job = place.back_up(&options).unwrap_or_else(|error| panic!("{class:?}: {error}"));
        assert_eq!(Store::assert_sound(job.location()), 2, "{class:?}");
    }
}

#[test]
fn a_table_that_is_built_in_space_allocated_ahead_is_not_taken_for_a_punched_one() {
    let place = Place::new();
    let store = Store::new(&place);
    let table = File::create(store.table(2)).unwrap();
    if rustix::fs::fallocate(&table, rustix::fs::FallocateFlags::empty(), 0, 4 << 20).is_err() {
        return common::skip("no space can be allocated ahead here");
    }
    let mut options = options(UNFINISHED_OK);
    options.hooks().freeze_thaw(
        |_| Ok(()),
        move |_| {
            use std::os::unix::fs::FileExt;
            table.write_all_at(&bytes(1000, 7), 0).unwrap();
            Ok(())
        },
    );
    let job = place.back_up(&options).unwrap();
    assert_eq!(Store::assert_sound(job.location()), 1);
}

/// What was copied of it in an earlier round must not stay in the staging.
#[test]
fn a_mutable_file_that_shrinks_while_it_is_copied_and_is_deleted_inside_the_window_leaves_nothing() {
    let place = Place::in_memory();
    let fleeting = place.data().join("fleeting");
    write(&fleeting, &bytes(64 << 20, 1));
    write(&place.data().join("steady"), b"steady");
    let mut options = Options::new();
    let amid_its_copy = move |hook: &hotbackup::Hook<'_>| {
        let (job, fleeting) = (hook.job().clone(), fleeting.clone());
        std::thread::spawn(move || {
            let file = File::options().write(true).open(&fleeting).unwrap();
            while job.status().unwrap().bytes_done < 1 << 20 {
                std::thread::yield_now();
            }
            // In this order, or an empty file of that name is what a later round may find.
            fs::remove_file(&fleeting).unwrap();
            file.set_len(0).unwrap();
        });
        Ok(())
    };
    options.hooks().freeze_thaw(amid_its_copy, |_| Ok(()));
    let snapshot = place.back_up(&options).unwrap();
    assert_eq!(tree(snapshot.location()).into_keys().collect::<Vec<_>>(), [PathBuf::from("steady")]);
}
