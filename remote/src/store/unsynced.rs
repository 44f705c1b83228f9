//! Packs of a directory that are written and not yet durable.
//!
//! A pack counts once an index names it, so packs are synced some at a time, before anything else is written: a sync of
//! each one by itself would make whoever else writes to the disk wait for it.

use std::collections::BTreeSet;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use hotbackup::{Code, Error, Result};

/// How many wait: so much of a disk's time a sync takes at once, and so many descriptors are open.
const MOST: usize = 32;

/// Those of one repository, by all its jobs.
#[derive(Default)]
pub(super) struct Unsynced(Mutex<Waiting>);

#[derive(Default)]
struct Waiting {
    packs: Vec<(File, PathBuf)>,
    /// A sync has failed. A second one of the same file may say that all is well, and it is not.
    has_failed: bool,
}

impl Unsynced {
    /// Takes a pack that has its name, and syncs all of them once they are many.
    pub fn add(&self, file: File, path: PathBuf) -> Result<()> {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.packs.push((file, path));
        if waiting.packs.len() < MOST { Ok(()) } else { waiting.sync() }
    }

    /// Makes all packs durable, before `path` is written, which may name them.
    pub fn settle(&self, path: &Path) -> Result<()> {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.has_failed {
            let why = "a sync of packs that were written before has failed; nothing more is written until the \
                       repository is opened anew";
            return Err(Error::at(Code::Io, "writing", path, why));
        }
        waiting.sync()
    }
}

impl Waiting {
    fn sync(&mut self) -> Result<()> {
        let packs = std::mem::take(&mut self.packs);
        let synced = sync_all(&packs);
        self.has_failed |= synced.is_err();
        synced
    }
}

fn sync_all(packs: &[(File, PathBuf)]) -> Result<()> {
    for (file, path) in packs {
        file.sync_data().map_err(|error| Error::io("syncing", path, error))?;
    }
    let directories: BTreeSet<&Path> = packs.iter().filter_map(|(_, path)| path.parent()).collect();
    directories.into_iter().try_for_each(sync_directory)
}

/// Makes the names in a directory durable.
pub(super) fn sync_directory(path: &Path) -> Result<()> {
    let sync = File::open(path).and_then(|directory| directory.sync_all());
    sync.map_err(|error| Error::io("syncing", path, error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn once_a_sync_has_failed_nothing_is_written_any_more() {
        let unsynced = Unsynced::default();
        let path = PathBuf::from("/repository/data/ab/abcd");
        unsynced.settle(&path).expect("nothing waits");
        // What has no sync.
        unsynced.add(File::open("/proc/self/status").expect("a file"), path.clone()).expect("it waits");
        let error = unsynced.settle(Path::new("/repository/index/x")).expect_err("no sync");
        assert_eq!(error.path(), Some(path.as_path()));
        let error = unsynced.settle(Path::new("/repository/index/x")).expect_err("it has failed");
        assert!(error.message().contains("opened anew"), "{error}");
    }

    #[test]
    fn no_more_than_so_many_wait() {
        let unsynced = Unsynced::default();
        let add = |number: usize| {
            let file = File::open("/proc/self/status").expect("a file");
            unsynced.add(file, PathBuf::from(format!("/repository/data/{number}")))
        };
        (1..MOST).for_each(|number| add(number).expect("it waits"));
        add(MOST).expect_err("now they are synced");
    }
}
