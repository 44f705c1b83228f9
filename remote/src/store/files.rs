//! A repository in a directory.
//!
//! An object is written beside its place, synced, renamed, and its directory synced: after a power cut it is whole
//! or absent. Packs are synced some at a time, before any other object is written ([`Unsynced`]): what names a pack finds
//! it durable. All this runs on threads of the guest, which no lock of the host's can be lost by.

use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Read, Seek, SeekFrom, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use hotbackup::extension::start_writeback;
use hotbackup::{Code, Error, Result};

use super::clock::since_boot;
use super::unsynced::{Unsynced, sync_directory};
use super::watch::{Counts, Job, count};
use super::{Object, check_name};

/// What is being written has such names, which no listing shows. No object of restic's begins like it.
const UNFINISHED: &str = ".hotbackup-unfinished-";

const PACKS: &str = "data/";

/// What is written at once, under a limit and without one.
const EVEN: usize = 64 << 10;
const CHUNK: usize = 1 << 20;

/// The directory, and who counts.
#[derive(Clone)]
pub(super) struct Files {
    root: PathBuf,
    counts: Arc<Counts>,
    next: Arc<AtomicU64>,
    unsynced: Arc<Unsynced>,
}

impl Files {
    pub fn new(root: PathBuf, counts: Arc<Counts>) -> Self {
        Self { root, counts, next: Arc::default(), unsynced: Arc::default() }
    }

    fn path(&self, name: &str) -> Result<PathBuf> {
        check_name(name)?;
        Ok(self.root.join(name))
    }

    pub fn get(&self, name: &str, range: Option<Range<u64>>, job: &Job) -> Result<Vec<u8>> {
        let path = self.path(name)?;
        let failed = |error| missing(error, "reading", &path);
        count(&self.counts.gets, 1);
        let mut file = File::open(&path).map_err(failed)?;
        let size = file.metadata().map_err(failed)?.len();
        let range = range.unwrap_or(0..size);
        if range.end > size {
            let why = format!("it has {size} bytes, fewer than the {} asked for", range.end);
            return Err(Error::at(Code::Corrupt, "reading", &path, why));
        }
        file.seek(SeekFrom::Start(range.start)).map_err(failed)?;
        let mut bytes = Vec::new();
        let no_memory = |_| Error::at(Code::Io, "reading", &path, "there is no memory for it");
        bytes.try_reserve_exact((range.end - range.start) as usize).map_err(no_memory)?;
        let mut left = range.end - range.start;
        while left > 0 {
            job.watch.check()?;
            let part = left.min(even(job.is_paced_down()) as u64);
            job.pace_down(part)?;
            let came = (&mut file).take(part).read_to_end(&mut bytes).map_err(failed)?;
            if came as u64 != part {
                return Err(Error::at(Code::Corrupt, "reading", &path, "it became shorter"));
            }
            count(&self.counts.down, part);
            left -= part;
        }
        Ok(bytes)
    }

    /// `deadline` is a time since boot, after which the object must not appear any more.
    pub fn put(&self, name: &str, bytes: &Bytes, job: &Job, deadline: Option<Duration>) -> Result<()> {
        let path = self.path(name)?;
        let is_pack = name.starts_with(PACKS);
        if !is_pack {
            self.unsynced.settle(&path)?;
        }
        count(&self.counts.puts, 1);
        let directory = path.parent().unwrap_or(&self.root);
        make_directories(directory)?;
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let mut random = [0; 8];
        rustix::rand::getrandom(&mut random, rustix::rand::GetRandomFlags::empty())
            .map_err(|error| Error::system("asking for random bytes", error.into()))?;
        let unfinished = directory.join(format!("{UNFINISHED}{:016x}-{number}", u64::from_ne_bytes(random)));
        let written = self.write(&unfinished, bytes, job).and_then(|file| {
            if !is_pack {
                file.sync_all().map_err(|error| Error::io("syncing", &path, error))?;
            }
            job.watch.check()?;
            if deadline.is_some_and(|deadline| since_boot() > deadline) {
                return Err(Error::at(
                    Code::Conflict,
                    "writing",
                    &path,
                    "its time is over; nothing was written",
                ));
            }
            fs::rename(&unfinished, &path).map_err(|error| Error::io("writing", &path, error))?;
            Ok(file)
        });
        match written {
            Ok(file) if is_pack => self.unsynced.add(file, path),
            Ok(_) => sync_directory(directory),
            Err(error) => {
                let _ = fs::remove_file(&unfinished);
                Err(error)
            }
        }
    }

