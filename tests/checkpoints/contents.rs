//! What a checkpoint is made of.

use std::fs::{self, File};
use std::os::unix::fs::{FileExt, MetadataExt, PermissionsExt};
use std::path::Path;
use std::sync::{Arc, Mutex};

use crate::common::{bytes, names, tree, write};
use crate::{checkpoint, checkpoints, database, listed, made_by, rocksdb};
use hotbackup::{CheckpointOptions, Coordinator, FileClass, Kind, State};

fn inode(path: &Path) -> u64 {
    fs::metadata(path).unwrap().ino()
}

#[test]
fn tables_are_links_to_the_live_ones_and_the_rest_is_copied_as_it_was_at_the_freeze() {
    let place = database();
    let data = place.data();
    let before = tree(&data);
    let table = fs::metadata(data.join("000005.sst")).unwrap();
    let job = checkpoint(&place, &rocksdb()).unwrap();
    let made = job.location();

    let status = job.status().unwrap();
    assert_eq!((status.kind, status.state, status.percent), (Kind::Checkpoint, State::Completed, 100));
    assert_eq!(
        (status.bytes_linked, status.bytes_copied, status.files_done),
        (370_000, 14_016, 5),
        "{status:?}"
    );
    for name in ["000005.sst", "cold/000006.sst"] {
        assert_eq!(inode(&made.join(name)), inode(&data.join(name)), "{name}");
    }
    for name in ["CURRENT", "MANIFEST-000004", "000007.log"] {
        assert_ne!(inode(&made.join(name)), inode(&data.join(name)), "{name}");
    }
    let mut expected = before;
    expected.remove(Path::new("LOCK"));
    let mut found = tree(made);
    assert!(found.remove(Path::new("checkpoint.manifest")).is_some());
    assert_eq!(found, expected);

    // The database goes on: it appends, replaces and deletes, and the checkpoint stays what it was.
    write(&data.join("CURRENT"), b"MANIFEST-000009\n");
    File::options().append(true).open(data.join("MANIFEST-000004")).unwrap().write_all_at(b"x", 0).unwrap();
    fs::remove_file(data.join("000005.sst")).unwrap();
    let mut found = tree(made);
    found.remove(Path::new("checkpoint.manifest"));
    assert_eq!(found, expected);

    // Of the live file nothing was changed but how many names it has.
    let now = fs::metadata(made.join("000005.sst")).unwrap();
    let kept = |of: &fs::Metadata| (of.ino(), of.mode(), of.uid(), of.mtime(), of.mtime_nsec(), of.size());
    assert_eq!(kept(&now), kept(&table));
    assert_eq!(now.nlink(), 1);
    assert_eq!(crate::common::residue(&data), Vec::<std::path::PathBuf>::new());
}

#[test]
fn its_hooks_are_those_of_a_backup_in_their_order() {
    let place = database();
    let called = Arc::new(Mutex::new(Vec::new()));
    let mut options = rocksdb();
    let note = |name: &'static str| {
        let called = called.clone();
        move || called.lock().unwrap().push(name)
    };
    let (checkpoint_, freeze, thaw, release) =
        (note("checkpoint"), note("freeze"), note("thaw"), note("release"));
    let hooks = options.hooks();
    hooks.checkpoint(move |_| Ok(checkpoint_()));
    hooks.freeze_thaw(move |_| Ok(freeze()), move |_| Ok(thaw()));
    hooks.release(move |_| Ok(release()));
    let (validate, seen) = (note("validate"), Arc::new(Mutex::new(None)));
    let sees = seen.clone();
    options.hooks().validate(move |staging, _| {
        *sees.lock().unwrap() = Some(names(staging).contains(&"000005.sst".into()));
        Ok(validate())
    });
    checkpoint(&place, &options).unwrap();
    assert_eq!(*called.lock().unwrap(), ["checkpoint", "freeze", "thaw", "release", "validate"]);
    assert_eq!(*seen.lock().unwrap(), Some(true));
}

#[test]
fn a_validator_that_changes_a_copied_file_is_found_out_and_nothing_is_left() {
    let place = database();
    let mut options = rocksdb();
    options.hooks().validate(|staging, _| Ok(fs::write(staging.join("CURRENT"), "MANIFEST-000005\n")?));
    let error = place.harmless(|| checkpoint(&place, &options));
    assert_eq!(error.code(), hotbackup::Code::Corrupt, "{error}");
    assert!(error.message().contains("no checkpoint was made"), "{error}");
    assert_eq!(listed(&place), Vec::<String>::new());
    assert_eq!(fs::metadata(place.data().join("000005.sst")).unwrap().nlink(), 1);
}

