//! The door for files that an earlier snapshot holds: they come in as clones, or where the file system makes
//! none by a second name. Here, and in [`linked`](super::linked), may a staging have an inode that others have: it
//! is never opened for writing, and its mode, owner and times stay.

use std::io;
use std::path::Path;

use super::Staging;
use crate::error::Result;
use crate::io::sorted_dirs::SortedDirs;
use crate::snapshot::{Attributes, FileEntry, Imprint};
use crate::sys::dir::{Dir, Kind, Stat};
use crate::sys::file;

/// A staging and an earlier snapshot. Files that come sorted cost the fewest calls.
pub struct Sharing<'a> {
    staging: &'a Staging,
    from: SortedDirs<'a>,
    to: SortedDirs<'a>,
    links: bool,
}

impl<'a> Sharing<'a> {
    /// With the snapshot in `from`, which stays for as long as this. `links`: where the file system makes no clones.
    pub fn new(staging: &'a Staging, from: &'a Dir, links: bool) -> Self {
        Self { staging, from: SortedDirs::new(from), to: SortedDirs::new(&staging.dir), links }
    }

    /// Takes in a file of the earlier snapshot by its entry there. `None`: it is not what the entry says, or
    /// it cannot be shared, for whatever reason: then it is copied as ever.
    pub fn take(&mut self, entry: &FileEntry<&Path>) -> Result<Option<Imprint>> {
        let Some(attributes) = &entry.attributes else { return Ok(None) };
        self.staging.make_dir(entry.path.parent().unwrap_or(Path::new("")))?;
        if self.staging.shares_by_clones() != Some(false) {
            let cloned = self.clone_of(entry, attributes)?;
            if self.staging.shares_by_clones() != Some(false) {
                return Ok(cloned);
            }
        }
        match self.links {
            true => Ok(self.link_to(entry, attributes).unwrap_or_default()),
            false => Ok(None),
        }
    }

    fn clone_of(&mut self, entry: &FileEntry<&Path>, attributes: &Attributes) -> Result<Option<Imprint>> {
        let opened = self.from.parent_of(entry.path).and_then(|(parent, name)| parent.open_file(name));
        let is_it = |stat: Stat| is_what_it_was(&stat, entry, attributes);
        let Some(from) = opened.ok().filter(|from| Stat::of(from).is_ok_and(is_it)) else { return Ok(None) };
        let staged = self.staging.receive(entry.path, attributes.mode)?;
        match file::clone(&from, staged.file()) {
            Ok(true) if Stat::of(staged.file()).is_ok_and(|stat| stat.size == entry.size) => {}
            outcome => {
                if let Ok(false) = outcome {
                    self.staging.will_share_by_clones(false);
                }
                drop(staged);
                self.staging.forget(entry.path)?;
                return Ok(None);
            }
        }
        self.staging.will_share_by_clones(true);
        let arrived = staged.finish(attributes)?;
        let stat = self.to.parent_of(entry.path).and_then(|(parent, name)| parent.stat(name));
        Ok(stat.ok().map(|stat| arrived.imprint.proved(&stat)))
    }

    fn link_to(&mut self, entry: &FileEntry<&Path>, attributes: &Attributes) -> io::Result<Option<Imprint>> {
        let (from, name) = self.from.parent_of(entry.path)?;
        let (to, _) = self.to.parent_of(entry.path)?;
        match from.link(name, to, name) {
            // An earlier look let go of one of that name.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                to.unlink(name)?;
                from.link(name, to, name)?;
            }
            other => other?,
        }
        let stat = to.stat(name)?;
        if !is_what_it_was(&stat, entry, attributes) {
            to.unlink(name)?;
            return Ok(None);
        }
        Ok(Some(Imprint::of(&stat).proved(&stat)))
    }
}

/// Whether a stored file looks as it did when its snapshot was made: who changed one by hand changed its time.
fn is_what_it_was(stat: &Stat, entry: &FileEntry<&Path>, attributes: &Attributes) -> bool {
    let was = Imprint::with(stat.mode, attributes.mtime_ns);
    stat.kind == Kind::File && stat.size == entry.size && was.is_still(stat)
}