    fn write(&self, path: &Path, bytes: &Bytes, job: &Job) -> Result<File> {
        let failed = |error| Error::io("writing", path, error);
        let mut file = OpenOptions::new().write(true).create_new(true).open(path).map_err(failed)?;
        let mut at = 0;
        while at < bytes.len() {
            job.watch.check()?;
            let chunk = &bytes[at..bytes.len().min(at + even(job.is_paced_up()))];
            job.pace_up(chunk.len() as u64)?;
            file.write_all(chunk).map_err(failed)?;
            count(&self.counts.up, chunk.len() as u64);
            let end = at + chunk.len();
            start_writeback(&file, at as u64..end as u64);
            at = end;
        }
        Ok(file)
    }

    pub fn find(&self, name: &str) -> Result<Option<Object>> {
        let path = self.path(name)?;
        count(&self.counts.gets, 1);
        match fs::metadata(&path) {
            Ok(stat) if stat.is_file() => Ok(Some(object(name.to_string(), &stat, &path)?)),
            Ok(_) => Ok(None),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(Error::io("looking for", &path, error)),
        }
    }

    pub fn delete(&self, name: &str) -> Result<()> {
        let path = self.path(name)?;
        count(&self.counts.deletes, 1);
        match fs::remove_file(&path) {
            Ok(()) => sync_directory(path.parent().unwrap_or(&self.root)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            Err(error) => Err(Error::io("deleting", &path, error)),
        }
    }

    /// All below a directory of names, the directories `pending` one by one.
    pub fn page(&self, pending: &mut Vec<String>) -> Result<Vec<Object>> {
        let Some(prefix) = pending.pop() else { return Ok(Vec::new()) };
        let directory = self.root.join(&prefix);
        count(&self.counts.lists, 1);
        let failed = |error| Error::io("listing", &directory, error);
        let entries = match fs::read_dir(&directory) {
            // A listing of a bucket that holds nothing is empty, too. The repository's own directory must be there.
            Err(error) if error.kind() == ErrorKind::NotFound && !prefix.is_empty() => return Ok(Vec::new()),
            entries => entries.map_err(|error| missing(error, "listing", &directory))?,
        };
        let mut objects = Vec::new();
        for entry in entries {
            let entry = entry.map_err(failed)?;
            let Ok(name) = entry.file_name().into_string() else { continue };
            if name.starts_with(UNFINISHED) {
                continue;
            }
            let full = if prefix.is_empty() { name } else { format!("{prefix}/{name}") };
            match fs::metadata(entry.path()) {
                Ok(stat) if stat.is_dir() => pending.push(full),
                Ok(stat) if stat.is_file() => objects.push(object(full, &stat, &entry.path())?),
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                Err(error) => return Err(Error::io("listing", &entry.path(), error)),
            }
        }
        Ok(objects)
    }
}

fn even(is_paced: bool) -> usize {
    if is_paced { EVEN } else { CHUNK }
}

fn object(name: String, stat: &fs::Metadata, path: &Path) -> Result<Object> {
    let modified = stat.modified().map_err(|error| Error::io("reading", path, error))?;
    Ok(Object { name, size: stat.len(), modified })
}

fn missing(error: std::io::Error, doing: &str, path: &Path) -> Error {
    match error.kind() {
        ErrorKind::NotFound => Error::at(Code::NotFound, doing, path, "it is not there"),
        ErrorKind::PermissionDenied => Error::at(Code::Unauthorized, doing, path, error),
        _ => Error::io(doing, path, error),
    }
}

/// Makes what is missing of a path, from the top and each once, its name synced in its parent. A system may say that
/// nothing is there where something is: in /proc nothing can be made.
fn make_directories(path: &Path) -> Result<()> {
    let missing: Vec<&Path> = path.ancestors().take_while(|above| !above.exists()).collect();
    for directory in missing.into_iter().rev() {
        match fs::create_dir(directory) {
            Ok(()) => sync_directory(directory.parent().unwrap_or(directory))?,
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            Err(error) => return Err(Error::io("making", directory, error)),
        }
    }
    Ok(())
}
