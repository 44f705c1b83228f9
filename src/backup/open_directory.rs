//! Names, directory by directory.

use std::path::Path;

use super::catalog::Catalog;
use super::ids::{DirectoryId, NameId};
use super::source::Source;
use crate::sys::dir::{Dir, Stat, is_absent};

/// The directory of the last name, kept open: names of one directory that follow each other cost one call.
pub struct OpenDirectory<'a> {
    sources: &'a [Source],
    last: Option<(DirectoryId, Dir)>,
}

impl<'a> OpenDirectory<'a> {
    /// Nothing is open yet.
    pub fn new(sources: &'a [Source]) -> Self {
        Self { sources, last: None }
    }

    /// Opens a directory of the catalog.
    pub fn of(&mut self, catalog: &Catalog, id: DirectoryId) -> std::io::Result<&Dir> {
        let directory = &catalog[id];
        let top = &self.sources[directory.source].dir;
        if directory.path.as_os_str().is_empty() {
            return Ok(top);
        }
        if self.last.as_ref().is_none_or(|(last, _)| *last != id) {
            self.last = Some((id, top.open_dir(&directory.path)?));
        }
        Ok(self.last.as_ref().map_or(top, |(_, opened)| opened))
    }

    /// The stat of a directory itself; `None`: it is gone.
    pub fn stat_of(&mut self, catalog: &Catalog, id: DirectoryId) -> std::io::Result<Option<Stat>> {
        match self.of(catalog, id) {
            Ok(opened) => opened.stat(Path::new("")).map(Some),
            Err(error) if is_absent(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The stat of a name; `None`: it is gone.
    pub fn stat(&mut self, catalog: &Catalog, name: NameId) -> std::io::Result<Option<Stat>> {
        match self.of(catalog, catalog[name].directory) {
            Ok(directory) => directory.find(Path::new(catalog.name(name))),
            Err(error) if is_absent(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }
}
