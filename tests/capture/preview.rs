//! What a backup would do is told before it does it, as it then does it, and to look leaves no trace.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::mpsc;

use crate::common::mounted::Mounted;
use crate::common::{
    Place, bytes, frozen, frozen_with_tables, is_unprivileged, names, restore, skip, write, write_old,
};
use hotbackup::{
    BackupRoot, Code, Coordinator, EntryKind, Error, FileClass, Options, Outcome, Preview, Share, Snapshot,
    Symlinks, preview,
};

fn outcomes(preview: &Preview) -> BTreeMap<String, Outcome> {
    preview.iter().map(|entry| (entry.path.to_str().unwrap().to_string(), entry.outcome)).collect()
}

fn preview_of(place: &Place, options: &Options) -> Preview {
    preview(place.data(), options).unwrap()
}

/// That a backup would be refused for these reasons, and what each must name.
#[track_caller]
fn refused(preview: &Preview, expected: &[(Code, &str)]) {
    let found: Vec<&Error> = preview.refusals().iter().collect();
    assert_eq!(found.len(), expected.len(), "{found:?}");
    for (error, (code, what)) in found.iter().zip(expected) {
        assert_eq!(error.code(), *code, "{error}");
        assert!(error.message().contains(what), "{what}: {error}");
        assert_eq!(error.message().lines().count(), 1, "{error}");
    }
}

/// Rules of all classes.
fn with_rules() -> Options {
    let mut options = frozen_with_tables();
    for (glob, class) in [
        ("log", FileClass::AppendOnly),
        ("pages.db", FileClass::Pinned),
        ("LOCK", FileClass::Excluded),
        ("tmp", FileClass::Excluded),
    ] {
        options.add_rule(glob, class).unwrap();
    }
    options.set_symlinks(Symlinks::Preserve);
    options
}

#[test]
fn each_name_is_told_with_its_rule_and_what_would_become_of_it() {
    let place = Place::with_files();
    let data = place.data();
    write(&data.join("pages.db"), &bytes(9_000, 1));
    write(&data.join("LOCK"), b"");
    write(&data.join("tmp/deep/er"), b"not data");
    symlink("index", data.join("link")).unwrap();
    assert!(Command::new("mkfifo").arg(data.join("fifo")).status().unwrap().success());
    let told = preview_of(&place, &with_rules());
    let expected = [
        ("LOCK", Outcome::Excluded, EntryKind::File, Some("LOCK"), 0),
        ("empty", Outcome::CopiedInFreeze, EntryKind::File, None, 0),
        ("fifo", Outcome::Skipped, EntryKind::Other, None, 0),
        ("index", Outcome::CopiedInFreeze, EntryKind::File, None, 5),
        ("link", Outcome::LinkKept, EntryKind::Link, None, 0),
        ("log", Outcome::CopiedAfterFreeze, EntryKind::File, Some("log"), 20_000),
        ("pages.db", Outcome::CopiedBeforeRelease, EntryKind::File, Some("pages.db"), 9_000),
        ("tables/1.sst", Outcome::CopiedAfterFreeze, EntryKind::File, Some("*.sst"), 100_000),
        ("tables/2.sst", Outcome::CopiedAfterFreeze, EntryKind::File, Some("*.sst"), 300_000),
        ("tables/deep/er/3.sst", Outcome::CopiedAfterFreeze, EntryKind::File, Some("*.sst"), 1),
        ("tmp", Outcome::Excluded, EntryKind::Directory, Some("tmp"), 0),
    ];
    let found: Vec<_> = told
        .iter()
        .map(|entry| (entry.path.to_str().unwrap(), entry.outcome, entry.kind, entry.rule, entry.size))
        .collect();
    assert_eq!(found, expected);
    assert_eq!(told.get(5).unwrap().class, FileClass::AppendOnly);
    assert_eq!((told.len(), told.get(told.len())), (expected.len(), None));
    let after = told.totals(Outcome::CopiedAfterFreeze);
    assert_eq!((after.entries, after.bytes), (4, 420_001));
    assert_eq!(told.directories(), 4, "hollow, tables and the two in it");
    assert_eq!((told.layout(), told.previous()), ("generic", None));
    assert_eq!((told.data_dir(), told.root()), (&*place.data().canonicalize().unwrap(), &*place.root()));
    assert!(told.is_one_file_system());
    refused(&told, &[]);
    let [space] = told.spaces() else { panic!("{:?}", told.spaces()) };
    assert!(space.free.unwrap() > 1 << 20 && (429_006..=500_000).contains(&space.needed), "{space:?}");
}

