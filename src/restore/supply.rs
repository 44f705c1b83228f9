//! A snapshot that does not lie in a directory of this machine, as whoever brings it gives it.

use std::path::Path;

use crate::error::Result;
pub use crate::staging::SupplyReader;

/// A snapshot that lies elsewhere. Its methods are called on I/O threads, [`open`](Self::open) on several at once.
pub trait Supply: Send + Sync {
    /// What messages call it, such as `s3://bucket/db, snapshot 3f2a`.
    fn name(&self) -> &Path;

    /// Its manifest, as it lies in a snapshot's directory: it must have its own checksum.
    fn manifest(&self) -> Result<Vec<u8>>;

    /// Begins to read a file of it, of which the manifest has this many bytes.
    fn open(&self, path: &Path, size: u64) -> Result<Box<dyn SupplyReader + '_>>;
}
