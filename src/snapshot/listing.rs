//! Looking at what is in a root.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::root::{open_root, read_latest, snapshot_numbers};
use super::{Manifest, parse};
use crate::error::{Code, Error, Result};
use crate::io::apart;
use crate::options::absolute;
use crate::sys::clock::time_of_ms;
use crate::sys::dir::{Dir, Kind};

/// A snapshot as its manifest describes it. One whose manifest cannot be read is listed too, with
/// the reason.
#[derive(Clone, Debug)]
pub struct Snapshot {
    location: PathBuf,
    id: String,
    layout: String,
    metadata: Vec<u8>,
    started_at: Option<SystemTime>,
    finished_at: Option<SystemTime>,
    files: u64,
    bytes: u64,
    files_skipped: u64,
    files_left_out: u64,
    error: Option<Error>,
}

impl Snapshot {
    /// Opens the snapshot at `location`. It must be readable.
    pub fn open(location: impl AsRef<Path>) -> Result<Self> {
        let location = absolute(location.as_ref())?;
        apart::run(|| {
            let snapshot = Self::describe(location);
            snapshot.error.clone().map_or(Ok(snapshot), Err)
        })
    }

    fn describe(location: PathBuf) -> Self {
        match open_directory(&location).and_then(|dir| parse::read(&dir)) {
            Ok(manifest) => Self::of(location, &manifest, None),
            Err(error) => Self::of(location, &Manifest::default(), Some(error)),
        }
    }

    fn of(location: PathBuf, manifest: &Manifest, error: Option<Error>) -> Self {
        let name = location.file_name().unwrap_or_default().to_string_lossy();
        Self {
            id: manifest.id.map_or_else(|| name.into_owned(), |id| id.to_string()),
            layout: manifest.layout.clone(),
            metadata: manifest.metadata.clone(),
            started_at: told(manifest.started_at_ms),
            finished_at: told(manifest.finished_at_ms),
            files: manifest.files.len() as u64,
            bytes: manifest.bytes(),
            files_skipped: manifest.files_skipped,
            files_left_out: manifest.files_left_out,
            location,
            error,
        }
    }

    /// The UUID of the job that made it; the directory's name where the manifest has none.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Its directory.
    pub fn location(&self) -> &Path {
        &self.location
    }

    /// The layout it was made with; empty where the manifest does not say.
    pub fn layout(&self) -> &str {
        &self.layout
    }

    /// The host's metadata.
    pub fn metadata(&self) -> &[u8] {
        &self.metadata
    }

    /// When its backup began; `None`: the manifest does not say.
    pub fn started_at(&self) -> Option<SystemTime> {
        self.started_at
    }

    /// When its backup was about to be published; `None`: the manifest does not say.
    pub fn finished_at(&self) -> Option<SystemTime> {
        self.finished_at
    }

    /// The number of its files.
    pub fn files(&self) -> u64 {
        self.files
    }

    /// The sum of its files' logical sizes.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Names in the source that were no data: FIFOs, sockets, devices, the library's leavings.
    pub fn files_skipped(&self) -> u64 {
        self.files_skipped
    }

    /// Immutable files that were still being built and belong to no consistent point.
    pub fn files_left_out(&self) -> u64 {
        self.files_left_out
    }

    /// Why it cannot be read.
    pub fn error(&self) -> Option<&Error> {
        self.error.as_ref()
    }
}

/// A time of a manifest; 0: it does not say.
fn told(ms: u64) -> Option<SystemTime> {
    (ms > 0).then(|| time_of_ms(ms))
}

/// Opens a snapshot's directory.
pub fn open_directory(location: &Path) -> Result<Dir> {
    const DOING: &str = "opening the snapshot";
    Dir::open(location).map_err(|error| match error.raw_os_error() {
        Some(libc::ENOENT) => Error::at(Code::NotFound, DOING, location, "it does not exist"),
        Some(libc::ENOTDIR) => Error::at(Code::InvalidArgument, DOING, location, "it is not a directory"),
        _ => Error::io(DOING, location, error),
    })
}

/// The snapshots of a root, the newest first. A root that does not exist yet has none.
pub fn list(root: &Path) -> Result<Vec<Snapshot>> {
    let root = absolute(root)?;
    apart::run(|| match open_root(&root) {
        Err(error) if error.code() == Code::NotFound => Ok(Vec::new()),
        Err(error) => Err(error),
        Ok(dir) => list_in(&dir),
    })
}

/// The same on an I/O thread.
pub fn list_in(root: &Dir) -> Result<Vec<Snapshot>> {
    let mut numbers = snapshot_numbers(root)?;
    numbers.sort_unstable_by(|a, b| b.cmp(a));
    let describe = |number| {
        let name = format!("ts-{number}");
        let snapshot = Snapshot::describe(root.full(Path::new(&name)));
        // One that was deleted after it was listed is no damaged one.
        let is_gone = snapshot.error.is_some() && matches!(root.find(Path::new(&name)), Ok(None));
        (!is_gone).then_some(snapshot)
    };
    Ok(numbers.into_iter().filter_map(describe).collect())
}

/// The newest completed snapshot of a root, as its marker names it.
pub fn latest(root: &Path) -> Result<Snapshot> {
    const DOING: &str = "finding the latest snapshot in";
    let root = absolute(root)?;
    apart::run(|| {
        let none = |why: &str| Error::at(Code::NotFound, DOING, &root, why);
        let dir = open_root(&root)?;
        let mut named = read_latest(&dir)?;
        loop {
            let name = named.ok_or_else(|| none("there is none"))?;
            let snapshot = Snapshot::describe(root.join(&name));
            let Some(error) = snapshot.error.clone() else { return Ok(snapshot) };
            // A delete moves the marker before the snapshot goes.
            named = read_latest(&dir)?;
            if named.as_ref() != Some(&name) {
                continue;
            }
            let is_there = dir
                .find(Path::new(&name))
                .is_ok_and(|found| found.is_some_and(|found| found.kind == Kind::Directory));
            return Err(match is_there {
                false => none(&format!("its marker names {}, which is not there", name.to_string_lossy())),
                true => error,
            });
        }
    })
}
