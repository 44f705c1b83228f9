//! Copying a snapshot to a staging, or cloning it where the file system can, each byte compared with its
//! checksum on the way.

use std::fs::File;
use std::path::Path;

use super::context::Restore;
use super::journal::Shared;
use super::keep::{Keeper, Kept};
use super::origin::Origin;
use super::supply::Supply;
use crate::error::{Code, Error, Result};
use crate::io::checksum::Checksum;
use crate::io::copy::{Named, Pace};
use crate::io::pool;
use crate::io::sorted_dirs::SortedDirs;
use crate::snapshot::{Attributes, FileEntry, Imprint};
use crate::staging::{Arrived, CLONE_FROM, Staging};
use crate::sync::Mutex;
use crate::sys::dir::{Dir, Kind, Stat, is_absent};
use crate::sys::memory;

/// Where the files of a restore come from.
pub struct Sources<'a> {
    /// The snapshot.
    pub restore: &'a Restore<'a>,
    /// Where they go.
    pub staging: &'a Staging,
    /// The target, if what it has already is kept.
    pub keeper: Option<&'a Keeper<'a>>,
    /// What the staging has already is kept, if it is what the manifest says.
    pub resumes: bool,
}

/// What has been staged.
#[derive(Default)]
pub struct Copied {
    /// What the staging's file system keeps of each file, in the manifest's order.
    pub imprints: Vec<Imprint>,
    /// Files that are the target's own.
    pub shared: Vec<Shared>,
}

impl Sources<'_> {
    /// Whether a file needs no room, as far as is known before it comes.
    pub fn takes_nothing(&self, entry: &FileEntry<&Path>) -> bool {
        let is_cloned = self.staging.clones() && entry.size >= CLONE_FROM;
        is_cloned || self.keeper.is_some_and(|keeper| keeper.may_keep(entry))
    }

    /// Stages all files.
    pub fn copy(&self) -> Result<Copied> {
        let (manifest, monitor) = (&self.restore.manifest, &self.restore.job.monitor);
        monitor.expect(manifest.totals().bytes, manifest.files.len() as u64);
        let imprints = vec![Imprint::default(); manifest.files.len()];
        let copied = Mutex::new(Copied { imprints, shared: Vec::new() });
        let dirs =
            || (self.restore.source.directory().map(SortedDirs::new), SortedDirs::new(&self.staging.dir));
        let threads = self.restore.settings.job.io_threads();
        pool::for_each_of(monitor.crew(threads), manifest.files.len(), dirs, |index, dirs, buffer| {
            let entry = &manifest.files.at(index);
            monitor.check()?;
            let kept = match self.keeper {
                Some(keeper) => keeper.keep(entry, buffer)?,
                None => self.came_before(entry, buffer)?,
            };
            let is_link = kept.as_ref().is_some_and(|kept| kept.is_link);
            let imprint = match kept {
                Some(kept) => kept.imprint,
                None => self.stage(entry, dirs, buffer)?,
            };
            let mut copied = copied.lock();
            copied.imprints[index] = imprint;
            if is_link && self.restore.settings.keep_undo {
                memory::reserve_one(&mut copied.shared)
                    .map_err(|error| Error::system("going on with the job", error))?;
                copied.shared.push(Shared { path: entry.path.to_path_buf(), size: entry.size });
            }
            monitor.file_done();
            Ok(())
        })?;
        for link in &manifest.links {
            self.staging.link(link)?;
        }
        self.staging.make_dirs(&manifest.directories)?;
        Ok(copied.into_inner())
    }
}

