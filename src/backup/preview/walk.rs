//! What would become of each name: the walk of the sources, by the rules that a backup walks by.

use std::path::{Path, PathBuf};

use super::refused::Refusals;
use super::told::{Outcome, Planned};
use crate::backup::context::Place;
use crate::backup::links::{Link, follow};
use crate::backup::met::{Met, is_ours, refuse_half_restored, what_is};
use crate::backup::plan::Plan;
use crate::backup::policy::{InWindow, Policy};
use crate::backup::previous::Previous;
use crate::backup::source::Source;
use crate::error::{Error, Result};
use crate::io::walk::each_directory_or_error;
use crate::layout::FileClass;
use crate::root::claim::is_the_librarys;
use crate::snapshot::{EntryKind, SourceId};
use crate::staging::CLONE_FROM;
use crate::sys::access::may_read;
use crate::sys::dir::{Dir, Entry, Kind, Stat, is_absent};
use crate::sys::memory;

/// What is known before, and what is found.
pub struct Walk<'w> {
    pub plan: &'w Plan,
    pub sources: &'w [Source],
    /// The snapshot that files may be shared with.
    pub previous: Option<&'w Previous>,
    /// Whether files of each source can be cloned into the root.
    pub clones: Vec<bool>,
    pub entries: Vec<Planned>,
    pub directories: u64,
    /// What is to be written to the root, holes left out as far as blocks tell.
    pub needed: u64,
    pub refusals: Refusals,
}

/// A name that is looked at.
struct Name<'w> {
    source: &'w Source,
    index: usize,
    relative: PathBuf,
    /// In the snapshot.
    path: PathBuf,
    rule: Option<usize>,
    class: FileClass,
}

impl<'w> Walk<'w> {
    /// Goes through the source of that index.
    pub fn source(&mut self, index: usize) -> Result<()> {
        let sources = self.sources;
        each_directory_or_error(&sources[index].dir, PathBuf::new(), |directory, listed| match listed {
            Ok((opened, entries)) => self.directory(index, directory, opened, entries),
            Err(error) => {
                self.refusals.add(error);
                Ok(Vec::new())
            }
        })
    }

    /// A directory with its entries; those of them that are to be listed too.
    fn directory(
        &mut self,
        index: usize,
        directory: &Path,
        opened: &Dir,
        entries: Vec<Entry>,
    ) -> Result<Vec<PathBuf>> {
        let source = &self.sources[index];
        if !directory.as_os_str().is_empty() {
            if is_the_librarys(directory, opened, &entries) {
                self.refusals.ask(refuse_half_restored(source, directory));
                let name = self.name(index, directory.to_path_buf());
                self.add(name, EntryKind::Directory, 0, Outcome::Skipped)?;
                return Ok(Vec::new());
            }
            self.directories += 1;
        }
        let mut below = Vec::new();
        for entry in entries.iter().filter(|entry| !is_ours(source, directory, entry)) {
            let name = self.name(index, directory.join(&entry.name));
            if name.class == FileClass::Excluded {
                self.add(name, kind_of(entry.kind), 0, Outcome::Excluded)?;
                continue;
            }
            match what_is(self.sources, index, directory, entry) {
                Ok(Met::Directory) => below.push(name.relative),
                Ok(Met::File) => self.file(name, opened, entry)?,
                Ok(Met::Link) => self.link(name)?,
                Ok(Met::NoData) => self.add(name, kind_of(entry.kind), 0, Outcome::Skipped)?,
                Ok(Met::InTheWay(error)) | Err(error) => self.refuse(name, kind_of(entry.kind), error)?,
            }
        }
        Ok(below)
    }

