//! What a name is that a walk of a source meets: data, or something else.

use std::path::Path;

use super::source::Source;
use crate::datadir::names::LIFECYCLE;
use crate::datadir::refuse_unfinished;
use crate::error::{Code, Error, Result, show};
use crate::snapshot::{CHECKPOINT, LONGEST_IN_MANIFEST, MANIFEST};
use crate::sys::dir::{Entry, Kind};

/// What a name is that no rule excludes.
pub enum Met {
    /// A file.
    File,
    /// A directory, which is to be listed too.
    Directory,
    /// A symbolic link: what becomes of it is decided by what it leads to.
    Link,
    /// Nothing that a backup is of.
    NoData,
    /// It is where a further source is to be in the snapshot.
    InTheWay(Error),
}

/// What a name is in a directory of the source of that index.
pub fn what_is(sources: &[Source], index: usize, directory: &Path, entry: &Entry) -> Result<Met> {
    let source = &sources[index];
    refuse_too_deep(source, directory, entry)?;
    if is_no_data(directory, entry) {
        return Ok(Met::NoData);
    }
    if entry.kind == Kind::Symlink {
        return Ok(Met::Link);
    }
    let is_its_place = |other: &&Source| {
        other.prefix.file_name() == Some(&entry.name) && other.prefix.parent() == Some(directory)
    };
    if let Some(other) = sources[1..].iter().find(is_its_place).filter(|_| index == 0) {
        let other = show(other.dir.path());
        let why = format!(
            "it is here, where a restore may have put it, and the source {other} has it as its prefix"
        );
        let full = source.dir.full(&directory.join(&entry.name));
        return Ok(Met::InTheWay(Error::at(Code::InvalidArgument, "listing", &full, why)));
    }
    Ok(if entry.kind == Kind::Directory { Met::Directory } else { Met::File })
}

fn refuse_too_deep(source: &Source, directory: &Path, entry: &Entry) -> Result<()> {
    let length = [source.prefix.as_os_str(), directory.as_os_str()]
        .iter()
        .filter(|part| !part.is_empty())
        .fold(entry.name.len(), |length, part| length + 1 + part.len());
    if length <= LONGEST_IN_MANIFEST {
        return Ok(());
    }
    let why = format!("it lies deeper than {LONGEST_IN_MANIFEST} bytes of path");
    let full = source.dir.full(&directory.join(&entry.name));
    Err(Error::at(Code::Unsupported, "listing", &full, why))
}

/// A nested database whose restore was interrupted would be captured half old and half new, and without the
/// journal that finishes it.
pub fn refuse_half_restored(source: &Source, relative: &Path) -> Result<()> {
    if relative.file_name() != Some(LIFECYCLE.as_ref()) {
        return Ok(());
    }
    let above = relative.parent().unwrap_or(Path::new(""));
    match source.dir.open_dir(above) {
        Ok(database) => refuse_unfinished(&database, "capturing the database in"),
        // It went away meanwhile.
        Err(_) => Ok(()),
    }
}

/// The library's own directory at the top of a source, and the backup root.
pub fn is_ours(source: &Source, directory: &Path, entry: &Entry) -> bool {
    let is_at_top = directory.as_os_str().is_empty();
    let is_root = |root: &Path| root.file_name() == Some(&entry.name) && root.parent() == Some(directory);
    is_at_top && entry.name == LIFECYCLE || source.root.as_deref().is_some_and(is_root)
}

/// FIFOs, sockets and devices; the manifest that an Alopex restore or a copied checkpoint leaves; a mount's `lost+found`.
fn is_no_data(directory: &Path, entry: &Entry) -> bool {
    let is_at_top = directory.as_os_str().is_empty();
    entry.kind == Kind::Other
        || is_at_top && (entry.name == MANIFEST || entry.name == CHECKPOINT)
        || is_at_top && entry.name == "lost+found" && entry.kind == Kind::Directory
}
