//! The end of a backup: its directories and manifest, its verification, its name.

use std::collections::{BTreeMap, HashSet};
use std::io::{BufWriter, Read, Write};
use std::path::{Path, PathBuf};

use super::Backup;
use super::plan::identity;
use crate::error::{Code, Error, Result};
use crate::io::checksum::Summed;
use crate::io::walk::walk;
use crate::snapshot::{Attributes, DirectoryEntry, FileEntry, Kept, LinkEntry, MANIFEST, Manifest};
use crate::staging::compare::{Comparison, Staged, compare};
use crate::sys::dir::{Dir, Kind, Stat};
use crate::sys::file::evict;

/// All that is staged.
pub struct Contents {
    /// Files, in no order.
    pub saved: Vec<Saved>,
    /// Directories, sorted.
    pub directories: Vec<DirectoryEntry>,
    /// Symbolic links, sorted.
    pub links: Vec<LinkEntry>,
}

/// A staged file.
pub struct Saved {
    /// Its entry in the manifest.
    pub entry: FileEntry,
    /// What the staging's file system keeps of its attributes.
    pub kept: Kept,
}

impl Backup<'_> {
    /// Syncs, lets the validators look, and only then compares: an engine that opened the
    /// staging may have changed it. The directories are closed last.
    pub(super) fn verify(&mut self, contents: &mut Contents) -> Result<()> {
        self.staging.make_dirs(&contents.directories)?;
        let staged: Staged =
            contents.saved.iter().map(|saved| (saved.entry.path.clone(), saved.kept)).collect();
        let manifest = self.manifest(contents)?;
        let written = self.write_manifest(&manifest)?;
        self.staging.sync(self.threads, self.monitor)?;

        let directory = self.staging.dir.path().to_path_buf();
        self.plan.layout.validate(&directory)?;
        self.host.validate(&directory)?;
        let comparison = Comparison {
            level: self.plan.options.verify,
            rules: &self.plan.rules,
            staged: Some(&staged),
            threads: self.threads,
        };
        compare(&self.staging.dir, &manifest, &comparison, self.monitor)?;
        self.check_manifest(written)?;
        self.staging.seal(&manifest.directories, self.monitor)
    }

    /// From here on a cancel is too late.
    pub(super) fn publish(&mut self) -> Result<()> {
        let prepared = self.prepared;
        let top = self.top_stat()?;
        // The manifest has the data directory's own time. This is the time of the snapshot, by which
        // tools find old ones.
        let attributes = Attributes { mtime_ns: crate::sys::clock::wall_ns(), ..Attributes::of(&top) };
        attributes
            .apply_to_dir(&self.staging.dir)
            .map_err(|error| Error::io("setting the attributes of", self.staging.dir.path(), error))?;
        self.staging.sync_top()?;
        self.root_is_in_its_place()?;
        self.monitor.commit()?;
        prepared.root.publish(self.staging.dir.path(), &prepared.name)?;
        prepared.root.seal(&self.sources[0].dir);
        Ok(())
    }

    /// Nobody would find a snapshot in a root that was moved or unmounted meanwhile.
    fn root_is_in_its_place(&self) -> Result<()> {
        let path = &self.plan.root;
        let there = Dir::open(path).map_err(|error| Error::io("opening the backup root", path, error))?;
        if identity(&there)? == identity(&self.prepared.root.dir)? {
            return Ok(());
        }
        let why = "another directory has taken its place since the backup began";
        Err(Error::at(Code::Conflict, "publishing in the backup root", path, why))
    }

    fn manifest(&self, contents: &mut Contents) -> Result<Manifest> {
        let prepared = self.prepared;
        let options = &self.plan.options;
        let rules = self.plan.rules.iter().map(|rule| (rule.glob().to_string(), rule.class()));
        let mut files: Vec<FileEntry> = contents.saved.drain(..).map(|saved| saved.entry).collect();
        files.sort_by(|a, b| a.path.cmp(&b.path));
        let counters = &self.monitor.counters;
        Ok(Manifest {
            id: Some(prepared.id),
            data_dir_id: prepared.data_dir.id,
            started_at_ms: prepared.clock.started_at_ms(),
            finished_at_ms: prepared.clock.now_ms(),
            layout: self.plan.layout.name().to_string(),
            rules: rules.collect(),
            metadata: self.host.take_metadata().unwrap_or_else(|| options.metadata.clone()),
            files_skipped: counters.files_skipped.load(std::sync::atomic::Ordering::Relaxed),
            files_left_out: counters.files_left_out.load(std::sync::atomic::Ordering::Relaxed),
            top: Some(Attributes::of(&self.top_stat()?)),
            directories: std::mem::take(&mut contents.directories),
            links: std::mem::take(&mut contents.links),
            files,
        })
    }

    /// Returns the checksum and the length of what was written.
    fn write_manifest(&self, manifest: &Manifest) -> Result<(u32, u64)> {
        let path = Path::new(MANIFEST);
        let failed = |error| Error::io("writing the manifest", &self.staging.dir.full(path), error);
        let mut out = Summed::new(BufWriter::new(self.staging.create(path, 0o600)?));
        manifest.write(&mut out).and_then(|()| out.flush()).map_err(failed)?;
        let (out, written) = out.end();
        let file = out.into_inner().map_err(|error| failed(error.into_error()))?;
        let top = self.top_stat()?;
        let attributes = Attributes {
            mode: top.mode & 0o666 | 0o600,
            uid: top.uid,
            gid: top.gid,
            mtime_ns: crate::sys::clock::wall_ns(),
        };
        self.staging.finish(path, file, Some(&attributes))?;
        Ok(written)
    }

    /// The manifest is what makes the rest a snapshot, so it is read back at every level, from the
    /// disk.
    fn check_manifest(&self, written: (u32, u64)) -> Result<()> {
        let path = self.staging.dir.full(Path::new(MANIFEST));
        let failed = |error| Error::io("verifying", &path, error);
        let corrupt = || Error::at(Code::Corrupt, "verifying", &path, "it is not what was written to it");
        let file = self.staging.dir.open_file(Path::new(MANIFEST)).map_err(|_| corrupt())?;
        let stat = Stat::of(&file).map_err(failed)?;
        // Where a sandbox refuses that, from the cache.
        let _ = evict(&file);
        let mut found = Summed::new(std::io::sink());
        std::io::copy(&mut file.take(stat.size), &mut found).map_err(failed)?;
        let (_, read) = found.end();
        if stat.kind == Kind::File && stat.size == written.1 && read == written {
            Ok(())
        } else {
            Err(corrupt())
        }
    }

    /// An earlier round may have staged a file that the last one did not see.
    pub(super) fn drop_strays(&self, saved: &[Saved]) -> Result<()> {
        let kept: HashSet<&Path> = saved.iter().map(|saved| saved.entry.path.as_path()).collect();
        for found in walk(&self.staging.dir, |_, _| Ok(false))? {
            if found.kind == Kind::File && !kept.contains(found.path.as_path()) {
                self.staging.forget(&found.path)?;
            }
        }
        Ok(())
    }

    /// Directories that only files made for the snapshot need, or that vanished from the source;
    /// and away with those that an earlier round made for nothing.
    pub(super) fn add_parents(&self, saved: &[Saved], directories: &mut Vec<DirectoryEntry>) -> Result<()> {
        let top = Attributes::of(&self.top_stat()?);
        let mut all: BTreeMap<PathBuf, Attributes> =
            directories.drain(..).map(|entry| (entry.path, entry.attributes)).collect();
        let above = saved.iter().flat_map(|saved| saved.entry.path.ancestors().skip(1));
        let own: Vec<PathBuf> =
            all.keys().flat_map(|path| path.ancestors().skip(1)).map(Path::to_path_buf).collect();
        for path in above.map(Path::to_path_buf).chain(own) {
            if !path.as_os_str().is_empty() {
                all.entry(path).or_insert(top);
            }
        }
        let made = walk(&self.staging.dir, |_, _| Ok(false))?;
        for stray in
            made.iter().rev().filter(|found| found.kind == Kind::Directory && !all.contains_key(&found.path))
        {
            self.staging.forget_dir(&stray.path)?;
        }
        directories.extend(all.into_iter().map(|(path, attributes)| DirectoryEntry { path, attributes }));
        Ok(())
    }
}