    fn name(&self, index: usize, relative: PathBuf) -> Name<'w> {
        let source = &self.sources[index];
        let path = source.prefix.join(&relative);
        let rule = self.plan.rules.place_of(&path);
        let class = self.plan.rules.class_at(rule);
        Name { source, index, relative, path, rule, class }
    }

    fn link(&mut self, name: Name<'w>) -> Result<()> {
        let Name { source, relative, path, .. } = &name;
        let place = Place { source, relative: relative.clone(), path: path.clone() };
        match follow(self.sources, self.plan.symlinks, &place) {
            Link::Preserved => self.add(name, EntryKind::Link, 0, Outcome::LinkKept),
            // What is there in the snapshot is told of the source.
            Link::SourceInItsPlace => Ok(()),
            Link::NoData => self.add(name, EntryKind::Link, 0, Outcome::Skipped),
            Link::Refused(error) => self.refuse(name, EntryKind::Link, error),
        }
    }

    fn file(&mut self, name: Name<'w>, directory: &Dir, entry: &Entry) -> Result<()> {
        let called = Path::new(&entry.name);
        let full = || name.source.dir.full(&name.relative);
        let (stat, born_ns) = match Stat::with_birth(directory, called) {
            Ok((stat, born_ns)) if stat.kind == Kind::File => (stat, born_ns),
            // Another has taken its name since, or none.
            Ok(_) => return Ok(()),
            Err(error) if is_absent(&error) => return Ok(()),
            Err(error) => {
                let error = Error::io("looking at", &full(), error);
                return self.refuse(name, EntryKind::File, error);
            }
        };
        if let Err(error) = may_read(directory, called) {
            let error = Error::io("opening", &full(), error);
            return self.refuse(name, EntryKind::File, error);
        }
        let outcome = self.outcome(&name, &stat, born_ns);
        if outcome.is_copied() {
            self.needed = self.needed.saturating_add(stat.size.min(stat.allocated));
        }
        self.add(name, EntryKind::File, stat.size, outcome)
    }

    fn outcome(&self, name: &Name<'_>, stat: &Stat, born_ns: Option<i64>) -> Outcome {
        let is_immutable = matches!(name.class, FileClass::Immutable { .. });
        let source = SourceId::of(stat, born_ns);
        if is_immutable && self.previous.is_some_and(|previous| holds(previous, &name.path, stat, &source)) {
            return Outcome::Shared;
        }
        let may_clone = is_immutable || name.class == FileClass::Mutable;
        if may_clone && stat.size >= CLONE_FROM && self.clones[name.index] {
            return Outcome::Cloned;
        }
        match Policy::of(name.class).in_window {
            InWindow::All => Outcome::CopiedInFreeze,
            InWindow::Head => Outcome::CopiedBeforeRelease,
            InWindow::Nothing | InWindow::LengthAndEnds => Outcome::CopiedAfterFreeze,
        }
    }

    fn refuse(&mut self, name: Name<'w>, kind: EntryKind, error: Error) -> Result<()> {
        self.refusals.add(error);
        self.add(name, kind, 0, Outcome::Refused)
    }

    fn add(&mut self, name: Name<'w>, kind: EntryKind, size: u64, outcome: Outcome) -> Result<()> {
        memory::reserve_one(&mut self.entries)
            .map_err(|error| Error::io("listing", name.source.dir.path(), error))?;
        let rule = name.rule.map(|rule| rule as u32);
        self.entries.push(Planned { path: name.path, size, rule, kind, outcome });
        Ok(())
    }
}

/// Whether the snapshot before holds a file unchanged. One whose change time alone is another is read by a backup,
/// and may be shared all the same; here it counts as changed.
fn holds(previous: &Previous, path: &Path, stat: &Stat, source: &SourceId) -> bool {
    let is_it = |file| previous.is_source_of(file, stat, source) && previous.is_untouched(file, source);
    previous.find(path).is_some_and(is_it)
}

fn kind_of(kind: Kind) -> EntryKind {
    match kind {
        Kind::File => EntryKind::File,
        Kind::Directory => EntryKind::Directory,
        Kind::Symlink => EntryKind::Link,
        Kind::Other => EntryKind::Other,
    }
}
