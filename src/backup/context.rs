//! What all phases of a backup share, and do not change.

use std::fs::File;
use std::path::{Path, PathBuf};

use super::catalog::Catalog;
use super::ids::NameId;
use super::plan::Plan;
use super::prepare::Prepared;
use super::previous::Previous;
use super::reread::reread;
use super::source::{Source, locate};
use crate::error::{Error, Result};
use crate::io::copy::Named;
use crate::job::{HookMailbox, JobContext};
use crate::layout::FileClass;
use crate::monitor::{Crew, Monitor};
use crate::root::checkpoints::remove_stale;
use crate::settings::JobSettings;
use crate::snapshot::Attributes;
use crate::staging::Staging;
use crate::sys::clock::wall_ns;
use crate::sys::dir::Stat;

/// A backup under way.
pub struct Context<'a> {
    /// Its locks, its root and its name.
    pub prepared: &'a Prepared,
    /// The job.
    pub job: &'a JobContext,
    /// What is backed up.
    pub sources: Vec<Source>,
    /// What the snapshot is made in.
    pub staging: Staging,
    /// The snapshot that it shares files with.
    pub previous: Option<Previous>,
}

impl<'a> Context<'a> {
    /// Opens the sources, and makes the staging.
    pub fn open(prepared: &'a Prepared, job: &'a JobContext) -> Result<Self> {
        prepared.root.clean()?;
        let sources = Source::open_all(&prepared.plan, &prepared.plan.root)?;
        remove_stale(&sources[0].dir, false);
        let staging = Staging::new(prepared.root.make_staging(prepared.id)?, &job.monitor);
        let mut previous = Previous::of(prepared);
        if let Some(previous) = &mut previous {
            reread(previous, prepared, &sources, &job.monitor)?;
        }
        Ok(Self { prepared, job, sources, staging, previous })
    }

    /// What is backed up, and how.
    pub fn plan(&self) -> &Plan {
        &self.prepared.plan
    }

    /// What the host chose for each job.
    pub fn settings(&self) -> &JobSettings {
        &self.prepared.plan.job
    }

    /// The host.
    pub fn host(&self) -> &HookMailbox {
        &self.job.host
    }

    /// Who is told, and may stop it.
    pub fn monitor(&self) -> &Monitor {
        &self.job.monitor
    }

    /// Whether a checkpoint is made, and links a file of that class and path.
    pub fn links(&self, class: FileClass, path: &Path) -> bool {
        self.prepared.linking.as_ref().is_some_and(|linking| linking.links(class, path))
    }

    /// How many I/O threads copy.
    pub fn threads(&self) -> usize {
        self.settings().io_threads()
    }

    /// Those that copy.
    pub fn crew(&self) -> Crew<'_> {
        self.monitor().crew(self.threads())
    }

    /// The whole path of what has this path in the snapshot, in its source.
    pub fn full(&self, path: &Path) -> PathBuf {
        let (source, relative) = locate(&self.sources, path);
        self.sources[source].dir.full(relative)
    }

    /// A name of the catalog with its paths.
    pub fn place(&self, catalog: &Catalog, name: NameId) -> Place<'_> {
        let source = &self.sources[catalog.source(name)];
        let relative = catalog.relative(name);
        let path = source.prefix.join(&relative);
        Place { source, relative, path }
    }

    /// What a file gets that is made for the snapshot: what a new one in the data directory would.
    pub fn attributes_of_new_file(&self) -> Result<Attributes> {
        let top = self.top_stat()?;
        let mode = top.mode & 0o666 | 0o600;
        Ok(Attributes { mode, uid: top.uid, gid: top.gid, mtime_ns: wall_ns() })
    }

    /// The data directory's own stat.
    pub fn top_stat(&self) -> Result<Stat> {
        let dir = &self.sources[0].dir;
        dir.stat(Path::new("")).map_err(|error| Error::io("looking at", dir.path(), error))
    }
}

/// Where a file is, in its source and in the snapshot.
pub struct Place<'a> {
    /// Its source.
    pub source: &'a Source,
    /// Its path there.
    pub relative: PathBuf,
    /// Its path in the snapshot.
    pub path: PathBuf,
}

impl Place<'_> {
    /// Its whole path in its source, for messages.
    pub fn full(&self) -> PathBuf {
        self.source.dir.full(&self.relative)
    }

    /// Its file, opened by whatever name, with the path that errors name.
    pub fn named<'p>(&'p self, file: &'p File) -> Named<'p> {
        Named { file, top: self.source.dir.path(), relative: &self.relative }
    }

    /// A failed call on it.
    pub fn failed(&self, doing: &str, error: std::io::Error) -> Error {
        Error::io(doing, &self.full(), error)
    }
}
