//! Errors as handles.

use std::error::Error as _;
use std::ffi::{CString, c_char, c_void};
use std::os::unix::ffi::OsStrExt;
use std::ptr;

use super::caught::quiet;
use super::code::{BACKUP_OK, backup_code};
use super::hook_failure::HookFailure;
use super::text::{c_text, lend};
use crate::error::Error;

/// Why a call or a job failed. It belongs to whoever got it through a backup_error **, and goes
/// with backup_error_free. Nothing ever changes in it; any thread may look.
pub struct backup_error {
    error: Error,
    message: CString,
    path: Option<CString>,
}

impl backup_error {
    pub fn new(error: Error) -> Self {
        let message = c_text(error.message().as_bytes());
        let path = error.path().map(|path| c_text(path.as_os_str().as_bytes()));
        Self { error, message, path }
    }

    pub fn error(&self) -> &Error {
        &self.error
    }

    pub fn code(&self) -> backup_code {
        self.error.code() as backup_code
    }
}

/// The code that the failed call returned; BACKUP_OK for NULL. (since 0.1)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn backup_error_code(error: Option<&backup_error>) -> backup_code {
    error.map_or(BACKUP_OK, backup_error::code)
}

/// One line of UTF-8 for a person: what was being done, to which path, why it failed, what is
/// unharmed. Control characters are escaped. Valid until the error is freed; NULL for NULL.
/// (since 0.1)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn backup_error_message(error: Option<&backup_error>) -> *const c_char {
    lend(error.map(|error| &error.message))
}

/// The errno of the system call that failed; 0 if it was none. (since 0.1)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn backup_error_os_error(error: Option<&backup_error>) -> i32 {
    error.map_or(0, |error| error.error.os_error())
}

/// The path concerned, its bytes as they are on disk; NULL if there is none. Valid until the
/// error is freed. (since 0.1)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn backup_error_path(error: Option<&backup_error>) -> *const c_char {
    lend(error.and_then(|error| error.path.as_ref()))
}

/// The cause that a hook gave to backup_hook_set_error; NULL if there is none. It lives as long as
/// the longest of this error, any other error of the same job, and the job. (since 0.1)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn backup_error_cause(error: Option<&backup_error>) -> *mut c_void {
    let failure = error.and_then(|error| error.error.source()).and_then(|source| source.downcast_ref());
    failure.map_or(ptr::null_mut(), HookFailure::cause)
}

/// Frees an error and its strings, never one that is borrowed (backup_snapshot_error). NULL is
/// fine. (since 0.1)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn backup_error_free(error: Option<Box<backup_error>>) {
    quiet((), || drop(error));
}
