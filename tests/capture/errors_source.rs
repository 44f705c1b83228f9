//! What is wrong with the data directory gets a code of its own and one line that names the path,
//! and harms no older snapshot.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, SystemTime};

use crate::common::{Place, Writer, bytes, frozen, is_unprivileged, tree, verify, write};
use hotbackup::{BackupRoot, Code, Coordinator, Error, FileClass, Hooks, Options, Phase, Symlinks};

/// That the error is of this code and about this path, in its message too.
#[track_caller]
fn names(error: &Error, code: Code, path: &Path) {
    assert_eq!(error.code(), code, "{error}");
    assert_eq!(error.path(), Some(path), "{error}");
    assert!(error.message().contains(path.to_str().unwrap()), "{error}");
}

/// A file that was last written long ago, so that any write of it moves its mtime.
fn write_old(path: &Path, content: &[u8]) {
    write(path, content);
    let long_ago = SystemTime::now() - Duration::from_secs(3600);
    fs::File::options().write(true).open(path).unwrap().set_modified(long_ago).unwrap();
}

/// Does something once, when the copy begins: the window has closed, and what could wait is
/// not read yet.
fn when_the_copy_begins(hooks: &mut Hooks, act: impl Fn() + Send + Sync + 'static) {
    let done = AtomicBool::new(false);
    hooks.progress(move |progress, _| {
        if progress.phase == Phase::Copy && !done.swap(true, Relaxed) {
            act();
        }
        Ok(std::ops::ControlFlow::Continue(()))
    });
}

#[test]
fn a_missing_data_directory_is_not_found_and_is_not_made() {
    let place = Place::with_snapshot();
    let missing = place.beside("missing");
    let error = place.harmless(|| Coordinator::open(&missing, &Options::new()));
    names(&error, Code::NotFound, &missing);
    assert!(!missing.exists());
}

#[test]
fn a_data_directory_that_is_a_file_is_an_invalid_argument() {
    let place = Place::with_snapshot();
    let file = place.data().join("index");
    let error = place.harmless(|| Coordinator::open(&file, &Options::new()));
    names(&error, Code::InvalidArgument, &file);
    assert_eq!(fs::read(&file).unwrap(), b"index");
}

#[test]
fn a_further_source_that_is_missing_or_a_file_is_found_at_opening() {
    let place = Place::with_snapshot();
    write(&place.beside("file"), b"");
    for (name, code) in [("missing", Code::NotFound), ("file", Code::InvalidArgument)] {
        let mut options = frozen();
        options.add_source(&place.beside(name), Path::new("wal")).unwrap();
        let error = place.harmless(|| Coordinator::open(&place.data(), &options));
        names(&error, code, &place.beside(name));
    }
}

#[test]
fn a_further_source_that_vanishes_later_fails_the_job_without_residue_in_the_others() {
    let place = Place::with_snapshot();
    let (wal, aside) = (place.beside("wal"), place.beside("aside"));
    write(&wal.join("1.log"), b"log");
    let mut options = frozen();
    options.add_source(&wal, Path::new("wal")).unwrap();
    let coordinator = Coordinator::open(&place.data(), &options).unwrap();
    fs::rename(&wal, aside).unwrap();
    let error = place.harmless(|| coordinator.start()?.wait());
    names(&error, Code::NotFound, &wal);
}

#[test]
fn a_file_that_must_not_be_read_is_named_whatever_its_class() {
    if !is_unprivileged("errors_source::a_file_that_must_not_be_read_is_named_whatever_its_class") {
        return;
    }
    let place = Place::with_snapshot();
    let secret = place.data().join("tables/2.sst");
    for class in [FileClass::Mutable, FileClass::IMMUTABLE, FileClass::AppendOnly, FileClass::Pinned] {
        let mut options = frozen();
        options.add_rule("*.sst", class).unwrap();
        fs::set_permissions(&secret, Permissions::from_mode(0o000)).unwrap();
        let error = place.refused(&options);
        names(&error, Code::Io, &secret);
        assert_eq!(error.os_error(), libc::EACCES);
        fs::set_permissions(&secret, Permissions::from_mode(0o644)).unwrap();
        place.back_up(&options).unwrap();
    }
}

