//! Result codes.

use std::ffi::{CStr, c_char};

/// What a call returns: BACKUP_OK, or why it failed.
pub type backup_code = i32;

/// Done.
pub const BACKUP_OK: i32 = 0;
/// An argument or an option is wrong, or two of them do not go together.
pub const BACKUP_INVALID_ARGUMENT: i32 = 1;
/// A directory, a snapshot, a job or a named file is not there.
pub const BACKUP_NOT_FOUND: i32 = 2;
/// Something else is at work here: another backup, another process, a running host. Also: a
/// handle of the parent process is used after fork, or a job is waited for from its own hook.
pub const BACKUP_CONFLICT: i32 = 3;
/// A system call failed: backup_error_os_error says how, backup_error_path on what.
pub const BACKUP_IO: i32 = 4;
/// A disk or a quota is full, or would be below the wanted reserve.
pub const BACKUP_NO_SPACE: i32 = 5;
/// A source file broke the promise of its class while it was read.
pub const BACKUP_SOURCE_CHANGED: i32 = 6;
/// A snapshot, a manifest or a staged copy is not what it should be.
pub const BACKUP_CORRUPT: i32 = 7;
/// A hook failed: backup_error_message has its reason, backup_error_cause its own exception.
pub const BACKUP_HOOK_FAILED: i32 = 8;
/// The freeze window took longer than the freeze timeout.
pub const BACKUP_FREEZE_TIMEOUT: i32 = 9;
/// The job was cancelled.
pub const BACKUP_CANCELLED: i32 = 10;
/// backup_wait ended before the job did. No job ends with it, and no error is made for it.
pub const BACKUP_TIMEOUT: i32 = 11;
/// An interrupted restore lies here: call backup_recover first.
pub const BACKUP_RESTORE_UNFINISHED: i32 = 12;
/// This system, file system or build cannot do it.
pub const BACKUP_UNSUPPORTED: i32 = 13;
/// A defect of the library.
pub const BACKUP_INTERNAL: i32 = 14;
/// A store refuses what was asked: no credentials, wrong or expired ones, or too few rights.
pub const BACKUP_UNAUTHORIZED: i32 = 15;
/// A store cannot be reached, or does not answer in time.
pub const BACKUP_UNREACHABLE: i32 = 16;

/// The name of a code as it stands here, such as "BACKUP_NO_SPACE"; "BACKUP_UNKNOWN" for a value
/// that this library does not know. A constant string, never NULL. Any thread. (since 0.1)
#[unsafe(no_mangle)]
pub extern "C" fn backup_code_name(code: backup_code) -> *const c_char {
    name(code).as_ptr()
}

fn name(code: backup_code) -> &'static CStr {
    match code {
        BACKUP_OK => c"BACKUP_OK",
        BACKUP_INVALID_ARGUMENT => c"BACKUP_INVALID_ARGUMENT",
        BACKUP_NOT_FOUND => c"BACKUP_NOT_FOUND",
        BACKUP_CONFLICT => c"BACKUP_CONFLICT",
        BACKUP_IO => c"BACKUP_IO",
        BACKUP_NO_SPACE => c"BACKUP_NO_SPACE",
        BACKUP_SOURCE_CHANGED => c"BACKUP_SOURCE_CHANGED",
        BACKUP_CORRUPT => c"BACKUP_CORRUPT",
        BACKUP_HOOK_FAILED => c"BACKUP_HOOK_FAILED",
        BACKUP_FREEZE_TIMEOUT => c"BACKUP_FREEZE_TIMEOUT",
        BACKUP_CANCELLED => c"BACKUP_CANCELLED",
        BACKUP_TIMEOUT => c"BACKUP_TIMEOUT",
        BACKUP_RESTORE_UNFINISHED => c"BACKUP_RESTORE_UNFINISHED",
        BACKUP_UNSUPPORTED => c"BACKUP_UNSUPPORTED",
        BACKUP_INTERNAL => c"BACKUP_INTERNAL",
        BACKUP_UNAUTHORIZED => c"BACKUP_UNAUTHORIZED",
        BACKUP_UNREACHABLE => c"BACKUP_UNREACHABLE",
        _ => c"BACKUP_UNKNOWN",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Code;

    #[test]
    fn the_constants_are_the_codes() {
        for (value, code) in (1..).zip(Code::ALL) {
            assert_eq!(code as i32, value);
            assert_eq!(name(value).to_str(), Ok(format!("BACKUP_{}", code.name()).as_str()));
        }
    }
}
