//! The boundary itself: no panic crosses it, no cancellation of the host's thread acts within it, and
//! each failure becomes a code and a `backup_error`.

use std::ptr;

use super::caught::caught;
use super::code::{BACKUP_OK, backup_code};
use super::error::backup_error;
use crate::error::{Code, Error, Result};

/// Runs the body of a function that reports failure.
///
/// # Safety
/// `error` is NULL or can be written.
pub unsafe fn call(error: *mut *mut backup_error, body: impl FnOnce() -> Result<()>) -> backup_code {
    // SAFETY: as this function's caller says.
    unsafe { code(error, || body().map(|()| BACKUP_OK)) }
}

/// Runs the body of a function that reports failure and has more than one way to succeed.
///
/// # Safety
/// `error` is NULL or can be written.
pub unsafe fn code(error: *mut *mut backup_error, body: impl FnOnce() -> Result<backup_code>) -> backup_code {
    let report = |handle: *mut backup_error| {
        if !error.is_null() {
            // SAFETY: not NULL, so it can be written.
            unsafe { error.write(handle) };
        }
    };
    report(ptr::null_mut());
    let failure = match caught(body) {
        Ok(Ok(code)) => return code,
        Ok(Err(failure)) => failure,
        Err(_) => Error::new(Code::Internal, "hotbackup panicked, which is a defect of hotbackup"),
    };
    let code = failure.code() as backup_code;
    if !error.is_null() {
        report(Box::into_raw(Box::new(backup_error::new(failure))));
    }
    code
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_becomes_an_internal_error() {
        let mut error = ptr::null_mut();
        // SAFETY: `error` can be written.
        let code = unsafe { call(&mut error, || panic!("on purpose")) };
        assert_eq!(code, Code::Internal as backup_code);
        // SAFETY: a failed call made it.
        let error = unsafe { Box::from_raw(error) };
        assert_eq!(error.code(), code);
    }

    #[test]
    fn an_error_left_from_before_is_forgotten() {
        let mut error = ptr::dangling_mut();
        // SAFETY: `error` can be written, whatever it held.
        assert_eq!(unsafe { call(&mut error, || Ok(())) }, BACKUP_OK);
        assert!(error.is_null());
    }
}