#[test]
fn a_directory_that_must_not_be_listed_is_named() {
    if !is_unprivileged("errors_source::a_directory_that_must_not_be_listed_is_named") {
        return;
    }
    let place = Place::with_snapshot();
    let secret = place.data().join("tables/deep");
    fs::set_permissions(&secret, Permissions::from_mode(0o000)).unwrap();
    let error = place.refused(&frozen());
    fs::set_permissions(&secret, Permissions::from_mode(0o755)).unwrap();
    names(&error, Code::Io, &secret);
}

#[test]
fn a_symbolic_link_is_refused_by_default_wherever_it_leads() {
    let place = Place::with_snapshot();
    let link = place.data().join("tables/link");
    for target in ["1.sst", "../..", "nowhere"] {
        symlink(target, &link).unwrap();
        names(&place.refused(&frozen()), Code::Unsupported, &link);
        fs::remove_file(&link).unwrap();
    }
    symlink("nowhere", &link).unwrap();
    let mut preserving = frozen();
    preserving.set_symlinks(Symlinks::Preserve);
    place.back_up(&preserving).unwrap();
    let mut excluding = frozen();
    excluding.add_rule("link", FileClass::Excluded).unwrap();
    place.back_up(&excluding).unwrap();
}

#[test]
fn a_directory_that_the_layout_does_not_accept_is_corrupt_and_not_published() {
    let place = Place::with_snapshot();
    let mut options = frozen();
    options.set_layout("alopex").unwrap();
    let error = place.refused(&options);
    assert_eq!(error.code(), Code::Corrupt);
    assert!(error.message().contains("checkpoint.meta"), "{error}");
    assert!(error.path().unwrap().ends_with("checkpoint.meta"));
}

#[test]
fn a_file_that_changes_at_each_copy_without_a_freeze_is_named() {
    let place = Place::with_files();
    place.back_up(&Options::new()).unwrap();
    let log = place.data().join("log");
    let mut options = Options::new();
    // The copy takes long enough for the progress hook to be called amid it.
    options.set_rate_limit(1_500_000);
    let changing = log.clone();
    options.hooks().progress(move |progress, _| {
        if progress.phase == Phase::Freeze && progress.bytes_done > 0 {
            write(&changing, b"written while it was copied");
        }
        Ok(std::ops::ControlFlow::Continue(()))
    });
    names(&place.refused(&options), Code::SourceChanged, &log);
}

#[test]
fn a_freeze_that_does_not_stop_the_writes_is_found_out() {
    let place = Place::with_long_rounds();
    let index = place.data().join("index");
    let writer = Writer::start(&index);
    let error = place.refused(&frozen());
    drop(writer);
    names(&error, Code::SourceChanged, &index);
}

#[test]
fn an_immutable_file_that_changes_after_it_was_pinned_is_named() {
    type Change = fn(&Path);
    let changes: [(&str, Change); 4] = [
        ("its content, in place", |path| {
            use std::os::unix::fs::FileExt;
            fs::File::options().write(true).open(path).unwrap().write_all_at(b"x", 50_000).unwrap();
        }),
        ("longer", |path| {
            use std::io::Write;
            fs::File::options().append(true).open(path).unwrap().write_all(b"more").unwrap();
        }),
        ("shorter", |path| fs::File::options().write(true).open(path).unwrap().set_len(10).unwrap()),
        ("empty", |path| fs::File::options().write(true).open(path).unwrap().set_len(0).unwrap()),
    ];
    for (what, change) in changes {
        let place = Place::with_snapshot();
        let table = place.data().join("tables/2.sst");
        write_old(&table, &bytes(300_000, 2));
        let mut options = frozen();
        options.add_rule("*.sst", FileClass::IMMUTABLE).unwrap();
        let changing = table.clone();
        when_the_copy_begins(options.hooks(), move || change(&changing));
        let error = place.refused(&options);
        names(&error, Code::SourceChanged, &table);
        assert!(error.message().contains("2.sst"), "{what}: {error}");
    }
}

#[test]
fn an_immutable_file_whose_times_alone_are_the_same_bytes_is_still_named() {
    let place = Place::with_snapshot();
    let table = place.data().join("tables/2.sst");
    write_old(&table, &bytes(300_000, 2));
    let mut options = frozen();
    options.add_rule("*.sst", FileClass::IMMUTABLE).unwrap();
    let changing = table.clone();
    when_the_copy_begins(options.hooks(), move || write(&changing, &bytes(300_000, 2)));
    names(&place.refused(&options), Code::SourceChanged, &table);
}