#[test]
fn what_it_tells_is_what_the_backup_then_does() {
    let place = Place::with_files();
    for (name, seed) in [("old/1.sst", 11), ("old/2.sst", 12)] {
        write_old(&place.data().join(name), &bytes(70_000, seed));
    }
    place.back_up(&with_rules()).unwrap();
    write(&place.data().join("old/2.sst"), &bytes(70_000, 13));
    let told = preview_of(&place, &with_rules());
    let newest = BackupRoot::at(place.root()).latest().unwrap();
    assert_eq!(told.previous(), Some(newest.location()));
    let job = place.back_up(&with_rules()).unwrap();
    let contents = Snapshot::open(job.location()).unwrap().contents().unwrap();
    let files: Vec<_> = contents.iter().filter(|entry| entry.kind == EntryKind::File).collect();
    let captured: Vec<_> = told.iter().filter(|entry| entry.outcome != Outcome::Excluded).collect();
    assert_eq!(files.len(), captured.len());
    for (file, entry) in files.iter().zip(captured) {
        assert_eq!((file.path, file.size, file.class), (entry.path, entry.size, Some(entry.class)));
        assert_eq!(file.is_shared(), entry.outcome == Outcome::Shared, "{entry:?}");
    }
    assert_eq!(outcomes(&told)["old/1.sst"], Outcome::Shared);
    assert_eq!(told.totals(Outcome::Shared).bytes, job.status().unwrap().bytes_linked);
    let mut alone = with_rules();
    alone.set_share(Share::Never);
    assert_eq!(outcomes(&preview_of(&place, &alone))["old/1.sst"], Outcome::CopiedAfterFreeze);
}

#[test]
fn a_validate_hook_forbids_links_as_it_does_in_a_backup() {
    let place = Place::new();
    write_old(&place.data().join("1.sst"), &bytes(70_000, 1));
    let mut options = frozen_with_tables();
    place.back_up(&options).unwrap();
    assert_eq!(outcomes(&preview_of(&place, &options))["1.sst"], Outcome::Shared);
    options.hooks().validate(|_, _| Ok(()));
    let told = outcomes(&preview_of(&place, &options))["1.sst"];
    let job = place.back_up(&options).unwrap();
    assert_eq!(told == Outcome::Shared, job.status().unwrap().bytes_linked > 0, "{told:?}");
}

/// All names below with what a stat tells of them, the access time excepted.
fn traces(top: &Path) -> BTreeMap<PathBuf, (u64, i64, i64, i64, i64)> {
    let stat = |path: PathBuf| {
        let found = fs::symlink_metadata(top.join(&path)).unwrap();
        (path, (found.ino(), found.mtime(), found.mtime_nsec(), found.ctime(), found.ctime_nsec()))
    };
    names(top).into_iter().chain([PathBuf::new()]).map(stat).collect()
}

#[test]
fn to_look_leaves_no_trace() {
    let place = Place::with_files();
    let before = traces(&place.data());
    let told = preview_of(&place, &frozen());
    assert_eq!(traces(&place.data()), before, "before any backup");
    assert!(!told.root().exists());
    place.back_up(&frozen_with_tables()).unwrap();
    let before = traces(&place.data());
    preview_of(&place, &frozen_with_tables());
    assert_eq!(traces(&place.data()), before, "after one");
    let mut options = frozen();
    options.set_root(place.beside("new/root")).unwrap();
    refused(&preview_of(&place, &options), &[]);
    assert!(!place.beside("new").exists());
}

