//! Copying a snapshot to a staging, each byte compared with its checksum on the way.

use std::path::Path;

use super::context::Restore;
use crate::error::{Code, Error, Result};
use crate::io::copy::{Named, Pace};
use crate::io::pool;
use crate::io::sorted_dirs::SortedDirs;
use crate::snapshot::{Attributes, FileEntry, Imprint};
use crate::staging::Staging;
use crate::sync::Mutex;
use crate::sys::dir::{Kind, Stat, is_absent};

/// Copies all files. Returns what the staging's file system keeps of each, in the manifest's order.
pub fn copy(restore: &Restore<'_>, staging: &Staging) -> Result<Vec<Imprint>> {
    let (manifest, monitor) = (&restore.manifest, &restore.job.monitor);
    monitor.expect(manifest.bytes(), manifest.files.len() as u64);
    let imprints = Mutex::new(vec![Imprint::default(); manifest.files.len()]);
    let dirs = || [SortedDirs::new(&restore.source), SortedDirs::new(&staging.dir)];
    pool::for_each_of(
        restore.settings.job.io_threads(),
        manifest.files.len(),
        dirs,
        |index, dirs, buffer| {
            monitor.check()?;
            let arrived = copy_file(restore, &manifest.files.at(index), dirs, staging, buffer)?;
            imprints.lock()[index] = arrived;
            monitor.file_done();
            Ok(())
        },
    )?;
    for link in &manifest.links {
        staging.link(link)?;
    }
    staging.make_dirs(&manifest.directories)?;
    Ok(imprints.into_inner())
}

fn copy_file(
    restore: &Restore<'_>,
    entry: &FileEntry<&Path>,
    [from_dirs, to_dirs]: &mut [SortedDirs<'_>; 2],
    staging: &Staging,
    buffer: &mut [u8],
) -> Result<Imprint> {
    let source = &restore.source;
    let path = || source.full(entry.path);
    let corrupt = |why: String| Error::at(Code::Corrupt, "restoring from", &path(), why);
    let opened = from_dirs.parent_of(entry.path).and_then(|(directory, name)| directory.open_file(name));
    let file = opened.map_err(|error| match is_absent(&error) {
        true => corrupt("it is missing".into()),
        false if error.raw_os_error() == Some(libc::ELOOP) => corrupt("it is a symbolic link".into()),
        false => Error::io("opening", &path(), error),
    })?;
    let found = Stat::of(&file).map_err(|error| Error::io("looking at", &path(), error))?;
    if found.kind != Kind::File || found.size != entry.size {
        return Err(corrupt(format!("it has {} bytes where the manifest has {}", found.size, entry.size)));
    }
    let mut staged = staging.receive_in(to_dirs, entry.path, found.mode)?;
    let from = Named { file: &file, top: source.path(), relative: entry.path };
    staged.copy(from, 0..entry.size, Pace::Limited, buffer).map_err(|error| match error.code() {
        Code::SourceChanged => error.code_is(Code::Corrupt),
        _ => error,
    })?;
    let (sum, wanted) = (staged.checksum(), entry.crc32);
    if sum != wanted {
        return Err(corrupt(format!("its checksum is {sum:08x} where the manifest has {wanted:08x}")));
    }
    // A bare manifest has no attributes: those of the snapshot's file.
    let attributes = entry.attributes.unwrap_or_else(|| Attributes::of(&found));
    Ok(staged.finish(&attributes)?.imprint)
}
