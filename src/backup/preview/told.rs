//! What a preview tells.

use std::path::{Path, PathBuf};

use crate::error::Error;
use crate::layout::FileClass;
use crate::snapshot::EntryKind;

/// What a backup with the same options would do now, as far as that can be told without a host.
#[derive(Clone, Debug)]
pub struct Preview {
    pub(super) data_dir: PathBuf,
    pub(super) root: PathBuf,
    pub(super) layout: &'static str,
    pub(super) rules: Vec<(String, FileClass)>,
    pub(super) entries: Vec<Planned>,
    pub(super) directories: u64,
    pub(super) previous: Option<PathBuf>,
    pub(super) spaces: Vec<Space>,
    pub(super) is_one_file_system: bool,
    pub(super) refusals: Vec<Error>,
}

/// An entry as it is kept: there may be millions.
#[derive(Clone, Debug)]
pub(super) struct Planned {
    pub(super) path: PathBuf,
    pub(super) size: u64,
    pub(super) rule: Option<u32>,
    pub(super) kind: EntryKind,
    pub(super) outcome: Outcome,
}

/// What would become of a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Outcome {
    /// All of it is copied inside the freeze window: it is mutable.
    CopiedInFreeze,
    /// It is pinned ahead of the window and copied after it: it is immutable, or append-only, of which the window
    /// takes the length.
    CopiedAfterFreeze,
    /// Its first bytes are copied inside the window, the rest after it and before `release`: it is pinned by its
    /// engine.
    CopiedBeforeRelease,
    /// It shares its blocks with the source, by a clone, and is read once for its checksum.
    Cloned,
    /// It is the previous snapshot's, which holds it unchanged, by a clone or a link.
    Shared,
    /// A symbolic link, which is kept as it is.
    LinkKept,
    /// A rule excludes it, with all below it.
    Excluded,
    /// It is no data: a FIFO, a socket, a device, a link to what is no data, or the library's own.
    Skipped,
    /// It fails the backup; [`Preview::refusals`] says why.
    Refused,
}

impl Outcome {
    /// All of them.
    pub const ALL: [Outcome; 9] = [
        Outcome::CopiedInFreeze,
        Outcome::CopiedAfterFreeze,
        Outcome::CopiedBeforeRelease,
        Outcome::Cloned,
        Outcome::Shared,
        Outcome::LinkKept,
        Outcome::Excluded,
        Outcome::Skipped,
        Outcome::Refused,
    ];

    /// Whether its bytes are to be written to the root.
    pub fn is_copied(self) -> bool {
        matches!(self, Outcome::CopiedInFreeze | Outcome::CopiedAfterFreeze | Outcome::CopiedBeforeRelease)
    }
}

/// One name in the sources, but for directories that are captured as such.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PreviewEntry<'p> {
    /// Where it would be in the snapshot.
    pub path: &'p Path,
    /// What it is.
    pub kind: EntryKind,
    /// A file's logical size in bytes; 0 of what is none, and of what is excluded or skipped.
    pub size: u64,
    /// The class that it has by the rules.
    pub class: FileClass,
    /// The glob of the rule that gives it its class; `None`: none does, so it is mutable.
    pub rule: Option<&'p str>,
    /// What would become of it.
    pub outcome: Outcome,
}

/// Names with one outcome, counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct OutcomeTotals {
    /// How many they are.
    pub entries: u64,
    /// The sum of their logical sizes.
    pub bytes: u64,
}

/// A file system that a backup would use.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Space {
    /// A directory on it: of the first one the backup root, of others a source.
    pub path: PathBuf,
    /// Bytes that are free there for this user; `None`: it does not say.
    pub free: Option<u64>,
    /// Bytes that would be written there; of files with holes those that they hold.
    pub needed: u64,
    /// Bytes that the options want to stay free.
    pub reserve: u64,
}

impl Preview {
    /// The data directory, its links resolved.
    pub fn data_dir(&self) -> &Path {
        &self.data_dir
    }

    /// The backup root, which need not be there yet.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The layout's name.
    pub fn layout(&self) -> &str {
        self.layout
    }

    /// The rules, the caller's and then the layout's: the first that matches gives a name its class.
    pub fn rules(&self) -> impl ExactSizeIterator<Item = (&str, FileClass)> {
        self.rules.iter().map(|(glob, class)| (glob.as_str(), *class))
    }

    /// How many entries there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The entries in the order of their paths.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = PreviewEntry<'_>> + Clone {
        (0..self.len()).filter_map(|index| self.get(index))
    }

    /// One of them, by its place.
    pub fn get(&self, index: usize) -> Option<PreviewEntry<'_>> {
        let Planned { path, size, rule, kind, outcome } = self.entries.get(index)?;
        let rule = rule.and_then(|rule| self.rules.get(rule as usize));
        Some(PreviewEntry {
            path,
            kind: *kind,
            size: *size,
            class: rule.map_or(FileClass::Mutable, |(_, class)| *class),
            rule: rule.map(|(glob, _)| glob.as_str()),
            outcome: *outcome,
        })
    }

    /// How many entries have an outcome, and how large they are.
    pub fn totals(&self, outcome: Outcome) -> OutcomeTotals {
        let those = self.entries.iter().filter(|entry| entry.outcome == outcome);
        those.fold(OutcomeTotals::default(), |OutcomeTotals { entries, bytes }, entry| OutcomeTotals {
            entries: entries + 1,
            bytes: bytes.saturating_add(entry.size),
        })
    }

    /// How many directories would be captured, without the tops of the sources.
    pub fn directories(&self) -> u64 {
        self.directories
    }

    /// The snapshot that it would share files with; `None`: there is none, or none may be shared.
    pub fn previous(&self) -> Option<&Path> {
        self.previous.as_deref()
    }

    /// The file systems concerned: the root's, then those of the sources that lie on others.
    pub fn spaces(&self) -> &[Space] {
        &self.spaces
    }

    /// Whether the data directory and the root lie on one file system, and so would be lost with one disk. Two
    /// subvolumes count as two.
    pub fn is_one_file_system(&self) -> bool {
        self.is_one_file_system
    }

    /// What would fail a backup that began now, the first hundred; none: nothing that can be told from here.
    pub fn refusals(&self) -> &[Error] {
        &self.refusals
    }
}