#[test]
fn a_host_may_have_it_open_and_a_backup_that_runs_is_told_with_its_process() {
    let place = Place::with_files();
    let (inside, reached) = mpsc::channel();
    let (go, gone) = mpsc::channel::<()>();
    let gone = std::sync::Mutex::new(gone);
    let mut options = frozen();
    options.hooks().checkpoint(move |_| {
        inside.send(())?;
        gone.lock().unwrap().recv()?;
        Ok(())
    });
    let coordinator = Coordinator::open(place.data(), &options).unwrap();
    refused(&preview_of(&place, &frozen()), &[]);
    let job = coordinator.start().unwrap();
    reached.recv().unwrap();
    let process = format!("(process {}, ", std::process::id());
    let told = preview_of(&place, &frozen());
    refused(&told, &[(Code::Conflict, &process), (Code::Conflict, &process)]);
    assert!(told.refusals()[0].message().contains("a backup of it is running already"), "{told:?}");
    go.send(()).unwrap();
    job.wait().unwrap();
    refused(&preview_of(&place, &frozen()), &[]);
}

#[test]
fn every_link_that_would_be_refused_is_told_and_not_the_first_alone() {
    let place = Place::with_files();
    symlink("nowhere", place.data().join("a")).unwrap();
    symlink("/etc", place.data().join("tables/b")).unwrap();
    let told = preview_of(&place, &frozen());
    refused(&told, &[(Code::Unsupported, "where nothing is"), (Code::Unsupported, "add that as a source")]);
    assert_eq!(told.totals(Outcome::Refused).entries, 2);
    let error = place.refused(&frozen());
    assert!(error.message().starts_with(told.refusals()[0].message()), "{error}");
}

#[test]
fn all_that_cannot_be_read_is_told() {
    if !is_unprivileged("preview::all_that_cannot_be_read_is_told") {
        return;
    }
    let place = Place::with_files();
    let close = |path: &str| {
        fs::set_permissions(place.data().join(path), fs::Permissions::from_mode(0o000)).unwrap();
    };
    close("index");
    close("tables/deep");
    let mut options = frozen();
    options.set_root(place.beside("closed/root")).unwrap();
    fs::create_dir(place.beside("closed")).unwrap();
    fs::set_permissions(place.beside("closed"), fs::Permissions::from_mode(0o555)).unwrap();
    let told = preview_of(&place, &options);
    refused(&told, &[(Code::Io, "closed/root"), (Code::Io, "data/index"), (Code::Io, "tables/deep")]);
    assert_eq!(outcomes(&told)["index"], Outcome::Refused);
    fs::set_permissions(place.data().join("tables/deep"), fs::Permissions::from_mode(0o700)).unwrap();
}

#[test]
fn a_root_that_is_missing_or_anothers_is_told_as_the_backup_would_tell_it() {
    let place = Place::with_files();
    let root = place.beside("root");
    let mut options = frozen();
    options.set_root(&root).unwrap();
    place.back_up(&options).unwrap();
    fs::rename(&root, place.beside("away")).unwrap();
    let told = preview_of(&place, &options);
    refused(&told, &[(Code::NotFound, "is its disk mounted?")]);
    let error = place.back_up(&options).unwrap_err();
    assert_eq!(error.message(), told.refusals()[0].message());
    fs::rename(place.beside("away"), &root).unwrap();
    refused(&preview_of(&place, &options), &[]);

    let other = Place::with_files();
    let told = preview_of(&other, &options);
    refused(&told, &[(Code::Conflict, "it belongs to")]);
    assert_eq!(told.previous(), None);
    let mut adopting = options.clone();
    adopting.set_adopt_root(true);
    refused(&preview_of(&other, &adopting), &[]);
    assert_eq!(preview_of(&other, &adopting).previous(), None, "what is taken over is not shared with");
}

