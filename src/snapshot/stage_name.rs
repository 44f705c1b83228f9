//! What a restore to a path that does not exist yet is staged as, beside it: `.<name>.hotbackup-<uuid>`.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::Path;

use uuid::Uuid;

const MARK: &[u8] = b".hotbackup-";

/// `.<name>.hotbackup-`, cut so that the whole stays a legal name.
pub fn sibling_prefix(name: &Path) -> OsString {
    const LONGEST: usize = 200;
    let name = name.as_os_str().as_bytes();
    let mut bytes = b".".to_vec();
    bytes.extend_from_slice(&name[..name.len().min(LONGEST)]);
    bytes.extend_from_slice(MARK);
    OsString::from_vec(bytes)
}

/// Whether a name is such a one.
pub fn is_staging(name: &OsStr) -> bool {
    let name = name.as_bytes();
    let Some(at) = name.windows(MARK.len()).rposition(|part| part == MARK) else { return false };
    name[0] == b'.' && Uuid::try_parse_ascii(&name[at + MARK.len()..]).is_ok()
}
