//! How thoroughly a snapshot was read back, and when.

use std::time::SystemTime;

use crate::sys::clock::time_of_ms;

/// How much is read back before a snapshot counts as good.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum VerifyLevel {
    /// Names, sizes and times of what was just staged; of a published snapshot the manifest alone.
    None,
    /// Names and sizes.
    Size,
    /// And every byte, from the cache or the disk; in a backup but for what it shares with the snapshot before.
    Checksum,
    /// And every byte, evicted from the cache first so that the disk must give it.
    Media,
}

impl VerifyLevel {
    const ALL: [VerifyLevel; 4] =
        [VerifyLevel::None, VerifyLevel::Size, VerifyLevel::Checksum, VerifyLevel::Media];

    /// The name in a manifest and in a root's ledger.
    pub(crate) fn name(self) -> &'static str {
        match self {
            VerifyLevel::None => "none",
            VerifyLevel::Size => "size",
            VerifyLevel::Checksum => "checksum",
            VerifyLevel::Media => "media",
        }
    }

    /// The level that [`name`](Self::name) named; `None`: a newer library's.
    pub(crate) fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|level| level.name() == name)
    }
}

/// What is known of a snapshot beside its manifest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Known {
    /// The last time that all of it was read back and was good.
    pub verified: Option<Verified>,
    /// Something of it was found bad since.
    pub is_damaged: bool,
}

impl Known {
    /// It was read back at a time and was good. The latest counts.
    pub fn meets(&mut self, at_ms: u64, level: VerifyLevel) {
        let at = time_of_ms(at_ms);
        if self.verified.is_none_or(|verified| verified.at < at) {
            self.verified = Some(Verified { at, level });
        }
    }
}

/// A snapshot, or a file that several of them share, was read back and found good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Verified {
    /// When.
    pub at: SystemTime,
    /// How.
    pub level: VerifyLevel,
}
