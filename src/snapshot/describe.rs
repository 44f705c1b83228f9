//! What a manifest says of all of its snapshot, without keeping its files: there may be millions.

use super::fields::shortage;
use super::lines::Lists;
use super::names::{Clash, Names};
use super::totals::Totals;
use super::{DirectoryEntry, FileEntry, Files, LinkEntry, Manifest};
use crate::sys::memory;

/// A manifest in a few words.
#[derive(Default)]
pub struct Description {
    /// Its fields. The lists are empty.
    pub head: Manifest,
    /// Its files, summed up.
    pub totals: Totals,
}

impl Description {
    /// That of a manifest.
    pub fn of(manifest: Manifest) -> Self {
        let totals = manifest.totals();
        let head =
            Manifest { directories: Vec::new(), links: Vec::new(), files: Files::default(), ..manifest };
        Self { head, totals }
    }
}

/// Counts what is read. What is not as this library writes it, it gives up with an error: then the whole is to
/// be read.
#[derive(Default)]
pub struct Counted {
    others: Vec<(std::path::PathBuf, bool)>,
    names: Option<Names>,
    totals: Totals,
    origins: u64,
}

impl Counted {
    /// The sums, once all is read; `None`: the whole is to be read.
    pub fn end(self, head: &Manifest) -> Option<Totals> {
        self.names.unwrap_or_else(|| Names::among(self.others)).end().ok()?;
        (self.origins <= head.origins.len() as u64).then_some(self.totals)
    }

    fn other(&mut self, path: std::path::PathBuf, is_directory: bool) -> Result<(), String> {
        if self.names.is_some() {
            return Err("the lists have another order".into());
        }
        memory::reserve_one(&mut self.others).map_err(shortage)?;
        self.others.push((path, is_directory));
        Ok(())
    }
}

impl Lists for Counted {
    fn directory(&mut self, entry: DirectoryEntry) -> Result<(), String> {
        self.other(entry.path, true)
    }

    fn link(&mut self, entry: LinkEntry) -> Result<(), String> {
        self.other(entry.path, false)
    }

    fn file(&mut self, entry: FileEntry) -> Result<(), String> {
        let others = &mut self.others;
        let names = self.names.get_or_insert_with(|| Names::among(std::mem::take(others)));
        names.file(&entry.path).map_err(|clash| match clash {
            Clash::Order => "its names are not sorted".into(),
            Clash::Refused(why) => why,
        })?;
        self.origins = self.origins.max(entry.shared.map_or(0, |shared| u64::from(shared.origin) + 1));
        self.totals.add(&entry);
        Ok(())
    }
}
