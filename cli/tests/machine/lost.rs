//! The whole way: a repository is made, a RocksDB under load is pushed again and again, by snapshots and checkpoints, all
//! its machine had is deleted, and what comes back on another one is compared key by key. A minute lies between two pushes if the variable
//! HOTBACKUP_TEST_PUSH_EVERY says 60, and HOTBACKUP_TEST_PUSHES says how many there are.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::Value;

use crate::common::backend::Backend;
use crate::common::ceph;
use crate::common::host::PASSWORD;
use crate::common::restic::Restic;
use crate::rocksdb::{Committed, Program};

/// A machine, which has what it was told of the store and nothing else.
struct Machine {
    place: tempfile::TempDir,
    store: Backend,
}

impl Machine {
    fn new(store: &Backend) -> Self {
        Self { place: tempfile::tempdir().expect("a temporary directory"), store: store.clone() }
    }

    fn path(&self) -> &Path {
        self.place.path()
    }

    /// What `hotbackup remote` prints.
    #[track_caller]
    fn remote(&self, arguments: &[&str]) -> Value {
        let mut command = Command::new(env!("CARGO_BIN_EXE_hotbackup"));
        command.arg("remote").args(arguments).args(["--json", "--repo", &self.store.url()]);
        command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.env("HOME", self.path()).current_dir(self.path()).stdin(Stdio::null());
        for (key, value) in self.store.settings() {
            match key {
                "access_key" => command.env("AWS_ACCESS_KEY_ID", value),
                "secret_key" => command.env("AWS_SECRET_ACCESS_KEY", value),
                _ => command.arg("-o").arg(format!("{key}={value}")),
            };
        }
        let output = command.env("RESTIC_PASSWORD", PASSWORD).output().expect("the command runs");
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).expect("a document")
    }
}

fn number(variable: &str, otherwise: u64) -> u64 {
    std::env::var(variable).map_or(otherwise, |text| text.parse().expect("a number"))
}

/// Makes a repository and pushes a database again and again, whose writers never stop. Its snapshots' ids, the oldest
/// first, with what was committed at each freeze; the machine is gone then.
fn lived(program: &Program, store: &Backend) -> Vec<(String, Committed)> {
    let machine = Machine::new(store);
    machine.remote(&["init"]);
    let (data, root) = (machine.path().join("data"), machine.path().join("backups"));
    let mut host = program.start(&data, &root);
    let mut sent = Vec::new();
    let mut pushed = Vec::new();
    for round in 0..number("HOTBACKUP_TEST_PUSHES", 4).max(3) {
        if round > 0 {
            std::thread::sleep(Duration::from_secs(number("HOTBACKUP_TEST_PUSH_EVERY", 1)));
        }
        let kind = if round % 2 == 0 { "snapshot" } else { "checkpoint" };
        let (committed, location) = host.make(kind);
        let document = machine.remote(&["push", &location, "-o", "host=db1"]);
        assert_eq!(Path::new(&location).exists(), kind == "snapshot", "{kind}: {location}");
        sent.push(document["requests"]["bytes_up"].as_u64().expect("a number"));
        pushed.push((document["snapshot"]["id"].as_str().expect("an id").to_string(), committed));
    }
    // Most of the database rests, and is sent once.
    assert!(sent[1..].iter().all(|later| *later * 2 < sent[0]), "sent, in bytes: {sent:?}");
    drop(host);
    let lost = machine.path().to_path_buf();
    drop(machine);
    assert!(!lost.exists());
    pushed
}

#[test]
fn a_database_whose_machine_is_lost_comes_back_from_the_store_key_by_key() {
    // Both take their time.
    let (store, program) = std::thread::scope(|scope| {
        let program = scope.spawn(Program::compiled);
        (ceph::bucket(), program.join().expect("it compiles"))
    });
    let (Some(store), Some(program)) = (store, program) else { return };
    let Some(restic) = Restic::of(&store, PASSWORD) else { return };
    let pushed = lived(&program, &store);

    let fresh = Machine::new(&store);
    let listed = fresh.remote(&["list"]);
    let listed: Vec<&str> =
        listed["snapshots"].as_array().expect("a list").iter().filter_map(|one| one["id"].as_str()).collect();
    let newest_first: Vec<&str> = pushed.iter().rev().map(|(id, _)| id.as_str()).collect();
    assert_eq!(listed, newest_first);
    let (newest, older) = (&pushed[pushed.len() - 1], &pushed[1]);
    for (name, target, (id, committed)) in [("latest", "newest", newest), (&*older.0, "older", older)] {
        let restored = fresh.remote(&["restore", name, target]);
        assert_eq!(restored["snapshot"]["id"], **id);
        assert_eq!(program.compare(&fresh.path().join(target), *committed), Ok(()), "{target}");
    }
    // The comparison tells one point from another.
    let wrong = program.compare(&fresh.path().join("newest"), older.1).expect_err("another point");
    assert!(wrong.contains("keys missing"), "{wrong}");

    restic.check();
    let theirs = fresh.path().join("theirs");
    restic.restore("latest", &theirs);
    fs::remove_file(theirs.join("snapshot.manifest")).expect("it came too");
    assert_eq!(program.compare(&theirs, newest.1), Ok(()), "by restic");
}
