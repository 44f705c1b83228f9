//! Trees: the same for the same seed, and each difference is found.

use std::fs::{self, File, FileTimes};
use std::os::unix::fs::{FileExt, PermissionsExt};
use std::path::Path;
use std::time::{Duration, SystemTime};

use crate::common::compare::{Attributes, assert_same, differences};
use crate::common::tree::{self, Shape};

#[test]
fn the_same_seed_makes_the_same_tree() {
    let top = tempfile::tempdir().expect("a temporary directory");
    let (one, two, three) = (top.path().join("1"), top.path().join("2"), top.path().join("3"));
    for (path, seed) in [(&one, 1), (&two, 1), (&three, 2)] {
        tree::make(path, Shape::small(), seed);
    }
    let but_links = Attributes { link_times: false, ..Attributes::ALL };
    assert_same(&one, &two, but_links, &[]);
    assert!(!differences(&one, &three, but_links, &[]).is_empty(), "another seed makes another tree");
    tree::change(&one, 0.01, 3);
    tree::change(&two, 0.01, 3);
    assert_same(&one, &two, but_links, &[]);
}

#[test]
fn a_change_is_small() {
    let top = tempfile::tempdir().expect("a temporary directory");
    let (old, new) = (top.path().join("old"), top.path().join("new"));
    tree::make(&old, Shape::small(), 1);
    tree::make(&new, Shape::small(), 1);
    tree::change(&new, 0.01, 2);
    let lines = differences(&old, &new, Attributes::NONE, &[]);
    // A table goes, another one comes; the B-tree and the log are others.
    assert_eq!(lines.len(), 4, "{lines:#?}");
    let (one, other) = (fs::read(old.join("data.mdb")).unwrap(), fs::read(new.join("data.mdb")).unwrap());
    let changed = one.chunks(4096).zip(other.chunks(4096)).filter(|(one, other)| one != other).count();
    assert!((1..=3).contains(&changed), "{changed} of 256 pages");
}

#[test]
fn each_difference_is_found() {
    let top = tempfile::tempdir().expect("a temporary directory");
    let old = top.path().join("old");
    tree::make(&old, Shape::small(), 1);
    type Change<'a> = (&'a str, &'a dyn Fn(&Path));
    let changes: [Change; 7] = [
        ("is another one", &|new| file(new, "data.mdb").write_all_at(b"!", 77_777).unwrap()),
        ("has 16 bytes, not", &|new| file(new, "data.mdb").set_len(16).unwrap()),
        ("is missing", &|new| fs::remove_file(new.join("CURRENT")).unwrap()),
        ("is too many", &|new| fs::write(new.join("odd/more"), b"").unwrap()),
        ("leads to", &|new| {
            fs::remove_file(new.join("odd/link")).unwrap();
            std::os::unix::fs::symlink("elsewhere", new.join("odd/link")).unwrap();
        }),
        ("mode", &|new| fs::set_permissions(new.join("LOCK"), fs::Permissions::from_mode(0o604)).unwrap()),
        ("time", &|new| {
            let time = SystemTime::UNIX_EPOCH + Duration::from_nanos(5);
            file(new, "LOCK").set_times(FileTimes::new().set_modified(time)).unwrap();
        }),
    ];
    for (number, (words, change)) in changes.into_iter().enumerate() {
        let new = top.path().join(number.to_string());
        tree::make(&new, Shape::small(), 1);
        change(&new);
        let lines = differences(&old, &new, Attributes { link_times: false, ..Attributes::ALL }, &[]);
        assert!(lines.iter().any(|line| line.contains(words)), "{words}: {lines:?}");
    }
}

fn file(top: &Path, name: &str) -> File {
    File::options().write(true).open(top.join(name)).expect("a file")
}
