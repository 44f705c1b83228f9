//! Hostile and odd input: it costs an error, never the process or somebody else's files.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use crate::common::{Place, frozen, is_unprivileged, names, restore, tree, verify, write};
use hotbackup::{BackupRoot, Code, Symlinks};

/// A snapshot with this manifest, whose own checksum is right.
fn snapshot_with(place: &Place, fields: &str) -> PathBuf {
    let body = format!(
        "{{\n  \"version\": 1,\n  \"id\": null,\n  \"started_at_ms\": 0,\n  \"finished_at_ms\": 0,\n  \"layout\": \"\",\n  \
         \"rules\": [],\n  \"metadata\": \"\",\n  \"files_skipped\": 0,\n  \"files_left_out\": 0,\n  \"top\": null,\n{fields}"
    );
    let text = format!("{body},\n  \"checksum\": \"crc32:{:08x}\"\n}}\n", crc32fast::hash(body.as_bytes()));
    let snapshot = place.beside("snapshot");
    write(&snapshot.join("snapshot.manifest"), text.as_bytes());
    snapshot
}

fn directory(path: &str, mode: u32) -> String {
    format!(r#"{{"path":"{path}","mode":{mode},"uid":0,"gid":0,"mtime_ns":0}}"#)
}

#[test]
fn a_directory_deeper_than_any_real_one_is_refused() {
    let place = Place::new();
    for (levels, is_refused) in [(1_000, false), (20_000, true), (1_000_000, true)] {
        let path = vec!["a"; levels].join("/");
        let fields = format!(r#"  "directories": [{}], "links": [], "entries": []"#, directory(&path, 0o755));
        let snapshot = snapshot_with(&place, &fields);
        let restored = restore(&snapshot, &place.beside(&levels.to_string()));
        let code = restored.err().map(|error| error.code());
        assert_eq!(code, is_refused.then_some(Code::Corrupt), "{levels}");
    }
}

#[test]
fn a_list_of_a_million_empty_lines_ends_at_its_first() {
    let place = Place::new();
    let lines = vec![r#"{"path":""}"#; 1_000_000].join(",");
    let snapshot =
        snapshot_with(&place, &format!(r#"  "directories": [], "links": [], "entries": [{lines}]"#));
    let error = verify(&snapshot).unwrap_err();
    assert_eq!((error.code(), error.message().lines().count()), (Code::Corrupt, 1));
    assert!(error.message().len() < 1000, "{}", error.message().len());
}

#[test]
fn what_only_begins_like_ours_is_left_alone() {
    let place = Place::with_snapshot();
    let snapshot = BackupRoot::at(place.root()).latest().unwrap().location().to_path_buf();
    let strangers = [
        place.beside(".target.hotbackup-notes"),
        place.root().join(".staging-mine"),
        place.data().join(".lifecycle/pins-x"),
    ];
    strangers.iter().for_each(|path| write(&path.join("precious"), b"precious"));
    restore(&snapshot, &place.beside("target")).unwrap();
    restore(&snapshot, &place.beside("target")).unwrap();
    hotbackup::recover(&place.beside("target")).unwrap();
    place.back_up(&frozen()).unwrap();
    BackupRoot::at(place.root()).prune(1).unwrap();
    for path in strangers {
        assert_eq!(fs::read(path.join("precious")).unwrap(), b"precious");
    }
}

#[test]
fn a_link_that_leads_elsewhere_than_it_did_is_found() {
    let place = Place::with_files();
    std::os::unix::fs::symlink("index", place.data().join("link")).unwrap();
    let mut options = frozen();
    options.set_symlinks(Symlinks::Preserve);
    let snapshot = place.back_up(&options).unwrap().location().to_path_buf();
    verify(&snapshot).unwrap();
    fs::remove_file(snapshot.join("link")).unwrap();
    std::os::unix::fs::symlink("/etc/passwd", snapshot.join("link")).unwrap();
    let error = verify(&snapshot).unwrap_err();
    assert_eq!((error.code(), error.path()), (Code::Corrupt, Some(snapshot.join("link").as_path())));
}

#[test]
fn a_source_mark_and_a_journal_without_end_are_not_read_to_their_end() {
    let place = Place::with_files();
    let endless = |path: &Path| {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::File::create(path).unwrap().set_len(1 << 40).unwrap();
    };
    endless(&place.root().join("source"));
    assert_eq!(place.back_up(&frozen()).unwrap_err().code(), Code::Conflict);
    endless(&place.data().join(".lifecycle/restore/journal"));
    assert_eq!(hotbackup::recover(&place.data()).unwrap_err().code(), Code::Corrupt);
}

#[test]
fn a_validator_that_changes_what_it_looks_at_is_caught() {
    type Meddle = fn(&Path);
    let meddlers: [(&str, Meddle); 6] = [
        ("a manifest cut", |staging| write(&staging.join("snapshot.manifest"), b"")),
        ("a manifest gone", |staging| fs::remove_file(staging.join("snapshot.manifest")).unwrap()),
        ("a manifest longer", |staging| {
            let mut text = fs::read(staging.join("snapshot.manifest")).unwrap();
            text.push(b' ');
            write(&staging.join("snapshot.manifest"), &text);
        }),
        ("a file written", |staging| write(&staging.join("index"), b"INDEX")),
        ("a mode changed", |staging| {
            fs::set_permissions(staging.join("index"), fs::Permissions::from_mode(0o777)).unwrap();
        }),
        ("a file added", |staging| write(&staging.join("more"), b"more")),
    ];
    for (what, meddle) in meddlers {
        let place = Place::with_snapshot();
        let mut options = frozen();
        options.set_verify_level(hotbackup::VerifyLevel::None);
        options.hooks().validate(move |staging, _| {
            meddle(staging);
            Ok(())
        });
        let error = place.harmless(|| place.back_up(&options));
        assert_eq!(error.code(), Code::Corrupt, "{what}: {error}");
    }
}

#[test]
fn a_tree_deeper_than_any_path_makes_the_round_trip() {
    use rustix::fs::{Mode, OFlags, mkdirat, openat};
    let place = Place::with_files();
    let mut at = rustix::fs::open(place.data(), OFlags::PATH | OFlags::CLOEXEC, Mode::empty()).unwrap();
    let name = "d".repeat(200);
    for _ in 0..60 {
        mkdirat(&at, &name, Mode::from_raw_mode(0o755)).unwrap();
        at = openat(&at, &name, OFlags::PATH | OFlags::CLOEXEC, Mode::empty()).unwrap();
    }
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::CLOEXEC;
    let deep = openat(&at, "deepest", flags, Mode::from_raw_mode(0o644)).unwrap();
    rustix::io::write(&deep, b"deep down").unwrap();
    let snapshot = place.back_up(&frozen()).unwrap().location().to_path_buf();
    restore(&snapshot, &place.beside("new")).unwrap();
    write(&place.beside("old/there"), b"there");
    restore(&snapshot, &place.beside("old")).unwrap();
    for target in ["new", "old"] {
        let mut at = rustix::fs::open(place.beside(target), OFlags::PATH, Mode::empty()).unwrap();
        for _ in 0..60 {
            at = openat(&at, &name, OFlags::PATH, Mode::empty()).unwrap();
        }
        let file = openat(&at, "deepest", OFlags::RDONLY, Mode::empty()).unwrap();
        let mut found = [0; 32];
        let length = rustix::io::read(&file, &mut found).unwrap();
        assert_eq!(&found[..length], b"deep down", "{target}");
    }
    BackupRoot::at(place.root()).delete(snapshot.file_name().unwrap().to_str().unwrap()).unwrap();
    assert!(!snapshot.exists());
}

#[test]
fn a_directory_that_is_closed_to_its_owner_is_restored_and_removed_again() {
    if !is_unprivileged("hostile::a_directory_that_is_closed_to_its_owner_is_restored_and_removed_again") {
        return;
    }
    let place = Place::new();
    let fields = format!(
        r#"  "directories": [{},{}], "links": [], "entries": []"#,
        directory("closed", 0o300),
        directory("closed/within", 0o000)
    );
    let snapshot = snapshot_with(&place, &fields);
    fs::create_dir_all(snapshot.join("closed/within")).unwrap();
    let mut options = hotbackup::Options::new();
    options.set_keep_undo(false);
    write(&place.beside("target/old"), b"old");
    for target in [place.beside("target"), place.beside("new")] {
        hotbackup::restore(&snapshot, &target, &options).unwrap().wait().unwrap();
        let mode = fs::metadata(target.join("closed")).unwrap().permissions().mode() & 0o7777;
        assert_eq!(mode, 0o300);
        // What cannot be looked into may hold a lock that must stay: refused, and nothing is left.
        let error = hotbackup::restore(&snapshot, &target, &options).unwrap().wait().unwrap_err();
        assert_eq!((error.code(), error.path()), (Code::Io, Some(target.join("closed").as_path())));
        assert_eq!(names(&target.join(".lifecycle")), [Path::new("owner")]);
        fs::set_permissions(target.join("closed"), fs::Permissions::from_mode(0o700)).unwrap();
        fs::set_permissions(target.join("closed/within"), fs::Permissions::from_mode(0o700)).unwrap();
        assert_eq!(tree(&target).len(), 2);
    }
}
