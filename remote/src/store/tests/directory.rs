//! A repository in a directory.

use std::fs;
use std::path::Path;
use std::time::Duration;

use hotbackup::Code;

use super::{names, watched};
use crate::store::{Settings, Store};

fn open() -> (tempfile::TempDir, Store) {
    let directory = tempfile::tempdir().expect("a directory");
    let url = format!("file://{}", directory.path().join("repository").display());
    let store = Store::open(&url, &Settings::default()).expect("a store");
    store.put("config", "x".into()).expect("put");
    (directory, store)
}

#[test]
fn objects_are_put_found_listed_read_and_deleted() {
    let (_directory, store) = open();
    let (store, job) = watched(&store);
    store.put("data/ab/abcd", vec![7; 200_000].into()).expect("put");
    store.put_later("data/cd/cdef", "later".into()).expect("put").wait().expect("put");
    assert_eq!(store.get("data/ab/abcd").expect("got"), vec![7; 200_000]);
    assert_eq!(store.get_range("data/cd/cdef", 1..3).expect("got"), b"at");
    assert_eq!(store.find("data/ab/abcd").expect("found").map(|object| object.size), Some(200_000));
    assert_eq!(store.find("data/ab/none").expect("looked"), None);
    let all = names(&store, "data").expect("listed");
    assert_eq!(all, [("data/ab/abcd".to_string(), 200_000), ("data/cd/cdef".to_string(), 5)]);
    assert_eq!(names(&store, "").expect("listed").len(), 3);
    assert_eq!(names(&store, "locks").expect("nothing is fine"), []);
    store.delete("data/ab/abcd").expect("deleted");
    store.delete("data/ab/abcd").expect("absent is fine");
    assert_eq!(store.get("data/ab/abcd").expect_err("gone").code(), Code::NotFound);
    let requests = store.requests();
    assert_eq!((requests.puts, requests.deletes, requests.bytes_up), (3, 2, 200_006));
    let order = std::sync::atomic::Ordering::Relaxed;
    assert_eq!(job.up.load(order), 200_005);
    assert!(job.largest.load(order) <= 64 << 10);
}

#[test]
fn where_no_directory_can_be_made_the_error_says_which() {
    let place = tempfile::tempdir().expect("a directory");
    let file = place.path().join("file");
    fs::write(&file, "no directory").expect("written");
    // In /proc the system says that nothing is there, though the directory above is.
    for above in [Path::new("/proc"), &file] {
        let directory = above.join("repository");
        let url = format!("file://{}", directory.join("db").display());
        let store = Store::open(&url, &Settings::default()).expect("a store");
        let error = store.put("keys/a", "x".into()).expect_err("there is no place for it");
        let message = error.message();
        assert!(message.contains(directory.to_str().expect("a plain path")), "{message}");
        assert!(!message.contains('\n'), "{message}");
    }
}

#[test]
fn what_is_not_whole_is_in_no_listing() {
    let (directory, store) = open();
    let left = directory.path().join("repository/.hotbackup-unfinished-1");
    fs::write(left, "half").expect("written");
    assert_eq!(names(&store, "").expect("listed"), [("config".to_string(), 1)]);
}

#[test]
fn a_name_that_leads_out_is_refused() {
    let (_directory, store) = open();
    for name in ["../x", "a/../../x", "/etc/passwd", "a//b", "", "a b"] {
        assert_eq!(store.get(name).expect_err(name).code(), Code::InvalidArgument);
    }
}

#[test]
fn a_signed_put_whose_time_is_over_writes_nothing() {
    let (_directory, store) = open();
    let good = store.sign_put("snapshots/a", Duration::from_secs(60)).expect("signed").expect("signed");
    store.put_signed(good, "whole".into()).expect("put");
    let late = store.sign_put("snapshots/b", Duration::from_millis(20)).expect("signed").expect("signed");
    std::thread::sleep(Duration::from_millis(50));
    assert_eq!(store.put_signed(late, "late".into()).expect_err("late").code(), Code::Conflict);
    assert_eq!(names(&store, "snapshots").expect("listed"), [("snapshots/a".to_string(), 5)]);
}

#[test]
fn the_last_store_ends_its_thread() {
    let (_directory, store) = open();
    let threads = || fs::read_dir("/proc/self/task").expect("threads").count();
    let clone = store.clone();
    drop(store);
    clone.get("config").expect("a clone goes on");
    let before = threads();
    drop(clone);
    // Other tests have threads, too: it is enough that there is one moment with fewer.
    let is_gone = (0..200).any(|_| {
        std::thread::sleep(Duration::from_millis(10));
        threads() < before
    });
    assert!(is_gone);
}
