//! What belongs to the host stays on its side, and what it says counts or is refused.

use std::error::Error as _;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::sync::Arc;

use crate::common::{Place, frozen, write};
use hotbackup::{Code, Coordinator, Options, Symlinks};
use parking_lot::Mutex;

/// A host's exception, which notes on which thread it ends.
#[derive(Debug)]
struct Exception(&'static str, Arc<Mutex<Vec<String>>>);

impl std::fmt::Display for Exception {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for Exception {}

impl Drop for Exception {
    fn drop(&mut self) {
        self.1.lock().push(std::thread::current().name().unwrap_or_default().to_string());
    }
}

#[test]
fn an_exception_of_a_hook_never_ends_on_an_io_thread() {
    let place = Place::with_files();
    let ends = Arc::new(Mutex::new(Vec::new()));
    let failing = |what: &'static str| {
        let ends = ends.clone();
        move || Exception(what, ends.clone())
    };
    let (thaw, release) = (failing("thaw"), failing("release"));
    let mut options = Options::new();
    options.hooks().freeze_thaw(|_| Ok(()), move |_| Err(thaw().into()));
    options.hooks().release(move |_| Err(release().into()));
    let error = place.back_up(&options).unwrap_err();
    assert!(
        error.message().contains("thaw") && error.source().is_some_and(|source| source.is::<Exception>()),
        "{error}"
    );
    drop(error);
    let ends = ends.lock();
    assert_eq!(ends.len(), 2);
    assert!(!ends.iter().any(|thread| thread == "hotbackup-io"), "{ends:?}");
}

#[test]
fn metadata_that_comes_too_late_is_refused() {
    let place = Place::with_files();
    let refused = Arc::new(Mutex::new(Vec::new()));
    let mut options = frozen();
    let noted = refused.clone();
    options.hooks().validate(move |_, hook| {
        noted.lock().push(hook.set_metadata(b"late").unwrap_err().code());
        Ok(())
    });
    options.hooks().release(|hook| Ok(hook.set_metadata(b"in time")?));
    let snapshot = place.back_up(&options).unwrap().location().to_path_buf();
    assert_eq!(hotbackup::Snapshot::open(&snapshot).unwrap().metadata(), b"in time");
    hotbackup::restore(&snapshot, &place.beside("target"), &options).unwrap().wait().unwrap();
    assert_eq!(*refused.lock(), [Code::Conflict, Code::Conflict]);
}

#[test]
fn a_link_that_is_switched_after_the_freeze_leads_where_it_did() {
    let place = Place::with_files();
    let link = place.data().join("current");
    symlink("gen-1", &link).unwrap();
    write(&place.data().join("gen-1"), b"one");
    let mut options = Options::new();
    options.set_symlinks(Symlinks::Preserve);
    let data = place.data();
    options.hooks().freeze_thaw(
        |_| Ok(()),
        move |_| {
            write(&data.join("gen-2"), b"two");
            symlink("gen-2", data.join("new")).unwrap();
            fs::rename(data.join("new"), data.join("current")).unwrap();
            Ok(())
        },
    );
    let snapshot = place.back_up(&options).unwrap().location().to_path_buf();
    assert_eq!(fs::read_link(snapshot.join("current")).unwrap(), Path::new("gen-1"));
    assert!(!snapshot.join("gen-2").exists());
}

#[test]
fn a_backup_that_was_begun_and_never_run_does_not_hold_up_the_close() {
    let place = Place::with_files();
    let coordinator = Coordinator::open(&place.data(), &frozen()).unwrap();
    let begun = coordinator.prepare().unwrap();
    let job = begun.job();
    drop(coordinator);
    assert_eq!(begun.run().unwrap_err().code(), Code::Cancelled);
    assert_eq!(job.wait().unwrap_err().code(), Code::Cancelled);
    place.back_up(&frozen()).unwrap();
}