#[test]
fn an_interrupted_restore_and_a_swapped_source_are_told() {
    let place = Place::with_files();
    let sources = ["one", "two"].map(|name| place.beside(name));
    sources.iter().for_each(|source| write(&source.join("wal"), b"wal"));
    let with = |source: &Path| {
        let mut options = frozen();
        options.add_source(source, "wal").unwrap();
        options
    };
    place.back_up(&with(&sources[0])).unwrap();
    let mut other = frozen();
    other.add_source(&sources[1], "other").unwrap();
    place.back_up(&other).unwrap();
    refused(&preview_of(&place, &with(&sources[1])), &[(Code::Conflict, "had the prefix")]);
    refused(&preview_of(&place, &with(&sources[0])), &[]);
    let told = preview_of(&place, &with(&sources[0]));
    assert_eq!(outcomes(&told)["wal/wal"], Outcome::CopiedInFreeze);
    write(&place.data().join(".lifecycle/restore/journal"), b"{}");
    refused(&preview_of(&place, &frozen()), &[(Code::RestoreUnfinished, "was interrupted")]);
}

#[test]
fn too_little_room_is_told_with_what_is_free_and_what_is_needed() {
    let place = Place::with_files();
    let mut options = frozen();
    options.set_min_free(1 << 60);
    let told = preview_of(&place, &options);
    refused(&told, &[(Code::NoSpace, "making room for a snapshot")]);
    assert_eq!(told.spaces()[0].reserve, 1 << 60);
    assert_eq!(place.refused(&options).code(), Code::NoSpace);
}

#[test]
fn file_systems_are_told_apart() {
    let memory = Path::new("/dev/shm");
    let place = Place::with_files();
    if !memory.is_dir() || fs::metadata(memory).unwrap().dev() == fs::metadata(place.data()).unwrap().dev() {
        return skip("/dev/shm is no other file system");
    }
    let elsewhere = tempfile::tempdir_in(memory).unwrap();
    let mut options = frozen();
    options.set_root(elsewhere.path().join("root")).unwrap();
    let told = preview_of(&place, &options);
    assert!(!told.is_one_file_system());
    let [root, data] = told.spaces() else { panic!("{:?}", told.spaces()) };
    assert_eq!((&*root.path, &*data.path), (told.root(), told.data_dir()));
    assert!(root.needed >= 420_006 && data.needed == 0, "{root:?} {data:?}");
}

#[test]
fn what_would_be_cloned_is_told_where_the_file_system_clones() {
    for kind in ["xfs", "btrfs", "ext4"] {
        let place = Place::new();
        let Some(_mounted) = Mounted::image(kind, 400 << 20, &place.data()) else { return };
        write(&place.data().join("pages"), &bytes(3_000_000, 1));
        write(&place.data().join("1.sst"), &bytes(200_000, 2));
        write(&place.data().join("small"), b"small");
        let told = preview_of(&place, &frozen_with_tables());
        let job = place.back_up(&frozen_with_tables()).unwrap();
        let cloned = told.totals(Outcome::Cloned).bytes;
        assert_eq!(cloned, job.status().unwrap().bytes_cloned, "{kind}");
        assert_eq!(cloned, if kind == "ext4" { 0 } else { 3_200_000 }, "{kind}");
        let mut without = frozen_with_tables();
        without.set_clone(false);
        assert_eq!(preview_of(&place, &without).totals(Outcome::Cloned).entries, 0);
    }
}

#[test]
fn what_no_coordinator_would_open_is_an_error_at_once() {
    let place = Place::with_snapshot();
    let code = |path: &Path| preview(path, &frozen()).unwrap_err().code();
    assert_eq!(code(&place.beside("missing")), Code::NotFound);
    assert_eq!(code(&place.data().join("index")), Code::InvalidArgument);
    let snapshot = BackupRoot::at(place.root()).latest().unwrap();
    assert_eq!(code(snapshot.location()), Code::InvalidArgument, "a snapshot is no database");
    restore(snapshot.location(), &place.beside("again")).unwrap();
    refused(&preview(place.beside("again"), &frozen()).unwrap(), &[]);
}
