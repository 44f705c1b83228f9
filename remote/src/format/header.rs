//! Reading a pack's own list of its blobs, by which the tests compare what we write with its index. Pushes and restores go
//! by the index.

use hotbackup::{Code, Error, Result};

use super::blob::BlobKind;
use super::crypto::{MasterKey, OVERHEAD};
use super::id::Id;
use super::pack::PackedBlob;

/// restic reads no longer list.
const LONGEST_LIST: u32 = 16 << 20;

/// The length at the end.
const LAST: usize = 4;

/// What the end of a pack says.
#[derive(Debug, PartialEq, Eq)]
pub enum Header {
    /// These blobs, from the first byte on without a gap.
    Blobs(Vec<PackedBlob>),
    /// That its list takes so many bytes at its end, of which not all were given.
    Longer(u64),
}

/// Reads the blobs from the end of a pack of that many bytes; 64 KiB of it suffice for most.
pub fn pack_header(key: &MasterKey, end: &[u8], size: u64) -> Result<Header> {
    let (before, last) = end.split_last_chunk::<LAST>().ok_or_else(|| corrupt("it is too short"))?;
    let length = u32::from_le_bytes(*last);
    let needed = u64::from(length) + LAST as u64;
    if length as usize <= OVERHEAD || length > LONGEST_LIST || needed > size {
        return Err(corrupt("its list has a length that is impossible"));
    }
    let Some(start) = before.len().checked_sub(length as usize) else {
        return if (end.len() as u64) < size {
            Ok(Header::Longer(needed))
        } else {
            Err(corrupt("it is too short"))
        };
    };
    let blobs = entries(&key.open(&before[start..])?)?;
    let end_of_blobs = blobs.last().map_or(0, |last| u64::from(last.offset) + u64::from(last.length));
    if end_of_blobs + needed != size {
        return Err(corrupt("its blobs do not fill it"));
    }
    Ok(Header::Blobs(blobs))
}

fn entries(mut list: &[u8]) -> Result<Vec<PackedBlob>> {
    fn take<'a>(list: &mut &'a [u8], length: usize) -> Result<&'a [u8]> {
        let (taken, rest) =
            list.split_at_checked(length).ok_or_else(|| corrupt("its list ends in the middle"))?;
        *list = rest;
        Ok(taken)
    }
    fn number(list: &mut &[u8]) -> Result<u32> {
        Ok(take(list, 4)?.iter().rev().fold(0, |number, byte| number << 8 | u32::from(*byte)))
    }
    let (mut blobs, mut offset) = (Vec::new(), 0u32);
    while !list.is_empty() {
        let tag = take(&mut list, 1)?[0];
        if tag > 3 {
            return Err(Error::new(
                Code::Unsupported,
                format!("its list has a blob of the unknown kind {tag}"),
            ));
        }
        let kind = if tag & 1 == 0 { BlobKind::Data } else { BlobKind::Tree };
        let length = number(&mut list)?;
        let uncompressed = if tag & 2 == 0 { None } else { Some(number(&mut list)?) };
        let mut id = [0; 32];
        id.copy_from_slice(take(&mut list, 32)?);
        blobs.push(PackedBlob { id: Id::from_bytes(id), kind, offset, length, uncompressed });
        offset = offset.checked_add(length).ok_or_else(|| corrupt("its blobs have more than 4 GiB"))?;
    }
    Ok(blobs)
}

fn corrupt(why: &str) -> Error {
    Error::new(Code::Corrupt, format!("it is no pack: {why}"))
}
