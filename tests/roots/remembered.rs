//! The roots that a data directory remembers are told with what is there now.

use std::fs;
use std::path::Path;

use crate::common::{Place, frozen, names, write};
use hotbackup::{Code, KnownRoot, Options, Standing, known_roots};

fn with_root(root: &Path) -> Options {
    let mut options = frozen();
    options.set_root(root).unwrap();
    options
}

/// The one that was used last.
#[track_caller]
fn last(data: &Path) -> KnownRoot {
    known_roots(data).unwrap().swap_remove(0)
}

#[test]
fn each_is_told_the_last_one_first_with_its_snapshots() {
    let place = Place::with_files();
    let roots = ["one", "two"].map(|name| place.beside(name));
    assert_eq!(known_roots(place.data()).unwrap(), []);
    assert!(!place.data().join(".lifecycle").exists());
    place.back_up(&with_root(&roots[0])).unwrap();
    place.back_up(&with_root(&roots[0])).unwrap();
    place.back_up(&with_root(&roots[1])).unwrap();
    let before = names(&place.beside(""));
    let known = known_roots(place.data()).unwrap();
    let told: Vec<_> = known.iter().map(|root| (&*root.path, root.standing, root.snapshots)).collect();
    assert_eq!(told, [(&*roots[1], Standing::Same, 1), (&*roots[0], Standing::Same, 2)]);
    assert_eq!(known[0].real_path.as_deref(), Some(&*roots[1].canonicalize().unwrap()));
    let record = fs::read_to_string(roots[1].join("source")).unwrap();
    assert!(record.contains(&known[0].id), "{record}");
    assert_eq!(names(&place.beside("")), before);
}

#[test]
fn what_has_become_of_one_is_told() {
    let place = Place::with_files();
    let root = place.beside("root");
    place.back_up(&with_root(&root)).unwrap();
    fs::rename(&root, place.beside("away")).unwrap();
    assert_eq!((last(&place.data()).standing, last(&place.data()).snapshots), (Standing::Missing, 0));
    fs::create_dir(&root).unwrap();
    assert_eq!(last(&place.data()).standing, Standing::Missing, "where its disk is mounted");
    let other = Place::with_files();
    fs::remove_dir(&root).unwrap();
    other.back_up(&with_root(&root)).unwrap();
    assert_eq!((last(&place.data()).standing, last(&place.data()).snapshots), (Standing::Another, 1));
    fs::remove_dir_all(&root).unwrap();
    fs::rename(place.beside("away"), &root).unwrap();
    assert_eq!(last(&place.data()).standing, Standing::Same);
    write(&root.join("source"), b"damaged");
    assert_eq!(last(&place.data()).standing, Standing::Another);
}

#[test]
fn a_copy_of_the_directory_that_goes_on_is_found_out() {
    let place = Place::with_files();
    let root = place.beside("root");
    place.back_up(&with_root(&root)).unwrap();
    let record = place.data().join(".lifecycle/roots");
    let older = fs::read(&record).unwrap();
    place.back_up(&with_root(&root)).unwrap();
    assert_eq!(last(&place.data()).standing, Standing::Same);
    fs::write(&record, older).unwrap();
    assert_eq!(last(&place.data()).standing, Standing::SealedByAnother);
}

#[test]
fn a_damaged_record_and_what_is_no_directory_are_errors() {
    let place = Place::with_snapshot();
    let code = |path: &Path| known_roots(path).unwrap_err().code();
    assert_eq!(
        [code(&place.beside("no")), code(&place.data().join("index"))],
        [Code::NotFound, Code::InvalidArgument]
    );
    write(&place.data().join(".lifecycle/roots"), b"damaged");
    assert_eq!(code(&place.data()), Code::Corrupt);
}
