//! What the fuzzers in fuzz/ reach; `--cfg fuzzing` is in no other build.

use crate::io::checksum;
use crate::snapshot::{CHECKSUM_END, CHECKSUM_START, parse_manifest};

/// Reads the bytes as a manifest, and once more with a checksum that is right, behind which a mutation
/// would else never get. What is read then must be the same when it is written and read again.
pub fn manifest(bytes: &[u8]) {
    let _ = parse_manifest(bytes);
    let start = CHECKSUM_START.as_bytes();
    let end = bytes.windows(start.len()).rposition(|at| at == start).unwrap_or(bytes.len());
    let body = &bytes[..end];
    let checksum = format!("{CHECKSUM_START}{:08x}{CHECKSUM_END}", checksum::of(body));
    let Ok(read) = parse_manifest(&[body, checksum.as_bytes()].concat()) else { return };
    let mut written = Vec::new();
    read.write(&mut written).expect("memory takes it");
    let again = parse_manifest(&written).expect("what was written is read");
    assert_eq!(format!("{again:?}"), format!("{read:?}"));
}
