//! Alopex, both ways, with its own storage engine: its live store is backed up through the C API
//! and restored by us or by its server, and we restore what its server has backed up.
#![allow(unsafe_code, reason = "the C API is called as C calls it")]

mod c;
mod host;
mod server;

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use crate::common::{self, Place, skip};
use alopex_core::lsm::LsmKV;
use alopex_core::{KVStore, KVTransaction, TxnManager, TxnMode};
use host::{Host, State, expected, read_all};
use hotbackup::{Code, Options};

const FIXTURE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/alopex-0.8.16-snapshot.tar.zst");

fn alopex() -> Options {
    let mut options = Options::new();
    options.set_layout("alopex").unwrap();
    options
}

/// Waits until the writer has made some more commits.
fn let_it_write(host: &Host, commits: u64) {
    let until = host.last_commit() + commits;
    while host.last_commit() < until {
        thread::sleep(Duration::from_millis(1));
    }
}

/// Compares all of a state without printing it all.
fn assert_state(found: &State, expected: &State, what: &str) {
    let differs =
        expected.keys().chain(found.keys()).find(|key| expected.get(*key) != found.get(*key)).map(|key| {
            let show =
                |state: &State| state.get(key).map(|value| String::from_utf8_lossy(value).into_owned());
            format!("{}: {:?} for {:?}", String::from_utf8_lossy(key), show(found), show(expected))
        });
    assert_eq!(differs, None, "{what}");
}

#[test]
fn a_live_store_is_restored_to_exactly_what_it_was_at_the_freeze() {
    let place = Place::new();
    let host = Host::open(&place.data());
    let writer = host.write(false);
    let mut snapshots = Vec::new();
    for _ in 0..5 {
        let_it_write(&host, 150);
        snapshots.push((host.back_up().unwrap(), host.at_freeze()));
    }
    let_it_write(&host, 1);
    drop(writer);
    for (index, (snapshot, last)) in snapshots.iter().enumerate() {
        let tables = fs::read_dir(snapshot.join("sst")).unwrap().count();
        assert!(tables > 1, "the store made only {tables} tables: this test shows little");
        let target = place.beside(&format!("restored-{index}"));
        host::restore(snapshot, &target).unwrap();
        assert_state(&read_all(&target), &expected(*last), &format!("snapshot {index}"));
        assert!(host.last_commit() > *last, "nothing was written after the freeze");
        assert!(!snapshot.join(".alopex.lock").exists(), "the lock names this process");
    }
}

#[test]
fn a_flush_that_the_freeze_does_not_stop_is_refused_or_harmless() {
    let place = Place::new();
    let host = Host::open(&place.data());
    let writer = host.write(true);
    let mut good = 0;
    for attempt in 0..12 {
        let_it_write(&host, 20);
        match host.back_up() {
            Ok(snapshot) => {
                let target = place.beside("restored");
                host::restore(&snapshot, &target).unwrap();
                assert_state(&read_all(&target), &expected(host.at_freeze()), &format!("attempt {attempt}"));
                fs::remove_dir_all(&target).unwrap();
                good += 1;
            }
            // The table that was being built changed after it was pinned, or the validator found
            // it unfinished.
            Err(why) => assert!(
                [Code::SourceChanged, Code::Corrupt]
                    .iter()
                    .any(|code| why.starts_with(&format!("{}:", *code as i32))),
                "{why}"
            ),
        }
    }
    drop(writer);
    eprintln!("{good} of 12 backups came through");
    assert!(good > 0, "no backup came through");
}

#[test]
fn the_server_restores_what_we_backed_up() {
    let place = Place::new();
    let host = Host::open(&place.data());
    let writer = host.write(false);
    let_it_write(&host, 150);
    let snapshot = host.back_up().unwrap();
    let last = host.at_freeze();
    let_it_write(&host, 20);
    drop(writer);
    close(host);

    let latest = server::read_latest_marker(&place.root()).unwrap();
    assert!(latest.is_absolute());
    assert_eq!(latest, snapshot);
    let manifest = server::read_snapshot_manifest(&snapshot).unwrap();
    let mut listed: Vec<PathBuf> = manifest.entries.iter().map(|entry| entry.path.clone().into()).collect();
    listed.push("snapshot.manifest".into());
    listed.push("sst".into());
    listed.sort();
    assert_eq!(listed, common::names(&snapshot));

    server::restore_latest(&place.data()).unwrap();
    assert_state(&read_all(&place.data()), &expected(last), "what the server restored");
}

