//! Sharing with the previous snapshot: an immutable file that it holds, and whose source is proved not to have
//! changed since, is neither pinned nor opened nor read.
//!
//! Nothing holds such a file's inode. So it is looked at twice: before it is shared, ahead of the freeze, and
//! once more inside the window, when all else agrees: a freeze hook may have given its name to another file
//! with the same inode number. Each rule below was tried without, and gave wrong snapshots.

use std::path::{Path, PathBuf};

use super::catalog::Stamps;
use super::context::Context;
use super::ids::{DirectoryId, NameId};
use super::observation::Observation;
use super::open_directory::OpenDirectory;
use super::previous::Previous;
use super::record::{Hold, SharedFile};
use super::survey::Survey;
use crate::error::{Code, Result};
use crate::io::buffer::BUFFER;
use crate::io::copy::{Named, checksum};
use crate::settings::Share;
use crate::snapshot::SourceId;
use crate::staging::Sharing;
use crate::sys::dir::{Dir, Kind, Stat, is_absent};
use crate::sys::file;

impl Survey {
    /// The door for files of the previous snapshot. `None`: now none come in.
    pub fn sharing<'a>(&self, context: &'a Context<'_>) -> Option<Sharing<'a>> {
        let links = context.plan().share == Share::Always || !context.host().has_validate();
        let previous = context.previous.as_ref().filter(|_| self.may_share)?;
        if !context.settings().clone {
            context.staging.forbid_clones();
        }
        Some(Sharing::new(&context.staging, &previous.dir, links))
    }

    /// Shares a file, if the previous snapshot holds it. `false`: it is to be pinned and copied as ever.
    pub fn share_one(
        &mut self,
        context: &Context<'_>,
        sharing: &mut Option<Sharing<'_>>,
        directory: &Dir,
        name: NameId,
    ) -> Result<bool> {
        let (Some(previous), Some(sharing)) = (&context.previous, sharing) else { return Ok(false) };
        let record = &self.catalog[name];
        if !record.may_be_shared() {
            return Ok(false);
        }
        let inode = record.inode;
        let place = context.place(&self.catalog, name);
        let Some(file) = previous.find(&place.path) else { return Ok(false) };
        let called = Path::new(self.catalog.name(name));
        let Ok((stat, born_ns)) = Stat::with_birth(directory, called) else { return Ok(false) };
        let source = SourceId::of(&stat, born_ns);
        if stat.kind != Kind::File || !previous.is_source_of(file, &stat, &source) {
            return Ok(false);
        }
        // Links move the change time, those that others make too: then its bytes tell.
        if !previous.is_untouched(file, &source)
            && !reads_the_same(context, previous, file, directory, (called, &source))?
        {
            return Ok(false);
        }
        let Some(imprint) = sharing.take(&previous.entry(file))? else { return Ok(false) };
        let size = stat.size;
        self.were_shared.push(name);
        self.catalog[name].hold =
            Hold::Shared(Box::new(SharedFile { file, source, size, imprint, seen: self.number, inode }));
        Ok(true)
    }

    /// Remembers what a directory was before any of its files was looked at, where that can tell later that none
    /// was replaced: its last change lies so far back that another one has another time, and no server answers
    /// for it from memory.
    pub fn note_stamps(&mut self, id: DirectoryId, directory: &Dir) {
        if self.catalog[id].shared.0 == self.number {
            return;
        }
        let pins = &self.pins[self.catalog[id].source];
        let is_old = |stamps: &Stamps| pins.is_old(stamps.1) && pins.is_old(stamps.2);
        let stamps = directory.is_on_a_disk_of_the_kernels().then(|| stamps_of(directory)).flatten();
        self.catalog[id].shared = (self.number, stamps.filter(is_old));
    }

    /// The last look of a window: whether each shared file still is what was shared. The path of one that is not,
    /// which the next observation pins. Where a directory stands still, so do its names.
    pub fn shared_that_changed(
        &mut self,
        context: &Context<'_>,
        seen: &Observation,
    ) -> Result<Option<PathBuf>> {
        let mut opened = OpenDirectory::new(&context.sources);
        let mut changed = None;
        let mut last = None;
        for name in &seen.files {
            let Hold::Shared(shared) = &self.catalog[*name].hold else { continue };
            context.monitor().check()?;
            let id = self.catalog[*name].directory;
            let directory = opened.of(&self.catalog, id);
            if last.is_none_or(|(last, _)| last != id) {
                let was = self.catalog[id].shared.1;
                let stands_still =
                    was.is_some() && was == directory.as_ref().ok().and_then(|now| stamps_of(now));
                last = Some((id, stands_still));
            }
            if last == Some((id, true)) {
                continue;
            }
            let found = directory
                .and_then(|directory| Stat::with_birth(directory, Path::new(self.catalog.name(*name))));
            let is_still = match found {
                Ok((stat, born_ns)) => {
                    SourceId::of(&stat, born_ns) == shared.source && stat.size == shared.size
                }
                Err(error) if is_absent(&error) => false,
                Err(error) => return Err(context.place(&self.catalog, *name).failed("looking at", error)),
            };
            if !is_still {
                self.catalog[*name].hold = Hold::Free;
                changed.get_or_insert(*name);
            }
        }
        Ok(changed.map(|name| context.place(&self.catalog, name).path))
    }
}

fn stamps_of(directory: &Dir) -> Option<Stamps> {
    let stat = directory.stat(Path::new("")).ok()?;
    Some(Stamps(stat.inode, stat.mtime_ns, stat.ctime_ns))
}

/// Whether a file whose change time alone is another has the bytes that are stored. It is read without a pin, which
/// would move that time again.
fn reads_the_same(
    context: &Context<'_>,
    previous: &Previous,
    file: u32,
    directory: &Dir,
    (name, source): (&Path, &SourceId),
) -> Result<bool> {
    let entry = previous.entry(file);
    let Ok(opened) = directory.open_file(name) else { return Ok(false) };
    context.monitor().doing("reading", directory.path(), name);
    file::write_back(&opened);
    let from = Named { file: &opened, top: directory.path(), relative: name };
    let found = match checksum(from, entry.size, &mut vec![0; BUFFER], context.monitor(), |_| {}) {
        Err(error) if error.code() == Code::SourceChanged => return Ok(false),
        other => other?,
    };
    // Through its name: what had it while it was read still has it.
    let Ok((stat, born_ns)) = Stat::with_birth(directory, name) else { return Ok(false) };
    Ok(found == entry.crc32 && SourceId::of(&stat, born_ns) == *source)
}
