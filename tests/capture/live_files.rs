//! A host that knows its live files names them from its checkpoint or freeze hook.

use std::fs;
use std::io::Write;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::Relaxed};
use std::sync::{Arc, Mutex};

use crate::common::{Place, Writer, bytes, frozen, restore, tree, verify, write};
use hotbackup::{Code, Coordinator, FileClass, Hook, Job, Options, Result, Symlinks};

const LOG: FileClass = FileClass::AppendOnly;

/// Options whose checkpoint hook names files.
fn naming(name: impl Fn(&Hook<'_>) -> Result<()> + Send + Sync + 'static) -> Options {
    let mut options = frozen();
    options.hooks().checkpoint(move |hook| name(hook).map_err(|error| error.message().into()));
    options
}

fn add(hook: &Hook<'_>, path: &str, class: FileClass) -> Result<()> {
    hook.add_file(Path::new(path), class, None)
}

fn names(job: &Job) -> Vec<String> {
    let found = tree(job.location());
    let files = found.iter().filter(|(_, content)| *content != b"directory");
    files.map(|(path, _)| path.display().to_string()).collect()
}

#[test]
fn exactly_the_named_files_are_captured() {
    let place = Place::with_files();
    // Neither is looked at: the names take the place of the walk.
    symlink("nowhere", place.data().join("link")).unwrap();
    let job = place
        .back_up(&naming(|hook| {
            add(hook, "tables/2.sst", FileClass::IMMUTABLE)?;
            add(hook, "tables/deep/er/3.sst", FileClass::IMMUTABLE)?;
            add(hook, "log", LOG)?;
            add(hook, "index", FileClass::Mutable)
        }))
        .unwrap();
    assert_eq!(names(&job), ["index", "log", "tables/2.sst", "tables/deep/er/3.sst"]);
    for name in names(&job) {
        assert_eq!(
            fs::read(job.location().join(&name)).unwrap(),
            fs::read(place.data().join(&name)).unwrap()
        );
    }
    verify(job.location()).unwrap();
    assert_eq!(job.status().unwrap().files_total, 4);
    restore(job.location(), &place.beside("again")).unwrap();
    assert_eq!(tree(&place.beside("again")), tree(job.location()));
}

#[test]
fn names_from_the_freeze_hook_count_though_the_walk_would_fail() {
    let place = Place::with_files();
    symlink("nowhere", place.data().join("link")).unwrap();
    let mut options = Options::new();
    options
        .hooks()
        .freeze_thaw(|hook| add(hook, "log", LOG).map_err(|error| error.message().into()), |_| Ok(()));
    assert_eq!(names(&place.back_up(&options).unwrap()), ["log"]);
}

#[test]
fn a_named_file_has_the_class_that_it_was_named_with_not_that_of_a_rule() {
    let place = Place::with_files();
    let mut options = naming(|hook| add(hook, "log", LOG));
    options.add_rule("log", FileClass::Excluded).unwrap();
    let log = place.data().join("log");
    let before = fs::read(&log).unwrap();
    options.hooks().freeze_thaw(
        |_| Ok(()),
        move |_| {
            write(&log, &[fs::read(&log).unwrap(), b"grown".to_vec()].concat());
            Ok(())
        },
    );
    let job = place.back_up(&options).unwrap();
    assert_eq!(fs::read(job.location().join("log")).unwrap(), before);
}

#[test]
fn bytes_alone_are_added_to_the_walk_and_take_the_place_of_what_is_there() {
    let place = Place::with_files();
    symlink("nowhere", place.data().join("link")).unwrap();
    let mut options = naming(|hook| {
        hook.add_bytes(Path::new("CURRENT"), b"MANIFEST-000004\n")?;
        hook.add_bytes(Path::new("new/deep/label"), b"")?;
        hook.add_bytes(Path::new("index"), b"another index")?;
        hook.add_bytes(Path::new("link"), b"no link")
    });
    options.set_symlinks(Symlinks::Preserve);
    let job = place.back_up(&options).unwrap();
    let mut expected = tree(&place.data());
    expected.insert("CURRENT".into(), b"MANIFEST-000004\n".to_vec());
    expected.insert("new".into(), b"directory".to_vec());
    expected.insert("new/deep".into(), b"directory".to_vec());
    expected.insert("new/deep/label".into(), b"".to_vec());
    expected.insert("index".into(), b"another index".to_vec());
    expected.insert("link".into(), b"no link".to_vec());
    assert_eq!(tree(job.location()), expected);
    verify(job.location()).unwrap();
    restore(job.location(), &place.beside("again")).unwrap();
    assert_eq!(tree(&place.beside("again")), expected);
    assert!(!place.data().join("CURRENT").exists(), "only the snapshot has it");
}

#[test]
fn of_two_calls_for_one_name_the_later_wins() {
    let place = Place::with_files();
    let job = place
        .back_up(&naming(|hook| {
            add(hook, "log", LOG)?;
            hook.add_bytes(Path::new("log"), b"bytes")?;
            hook.add_bytes(Path::new("index"), b"bytes")?;
            add(hook, "index", FileClass::Mutable)?;
            hook.add_file(Path::new("tables/1.sst"), LOG, Some(10))?;
            hook.add_file(Path::new("tables/1.sst"), LOG, Some(20))
        }))
        .unwrap();
    assert_eq!(names(&job), ["index", "log", "tables/1.sst"]);
    assert_eq!(fs::read(job.location().join("log")).unwrap(), b"bytes");
    assert_eq!(fs::read(job.location().join("index")).unwrap(), b"index");
    assert_eq!(fs::read(job.location().join("tables/1.sst")).unwrap(), bytes(100_000, 1)[..20]);
}

#[test]
fn a_file_of_a_further_source_is_named_by_its_prefix() {
    let place = Place::with_files();
    write(&place.beside("wal/deep/1.log"), b"log");
    write(&place.beside("wal/2.log"), b"not named");
    let mut options = naming(|hook| add(hook, "a/wal/deep/1.log", LOG));
    options.add_source(&place.beside("wal"), Path::new("a/wal")).unwrap();
    let job = place.back_up(&options).unwrap();
    assert_eq!(names(&job), ["a/wal/deep/1.log"]);
    assert_eq!(fs::read(job.location().join("a/wal/deep/1.log")).unwrap(), b"log");
    verify(job.location()).unwrap();
}

#[test]
fn only_so_much_of_a_file_is_captured_as_the_host_named_whatever_its_class() {
    for class in [FileClass::IMMUTABLE, LOG, FileClass::Pinned, FileClass::Mutable] {
        let place = Place::with_files();
        for length in [0, 1, 5_000, 300_000] {
            let job = place
                .back_up(&naming(move |hook| hook.add_file(Path::new("tables/2.sst"), class, Some(length))))
                .unwrap();
            let copy = fs::read(job.location().join("tables/2.sst")).unwrap();
            assert!(copy == bytes(300_000, 2)[..length as usize], "{class:?} {length}");
            verify(job.location()).unwrap();
        }
        let error = place
            .refused(&naming(move |hook| hook.add_file(Path::new("tables/2.sst"), class, Some(300_001))));
        assert_eq!(error.code(), Code::SourceChanged, "{error}");
        assert_eq!(error.path(), Some(place.data().join("tables/2.sst").as_path()));
    }
}

#[test]
fn what_a_log_gains_beyond_the_named_length_disturbs_no_window() {
    let place = Place::with_files();
    let log = place.data().join("log");
    // Nothing that is not named is looked at either.
    let _noise = Writer::start(&place.data().join("noise"));
    let stop = Arc::new(AtomicBool::new(false));
    let (stopped, mut appending) = (stop.clone(), fs::File::options().append(true).open(&log).unwrap());
    let appender = std::thread::spawn(move || {
        while !stopped.load(Relaxed) {
            appending.write_all(b"a record").unwrap();
        }
    });
    let result = place.back_up(&naming(|hook| hook.add_file(Path::new("log"), LOG, Some(20_000))));
    stop.store(true, Relaxed);
    appender.join().unwrap();
    assert!(fs::read(result.unwrap().location().join("log")).unwrap() == bytes(20_000, 4));
}

#[test]
fn names_that_cannot_be_are_refused_where_they_are_given() {
    let place = Place::with_files();
    type Call = fn(&Hook<'_>) -> Result<()>;
    let wrong: [Call; 14] = [
        |hook| add(hook, "", LOG),
        |hook| add(hook, "/etc/passwd", LOG),
        |hook| add(hook, "../data/log", LOG),
        |hook| add(hook, "tables/../log", LOG),
        |hook| add(hook, "./log", LOG),
        |hook| add(hook, "log/", LOG),
        |hook| add(hook, ".lifecycle/owner", LOG),
        |hook| add(hook, "snapshot.manifest", LOG),
        |hook| add(hook, "index", FileClass::Excluded),
        |hook| hook.add_bytes(Path::new("../escaped"), b""),
        |hook| hook.add_bytes(Path::new("snapshot.manifest"), b""),
        |hook| hook.add_bytes(Path::new(".lifecycle/x"), b""),
        // `log` is a file by now, and `tables` a directory.
        |hook| hook.add_bytes(Path::new("log/below"), b""),
        |hook| add(hook, "tables", LOG),
    ];
    let refused = Arc::new(AtomicU32::new(0));
    let count = refused.clone();
    place
        .back_up(&naming(move |hook| {
            add(hook, "log", LOG)?;
            add(hook, "tables/1.sst", FileClass::IMMUTABLE)?;
            for call in wrong {
                let error = call(hook).unwrap_err();
                assert_eq!(error.code(), Code::InvalidArgument, "{error}");
                count.fetch_add(1, Relaxed);
            }
            Ok(())
        }))
        .unwrap();
    assert_eq!(refused.load(Relaxed), 14);
    assert!(!place.beside("escaped").exists());
}

#[test]
fn bytes_that_would_be_a_file_and_a_directory_with_what_is_there_fail_the_job() {
    let place = Place::with_snapshot();
    for (name, clash) in [("tables", "tables"), ("index/below", "index"), ("log/a/b", "log")] {
        let error = place.refused(&naming(move |hook| hook.add_bytes(Path::new(name), b"bytes")));
        assert_eq!(error.code(), Code::InvalidArgument, "{error}");
        assert!(error.message().contains(clash), "{error}");
    }
}

#[test]
fn what_is_no_regular_file_cannot_be_named() {
    let place = Place::with_snapshot();
    symlink("log", place.data().join("link")).unwrap();
    for name in ["tables", "link"] {
        let error = place.refused(&naming(move |hook| add(hook, name, LOG)));
        assert_eq!(error.code(), Code::InvalidArgument, "{error}");
        assert_eq!(error.path(), Some(place.data().join(name).as_path()), "{error}");
    }
}

#[test]
fn files_are_named_from_the_checkpoint_and_the_freeze_hook_alone() {
    let place = Place::with_files();
    let refused = Arc::new(AtomicU32::new(0));
    let try_it = |refused: &Arc<AtomicU32>| {
        let refused = refused.clone();
        move |hook: &Hook<'_>| {
            for error in
                [add(hook, "log", LOG).unwrap_err(), hook.add_bytes(Path::new("x"), b"").unwrap_err()]
            {
                assert_eq!(error.code(), Code::Conflict, "{error}");
                refused.fetch_add(1, Relaxed);
            }
        }
    };
    let mut options = Options::new();
    let (thaw, release, validate, progress) =
        (try_it(&refused), try_it(&refused), try_it(&refused), try_it(&refused));
    options.hooks().freeze_thaw(|_| Ok(()), move |hook| Ok(thaw(hook)));
    options.hooks().release(move |hook| Ok(release(hook)));
    options.hooks().validate(move |_, hook| Ok(validate(hook)));
    options.hooks().progress(move |_, hook| {
        progress(hook);
        Ok(std::ops::ControlFlow::Continue(()))
    });
    let job = place.back_up(&options).unwrap();
    assert!(refused.load(Relaxed) >= 8);
    assert_eq!(tree(job.location()), tree(&place.data()));
}

#[test]
fn what_the_checkpoint_names_stays_and_what_a_freeze_names_counts_for_that_freeze() {
    let place = Place::with_long_rounds();
    let data = place.data();
    // It makes each round long enough for the writer to come by.
    write(&data.join("first"), b"first");
    let first = data.join("first");
    let windows = Arc::new(AtomicU32::new(0));
    let writer = Arc::new(Mutex::new(None));
    let mut options = naming(|hook| {
        add(hook, "index", FileClass::Mutable)?;
        add(hook, "large", FileClass::Mutable)
    });
    // What the first window names changes in each of its rounds, and is gone before the second.
    let (window, writing, path) = (windows.clone(), writer.clone(), first.clone());
    options.hooks().freeze_thaw(
        move |hook| {
            let name = match window.fetch_add(1, Relaxed) {
                0 => {
                    *writing.lock().unwrap() = Some(Writer::start(&path));
                    "first"
                }
                _ => "log",
            };
            add(hook, name, FileClass::Mutable).map_err(|error| error.message().into())
        },
        move |_| {
            if writer.lock().unwrap().take().is_some() {
                fs::remove_file(&first).unwrap();
            }
            Ok(())
        },
    );
    let job = place.back_up(&options).unwrap();
    assert_eq!(windows.load(Relaxed), 2);
    assert_eq!(names(&job), ["index", "large", "log"]);
}

#[test]
fn each_backup_starts_without_names() {
    let place = Place::with_files();
    let first = AtomicU32::new(0);
    let options = naming(move |hook| match first.fetch_add(1, Relaxed) {
        0 => add(hook, "log", LOG),
        _ => Ok(()),
    });
    let coordinator = Coordinator::open(&place.data(), &options).unwrap();
    let one = coordinator.start().unwrap();
    one.wait().unwrap();
    let two = coordinator.start().unwrap();
    two.wait().unwrap();
    assert_eq!(names(&one), ["log"]);
    assert_eq!(tree(two.location()), tree(&place.data()));
}
