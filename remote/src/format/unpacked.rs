//! Objects that are no packs: snapshots, index objects, locks. Their JSON is compressed and sealed; that of
//! former versions of restic is only sealed.

use std::io::Read;

use hotbackup::{Code, Error, Result};

use super::blob::LEVEL;
use super::crypto::MasterKey;

/// What stands before JSON that is compressed.
const COMPRESSED: u8 = 2;

/// No object is longer when it is opened: an index object of restic's has some megabytes.
const LONGEST: u64 = 256 << 20;

/// The object that holds this JSON. Its name is the [`Id`](super::Id) of it.
pub fn seal_unpacked(key: &MasterKey, json: &[u8]) -> Result<Vec<u8>> {
    let mut plain = vec![0; 1 + zstd::zstd_safe::compress_bound(json.len())];
    plain[0] = COMPRESSED;
    let length = zstd::bulk::compress_to_buffer(json, &mut plain[1..], LEVEL)
        .map_err(|error| Error::new(Code::Internal, format!("compressing: {error}")))?;
    let sealed = key.seal(&plain[..1 + length]);
    match open_unpacked(key, &sealed)? == json {
        true => Ok(sealed),
        false => Err(Error::new(Code::Corrupt, "what was sealed opens to other bytes: the memory is bad")),
    }
}

/// The JSON that an object holds.
pub fn open_unpacked(key: &MasterKey, sealed: &[u8]) -> Result<Vec<u8>> {
    let plain = key.open(sealed)?;
    match plain.first() {
        Some(b'{' | b'[') => Ok(plain),
        Some(&COMPRESSED) => decompress(&plain[1..]),
        Some(other) => Err(Error::new(
            Code::Unsupported,
            format!("its encoding {other} is of a newer version of restic"),
        )),
        None => Err(Error::new(Code::Corrupt, "it is empty")),
    }
}

fn decompress(compressed: &[u8]) -> Result<Vec<u8>> {
    let mut json = Vec::new();
    zstd::stream::read::Decoder::with_buffer(compressed)
        .and_then(|decoder| decoder.take(LONGEST + 1).read_to_end(&mut json))
        .map_err(|error| Error::new(Code::Corrupt, format!("it cannot be decompressed: {error}")))?;
    if json.len() as u64 > LONGEST {
        return Err(Error::new(Code::Corrupt, "it decompresses to more than 256 MiB"));
    }
    Ok(json)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_is_read_back_whether_compressed_or_not() {
        let key = MasterKey::generate();
        for json in ["", "{}", r#"{"a":"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"}"#] {
            let sealed = seal_unpacked(&key, json.as_bytes()).unwrap();
            assert_eq!(open_unpacked(&key, &sealed).unwrap(), json.as_bytes());
        }
        assert_eq!(open_unpacked(&key, &key.seal(b"[1]")).unwrap(), b"[1]");
    }

    #[test]
    fn what_is_neither_is_refused() {
        let key = MasterKey::generate();
        let code = |plain: &[u8]| open_unpacked(&key, &key.seal(plain)).unwrap_err().code();
        assert_eq!(code(b""), Code::Corrupt);
        assert_eq!(code(b"\x02"), Code::Corrupt);
        assert_eq!(code(b"\x02{}"), Code::Corrupt);
        assert_eq!(code(b"\x03{}"), Code::Unsupported);
    }

    #[test]
    fn an_object_that_would_fill_the_memory_is_refused() {
        let key = MasterKey::generate();
        let mut plain = vec![COMPRESSED];
        plain.extend(zstd::encode_all(std::io::repeat(b' ').take(LONGEST + 1), 1).unwrap());
        assert!(plain.len() < 100_000);
        assert_eq!(open_unpacked(&key, &key.seal(&plain)).unwrap_err().code(), Code::Corrupt);
    }
}
