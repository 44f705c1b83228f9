//! All names that this library gives to what it keeps in a data directory, or beside it. Those in a
//! backup root are in [`crate::root::names`].

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::Path;

use uuid::Uuid;

/// The directory at the top of a source that is the library's own.
pub const LIFECYCLE: &str = ".lifecycle";

/// The file whose lock an open coordinator shares and a restore holds alone.
pub const OWNER: &str = ".lifecycle/owner";

/// Its name there, which tells the directory from one of a database's.
pub const OWNER_NAME: &str = "owner";

/// The id of the directory.
pub const ID: &str = ".lifecycle/id";

/// The id before it takes its name.
pub const NEW_ID: &str = ".lifecycle/id.new";

/// The roots that the directory has used.
pub const ROOTS: &str = ".lifecycle/roots";

/// The record of the roots before it takes its name.
pub const NEW_ROOTS: &str = ".lifecycle/roots.new";

/// The further sources that the directory has.
pub const SOURCES: &str = ".lifecycle/sources";

/// The record of the further sources before it takes its name.
pub const NEW_SOURCES: &str = ".lifecycle/sources.new";

/// What the directories of pins are called by in `.lifecycle`, each followed by the UUID of its backup.
pub const PINS: &str = "pins-";

/// What the file by which a job measures the disk is called for an instant, where none can be made without a
/// name.
pub const PROBE: &str = "latency-probe";

/// Where stagings of restores into the directory lie.
pub const RESTORE: &str = ".lifecycle/restore";

/// The journal of a swap. While it is there, the directory is half old and half new.
pub const JOURNAL: &str = ".lifecycle/restore/journal";

/// Where snapshots live, unless the host says otherwise.
pub const DEFAULT_ROOT: &str = ".lifecycle/backup";

/// Where checkpoints lie.
pub const CHECKPOINTS: &str = ".lifecycle/checkpoints";

/// What restores have replaced: directories called `ts-<n>`, each with the record of its swap beside it.
pub const ASIDE: &str = ".lifecycle/restore-backup";

/// The extension of the record of a swap beside what it put aside.
pub const ASIDE_RECORD: &str = "swap";

/// What is between a target's name and a UUID in the name of its staging.
const MARK: &[u8] = b".hotbackup-";

/// A restore to a path that does not exist yet is staged beside it, as this and a UUID:
/// `.<name>.hotbackup-`, cut so that the whole stays a legal name.
pub fn sibling_prefix(name: &Path) -> OsString {
    // A name has up to 255 bytes, of which the dot, the mark and a UUID take 48.
    const LONGEST: usize = 200;
    let name = name.as_os_str().as_bytes();
    let mut bytes = b".".to_vec();
    bytes.extend_from_slice(&name[..name.len().min(LONGEST)]);
    bytes.extend_from_slice(MARK);
    OsString::from_vec(bytes)
}

/// Whether a name is that of such a staging.
pub fn is_staging(name: &OsStr) -> bool {
    let name = name.as_bytes();
    let Some(at) = name.windows(MARK.len()).rposition(|part| part == MARK) else { return false };
    name[0] == b'.' && Uuid::try_parse_ascii(&name[at + MARK.len()..]).is_ok()
}
