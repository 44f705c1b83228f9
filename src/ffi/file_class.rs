//! File classes.

use super::args::refused;
use crate::error::Result;
use crate::layout::FileClass;

/// Never changes once it is complete, may be deleted (an SST). Linked ahead of the freeze, and
/// copied after thaw.
pub const BACKUP_FILE_IMMUTABLE: i32 = 1;
/// Never truncated, nor written below its length, nor reused under another name; may be deleted
/// (a log that is not recycled). The part that exists at the freeze is copied after thaw.
pub const BACKUP_FILE_APPEND_ONLY: i32 = 2;
/// What is reachable at the freeze does not change until release (LMDB and bbolt under a read
/// transaction that began inside the freeze). Its first 256 KiB are copied inside the freeze, the
/// rest after thaw and before release.
pub const BACKUP_FILE_PINNED: i32 = 3;
/// May change at any time. Copied inside the freeze. What no rule matches is mutable.
pub const BACKUP_FILE_MUTABLE: i32 = 4;
/// Not data (a lock file): left out, and left alone by a restore.
pub const BACKUP_FILE_EXCLUDED: i32 = 5;
/// A flag (0x100) or-ed to BACKUP_FILE_IMMUTABLE, for engines that build tables in place under their
/// final names and keep the truth in another file (LevelDB, RocksDB, Pebble): a file that is still
/// being built is left out and counted instead of failing the backup.
pub const BACKUP_FILE_UNFINISHED_OK: i32 = 0x100;

const IMMUTABLE_UNFINISHED_OK: i32 = BACKUP_FILE_IMMUTABLE | BACKUP_FILE_UNFINISHED_OK;

/// The class that a constant stands for: the class in the low 8 bits, flags above.
pub fn from_c(value: i32) -> Result<FileClass> {
    match value {
        BACKUP_FILE_IMMUTABLE => Ok(FileClass::IMMUTABLE),
        IMMUTABLE_UNFINISHED_OK => Ok(FileClass::Immutable { unfinished_ok: true }),
        BACKUP_FILE_APPEND_ONLY => Ok(FileClass::AppendOnly),
        BACKUP_FILE_PINNED => Ok(FileClass::Pinned),
        BACKUP_FILE_MUTABLE => Ok(FileClass::Mutable),
        BACKUP_FILE_EXCLUDED => Ok(FileClass::Excluded),
        1.. if value & BACKUP_FILE_UNFINISHED_OK != 0 => Err(refused(format!(
            "{value:#x}: the flag BACKUP_FILE_UNFINISHED_OK goes with BACKUP_FILE_IMMUTABLE alone"
        ))),
        _ => Err(refused(format!("{value:#x} is not a file class"))),
    }
}

/// The constant that stands for a class.
pub fn to_c(class: FileClass) -> i32 {
    match class {
        FileClass::Immutable { unfinished_ok: false } => BACKUP_FILE_IMMUTABLE,
        FileClass::Immutable { unfinished_ok: true } => IMMUTABLE_UNFINISHED_OK,
        FileClass::AppendOnly => BACKUP_FILE_APPEND_ONLY,
        FileClass::Pinned => BACKUP_FILE_PINNED,
        FileClass::Mutable => BACKUP_FILE_MUTABLE,
        FileClass::Excluded => BACKUP_FILE_EXCLUDED,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_constants_are_the_file_classes() {
        let classes = [
            (BACKUP_FILE_IMMUTABLE, "immutable"),
            (BACKUP_FILE_APPEND_ONLY, "append_only"),
            (BACKUP_FILE_PINNED, "pinned"),
            (BACKUP_FILE_MUTABLE, "mutable"),
            (BACKUP_FILE_EXCLUDED, "excluded"),
            (BACKUP_FILE_IMMUTABLE | BACKUP_FILE_UNFINISHED_OK, "immutable+unfinished_ok"),
        ];
        for (value, name) in classes {
            let class = from_c(value).unwrap();
            assert_eq!((class.name(), to_c(class)), (name, value));
        }
    }
}
