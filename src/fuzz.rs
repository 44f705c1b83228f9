//! What the fuzzers in fuzz/ reach; `--cfg fuzzing` is in no other build.

use std::io::Cursor;

use crate::io::checksum;
use crate::snapshot::{CHECKSUM_END, CHECKSUM_START, Manifest, read_manifest};

/// Reads the bytes as a manifest, and once more with a checksum that is right, behind which a mutation
/// would else never get. What is read then must be the same when it is written and read again.
pub fn manifest(bytes: &[u8]) {
    let _ = read(bytes);
    let start = CHECKSUM_START.as_bytes();
    let end = bytes.windows(start.len()).rposition(|at| at == start).unwrap_or(bytes.len());
    let body = &bytes[..end];
    let checksum = format!("{CHECKSUM_START}{:08x}{CHECKSUM_END}", checksum::of(body));
    let Ok(first) = read(&[body, checksum.as_bytes()].concat()) else { return };
    let mut written = Vec::new();
    first.write(&mut written).expect("memory takes it");
    let again = read(&written).expect("what was written is read");
    assert_eq!(format!("{again:?}"), format!("{first:?}"));
}

fn read(bytes: &[u8]) -> Result<Manifest, ()> {
    read_manifest(&mut Cursor::new(bytes), bytes.len() as u64).map_err(drop)
}
