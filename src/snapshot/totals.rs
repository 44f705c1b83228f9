//! The files of a snapshot, summed up.

use serde::{Deserialize, Serialize};

use super::entries::FileEntry;

/// Files, counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Totals {
    /// How many they are.
    pub files: u64,
    /// The sum of their logical sizes.
    pub bytes: u64,
    /// How many of them are an earlier snapshot's.
    pub files_shared: u64,
    /// The sum of the logical sizes of those.
    pub bytes_shared: u64,
    /// When that of those was last read back which was not for the longest time, in milliseconds since 1970.
    pub oldest_read_ms: Option<u64>,
}

impl Totals {
    /// One more.
    pub fn add<P>(&mut self, file: &FileEntry<P>) {
        self.files += 1;
        self.bytes = self.bytes.saturating_add(file.size);
        if let Some(shared) = file.shared {
            self.files_shared += 1;
            self.bytes_shared = self.bytes_shared.saturating_add(file.size);
            let oldest = self.oldest_read_ms.unwrap_or(u64::MAX);
            self.oldest_read_ms = Some(oldest.min(shared.verified_at_ms));
        }
    }
}
