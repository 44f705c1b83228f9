//! The libhotbackup that this library's user uses, by its table.

use std::ffi::OsStr;
use std::mem::size_of;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::ptr;
use std::slice;
use std::sync::atomic::{AtomicPtr, Ordering};

use hotbackup::extension::table::{Bytes, ErrorParts, Handle, Table};
use hotbackup::{Code, Error, Result};

use crate::handles::{backup_error, backup_extension};

/// A libhotbackup. Its table is constant.
#[derive(Clone, Copy)]
pub struct Core {
    table: &'static Table,
}

/// The one that was given last: for calls without a handle, whose errors must come from somewhere.
static LAST: AtomicPtr<Table> = AtomicPtr::new(ptr::null_mut());

impl Core {
    /// By the table that a host hands on.
    ///
    /// # Safety
    /// It is NULL or what `backup_extension_table` gives.
    pub unsafe fn new(table: *const backup_extension) -> Option<Self> {
        let table = table.cast::<Table>().cast_mut();
        if !table.is_null() {
            LAST.store(table, Ordering::Release);
        }
        Self::last()
    }

    /// The one that was given last.
    pub fn last() -> Option<Self> {
        // SAFETY: NULL or a table, which is constant and stays; it is looked at no further than its size says
        // (`require`), but for the functions that make errors, which every version has.
        unsafe { LAST.load(Ordering::Acquire).as_ref() }.map(|table| Self { table })
    }

    /// Refuses one that lacks what this library needs.
    pub fn require(self) -> Result<()> {
        if self.table.size >= size_of::<Table>() {
            return Ok(());
        }
        let why = concat!(
            "libhotbackup is older than libhotbackup_remote ",
            env!("CARGO_PKG_VERSION"),
            ", which needs one of its own version"
        );
        Err(Error::new(Code::Unsupported, why))
    }

    pub fn table(self) -> &'static Table {
        self.table
    }

    /// An error of its own that says the same.
    pub fn error(self, error: &Error) -> *mut backup_error {
        let parts = ErrorParts {
            code: error.code() as i32,
            os_error: error.os_error(),
            message: Bytes::of(error.message().as_bytes()),
            path: error.path().map_or(Bytes::NONE, |path| Bytes::of(path.as_os_str().as_bytes())),
        };
        // SAFETY: all that is lent is there until it returns.
        unsafe { (self.table.error_new)(&parts) }.cast()
    }

    /// What a call of one of its functions has come to; its error is taken over.
    pub fn outcome(self, call: impl FnOnce(*mut Handle) -> i32) -> Result<()> {
        let mut error = ptr::null_mut();
        let code = call(&mut error);
        match (code, error.is_null()) {
            (0, _) => Ok(()),
            (_, false) => Err(self.told(error)),
            (_, true) => Err(Error::new(Code::Internal, format!("libhotbackup failed with code {code}"))),
        }
    }

    fn told(self, error: Handle) -> Error {
        let mut parts = ErrorParts { code: 0, os_error: 0, message: Bytes::NONE, path: Bytes::NONE };
        // SAFETY: a live error of that library's, which is freed below; what it lends is copied before.
        unsafe {
            (self.table.error_parts)(error, &mut parts);
            let message = String::from_utf8_lossy(bytes(parts.message).unwrap_or_default()).into_owned();
            let path = bytes(parts.path).map(|path| Path::new(OsStr::from_bytes(path)));
            let code = Code::from_number(parts.code).unwrap_or(Code::Internal);
            let told = Error::told(code, message, path, parts.os_error);
            (self.table.error_free)(error);
            told
        }
    }
}

/// Bytes that are lent.
///
/// # Safety
/// They are there for `'a`.
pub unsafe fn bytes<'a>(lent: Bytes) -> Option<&'a [u8]> {
    // SAFETY: not NULL, so as this function's caller says.
    (!lent.data.is_null()).then(|| unsafe { slice::from_raw_parts(lent.data, lent.length) })
}
