//! What a staging holds, file by file, and what is put away of it that earlier rounds left.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::context::Context;
use super::ids::NameId;
use super::survey::Survey;
use crate::error::{Error, Result};
use crate::snapshot::{Attributes, DirectoryEntry, FileEntry, Files, Imprint, LinkEntry};
use crate::sys::memory;

/// All that is staged.
pub struct Contents {
    /// Files.
    pub staged: Staged,
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
    pub imprint: Imprint,
}

/// Staged files: their entries in the manifest, and the imprint of each.
#[derive(Default)]
pub struct Staged {
    /// The entries.
    pub files: Files,
    /// The imprints, in the same order.
    pub imprints: Vec<Imprint>,
}

impl Staged {
    /// One more. There may be no memory for it.
    pub fn add(&mut self, saved: &Saved) -> Result<()> {
        let added = memory::reserve_one(&mut self.imprints).and_then(|()| self.files.push(&saved.entry));
        added.map_err(|error| Error::io("listing", &saved.entry.path, error))?;
        self.imprints.push(saved.imprint);
        Ok(())
    }
}

/// An earlier round may have staged a file that the last one did not see.
pub fn drop_strays(context: &Context<'_>, survey: &Survey) -> Result<()> {
    let catalog = &survey.catalog;
    let is_gone = |name: &NameId| catalog[*name].seen != survey.number;
    let staged = catalog.names().filter(|name| catalog[*name].captured.is_staged());
    staged.chain(survey.were_shared.iter().copied()).filter(is_gone).try_for_each(|name| {
        let place = context.place(catalog, name);
        context.staging.forget(&place.path)
    })
}

/// The directories of a point with those that only files made for the snapshot need, or that vanished from
/// the source; and away with those that an earlier round made for nothing.
pub fn directories_with_parents(
    context: &Context<'_>,
    files: &Files,
    directories: Vec<DirectoryEntry>,
) -> Result<Vec<DirectoryEntry>> {
    let top = Attributes::of(&context.top_stat()?);
    let mut all: BTreeMap<PathBuf, Attributes> =
        directories.into_iter().map(|entry| (entry.path, entry.attributes)).collect();
    let own: Vec<PathBuf> = all.keys().cloned().collect();
    let mut last = Path::new("");
    for path in files.paths().chain(own.iter().map(PathBuf::as_path)) {
        let parent = path.parent().unwrap_or(Path::new(""));
        // Files that are sorted mostly have the directory of the one before.
        if parent == last {
            continue;
        }
        last = parent;
        for above in parent.ancestors().take_while(|above| !above.as_os_str().is_empty()) {
            if !all.contains_key(above) {
                all.insert(above.to_path_buf(), top);
            }
        }
    }
    context.staging.keep_directories(|path| all.contains_key(path))?;
    Ok(all.into_iter().map(|(path, attributes)| DirectoryEntry { path, attributes }).collect())
}
