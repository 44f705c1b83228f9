//! The last snapshot of this host in the repository: what of it need not be read again.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use hotbackup::{Code, Contents, Entry, FileClass, Result};

use super::pieces;
use crate::bring::Brought;
use crate::format::Id;
use crate::repository::{Found, Index, Repository, files_of};

/// What it holds, and of which pieces.
pub struct Previous {
    /// Its object.
    pub object: Id,
    contents: Contents,
    files: HashMap<PathBuf, Vec<Id>>,
}

impl Previous {
    /// Looks at it. One that is damaged is none: all is read then.
    pub fn load(repository: &Repository, index: &Index, found: &Found) -> Result<Option<Self>> {
        let loaded = files_of(repository, index, found, &|_| {}).and_then(|files| {
            let manifest = Brought::manifest_of(repository, index, found, &files)?;
            Ok(Self { object: found.object, contents: Contents::parse(&manifest, "")?, files })
        });
        match loaded {
            Ok(previous) => Ok(Some(previous)),
            Err(error) if matches!(error.code(), Code::Corrupt | Code::NotFound | Code::Unsupported) => {
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// The pieces and the checksum of an immutable file that has not changed since, if all are still there. A live one
    /// of a checkpoint has no checksum yet, and is the same where it is the same inode.
    pub fn unchanged(&self, entry: &Entry<'_>, index: &Index) -> Option<(Vec<Id>, u32)> {
        let was = self.contents.find(entry.path)?;
        let is_immutable = matches!(entry.class, Some(FileClass::Immutable { .. }));
        let time = |entry: &Entry<'_>| entry.attributes.map(|attributes| attributes.modified_at);
        let is_it = is_immutable
            && time(entry).is_some()
            && (was.kind, was.size, time(&was)) == (entry.kind, entry.size, time(entry))
            && entry.crc32.map_or_else(|| entry.is_same_source(&was), |crc32| was.crc32 == Some(crc32));
        let ids = self.files.get(entry.path).filter(|_| is_it)?;
        ids.iter().all(|id| index.has(id)).then(|| ids.clone()).zip(was.crc32)
    }

    /// How a file was cut.
    pub fn piece(&self, path: &Path) -> Option<u64> {
        let was = self.contents.find(path)?;
        pieces::length_of(was.size, self.files.get(path)?.len() as u64)
    }
}
