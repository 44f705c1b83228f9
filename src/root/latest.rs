//! Publishing a snapshot, and the marker of the newest one.

use std::ffi::{OsStr, OsString};
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use super::names::{LATEST, NEW_LATEST, OLD_LATEST};
use super::open::Root;
use crate::error::{Error, Result};
use crate::io::small::{self, Whole};
use crate::sys::dir::{Dir, if_there};

/// What is read of a marker. It holds one path, of which the kernel takes 4096 bytes, and ours is far shorter.
const LARGEST_MARKER: u64 = 1 << 16;

impl Root {
    /// Renames a complete staging to its name and makes it the newest. On an error both are
    /// undone; the error says so where even that failed.
    pub fn publish(&self, staging: &Path, name: &str) -> Result<()> {
        self.prepare_latest(name)?;
        let staging = Path::new(staging.file_name().unwrap_or_default());
        let published = self.dir.full(Path::new(name));
        self.dir.rename_new(staging, &self.dir, Path::new(name)).map_err(|error| {
            let _ = self.remove_file(NEW_LATEST);
            Error::io("publishing", &published, error)
        })?;
        let latest = self.dir.full(Path::new(LATEST));
        let done = self.swap_latest().and_then(|()| self.dir.sync());
        let Err(error) = done else {
            // What is left of the old marker is no harm, and the next backup removes it.
            let _ = self.remove_file(OLD_LATEST);
            return Ok(());
        };
        let error = Error::io("publishing", &latest, error);
        let undone = self.unswap_latest().and_then(|()| {
            self.dir.rename_new(Path::new(name), &self.dir, staging)?;
            self.dir.sync()
        });
        Err(match undone {
            Ok(()) => error,
            Err(undo) => error.aftermath(&format!(
                "taking it back failed too ({undo}), so {} may be listed",
                crate::error::show(&published)
            )),
        })
    }

    /// Lets `latest` name another snapshot, or none.
    pub fn point_latest(&self, name: Option<&str>) -> Result<()> {
        let latest = Path::new(LATEST);
        let Some(name) = name else {
            self.remove_file(LATEST)?;
            return self.dir.sync().map_err(|error| Error::io("syncing", self.dir.path(), error));
        };
        let (new, target) = (Path::new(NEW_LATEST), self.dir.full(Path::new(name)));
        Whole { directory: &self.dir, path: latest, new, mode: 0o644, owner: None }
            .replace(target.as_os_str().as_bytes())
            .map_err(|error| Error::io("writing", &self.dir.full(latest), error))
    }

    /// What `latest` names, if it names anything.
    pub fn latest(&self) -> Result<Option<OsString>> {
        read_latest(&self.dir)
    }

    fn prepare_latest(&self, name: &str) -> Result<()> {
        let target = self.dir.full(Path::new(name));
        let path = Path::new(NEW_LATEST);
        small::write_new(&self.dir, path, 0o644, target.as_os_str().as_bytes())
            .map_err(|error| Error::io("writing", &self.dir.full(path), error))
    }

    /// The old marker keeps a second name for the time of the change.
    fn swap_latest(&self) -> std::io::Result<()> {
        match if_there(self.dir.link(Path::new(LATEST), &self.dir, Path::new(OLD_LATEST))) {
            // A disk that fails would fail the copy too, and is told by its own error.
            Err(error) if error.raw_os_error() != Some(libc::EIO) => self.copy_latest()?,
            other => other.map(drop)?,
        }
        self.dir.rename(Path::new(NEW_LATEST), &self.dir, Path::new(LATEST))
    }

    /// Where the file system has no hard links.
    fn copy_latest(&self) -> std::io::Result<()> {
        let Some(bytes) = small::read(&self.dir, Path::new(LATEST), LARGEST_MARKER)? else { return Ok(()) };
        self.dir.create_file(Path::new(OLD_LATEST), 0o644)?.write_all(&bytes)
    }

    fn unswap_latest(&self) -> std::io::Result<()> {
        if self.dir.find(Path::new(NEW_LATEST))?.is_some() {
            // The marker was not changed yet.
            self.dir.unlink(Path::new(NEW_LATEST))?;
            return small::remove(&self.dir, Path::new(OLD_LATEST)).map(drop);
        }
        match if_there(self.dir.rename(Path::new(OLD_LATEST), &self.dir, Path::new(LATEST)))? {
            None => self.dir.unlink(Path::new(LATEST)),
            Some(()) => Ok(()),
        }
    }
}

/// The name that `latest` gives. Only its last component counts, beside the marker: in a copied
/// directory the rest would lead to the original's snapshots.
pub fn read_latest(root: &Dir) -> Result<Option<OsString>> {
    let read = small::read(root, Path::new(LATEST), LARGEST_MARKER);
    let read = read.map_err(|error| Error::io("reading", &root.full(Path::new(LATEST)), error))?;
    let Some(bytes) = read else { return Ok(None) };
    let path = Path::new(OsStr::from_bytes(bytes.trim_ascii()));
    Ok(path.file_name().map(OsStr::to_os_string))
}
