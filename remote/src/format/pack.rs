//! Packs: sealed blobs one after the other, then a sealed list of them, then its length.

use aws_lc_rs::digest;
use hotbackup::{Code, Error, Result};

use super::blob::{BlobKind, SealedBlob};
use super::crypto::MasterKey;
use super::id::Id;

/// A pack of that length is full. Restic's own have twice that, and wait in files; these wait in memory, three at a time.
const FULL: usize = 8 << 20;

/// So is one with so many blobs, however small: restic reads no list of more than 16 MiB.
const MOST_BLOBS: usize = 100_000;

/// Where a blob lies in its pack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PackedBlob {
    /// Its name.
    pub id: Id,
    /// What it is.
    pub kind: BlobKind,
    /// Where it begins.
    pub offset: u32,
    /// How many bytes it takes there.
    pub length: u32,
    /// How long it is when it is opened, if it is compressed.
    pub uncompressed: Option<u32>,
}

/// A pack that can be stored.
pub struct Pack {
    /// Its name: the SHA-256 of it.
    pub id: Id,
    /// What is stored.
    pub bytes: Vec<u8>,
    /// What is where in it.
    pub blobs: Vec<PackedBlob>,
}

/// A pack that is being filled.
pub struct PackWriter {
    kind: BlobKind,
    bytes: Vec<u8>,
    blobs: Vec<PackedBlob>,
    digest: digest::Context,
}

impl PackWriter {
    /// An empty one. restic keeps pieces and trees in packs of their own.
    pub fn new(kind: BlobKind) -> Self {
        let digest = digest::Context::new(&digest::SHA256);
        Self { kind, bytes: Vec::new(), blobs: Vec::new(), digest }
    }

    /// One that is still empty is filled into this buffer, whatever that holds.
    pub fn fill(&mut self, mut buffer: Vec<u8>) {
        buffer.clear();
        self.bytes = buffer;
    }

    /// Adds a blob, which must be of the pack's kind.
    pub fn add(&mut self, blob: SealedBlob) -> Result<()> {
        if blob.kind != self.kind {
            return Err(Error::new(Code::Internal, "a blob in a pack of the other kind"));
        }
        if self.bytes.capacity() == 0 {
            self.bytes.reserve(FULL + (2 << 20));
        }
        let (Ok(offset), Ok(length)) = (u32::try_from(self.bytes.len()), u32::try_from(blob.bytes.len()))
        else {
            return Err(Error::new(Code::Internal, "a pack of more than 4 GiB"));
        };
        let uncompressed = blob.compressed.then_some(blob.plain);
        self.blobs.push(PackedBlob { id: blob.id, kind: blob.kind, offset, length, uncompressed });
        self.bytes.extend_from_slice(&blob.bytes);
        self.digest.update(&blob.bytes);
        Ok(())
    }

    /// Whether nothing was added.
    pub fn is_empty(&self) -> bool {
        self.blobs.is_empty()
    }

    /// Whether it is to be finished.
    pub fn is_full(&self) -> bool {
        self.bytes.len() >= FULL || self.blobs.len() >= MOST_BLOBS
    }

    /// The pack with its list, and its name.
    pub fn finish(self, key: &MasterKey) -> Pack {
        let Self { mut bytes, blobs, mut digest, .. } = self;
        let start = bytes.len();
        key.seal_onto(&list(&blobs), &mut bytes);
        let length = (bytes.len() - start) as u32;
        bytes.extend_from_slice(&length.to_le_bytes());
        digest.update(&bytes[start..]);
        Pack { id: Id::from_digest(&digest.finish()), bytes, blobs }
    }
}

/// The list of the blobs as it is sealed: kind, length, the plain length if it is compressed, name.
fn list(blobs: &[PackedBlob]) -> Vec<u8> {
    let mut list = Vec::with_capacity(blobs.len() * 41);
    for blob in blobs {
        let kind = u8::from(blob.kind == BlobKind::Tree);
        list.push(kind | u8::from(blob.uncompressed.is_some()) << 1);
        list.extend_from_slice(&blob.length.to_le_bytes());
        if let Some(uncompressed) = blob.uncompressed {
            list.extend_from_slice(&uncompressed.to_le_bytes());
        }
        list.extend_from_slice(blob.id.as_bytes());
    }
    list
}
