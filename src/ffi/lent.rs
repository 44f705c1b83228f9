//! What passes between this library and another by the table.

use std::slice;

use super::error::backup_error;
use crate::error::{Code, Error, Result};
use crate::extension::table::{Bytes, Handle};

/// Bytes that the other library lends.
///
/// # Safety
/// They are there for `'a`.
pub unsafe fn bytes<'a>(lent: Bytes) -> Option<&'a [u8]> {
    // SAFETY: not NULL, so by the table's terms there are so many.
    (!lent.data.is_null()).then(|| unsafe { slice::from_raw_parts(lent.data, lent.length) })
}

/// What a callback has returned and written: its error is taken over.
///
/// # Safety
/// `error` is NULL or a new handle of an error.
pub unsafe fn outcome(code: i32, error: Handle) -> Result<()> {
    let told = match error.is_null() {
        true => None,
        // SAFETY: as this function's caller says; it is nobody else's.
        false => Some(unsafe { Box::from_raw(error.cast::<backup_error>()) }),
    };
    match (code, told) {
        (0, _) => Ok(()),
        (_, Some(told)) => Err(told.error().clone()),
        (_, None) => Err(Error::new(
            Code::from_number(code).unwrap_or(Code::Internal),
            format!("the work of a job failed with code {code}"),
        )),
    }
}
