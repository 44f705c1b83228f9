//! A verification: what a snapshot needs is there, or all of it is read.

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};

use hotbackup::extension::{Supply, Task, Watch};
use hotbackup::{Code, Contents, Entry, EntryKind, Error, Phase, Result, VerifyLevel};

use super::supply::Brought;
use crate::repository::{Found, Repository};

/// Looks for all packs of a snapshot, and reads and compares all of it unless the level is
/// [`Size`](VerifyLevel::Size). Each bad file is a warning; the job fails once all were read. Each pack that is lost is one,
/// too, and then nothing is read.
pub fn verify(repository: &Repository, found: &Found, task: &Task) -> Result<()> {
    task.enter(Phase::Verify)?;
    let watch = task.watch();
    let brought = Brought::new(repository, found, &|lost| watch.warn(lost))?;
    let manifest = brought.manifest()?;
    let contents = Contents::parse(&manifest, brought.name())?;
    let files: Vec<Entry<'_>> = contents.iter().filter(|entry| entry.kind == EntryKind::File).collect();
    watch.expect(files.iter().map(|file| file.size).sum(), files.len() as u64);
    if task.verify_level() <= VerifyLevel::Size {
        return sizes(&brought, &files, &watch);
    }
    let (next, bad) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let first: Mutex<Option<Error>> = Mutex::default();
    let share = || {
        while let Some(file) = files.get(next.fetch_add(1, Relaxed)) {
            let Err(error) = read(&brought, file, &watch) else { continue };
            if error.code() == Code::Corrupt {
                bad.fetch_add(1, Relaxed);
                watch.warn(error.clone());
            }
            let is_the_end = error.code() != Code::Corrupt;
            let mut first = first.lock().unwrap_or_else(PoisonError::into_inner);
            if is_the_end || first.is_none() {
                *first = Some(error);
            }
            if is_the_end {
                next.store(files.len(), Relaxed);
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 1..task.threads() {
            // One that cannot be made only means that the others do its share.
            let _ = std::thread::Builder::new().name("hotbackup-io".into()).spawn_scoped(scope, share);
        }
        share();
    });
    match (first.into_inner().unwrap_or_else(PoisonError::into_inner), bad.into_inner()) {
        (Some(error), more) if error.code() == Code::Corrupt && more > 1 => {
            let why =
                format!("{} (and {} more files; the job's warnings name each)", error.message(), more - 1);
            Err(Error::new(Code::Corrupt, why))
        }
        (Some(error), _) => Err(error),
        (None, _) => Ok(()),
    }
}

/// All files of the manifest are there.
fn sizes(brought: &Brought, files: &[Entry<'_>], watch: &Watch) -> Result<()> {
    for file in files {
        watch.check()?;
        brought.open(file.path, file.size)?;
        watch.verified(file.size);
        watch.file_done();
    }
    Ok(())
}

fn read(brought: &Brought, file: &Entry<'_>, watch: &Watch) -> Result<()> {
    let mut reader = brought.open(file.path, file.size)?;
    let (mut sum, mut length) = (crc32fast::Hasher::new(), 0);
    loop {
        watch.check()?;
        let bytes = reader.next()?;
        if bytes.is_empty() {
            break;
        }
        sum.update(bytes);
        length += bytes.len() as u64;
        watch.verified(bytes.len() as u64);
    }
    watch.file_done();
    let corrupt = |why: String| {
        let path = brought.name().join(file.path);
        Err(Error::at(Code::Corrupt, "verifying", &path, why))
    };
    let (found, wanted) = (sum.finalize(), file.crc32.unwrap_or_default());
    match (length == file.size, found == wanted) {
        (true, true) => Ok(()),
        (false, _) => corrupt(format!("it has {length} bytes where the manifest has {}", file.size)),
        (true, false) => corrupt(format!("its checksum is {found:08x} where the manifest has {wanted:08x}")),
    }
}