#[test]
fn named_live_files_are_linked_whole_and_copied_where_only_a_part_counts() {
    let place = database();
    let mut options = rocksdb();
    options.hooks().freeze_thaw(
        |hook| {
            hook.add_file("000005.sst", FileClass::IMMUTABLE, None)?;
            hook.add_file("cold/000006.sst", FileClass::IMMUTABLE, Some(60_000))?;
            hook.add_file("MANIFEST-000004", FileClass::AppendOnly, Some(8_000))?;
            hook.add_bytes("CURRENT", b"MANIFEST-000004\n")?;
            Ok(())
        },
        |_| Ok(()),
    );
    let job = checkpoint(&place, &options).unwrap();
    let made = job.location();
    assert_eq!(inode(&made.join("000005.sst")), inode(&place.data().join("000005.sst")));
    assert_eq!(fs::read(made.join("cold/000006.sst")).unwrap(), bytes(70_000, 3)[..60_000]);
    assert_eq!(fs::read(made.join("MANIFEST-000004")).unwrap(), bytes(9_000, 1)[..8_000]);
    assert!(!made.join("000007.log").exists());
    assert_eq!(fs::metadata(place.data().join("cold/000006.sst")).unwrap().size(), 70_000);
}

#[test]
fn what_the_host_alone_calls_immutable_is_copied_unless_it_vouches_for_links() {
    let place = database();
    write(&place.data().join("notes.txt"), b"never changes");
    let mut options = rocksdb();
    options.add_rule("*.txt", FileClass::IMMUTABLE).unwrap();
    let coordinator = Coordinator::open(place.data(), &options).unwrap();
    let notes = |job: &hotbackup::Job| inode(&job.location().join("notes.txt"));
    let careful = made_by(&coordinator, CheckpointOptions::new()).unwrap();
    assert_ne!(notes(&careful), inode(&place.data().join("notes.txt")));
    let vouched = made_by(&coordinator, CheckpointOptions::new().links_are_safe()).unwrap();
    assert_eq!(notes(&vouched), inode(&place.data().join("notes.txt")));
    assert_eq!(inode(&vouched.location().join("000005.sst")), inode(&place.data().join("000005.sst")));
}

#[test]
fn its_manifest_says_what_is_live_and_is_of_a_name_and_a_kind_of_its_own() {
    let place = database();
    let mut options = rocksdb();
    options.set_metadata(b"host").unwrap();
    let job = checkpoint(&place, &options).unwrap();
    let text = fs::read_to_string(job.location().join("checkpoint.manifest")).unwrap();
    let manifest: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(manifest["checkpoint"], 1);
    assert_eq!(manifest["until_close"], false);
    assert_eq!(manifest["id"], job.id().to_string());
    assert_eq!(manifest["metadata"], "686f7374");
    assert!(manifest.get("version").is_none());
    for entry in manifest["entries"].as_array().unwrap() {
        let is_table = entry["path"].as_str().unwrap().ends_with(".sst");
        assert_eq!(entry.get("live").is_some(), is_table, "{entry}");
        assert_eq!(entry.get("crc32").is_some(), !is_table, "{entry}");
    }
    let mut lines = text.rsplitn(3, '\n').skip(2);
    let body = lines.next().unwrap().rsplit_once(",\n").unwrap().0;
    let sum = format!("crc32:{:08x}", crc32fast::hash(body.as_bytes()));
    assert_eq!(manifest["checksum"], sum);
}

#[test]
fn a_further_source_of_the_same_file_system_is_linked_below_its_prefix() {
    let place = database();
    let logs = place.beside("logs");
    write(&logs.join("000008.log"), b"logged");
    write(&logs.join("000009.sst"), b"a table");
    let mut options = rocksdb();
    options.add_source(&logs, "wal").unwrap();
    let job = checkpoint(&place, &options).unwrap();
    assert_eq!(inode(&job.location().join("wal/000009.sst")), inode(&logs.join("000009.sst")));
    assert_eq!(fs::read(job.location().join("wal/000008.log")).unwrap(), b"logged");
}

#[test]
fn directories_have_the_modes_of_the_live_ones_and_their_tables_can_go_all_the_same() {
    let place = database();
    let cold = place.data().join("cold");
    fs::set_permissions(&cold, fs::Permissions::from_mode(0o555)).unwrap();
    let job = checkpoint(&place, &rocksdb()).unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().mode() & 0o777;
    assert_eq!(mode(&job.location().join("cold")), 0o555);
    hotbackup::checkpoint_remove(job.location()).unwrap();
    assert_eq!(mode(&cold), 0o555);
    assert_eq!(listed(&place), Vec::<String>::new());
    fs::set_permissions(&cold, fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn names_rise_and_each_stays_until_it_is_removed() {
    let place = database();
    let coordinator = Coordinator::open(place.data(), &rocksdb()).unwrap();
    fs::create_dir_all(checkpoints(&place).join("checkpoint-99999999999")).unwrap();
    let made: Vec<_> = (0..3).map(|_| made_by(&coordinator, CheckpointOptions::new()).unwrap()).collect();
    let names: Vec<_> =
        made.iter().map(|job| job.location().file_name().unwrap().to_str().unwrap()).collect();
    assert_eq!(names, ["checkpoint-100000000000", "checkpoint-100000000001", "checkpoint-100000000002"]);
    drop(coordinator);
    assert_eq!(listed(&place).len(), 4);
}
