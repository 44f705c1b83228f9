//! How fast a push reads and sends.

use std::fs;
use std::time::{Duration, Instant};

use hotbackup::Options;
use hotbackup_remote::Remote;

use crate::common::Random;
use crate::common::backend::Backend;
use crate::common::host::{self, Host, ended, push};
use crate::common::tree::Shape;

const MIB: usize = 1 << 20;

fn limited(bytes_per_second: usize) -> Options {
    let mut options = Options::new();
    options.set_rate_limit(bytes_per_second as u64);
    options
}

/// Adds a file and takes a snapshot.
fn snapshot_with(host: &Host, name: &str, bytes: Vec<u8>) -> std::path::PathBuf {
    fs::write(host.data().join(name), bytes).expect("a file");
    host.back_up()
}

#[test]
fn a_jobs_limit_holds_for_what_is_read_though_hardly_anything_is_sent() {
    let place = tempfile::tempdir().expect("a temporary directory");
    let remote = host::repository(&Backend::directory(&place.path().join("repository")));
    let host = Host::new(Shape::small(), 1);
    // All its pieces are one.
    let snapshot = snapshot_with(&host, "zeros.sst", vec![0; 8 * MIB]);
    let since = Instant::now();
    ended(remote.push(&snapshot, &limited(4 * MIB))).expect("a push");
    assert!(since.elapsed() > Duration::from_millis(1800), "{:?}", since.elapsed());
}

#[test]
fn the_limit_of_a_remote_holds_for_what_is_sent_and_what_is_not_sent_is_read_freely() {
    let place = tempfile::tempdir().expect("a temporary directory");
    let store = Backend::directory(&place.path().join("repository"));
    let unlimited = host::repository(&store);
    let host = Host::new(Shape::small(), 2);
    push(&unlimited, &host.back_up());
    let mut slow = host::options(&store);
    slow.set("rate_limit_up", "2MiB").expect("a limit");
    let remote = Remote::open(&store.url(), &slow).expect("a remote");
    let snapshot = snapshot_with(&host, "random.sst", Random::new(3).bytes(4 * MIB));
    let since = Instant::now();
    // Of its own it may take more.
    ended(remote.push(&snapshot, &limited(1 << 40))).expect("a push");
    assert!(since.elapsed() > Duration::from_millis(1800), "{:?}", since.elapsed());
    let snapshot = snapshot_with(&host, "zeros.mdb", vec![0; 64 * MIB]);
    let since = Instant::now();
    push(&remote, &snapshot);
    assert!(since.elapsed() < Duration::from_secs(30), "{:?}", since.elapsed());
}
