//! Blobs: pieces of files, and trees, each compressed where that helps, and sealed.

use std::fmt;

use hotbackup::{Code, Error, Result};
use zstd::bulk::{Compressor, Decompressor};
use zstd::zstd_safe::{compress_bound, get_frame_content_size};

use super::crypto::{BadSeal, MasterKey, OVERHEAD};
use super::id::Id;

/// The level of compression where none is given.
pub const LEVEL: i32 = 1;

/// No blob is longer. Most are pieces of a mebibyte; the node of a file of 2^22 pieces makes a tree of 280 MB.
pub const LONGEST_BLOB: usize = 1 << 30;

/// A buffer that has grown larger, for a tree like that, is not kept.
const KEPT: usize = 16 << 20;

/// What a blob is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BlobKind {
    /// A piece of a file.
    Data,
    /// A directory.
    Tree,
}

/// A blob as it comes into a pack.
#[derive(Debug)]
pub struct SealedBlob {
    /// Its name: the SHA-256 of its plain bytes.
    pub id: Id,
    /// What it is.
    pub kind: BlobKind,
    /// What is stored.
    pub bytes: Vec<u8>,
    /// How long it is when it is opened.
    pub plain: u32,
    /// Whether it is compressed.
    pub compressed: bool,
}

/// What is wrong with a blob.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bad {
    /// It was damaged, or sealed with another key.
    Seal,
    /// It cannot be decompressed.
    Compression,
    /// It has another length than its index says, or a length that no blob has.
    Length,
    /// Its name is of other bytes.
    Content,
    /// There is no memory for it.
    Memory,
}

impl fmt::Display for Bad {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Bad::Seal => "its seal is broken",
            Bad::Compression => "it cannot be decompressed",
            Bad::Length => "its length is not what the index says",
            Bad::Content => "its bytes are not those of its name",
            Bad::Memory => "there is no memory for it",
        })
    }
}

impl std::error::Error for Bad {}

impl From<BadSeal> for Bad {
    fn from(_: BadSeal) -> Self {
        Bad::Seal
    }
}

impl From<Bad> for Error {
    fn from(bad: Bad) -> Self {
        let code = if bad == Bad::Memory { Code::Io } else { Code::Corrupt };
        Error::new(code, bad.to_string())
    }
}

/// Seals blobs, one after the other: one for each thread, with contexts and buffers that serve again.
pub struct Sealer {
    key: MasterKey,
    /// None: nothing is compressed.
    zstd: Option<Compressor<'static>>,
    compressed: Vec<u8>,
    opener: Opener,
    opened: Vec<u8>,
}

impl Sealer {
    /// One that compresses at a level of zstd's, or does not.
    pub fn new(key: &MasterKey, level: Option<i32>) -> Result<Self> {
        Ok(Self {
            key: key.clone(),
            zstd: level.map(Compressor::new).transpose().map_err(no_context)?,
            compressed: Vec::new(),
            opener: Opener::new(key)?,
            opened: Vec::new(),
        })
    }
}

/// Seals a blob, whose name the caller has asked the index for already. What was sealed is opened again, and
/// must have that name: a flipped bit in memory, from when the name was made on, ends here and not in a restore.
pub fn seal_blob(sealer: &mut Sealer, kind: BlobKind, id: Id, plain: &[u8]) -> Result<SealedBlob> {
    if plain.len() > LONGEST_BLOB {
        return Err(Error::new(Code::Unsupported, "a directory whose record takes more than 1 GiB"));
    }
    let compressed = compress(sealer, plain)?;
    let stored = if compressed { &sealer.compressed } else { plain };
    let mut bytes = Vec::new();
    reserve(&mut bytes, stored.len() + OVERHEAD)?;
    sealer.key.seal_onto(stored, &mut bytes);
    let blob = SealedBlob { id, kind, bytes, plain: plain.len() as u32, compressed };
    let uncompressed = compressed.then_some(blob.plain);
    sealer.opener.open_into(&id, &blob.bytes, uncompressed, &mut sealer.opened).map_err(|bad| match bad {
        Bad::Memory => Error::from(bad),
        _ => Error::new(
            Code::Corrupt,
            format!("sealing blob {id}: {bad} when it is opened again: the memory is bad"),
        ),
    })?;
    keep_small(&mut sealer.compressed);
    keep_small(&mut sealer.opened);
    Ok(blob)
}

/// Compresses into the sealer's buffer, and says whether that is shorter.
fn compress(sealer: &mut Sealer, plain: &[u8]) -> Result<bool> {
    let Some(zstd) = &mut sealer.zstd else { return Ok(false) };
    sealer.compressed.clear();
    reserve(&mut sealer.compressed, compress_bound(plain.len()))?;
    let length = zstd
        .compress_to_buffer(plain, &mut sealer.compressed)
        .map_err(|error| Error::new(Code::Internal, format!("compressing: {error}")))?;
    Ok(length < plain.len())
}

/// Opens blobs, one after the other: one for each thread.
pub struct Opener {
    key: MasterKey,
    zstd: Decompressor<'static>,
    compressed: Vec<u8>,
}

impl Opener {
    /// One for blobs that were sealed with this key.
    pub fn new(key: &MasterKey) -> Result<Self> {
        Ok(Self { key: key.clone(), zstd: Decompressor::new().map_err(no_context)?, compressed: Vec::new() })
    }