#[test]
fn a_store_that_the_server_restored_is_backed_up_again() {
    let place = Place::new();
    let host = Host::open(&place.data());
    let writer = host.write(false);
    let_it_write(&host, 50);
    let first = host.back_up().unwrap();
    drop(writer);
    close(host);
    server::restore_latest(&place.data()).unwrap();
    assert!(place.data().join("snapshot.manifest").exists(), "the server leaves the manifest");

    let expected = read_all(&place.data());
    let job = place.back_up(&alopex()).unwrap();
    assert_ne!(job.location(), first);
    assert_eq!(job.status().unwrap().files_skipped, 1);
    common::restore(job.location(), &place.beside("again")).unwrap();
    assert_state(&read_all(&place.beside("again")), &expected, "the second snapshot");
}

/// Closes a store, whose last handle this is.
fn close(host: Arc<Host>) {
    assert!(Arc::into_inner(host).is_some(), "somebody still has the store open");
}

/// Unpacks the snapshot that an Alopex server made; `None`: a tool is missing.
fn fixture(place: &Place) -> Option<PathBuf> {
    let unpacked =
        Command::new("tar").arg("-C").arg(place.beside("")).args(["--zstd", "-xf", FIXTURE]).status();
    if !unpacked.is_ok_and(|status| status.success()) {
        skip("tar with zstd is needed to unpack the snapshot of an Alopex server");
        return None;
    }
    Some(place.beside("ts-1795386066"))
}

#[test]
fn a_snapshot_of_an_alopex_server_verifies_restores_and_opens() {
    let place = Place::new();
    let Some(snapshot) = fixture(&place) else { return };
    hotbackup::verify(&snapshot, &alopex()).unwrap().wait().unwrap();
    let target = place.beside("restored");
    hotbackup::restore(&snapshot, &target, &alopex()).unwrap().wait().unwrap();

    let log = fs::metadata(target.join("lsm.wal")).unwrap();
    assert_eq!(log.len(), fs::metadata(snapshot.join("lsm.wal")).unwrap().len());
    assert!(
        log.blocks() * 512 < log.len() / 8,
        "its log of {} bytes takes {} blocks",
        log.len(),
        log.blocks()
    );
    let state = read_all(&target);
    assert_eq!(state.len(), 3000);
    for (index, (key, value)) in state.iter().enumerate() {
        assert_eq!(key, format!("key{index:012}").as_bytes());
        assert_eq!(value.len(), 120);
    }
    // And it is a store to go on with.
    let store = LsmKV::open(&target).unwrap();
    let mut transaction = store.begin(TxnMode::ReadWrite).unwrap();
    transaction.put(b"new".to_vec(), b"value".to_vec()).unwrap();
    store.txn_manager().commit(transaction).unwrap();
}

#[test]
fn a_damaged_snapshot_of_an_alopex_server_is_refused() {
    let place = Place::new();
    let Some(snapshot) = fixture(&place) else { return };
    type Damage = fn(&Path);
    let damage: [(&str, Damage); 4] = [
        ("checkpoint.meta", |path| flip(path, 3)),
        ("sst/1.sst", |path| flip(path, 200_000)),
        ("lsm.wal", |path| flip(path, 30)),
        ("sst/1.sst", |path| fs::remove_file(path).unwrap()),
    ];
    for (name, damage) in damage {
        let copy = place.beside("damaged");
        let copied = Command::new("cp").args(["-a", "--sparse=always"]).arg(&snapshot).arg(&copy).status();
        assert!(copied.unwrap().success());
        damage(&copy.join(name));
        for job in [
            hotbackup::verify(&copy, &alopex()).unwrap(),
            hotbackup::restore(&copy, &place.beside("restored"), &alopex()).unwrap(),
        ] {
            let error = job.wait().unwrap_err();
            assert_eq!(error.code(), Code::Corrupt, "{name}: {error}");
            assert!(error.to_string().contains(name), "{error}");
        }
        assert!(!place.beside("restored").exists());
        fs::remove_dir_all(&copy).unwrap();
    }
}

fn flip(path: &Path, offset: u64) {
    use std::os::unix::fs::FileExt;
    let file = fs::File::options().read(true).write(true).open(path).unwrap();
    let mut byte = [0];
    file.read_exact_at(&mut byte, offset).unwrap();
    file.write_all_at(&[byte[0] ^ 0x40], offset).unwrap();
}
