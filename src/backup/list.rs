//! What there is to back up: the walk of the sources, or the live files that the host named.

use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;

use super::context::Context;
use super::ids::{DirectoryId, NameId};
use super::links::{Link, follow};
use super::named::list_named;
use super::observation::Observation;
use super::source::{Source, locate};
use super::survey::Survey;
use crate::datadir::names::LIFECYCLE;
use crate::datadir::refuse_unfinished;
use crate::error::{Code, Error, Result};
use crate::io::walk::each_directory;
use crate::job::{LiveFile, LiveFiles};
use crate::layout::FileClass;
use crate::root::claim::is_the_librarys;
use crate::snapshot::{CHECKPOINT, LONGEST_IN_MANIFEST, MANIFEST};
use crate::sys::dir::{Dir, Entry, Kind};
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
        refuse_too_deep(source, &at.path, entry)?;
        if is_no_data(&at.path, entry) {
            self.seen.skipped += 1;
            return Ok(None);
        }
        if entry.kind == Kind::Symlink {
            self.link(name);
            return Ok(None);
        }
        if self.index == 0 && self.has_sources_place(name, at, entry) {
            return Ok(None);
        }
        if entry.kind == Kind::Directory {
            let directory = self.survey.catalog.enter(name).map_err(no_room)?;
            self.seen.directories.push(directory);
            return Ok(Some(directory));
        }
        if !self.given.contains(&name) {
            memory::reserve_one(&mut self.seen.files).map_err(no_room)?;
            self.survey.catalog[name].set_walked();
            self.survey.list_file(context, self.seen, name, entry.inode);
        }
        Ok(None)
    }

    fn link(&mut self, name: NameId) {
        let place = self.context.place(&self.survey.catalog, name);
        match follow(self.context, &place) {
            Link::Preserved if self.given.contains(&name) => {}
            Link::Preserved => self.seen.links.push(name),
            Link::SourceInItsPlace => {}
            Link::NoData => self.seen.skipped += 1,
            Link::Refused(error) => {
                self.seen.refused.get_or_insert(error);
            }
        }
    }

    /// Whether a name is where a further source is to be in the snapshot.
    fn has_sources_place(&mut self, name: NameId, at: &Pending, entry: &Entry) -> bool {
        let is_it = |other: &&Source| {
            other.prefix.file_name() == Some(&entry.name) && other.prefix.parent() == Some(&*at.path)
        };
        let Some(other) = self.context.sources[1..].iter().find(is_it) else { return false };
        let other = crate::error::show(other.dir.path());
        let why = format!(
            "it is here, where a restore may have put it, and the source {other} has it as its prefix"
        );
        let full = self.context.place(&self.survey.catalog, name).full();
        self.seen.refused.get_or_insert_with(|| Error::at(Code::InvalidArgument, "listing", &full, why));
        true
    }
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
fn refuse_half_restored(source: &Source, relative: &Path) -> Result<()> {
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
fn is_ours(source: &Source, directory: &Path, entry: &Entry) -> bool {
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