    /// Opens a blob into a buffer, in place of what that holds. `uncompressed` is its length if it is compressed.
    pub fn open_into(
        &mut self,
        id: &Id,
        sealed: &[u8],
        uncompressed: Option<u32>,
        plain: &mut Vec<u8>,
    ) -> std::result::Result<(), Bad> {
        plain.clear();
        match uncompressed {
            None => {
                reserve(plain, sealed.len())?;
                self.key.open_into(sealed, plain)?;
            }
            Some(length) => {
                self.compressed.clear();
                reserve(&mut self.compressed, sealed.len())?;
                self.key.open_into(sealed, &mut self.compressed)?;
                self.decompress(length as usize, plain)?;
                keep_small(&mut self.compressed);
            }
        }
        if Id::of(plain) == *id { Ok(()) } else { Err(Bad::Content) }
    }

    /// Decompresses to that length, and takes no more memory than that, whatever the bytes say.
    fn decompress(&mut self, length: usize, plain: &mut Vec<u8>) -> std::result::Result<(), Bad> {
        let said = get_frame_content_size(&self.compressed).map_err(|_| Bad::Compression)?;
        if length > LONGEST_BLOB || said.is_some_and(|said| said != length as u64) {
            return Err(Bad::Length);
        }
        reserve(plain, length)?;
        self.zstd.decompress_to_buffer(&self.compressed, plain).map_err(|_| Bad::Compression)?;
        if plain.len() == length { Ok(()) } else { Err(Bad::Length) }
    }
}

#[cfg(test)]
/// The plain bytes of a blob: their seal, length and SHA-256 are checked.
pub fn open_blob(
    opener: &mut Opener,
    id: &Id,
    sealed: &[u8],
    uncompressed: Option<u32>,
) -> std::result::Result<Vec<u8>, Bad> {
    let mut plain = Vec::new();
    opener.open_into(id, sealed, uncompressed, &mut plain)?;
    Ok(plain)
}

fn reserve(buffer: &mut Vec<u8>, length: usize) -> std::result::Result<(), Bad> {
    buffer.try_reserve_exact(length).map_err(|_| Bad::Memory)
}

fn keep_small(buffer: &mut Vec<u8>) {
    if buffer.capacity() > KEPT {
        *buffer = Vec::new();
    }
}

fn no_context(error: std::io::Error) -> Error {
    Error::new(Code::Io, format!("no memory for zstd: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::crypto::random;

    fn tools() -> (MasterKey, Sealer, Opener) {
        let key = MasterKey::generate();
        let (sealer, opener) = (Sealer::new(&key, Some(LEVEL)).unwrap(), Opener::new(&key).unwrap());
        (key, sealer, opener)
    }

    #[test]
    fn a_blob_is_compressed_where_that_helps_and_read_back() {
        let (_, mut sealer, mut opener) = tools();
        let mut noise = vec![0; 100_000];
        random(&mut noise);
        for (plain, compressed) in
            [(vec![], false), (b"a".to_vec(), false), (noise, false), (vec![7; 100_000], true)]
        {
            let id = Id::of(&plain);
            let blob = seal_blob(&mut sealer, BlobKind::Data, id, &plain).unwrap();
            assert_eq!((blob.compressed, blob.plain as usize), (compressed, plain.len()));
            assert!(blob.bytes.len() <= plain.len() + OVERHEAD);
            let opened = open_blob(&mut opener, &id, &blob.bytes, compressed.then_some(blob.plain));
            assert_eq!(opened.unwrap(), plain);
        }
    }

    #[test]
    fn a_name_that_is_not_of_the_bytes_is_found_before_anything_is_stored() {
        let (_, mut sealer, _) = tools();
        let error = seal_blob(&mut sealer, BlobKind::Data, Id::of(b"b"), b"a").unwrap_err();
        assert_eq!(error.code(), Code::Corrupt);
    }

    #[test]
    fn what_is_wrong_with_a_blob_is_told() {
        let (key, mut sealer, mut opener) = tools();
        let plain = vec![7; 100_000];
        let id = Id::of(&plain);
        let blob = seal_blob(&mut sealer, BlobKind::Data, id, &plain).unwrap();
        let mut open = |bytes: &[u8], length| open_blob(&mut opener, &id, bytes, length).unwrap_err();
        assert_eq!(open(&blob.bytes, Some(99_999)), Bad::Length);
        assert_eq!(open(&blob.bytes, Some(u32::MAX)), Bad::Length);
        assert_eq!(open(&blob.bytes, None), Bad::Content);
        assert_eq!(open(&blob.bytes[1..], Some(100_000)), Bad::Seal);
        assert_eq!(open(&key.seal(b"no frame"), Some(100_000)), Bad::Compression);
        assert_eq!(open(&key.seal(&plain[1..]), None), Bad::Content);
    }

    /// A frame that does not say how long it is, and is longer than the index says.
    #[test]
    fn a_blob_that_would_fill_the_memory_is_refused() {
        let (key, _, mut opener) = tools();
        let bomb = zstd::encode_all(std::io::Read::take(std::io::repeat(0), 1 << 30), 1).unwrap();
        let sealed = key.seal(&bomb);
        let mut plain = Vec::new();
        let result = opener.open_into(&Id::of(b""), &sealed, Some(1 << 20), &mut plain);
        assert_eq!(result, Err(Bad::Compression));
        assert!(plain.capacity() <= 1 << 20);
    }
}
