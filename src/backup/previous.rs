//! The snapshot that the one being made shares files with: what `latest` names, if it is of this data directory
//! and its manifest proves itself. It cannot be deleted meanwhile.

use std::path::Path;

use super::prepare::Prepared;
use crate::datadir::locks::lock_in_use;
use crate::layout::FileClass;
use crate::root::ledger::{Ledger, StoredFile};
use crate::settings::Share;
use crate::snapshot::{FileEntry, Manifest, Origin, Shared, SourceId, read};
use crate::sys::dir::{Dir, Stat};

/// An earlier snapshot, and what is known of its files.
pub struct Previous {
    /// Its directory.
    pub dir: Dir,
    /// Its origins, and at last itself.
    pub origins: Vec<Origin>,
    manifest: Manifest,
    /// When each file was last read back, in milliseconds since 1970; [`BAD`]: it is not what it was.
    verified_at_ms: Vec<u64>,
}

const BAD: u64 = u64::MAX;

impl Previous {
    /// That of a root. `None`: there is none to share with. Whatever is wrong with it, a full backup is right.
    pub fn of(prepared: &Prepared) -> Option<Self> {
        let id = prepared.data_dir.id?;
        let is_checkpoint = prepared.linking.is_some();
        if prepared.plan.share == Share::Never || prepared.took_over || is_checkpoint {
            return None;
        }
        let root = &prepared.root;
        let dir = root.dir.open_dir(Path::new(&root.latest().ok()??)).ok()?;
        lock_in_use(&dir).ok()?;
        let mut manifest = read(&dir).ok().filter(|manifest| manifest.data_dir_id == Some(id))?;
        let own = Origin { id: manifest.id?, at_ms: manifest.finished_at_ms };
        let ledger = Ledger::of(&root.dir);
        let verified = |file: FileEntry<&Path>| {
            let (origin, at_ms) = file.shared.map_or((own.id, own.at_ms), |shared| {
                (manifest.origins[shared.origin as usize].id, shared.verified_at_ms)
            });
            // What a verification or a scrub has found bad is copied anew.
            if ledger.is_bad(StoredFile::of(origin, file.path)) { BAD } else { at_ms }
        };
        let verified_at_ms = manifest.files.iter().map(verified).collect();
        let mut origins = std::mem::take(&mut manifest.origins);
        origins.push(own);
        Some(Self { dir, origins, manifest, verified_at_ms })
    }

    /// The file that has a path in it, if it may be shared.
    pub fn find(&self, path: &Path) -> Option<u32> {
        let at = self.manifest.files.place_of(path, 0)?;
        let is_it = matches!(self.manifest.files.at(at).class, Some(FileClass::Immutable { .. }))
            && self.verified_at_ms[at] != BAD;
        (is_it && self.identity(at as u32).is_some()).then_some(at as u32)
    }

    /// Its entry.
    pub fn entry(&self, file: u32) -> FileEntry<&Path> {
        self.manifest.files.at(file as usize)
    }

    /// By what its source is known again. `None`: it may not be shared.
    pub fn identity(&self, file: u32) -> Option<SourceId> {
        self.entry(file).source.filter(|source| source.ctime_ns.is_some())
    }

    /// All files that may be shared, with their sizes and when each was last read back.
    pub fn shareable(&self) -> impl Iterator<Item = (u32, u64, u64)> {
        let all = self.manifest.files.iter().zip(&self.verified_at_ms).enumerate();
        let all = all.map(|(at, (file, verified))| (at as u32, file.size, *verified));
        all.filter(|(at, _, verified)| self.identity(*at).is_some() && *verified != BAD)
    }

    /// A file was read back from the disk and is what it was.
    pub fn is_good(&mut self, file: u32, at_ms: u64) {
        self.verified_at_ms[file as usize] = at_ms;
    }

    /// A file is not what it was: it is never shared again.
    pub fn is_bad(&mut self, file: u32) {
        self.verified_at_ms[file as usize] = BAD;
    }

    /// For which snapshot its bytes were read.
    pub fn origin(&self, file: u32) -> u32 {
        self.entry(file).shared.map_or(self.origins.len() as u32 - 1, |shared| shared.origin)
    }

    /// The entry of a snapshot that shares it, as a file of this class, whose source has this identity now.
    pub fn shared_entry(&self, file: u32, class: FileClass, source: SourceId) -> FileEntry {
        let shared = Shared { origin: self.origin(file), verified_at_ms: self.verified_at_ms[file as usize] };
        let entry = self.entry(file);
        let entry = entry.with_path(entry.path.to_path_buf());
        FileEntry { class: Some(class), source: Some(source), shared: Some(shared), ..entry }
    }

    /// Whether the source of a file may still be what was stored: all that can be told but for the change time.
    pub fn is_source_of(&self, file: u32, stat: &Stat, source: &SourceId) -> bool {
        let entry = self.entry(file);
        let Some(was) = entry.attributes else { return false };
        let now = (stat.size, stat.mtime_ns, stat.mode, stat.uid, stat.gid);
        now == (entry.size, was.mtime_ns, was.mode, was.uid, was.gid)
            && self.identity(file).is_some_and(|identity| identity.is_inode_of(source))
    }
}
