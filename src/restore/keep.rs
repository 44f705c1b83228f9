//! Files of the target that are what the snapshot has: they are kept, so that a restore over nearly the same
//! costs reading.
//!
//! The staged tree gets the file itself, by a link, or a clone of it. With a link what is put aside and what
//! takes its place are one inode, so there is a link only where nobody will change that:
//!
//! * its mode, owner and times are the manifest's already: they are never set on it;
//! * either no undo is kept, and what is put aside is given up, or the file is immutable. Where the file system
//!   can clone, an undo gets no links: some engines empty what they delete;
//! * it has no name elsewhere, but in what earlier restores have put aside: a restored tree must not share
//!   with a snapshot, whoever linked them;
//! * no `validate` hook gets at it: the target is as it was until the swap, whatever an engine does to what is
//!   staged.
//!
//! All else is copied from the snapshot.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use super::aside;
use super::context::Restore;
use crate::error::Result;
use crate::io::copy::Named;
use crate::layout::FileClass;
use crate::snapshot::{Attributes, FileEntry, Imprint};
use crate::staging::{CLONE_FROM, Staging};
use crate::sys::dir::{Dir, Kind, Stat};

/// A file that was kept.
pub struct Kept {
    /// What it looks like.
    pub imprint: Imprint,
    /// It is the target's own.
    pub is_link: bool,
}

/// What a target has of a snapshot.
pub struct Keeper<'a> {
    restore: &'a Restore<'a>,
    target: &'a Dir,
    staging: &'a Staging,
    asides: Vec<PathBuf>,
    clones: bool,
}

impl<'a> Keeper<'a> {
    /// Of a target that exists.
    pub fn new(restore: &'a Restore<'a>, target: &'a Dir, staging: &'a Staging) -> Result<Self> {
        let asides = aside::all(target)?;
        let mut keeper = Self { restore, target, staging, asides, clones: false };
        keeper.clones = restore.settings.job.clone && keeper.can_clone();
        Ok(keeper)
    }

    /// One is tried, if there is one.
    fn can_clone(&self) -> bool {
        let is_there = |entry: &FileEntry<&Path>| entry.size > 0 && self.find(entry).is_some();
        let first = self.restore.manifest.files.iter().find(is_there);
        let opened = first.and_then(|entry| Some((self.target.open_file(entry.path).ok()?, entry.path)));
        opened.is_some_and(|(file, path)| self.staging.can_clone(&file, path))
    }

    /// Whether a file may be kept, as far as can be told without reading it.
    pub fn may_keep(&self, entry: &FileEntry<&Path>) -> bool {
        self.find(entry).is_some_and(|found| self.may_link(entry, &found) || self.may_clone(entry))
    }

    /// Keeps a file, if it is what the manifest says. `None`: it is to come from the snapshot.
    pub fn keep(&self, entry: &FileEntry<&Path>, buffer: &mut [u8]) -> Result<Option<Kept>> {
        let (Some(found), Some(attributes)) = (self.find(entry), &entry.attributes) else { return Ok(None) };
        if self.may_link(entry, &found) {
            return self.link(entry, &found, buffer);
        }
        match self.may_clone(entry) {
            true => self.clone(entry, attributes, buffer),
            false => Ok(None),
        }
    }

    /// What the target has under that name, if it is a file of that length.
    fn find(&self, entry: &FileEntry<&Path>) -> Option<Stat> {
        let found = self.target.find(entry.path).ok().flatten();
        found.filter(|found| (found.kind, found.size) == (Kind::File, entry.size))
    }

    /// Where the snapshot's own is cloned, that is read once too.
    fn may_clone(&self, entry: &FileEntry<&Path>) -> bool {
        self.clones && !(self.staging.clones() && entry.size >= CLONE_FROM)
    }

    fn may_link(&self, entry: &FileEntry<&Path>, found: &Stat) -> bool {
        let is_immutable = matches!(entry.class, Some(FileClass::Immutable { .. }));
        let keep_undo = self.restore.settings.keep_undo;
        let is_left_alone = !keep_undo || (is_immutable && !self.clones);
        let is_the_same = attributes_agree(entry, found);
        let in_asides = || if is_immutable { self.names_in_asides(entry.path, found) } else { 0 };
        is_left_alone
            && is_the_same
            && !self.restore.job.host.has_validate()
            && (found.links == 1 || found.links == 1 + in_asides())
    }

    fn names_in_asides(&self, path: &Path, found: &Stat) -> u64 {
        let is_it = |aside: &&PathBuf| {
            let put_aside = self.target.find(&aside.join(path)).ok().flatten();
            put_aside.is_some_and(|stat| (stat.device, stat.inode) == (found.device, found.inode))
        };
        self.asides.iter().filter(is_it).count() as u64
    }

    fn link(&self, entry: &FileEntry<&Path>, found: &Stat, buffer: &mut [u8]) -> Result<Option<Kept>> {
        let Some(linked) = self.staging.link_of(self.target, entry.path)? else { return Ok(None) };
        let stat = linked.stat();
        let is_it = (stat.device, stat.inode) == (found.device, found.inode) && stat.links == found.links + 1;
        let is_the_same = (stat.kind, stat.size) == (Kind::File, entry.size) && attributes_agree(entry, stat);
        if !is_it || !is_the_same || !self.is_what_it_should_be(entry, |done| linked.read(buffer, done))? {
            return Ok(None);
        }
        let imprint = self.restore.read_back(self.staging, entry.path, linked.finish()?)?;
        self.restore.job.monitor.kept(entry.size);
        Ok(Some(Kept { imprint, is_link: true }))
    }

    fn clone(
        &self,
        entry: &FileEntry<&Path>,
        attributes: &Attributes,
        buffer: &mut [u8],
    ) -> Result<Option<Kept>> {
        let Ok(file) = self.target.open_file(entry.path) else { return Ok(None) };
        let mut staged = self.staging.receive(entry.path, attributes.mode)?;
        let from = Named { file: &file, top: self.target.path(), relative: entry.path };
        let is_cloned = staged.share(from, entry.size).unwrap_or(false);
        if !is_cloned
            || !self.is_what_it_should_be(entry, |done| staged.read_back(entry.size, buffer, done))?
        {
            return Ok(None);
        }
        let imprint = staged.finish(attributes)?.imprint;
        let imprint = self.restore.read_back(self.staging, entry.path, imprint)?;
        self.restore.job.monitor.kept(entry.size);
        Ok(Some(Kept { imprint, is_link: false }))
    }

    /// Whether its bytes have the manifest's checksum. One that cannot be read has not.
    fn is_what_it_should_be(
        &self,
        entry: &FileEntry<&Path>,
        read: impl FnOnce(&(dyn Fn(u64) + Sync)) -> Result<u32>,
    ) -> Result<bool> {
        let monitor = &self.restore.job.monitor;
        let bytes = AtomicU64::new(0);
        let sum = read(&|done| {
            bytes.fetch_add(done, Relaxed);
            monitor.dealt_with(done);
        });
        monitor.check()?;
        let is_it = sum.is_ok_and(|sum| sum == entry.crc32);
        if !is_it {
            monitor.takes_back(bytes.into_inner());
        }
        Ok(is_it)
    }
}

fn attributes_agree(entry: &FileEntry<&Path>, stat: &Stat) -> bool {
    entry.attributes.is_some_and(|attributes| attributes.are_of(stat))
}
