//! What all phases of a restore share, and do not change.

use std::path::{Path, PathBuf};

use super::origin::{Origin, Wanted};
use crate::datadir::require_room;
use crate::error::{Code, Error, Result};
use crate::io::sorted_dirs::SortedDirs;
use crate::job::JobContext;
use crate::layout::{Layout, Rules};
use crate::settings::{Settings, VerifyLevel};
use crate::snapshot::{FileEntry, Imprint, Manifest};
use crate::staging::{Staging, layout_of, rules_of};
use crate::sys::dir::Dir;

/// A restore under way.
pub struct Restore<'a> {
    /// The snapshot.
    pub source: Origin,
    /// What it holds.
    pub manifest: Manifest,
    /// Whose validator looks at what is staged.
    pub layout: Layout,
    /// What stays in the target.
    pub rules: Rules,
    /// What the host chose.
    pub settings: &'a Settings,
    /// The job.
    pub job: &'a JobContext,
}

impl<'a> Restore<'a> {
    /// Opens a snapshot and reads its manifest.
    pub fn of(wanted: Wanted<'_>, settings: &'a Settings, job: &'a JobContext) -> Result<Self> {
        let (source, manifest) = Origin::open(wanted)?;
        let layout = layout_of(&manifest, settings);
        let rules = rules_of(&manifest, &layout, settings);
        Ok(Self { source, manifest, layout, rules, settings, job })
    }

    /// The backup root that holds the snapshot, if it lies in the target: it stays where it is.
    /// A target that is that root, or lies in the snapshot, would break it.
    pub fn root_in_target(&self, target: &Path) -> Result<Option<PathBuf>> {
        let refuse = |why: &str| Err(Error::at(Code::InvalidArgument, "restoring to", target, why));
        let Some(snapshot) = self.source.directory().map(Dir::path) else { return Ok(None) };
        let snapshot = snapshot.canonicalize().map_err(|error| Error::io("resolving", snapshot, error))?;
        let Some(real) = target.ancestors().find_map(|above| above.canonicalize().ok()) else {
            return Ok(None);
        };
        if real.starts_with(&snapshot) {
            return refuse("it lies in the snapshot itself");
        }
        if !target.exists() {
            return Ok(None);
        }
        match snapshot.parent().and_then(|root| root.strip_prefix(real).ok()) {
            Some(inside) if inside.as_os_str().is_empty() => refuse("it is the snapshot's backup root"),
            inside => Ok(inside.map(Path::to_path_buf)),
        }
    }

    /// The imprint of a staged file that was read where it is now, and so need not be read again, unless the
    /// disk is to give its bytes, or a validator may change them.
    pub fn read_back(&self, staging: &Staging, path: &Path, imprint: Imprint) -> Result<Imprint> {
        match self.settings.job.verify == VerifyLevel::Media || self.job.host.has_validate() {
            true => Ok(imprint),
            false => staging.proved(path, imprint),
        }
    }

    /// Fails with NO_SPACE unless so many bytes fit beside what the host wants to keep free.
    pub fn require_room(&self, place: &Dir, bytes: u64) -> Result<()> {
        require_room(place, bytes, self.settings.job.min_free, "making room for a restore in")
    }

    /// What the staged files will take, but for those that take nothing: of files with holes what they hold.
    pub fn room_needed(&self, takes_nothing: impl Fn(&FileEntry<&Path>) -> bool) -> u64 {
        let mut dirs = self.source.directory().map(SortedDirs::new);
        let mut needed = 0u64;
        for entry in self.manifest.files.iter().filter(|entry| !takes_nothing(entry)) {
            let parent = dirs.as_mut().and_then(|dirs| dirs.parent_of(entry.path).ok());
            let found = parent.and_then(|(directory, name)| directory.find(name).ok().flatten());
            // What is missing or unreadable is found when it is copied.
            let allocated = found.map_or(entry.size, |stat| stat.allocated);
            needed = needed.saturating_add(entry.size.min(allocated));
        }
        needed
    }
}
