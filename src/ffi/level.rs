//! Levels: how thoroughly what is stored is read back.

use super::args::refused;
use crate::error::Result;
use crate::snapshot::VerifyLevel;

/// Nothing is read back. A backup and a restore still compare the names, sizes and times of what
/// they have staged, as at every level, and a restore each byte that it copies; a verification
/// reads the manifest alone.
pub const BACKUP_VERIFY_NONE: i32 = 0;
/// A verification compares names and sizes.
pub const BACKUP_VERIFY_SIZE: i32 = 1;
/// A verification compares names and sizes, and every job reads each byte back, from the cache or
/// the disk; a backup of what it shares with the snapshot before it not more than
/// backup_options_set_reread_after says. The default.
pub const BACKUP_VERIFY_CHECKSUM: i32 = 2;
/// A verification compares names and sizes, and every job reads each byte back, evicted from the
/// cache first so that the disk must give it; a backup of what it shares likewise.
pub const BACKUP_VERIFY_MEDIA: i32 = 3;

/// A level by its number.
pub fn verify_level(value: i32) -> Result<VerifyLevel> {
    match value {
        BACKUP_VERIFY_NONE => Ok(VerifyLevel::None),
        BACKUP_VERIFY_SIZE => Ok(VerifyLevel::Size),
        BACKUP_VERIFY_CHECKSUM => Ok(VerifyLevel::Checksum),
        BACKUP_VERIFY_MEDIA => Ok(VerifyLevel::Media),
        _ => Err(refused(format!("{value} is not a verify level"))),
    }
}

/// The number of a level.
pub fn number_of_level(level: VerifyLevel) -> i32 {
    match level {
        VerifyLevel::None => BACKUP_VERIFY_NONE,
        VerifyLevel::Size => BACKUP_VERIFY_SIZE,
        VerifyLevel::Checksum => BACKUP_VERIFY_CHECKSUM,
        VerifyLevel::Media => BACKUP_VERIFY_MEDIA,
    }
}