impl Sources<'_> {
    /// Whether the staging has a file of that name and length.
    pub fn has(&self, entry: &FileEntry<&Path>) -> bool {
        let found = self.staging.dir.find(entry.path).ok().flatten();
        found.is_some_and(|found| (found.kind, found.size, found.links) == (Kind::File, entry.size, 1))
    }

    /// A file that an earlier fetch has brought already.
    fn came_before(&self, entry: &FileEntry<&Path>, buffer: &mut [u8]) -> Result<Option<Kept>> {
        let (true, Some(attributes)) = (self.resumes, &entry.attributes) else { return Ok(None) };
        if !self.has(entry) {
            return Ok(None);
        }
        let there = self.staging.resume(entry.path, Checksum::default())?;
        if there.read_back(entry.size, buffer, |_| {})? != entry.crc32 {
            return Ok(None);
        }
        let monitor = &self.restore.job.monitor;
        monitor.dealt_with(entry.size);
        monitor.kept(entry.size);
        Ok(Some(Kept { imprint: there.finish(attributes)?.imprint, is_link: false }))
    }

    fn stage(
        &self,
        entry: &FileEntry<&Path>,
        (from, to): &mut (Option<SortedDirs<'_>>, SortedDirs<'_>),
        buffer: &mut [u8],
    ) -> Result<Imprint> {
        let restore = self.restore;
        let arrived = match (&restore.source, from) {
            (Origin::Elsewhere(supply), _) => self.bring(&**supply, entry, to)?,
            (Origin::Here(source), Some(from)) => copy_file(self, source, entry, (from, to), buffer)?,
            (Origin::Here(source), None) => {
                copy_file(self, source, entry, (&mut SortedDirs::new(source), to), buffer)?
            }
        };
        let (sum, wanted) = (arrived.crc32, entry.crc32);
        if sum != wanted {
            let why = format!("its checksum is {sum:08x} where the manifest has {wanted:08x}");
            return Err(corrupt(restore, entry, why));
        }
        Ok(arrived.imprint)
    }

    /// A file that its supply brings.
    fn bring(
        &self,
        supply: &dyn Supply,
        entry: &FileEntry<&Path>,
        to: &mut SortedDirs<'_>,
    ) -> Result<Arrived> {
        // A bare manifest has no attributes: nobody else may read it, until its owner says otherwise.
        let attributes = entry.attributes.unwrap_or_else(Attributes::of_a_private_file);
        let mut reader = supply.open(entry.path, entry.size)?;
        let mut staged = self.staging.receive_in(to, entry.path, attributes.mode)?;
        staged.bring(entry.size, &mut *reader)?;
        staged.finish(&attributes)
    }
}

/// Whether the snapshot's files can be cloned is known before the first one is, and before room is asked for.
pub fn try_to_clone(restore: &Restore<'_>, staging: &Staging) {
    let mut files = restore.manifest.files.iter().filter(|_| restore.settings.job.clone);
    let (Some(source), Some(entry)) =
        (restore.source.directory(), files.find(|entry| entry.size >= CLONE_FROM))
    else {
        return;
    };
    // What cannot be opened is found when it is copied.
    if let Ok((file, _)) = open(restore, &mut SortedDirs::new(source), &entry) {
        staging.try_to_clone(&file, entry.path);
    }
}

fn copy_file(
    sources: &Sources<'_>,
    source: &Dir,
    entry: &FileEntry<&Path>,
    (from_dirs, to_dirs): (&mut SortedDirs<'_>, &mut SortedDirs<'_>),
    buffer: &mut [u8],
) -> Result<Arrived> {
    let Sources { restore, staging, .. } = sources;
    let (file, found) = open(restore, from_dirs, entry)?;
    // A bare manifest has no attributes: those of the snapshot's file.
    let attributes = entry.attributes.unwrap_or_else(|| Attributes::of(&found));
    let from = Named { file: &file, top: source.path(), relative: entry.path };
    let mut staged = staging.receive_in(to_dirs, entry.path, found.mode)?;
    let arrived = match staged.clone_of(from, entry.size) {
        Ok(true) => staged.finish_clone(entry.size, &attributes, buffer).and_then(|arrived| {
            let imprint = restore.read_back(staging, entry.path, arrived.imprint)?;
            Ok(Arrived { imprint, ..arrived })
        }),
        Ok(false) => {
            // It may have been counted as one that is cloned.
            if entry.size >= CLONE_FROM {
                restore.require_room(&staging.dir, found.allocated.min(entry.size))?;
            }
            let copied = staged.copy(from, 0..entry.size, Pace::Limited, buffer);
            copied.and_then(|()| staged.finish(&attributes))
        }
        Err(error) => Err(error),
    };
    arrived.map_err(|error| match error.code() {
        Code::SourceChanged => error.code_is(Code::Corrupt),
        _ => error,
    })
}

/// Opens a file of the snapshot, which must be one, and of its length.
fn open(restore: &Restore<'_>, dirs: &mut SortedDirs<'_>, entry: &FileEntry<&Path>) -> Result<(File, Stat)> {
    let full = || restore.source.name().join(entry.path);
    let opened = dirs.parent_of(entry.path).and_then(|(directory, name)| directory.open_file(name));
    let file = opened.map_err(|error| match is_absent(&error) {
        true => corrupt(restore, entry, "it is missing".into()),
        false if error.raw_os_error() == Some(libc::ELOOP) => {
            corrupt(restore, entry, "it is a symbolic link".into())
        }
        false => Error::io("opening", &full(), error),
    })?;
    let found = Stat::of(&file).map_err(|error| Error::io("looking at", &full(), error))?;
    if found.kind != Kind::File || found.size != entry.size {
        let why = format!("it has {} bytes where the manifest has {}", found.size, entry.size);
        return Err(corrupt(restore, entry, why));
    }
    Ok((file, found))
}

fn corrupt(restore: &Restore<'_>, entry: &FileEntry<&Path>, why: String) -> Error {
    Error::at(Code::Corrupt, "restoring from", &restore.source.name().join(entry.path), why)
}
