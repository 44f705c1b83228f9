//! restic reads what we write: a whole repository, made in a local directory by this room alone.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::SystemTime;

use super::header::{Header, pack_header};
use super::*;

/// Whether restic is there. Where HOTBACKUP_TEST_REQUIRE_ALL is set it must be.
fn restic_is_there() -> bool {
    let found = Command::new("restic").arg("version").output().is_ok();
    assert!(
        found || std::env::var_os("HOTBACKUP_TEST_REQUIRE_ALL").is_none(),
        "must not be skipped: no restic"
    );
    if !found {
        eprintln!("skipped: restic is not on PATH");
    }
    found
}

fn restic(repository: &Path, args: &[&str]) -> String {
    let mut command = Command::new("restic");
    command.env("RESTIC_PASSWORD", "geheim").arg("--no-cache").arg("-r").arg(repository).args(args);
    let output = command.output().expect("restic");
    assert!(output.status.success(), "restic {args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn store(repository: &Path, directory: &str, bytes: &[u8]) {
    let directory = repository.join(directory);
    fs::create_dir_all(&directory).unwrap();
    fs::write(directory.join(Id::of(bytes).to_string()), bytes).unwrap();
}

/// Packs blobs of one kind, stores the pack and gives its entry in the index.
fn pack(repository: &Path, key: &MasterKey, kind: BlobKind, blobs: &[Vec<u8>]) -> (Id, Vec<PackedBlob>) {
    let (mut sealer, mut writer) = (Sealer::new(key, Some(LEVEL)).unwrap(), PackWriter::new(kind));
    for plain in blobs {
        writer.add(seal_blob(&mut sealer, kind, Id::of(plain), plain).unwrap()).unwrap();
    }
    let pack = writer.finish(key);
    assert_eq!(pack.id, Id::of(&pack.bytes));
    let header = pack_header(key, &pack.bytes, pack.bytes.len() as u64).unwrap();
    assert_eq!(header, Header::Blobs(pack.blobs.clone()));
    store(repository, &format!("data/{}", &pack.id.to_string()[..2]), &pack.bytes);
    (pack.id, pack.blobs)
}

#[test]
fn restic_checks_and_restores_what_we_wrote() {
    if !restic_is_there() {
        return;
    }
    let scratch = tempfile::tempdir().unwrap();
    let (repository, target) = (scratch.path().join("repository"), scratch.path().join("target"));
    let (key, now) = (MasterKey::generate(), SystemTime::now());
    for directory in ["keys", "data", "index", "snapshots", "locks"] {
        fs::create_dir_all(repository.join(directory)).unwrap();
    }
    store(&repository, "keys", &key::make(&key, "geheim", "host", "user", now).unwrap());
    fs::write(repository.join("config"), Config::new().seal(&key).unwrap()).unwrap();
    let pieces: Vec<Vec<u8>> =
        (0..10_000u32).map(|n| format!("piece {n} ").repeat(1 + n as usize % 9).into()).collect();
    let whole = pieces.concat();
    let content = pieces.iter().map(|piece| Id::of(piece)).collect();
    let nodes = vec![
        Node { mode: 0o644, mtime: now, ..Node::file(b"odd\n\"\xff", whole.len() as u64, content) },
        Node { mode: 0o600, ..Node::file(b"empty", 0, vec![]) },
    ];
    let tree = Tree::write(nodes).unwrap();
    let packs = vec![
        pack(&repository, &key, BlobKind::Data, &pieces),
        pack(&repository, &key, BlobKind::Tree, std::slice::from_ref(&tree)),
    ];
    let index = IndexObject { supersedes: vec![], packs };
    store(&repository, "index", &seal_unpacked(&key, &index.to_json().unwrap()).unwrap());
    let snapshot = format!(r#"{{"time":"2022-08-01T10:00:00Z","tree":"{}","paths":["/db"]}}"#, Id::of(&tree));
    let json = SnapshotRecord::from_json(snapshot.as_bytes()).unwrap().to_json().unwrap();
    store(&repository, "snapshots", &seal_unpacked(&key, &json).unwrap());

    restic(&repository, &["check", "--read-data"]);
    restic(&repository, &["restore", "latest", "--target", target.to_str().unwrap()]);
    let name = <std::ffi::OsStr as std::os::unix::ffi::OsStrExt>::from_bytes(b"odd\n\"\xff");
    assert!(fs::read(target.join(name)).unwrap() == whole);
    assert_eq!(fs::read(target.join("empty")).unwrap(), b"");
}
