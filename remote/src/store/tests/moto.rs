//! Against moto, which speaks as S3 does.
//!
//! It checks neither signatures nor payload hashes: what it shows is that the calls are those of S3.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

use hotbackup::Code;

use super::{names, settings};
use crate::store::Store;

struct Moto(Child, String);

impl Drop for Moto {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The program, in an environment of its own that is made once.
fn program() -> Option<&'static Path> {
    static PROGRAM: OnceLock<Option<PathBuf>> = OnceLock::new();
    let make = || {
        let place = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/tmp/moto");
        let (program, pip) = (place.join("bin/moto_server"), place.join("bin/pip"));
        let run = |command: &mut Command| {
            command.stdout(Stdio::null()).status().is_ok_and(|status| status.success())
        };
        let is_made = program.exists()
            || (run(Command::new("python3").args(["-m", "venv"]).arg(&place))
                && run(Command::new(pip).args(["--quiet", "install", "moto[server]"])));
        is_made.then_some(program)
    };
    PROGRAM.get_or_init(make).as_deref()
}

fn start() -> Option<Moto> {
    let Some(program) = program() else {
        assert!(std::env::var_os("HOTBACKUP_TEST_REQUIRE_ALL").is_none(), "moto could not be installed");
        eprintln!("skipped: moto could not be installed (python3 -m venv, pip install moto[server])");
        return None;
    };
    let mut child = Command::new(program)
        .args(["-H", "127.0.0.1", "-p", "0"])
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("moto");
    let mut lines = BufReader::new(child.stderr.take().expect("its output")).lines().map_while(Result::ok);
    let address = lines.find_map(|line| line.split("Running on ").nth(1).map(|rest| rest.trim().to_string()));
    std::thread::spawn(move || lines.for_each(drop));
    let address = address.expect("an address");
    let address = address.split_whitespace().next().unwrap_or_default().to_string();
    Some(Moto(child, address))
}

#[test]
fn a_bucket_does_all_that_a_repository_needs() {
    let Some(moto) = start() else { return };
    let bucket = Store::open("s3://made", &settings(&moto.1)).expect("a store");
    assert_eq!(bucket.put("x", "x".into()).expect_err("no bucket").code(), Code::NotFound);
    let make = format!("import urllib.request as u; u.urlopen(u.Request('{}/made', method='PUT'))", moto.1);
    assert!(Command::new("python3").args(["-c", &make]).status().expect("python").success());
    let store = Store::open("s3://made/a/b", &settings(&moto.1)).expect("a store");
    let pending: Vec<_> = (0..1_100)
        .map(|number| store.put_later(&format!("data/{number:04}"), vec![1; 10].into()).expect("put"))
        .collect();
    pending.into_iter().for_each(|put| put.wait().expect("put"));
    assert_eq!(names(&store, "data").expect("listed").len(), 1_100, "more than a page");
    assert_eq!(names(&store, "locks").expect("listed"), []);
    assert_eq!(store.get_range("data/0007", 2..5).expect("got"), [1; 3]);
    assert_eq!(store.find("data/0007").expect("looked").map(|object| object.size), Some(10));
    assert_eq!(store.find("data/none").expect("looked"), None);
    assert_eq!(store.get("data/none").expect_err("none").code(), Code::NotFound);
    store.delete("data/0007").expect("deleted");
    store.delete("data/0007").expect("absent is fine");
    assert_eq!(store.find("data/0007").expect("looked"), None);
    let signed = store.sign_put("snapshots/x", Duration::from_secs(60)).expect("signed").expect("signed");
    store.put_signed(signed, "signed".into()).expect("put");
    assert_eq!(store.get("snapshots/x").expect("got"), b"signed");
    assert!(store.requests().puts >= 1_101);
}