/// Options under which a table of this class grows while it is copied: slowly, so that the
/// progress hook comes by in between.
fn growing(table: &Path, class: FileClass) -> Options {
    let mut options = frozen();
    options.add_rule("*.sst", class).unwrap();
    options.set_rate_limit(1_000_000);
    let table = table.to_path_buf();
    options.hooks().progress(move |progress, _| {
        use std::io::Write;
        if progress.phase == Phase::Copy {
            fs::File::options().append(true).open(&table).unwrap().write_all(b"a block").unwrap();
        }
        Ok(std::ops::ControlFlow::Continue(()))
    });
    options
}

#[test]
fn a_table_that_is_still_being_built_fails_the_backup_without_the_flag() {
    let place = Place::with_snapshot();
    let table = place.data().join("tables/2.sst");
    names(&place.refused(&growing(&table, FileClass::IMMUTABLE)), Code::SourceChanged, &table);
}

#[test]
fn a_table_that_is_still_being_built_is_left_out_and_counted_with_the_flag() {
    let place = Place::with_snapshot();
    let table = place.data().join("tables/2.sst");
    let job = place.back_up(&growing(&table, FileClass::Immutable { unfinished_ok: true })).unwrap();
    let mut expected = tree(&place.data());
    expected.remove(Path::new("tables/2.sst"));
    assert_eq!(tree(job.location()), expected);
    verify(job.location()).unwrap();
    assert_eq!(job.status().unwrap().files_left_out, 1);
    assert_eq!(BackupRoot::at(place.root()).latest().unwrap().files_left_out(), 1);
}

#[test]
fn a_table_that_is_finished_before_the_window_closes_is_in_though_it_was_pinned_before() {
    let place = Place::with_snapshot();
    let table = place.data().join("tables/2.sst");
    let whole = bytes(500_000, 9);
    let mut options = frozen();
    options.add_rule("*.sst", FileClass::Immutable { unfinished_ok: true }).unwrap();
    // The pins are taken ahead of the freeze hook, which here is when the table gets complete.
    let (finishing, content) = (table.clone(), whole.clone());
    options.hooks().freeze_thaw(
        move |_| {
            write(&finishing, &content);
            Ok(())
        },
        |_| Ok(()),
    );
    let job = place.back_up(&options).unwrap();
    assert_eq!(fs::read(job.location().join("tables/2.sst")).unwrap(), whole);
    assert_eq!(job.status().unwrap().files_left_out, 0);
}

#[test]
fn a_table_whose_times_alone_change_stays_in_with_the_flag() {
    let place = Place::with_snapshot();
    let table = place.data().join("tables/2.sst");
    write_old(&table, &bytes(300_000, 2));
    let mut options = frozen();
    options.add_rule("*.sst", FileClass::Immutable { unfinished_ok: true }).unwrap();
    options.set_rate_limit(1_000_000);
    let changing = table.clone();
    options.hooks().progress(move |progress, _| {
        if progress.phase == Phase::Copy {
            fs::File::options().write(true).open(&changing).unwrap().set_modified(SystemTime::now()).unwrap();
        }
        Ok(std::ops::ControlFlow::Continue(()))
    });
    let job = place.back_up(&options).unwrap();
    assert_eq!(fs::read(job.location().join("tables/2.sst")).unwrap(), bytes(300_000, 2));
    assert_eq!(job.status().unwrap().files_left_out, 0);
}

#[test]
fn a_file_that_the_host_names_and_that_is_missing_fails_the_job() {
    for from_freeze in [false, true] {
        let place = Place::with_snapshot();
        let mut options = Options::new();
        let name = |hook: &hotbackup::Hook<'_>| {
            hook.add_file(Path::new("log"), FileClass::AppendOnly, None).unwrap();
            hook.add_file(Path::new("tables/9.sst"), FileClass::IMMUTABLE, None).unwrap();
        };
        options.hooks().checkpoint(move |hook| {
            if !from_freeze {
                name(hook);
            }
            Ok(())
        });
        options.hooks().freeze_thaw(
            move |hook| {
                if from_freeze {
                    name(hook);
                }
                Ok(())
            },
            |_| Ok(()),
        );
        names(&place.refused(&options), Code::NotFound, &place.data().join("tables/9.sst"));
    }
}
