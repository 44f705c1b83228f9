//! The other way for a file to come into a staging: as one more name of a file that is there already. It is
//! read and made durable, and never changed: who has the other name still needs it as it is.

use std::fs::File;
use std::path::Path;

use super::Staging;
use crate::error::{Error, Result};
use crate::io::copy::{Named, checksum};
use crate::snapshot::Imprint;
use crate::sys::dir::{Dir, Stat};

/// A file with one more name, open by that for reading alone.
pub struct Linked<'s> {
    staging: &'s Staging,
    path: &'s Path,
    file: File,
    stat: Stat,
}

impl Staging {
    /// Gives the file of that path in another directory the same path here. `None`: it cannot be had.
    pub fn link_of<'s>(&'s self, other: &Dir, path: &'s Path) -> Result<Option<Linked<'s>>> {
        self.make_dir(path.parent().unwrap_or(Path::new("")))?;
        let linked = other.link(path, &self.dir, path).and_then(|()| {
            let file = self.dir.open_file(path)?;
            let stat = Stat::of(&file)?;
            Ok(Linked { staging: self, path, file, stat })
        });
        Ok(linked.ok())
    }
}

impl Linked<'_> {
    /// What it is, now that it has its new name.
    pub fn stat(&self) -> &Stat {
        &self.stat
    }

    /// The checksum of its bytes, each told to `done`.
    pub fn read(&self, buffer: &mut [u8], done: impl Fn(u64) + Sync) -> Result<u32> {
        let named = Named { file: &self.file, top: self.staging.dir.path(), relative: self.path };
        checksum(named, self.stat.size, buffer, &self.staging.monitor, done)
    }

    /// It is taken over, and becomes durable now or with the others: whoever wrote it may not have synced it.
    pub fn finish(self) -> Result<Imprint> {
        let now = Stat::of(&self.file)
            .map_err(|error| Error::io("looking at", &self.staging.dir.full(self.path), error))?;
        self.staging.make_durable(self.path, self.file, now.size)?;
        Ok(Imprint::of(&now))
    }
}
