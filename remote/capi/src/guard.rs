//! The boundary itself: no panic crosses it, no cancellation of the host's thread acts within it, and each failure
//! becomes a code and an error of libhotbackup's.

use std::ptr;

use hotbackup::{Code, Error, Result};

use crate::caught::caught;
use crate::core::Core;
use crate::handles::{OK, backup_code, backup_error};

/// Runs the body of a function that reports failure. `core`: that of its handle, if it has one.
///
/// # Safety
/// `error` is NULL or can be written.
pub unsafe fn call(
    core: Option<Core>,
    error: *mut *mut backup_error,
    body: impl FnOnce() -> Result<()>,
) -> backup_code {
    let report = |handle: *mut backup_error| {
        if !error.is_null() {
            // SAFETY: not NULL, so it can be written.
            unsafe { error.write(handle) };
        }
    };
    report(ptr::null_mut());
    let failure = match caught(body) {
        Ok(Ok(())) => return OK,
        Ok(Err(failure)) => failure,
        Err(_) => panicked(),
    };
    if let Some(core) = core.or_else(Core::last).filter(|_| !error.is_null()) {
        report(core.error(&failure));
    }
    failure.code() as backup_code
}

/// What a panic becomes.
pub fn panicked() -> Error {
    Error::new(Code::Internal, "hotbackup_remote panicked, which is a defect of hotbackup")
}
