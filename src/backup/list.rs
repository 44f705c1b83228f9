//! What there is to back up: the walk of the sources, or the live files that the host named.

use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;

use super::context::Context;
use super::ids::{DirectoryId, NameId};
use super::links::{Link, follow};
use super::met::{Met, is_ours, refuse_half_restored, what_is};
use super::named::list_named;
use super::observation::Observation;
use super::source::locate;
use super::survey::Survey;
use crate::error::{Code, Error, Result};
use crate::io::walk::each_directory;
use crate::job::{LiveFile, LiveFiles};
use crate::layout::FileClass;
use crate::root::claim::is_the_librarys;
use crate::sys::dir::{Dir, Entry};
use crate::sys::memory;

/// Lists all names that count.
pub fn list(context: &Context<'_>, survey: &mut Survey, seen: &mut Observation) -> Result<()> {
    let live = context.host().live_files();
    let given = meet_given(context, survey, &live)?;
    match live.values().any(|file| matches!(file, LiveFile::Source { .. })) {
        true => list_named(context, survey, &live, seen)?,
        false => {
            for index in 0..context.sources.len() {
                Walk { context, survey, seen, index, given: &given }.walk()?;
            }
        }
    }
    add_given(context, survey, &live, seen)
}

/// The walk of one source.
struct Walk<'w, 'a> {
    context: &'w Context<'a>,
    survey: &'w mut Survey,
    seen: &'w mut Observation,
    index: usize,
    given: &'w HashSet<NameId>,
}

/// A directory that is still to be listed.
struct Pending {
    id: DirectoryId,
    path: Arc<Path>,
}

impl AsRef<Path> for Pending {
    fn as_ref(&self) -> &Path {
        &self.path
    }
}

impl Walk<'_, '_> {
    fn walk(mut self) -> Result<()> {
        let id = self.survey.catalog.top(self.index);
        if !self.context.sources[self.index].prefix.as_os_str().is_empty() {
            self.seen.directories.push(id);
        }
        let top = Pending { id, path: Arc::from(Path::new("")) };
        let context = self.context;
        each_directory(&context.sources[self.index].dir, top, |directory, opened, entries| {
            self.directory(directory, opened, entries)
        })
    }

    /// A directory with its entries; those of them that are to be listed too.
    fn directory(&mut self, at: &Pending, opened: &Dir, entries: Vec<Entry>) -> Result<Vec<Pending>> {
        let is_top = at.path.as_os_str().is_empty();
        if !is_top && is_the_librarys(&at.path, opened, &entries) {
            self.seen.directories.retain(|id| *id != at.id);
            self.seen.skipped += 1;
            refuse_half_restored(&self.context.sources[self.index], &at.path)?;
            return Ok(Vec::new());
        }
        let mut below = Vec::new();
        for entry in entries {
            self.context.monitor().check()?;
            if let Some(directory) = self.entry(at, &entry)? {
                let path = self.survey.catalog[directory].path.clone();
                below.push(Pending { id: directory, path });
            }
        }
        Ok(below)
    }

    /// One name, and the directory that it is.
    fn entry(&mut self, at: &Pending, entry: &Entry) -> Result<Option<DirectoryId>> {
        let context = self.context;
        let source = &context.sources[self.index];
        if is_ours(source, &at.path, entry) {
            return Ok(None);
        }
        let no_room = |error| Error::io("listing", source.dir.path(), error);
        let rules = &context.plan().rules;
        let class = || rules.class_of(&source.prefix.join(&at.path).join(&entry.name));
        let name = self.survey.catalog.meet(at.id, &entry.name, class).map_err(no_room)?;
        if self.survey.catalog[name].by_rules == FileClass::Excluded {
            return Ok(None);
        }
        match what_is(&context.sources, self.index, &at.path, entry)? {
            Met::NoData => self.seen.skipped += 1,
            Met::Link => self.link(name),
            Met::InTheWay(error) => _ = self.seen.refused.get_or_insert(error),
            Met::Directory => {
                let directory = self.survey.catalog.enter(name).map_err(no_room)?;
                self.seen.directories.push(directory);
                return Ok(Some(directory));
            }
            Met::File if self.given.contains(&name) => {}
            Met::File => {
                memory::reserve_one(&mut self.seen.files).map_err(no_room)?;
                self.survey.catalog[name].set_walked();
                self.survey.list_file(context, self.seen, name, entry.inode);
            }
        }
        Ok(None)
    }

    fn link(&mut self, name: NameId) {
        let place = self.context.place(&self.survey.catalog, name);
        match follow(&self.context.sources, self.context.plan().symlinks, &place) {
            Link::Preserved if self.given.contains(&name) => {}
            Link::Preserved => self.seen.links.push(name),
            Link::SourceInItsPlace => {}
            Link::NoData => self.seen.skipped += 1,
            Link::Refused(error) => {
                self.seen.refused.get_or_insert(error);
            }
        }
    }
}

/// The names of the files that the host gives, which take the place of what is found under them.
fn meet_given(context: &Context<'_>, survey: &mut Survey, live: &LiveFiles) -> Result<HashSet<NameId>> {
    let mut given = HashSet::new();
    for path in live.iter().filter(|(_, file)| matches!(file, LiveFile::Bytes(_))).map(|(path, _)| path) {
        let (source, relative) = locate(&context.sources, path);
        let prefix = &context.sources[source].prefix;
        let class = |relative: &Path| context.plan().rules.class_of(&prefix.join(relative));
        let name = survey.catalog.meet_path(source, relative, class);
        given.insert(name.map_err(|error| Error::io("adding the bytes of", path, error))?);
    }
    Ok(given)
}

/// Adds the files that the host gives.
fn add_given(context: &Context<'_>, survey: &Survey, live: &LiveFiles, seen: &mut Observation) -> Result<()> {
    let given = live.iter().filter_map(|(path, file)| match file {
        LiveFile::Bytes(bytes) => Some((path, bytes)),
        LiveFile::Source { .. } => None,
    });
    let mut given = given.peekable();
    if given.peek().is_none() {
        return Ok(());
    }
    let (catalog, number) = (&survey.catalog, survey.number);
    let directories: HashSet<DirectoryId> = seen.directories.iter().copied().collect();
    let links: HashSet<NameId> = seen.links.iter().copied().collect();
    for (path, bytes) in given {
        let (source, relative) = locate(&context.sources, path);
        let of = |relative: &Path| catalog.find_path(source, relative);
        let is_directory = |name: NameId| {
            catalog[name].as_directory.is_some_and(|directory| directories.contains(&directory))
        };
        let is_other = |name: NameId| catalog[name].seen == number || links.contains(&name);
        let clashes = of(relative).is_some_and(is_directory)
            || relative.ancestors().skip(1).filter_map(of).any(is_other);
        if clashes {
            let full = context.sources[source].dir.full(relative);
            let why = "it would be a file and a directory";
            return Err(Error::at(Code::InvalidArgument, "adding the bytes of", &full, why));
        }
        seen.given.push((path.clone(), bytes.clone()));
    }
    Ok(())
}
