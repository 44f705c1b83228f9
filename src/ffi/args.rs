//! Arguments from C, checked: what is wrong is named in the error.

use std::ffi::{CStr, OsStr, c_char, c_void};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::ptr::NonNull;
use std::slice;

use crate::error::{Code, Error, Result};

/// What an argument points to; NULL is refused.
pub fn required<T>(argument: Option<T>, name: &str) -> Result<T> {
    argument.ok_or_else(|| refused(format!("{name} is NULL")))
}

/// A handle that C has as a plain pointer and shares between its threads.
///
/// # Safety
/// It is NULL or live.
pub unsafe fn shared<'a, T>(handle: *mut T, name: &str) -> Result<&'a T> {
    // SAFETY: as this function's caller says.
    required(unsafe { handle.as_ref() }, name)
}

/// A path: any bytes but none at all.
///
/// # Safety
/// It is NULL or ends with NUL.
pub unsafe fn path<'a>(string: *const c_char, name: &str) -> Result<&'a Path> {
    // SAFETY: as this function's caller says.
    let bytes = unsafe { string_bytes(string, name) }?;
    match bytes.is_empty() {
        true => Err(refused(format!("{name} is empty"))),
        false => Ok(Path::new(OsStr::from_bytes(bytes))),
    }
}

/// A text: valid UTF-8.
///
/// # Safety
/// It is NULL or ends with NUL.
pub unsafe fn text<'a>(string: *const c_char, name: &str) -> Result<&'a str> {
    // SAFETY: as this function's caller says.
    let bytes = unsafe { string_bytes(string, name) }?;
    str::from_utf8(bytes).map_err(|_| refused(format!("{name} is not UTF-8")))
}

/// The bytes of a string.
///
/// # Safety
/// It is NULL or ends with NUL.
pub unsafe fn string_bytes<'a>(string: *const c_char, name: &str) -> Result<&'a [u8]> {
    let string = required(NonNull::new(string.cast_mut()), name)?;
    // SAFETY: not NULL, so it ends with NUL.
    Ok(unsafe { CStr::from_ptr(string.as_ptr()) }.to_bytes())
}

/// A block of bytes; NULL is an empty one.
///
/// # Safety
/// `data` is NULL or has `size` bytes.
pub unsafe fn bytes<'a>(data: *const c_void, size: usize, name: &str) -> Result<&'a [u8]> {
    match (data.is_null(), size) {
        (_, 0) => Ok(&[]),
        (true, _) => Err(refused(format!("{name} is NULL but its size is {size}"))),
        (false, _) if size > isize::MAX as usize => Err(refused(format!("no {name} has {size} bytes"))),
        // SAFETY: not NULL, of a possible size, and the caller says that it is there.
        (false, _) => Ok(unsafe { slice::from_raw_parts(data.cast(), size) }),
    }
}

/// A yes or no: 1 or 0.
pub fn flag(value: i32, name: &str) -> Result<bool> {
    match value {
        0 => Ok(false),
        1 => Ok(true),
        _ => Err(refused(format!("{name} is {value}, neither 0 nor 1"))),
    }
}

/// Where an output goes. It stays a raw pointer: hooks may look at it while the call goes on.
pub struct Out<T>(NonNull<T>);

impl<T> Out<T> {
    /// Takes the pointer; NULL is refused.
    ///
    /// # Safety
    /// It is NULL or can be written for as long as the call goes on.
    pub unsafe fn new(out: *mut T, name: &str) -> Result<Self> {
        required(NonNull::new(out), name).map(Self)
    }

    /// Writes the output, without looking at what was there.
    pub fn put(self, value: T) {
        // SAFETY: `new` was told that it can be written.
        unsafe { self.0.write(value) };
    }
}

impl<T> Out<*mut T> {
    /// Writes a new handle, which is the caller's from now on.
    pub fn put_handle(self, handle: T) {
        self.put(Box::into_raw(Box::new(handle)));
    }
}

/// Writes an output that may be NULL.
///
/// # Safety
/// It is NULL or can be written.
pub unsafe fn put_if_wanted<T>(out: *mut T, value: T) {
    if !out.is_null() {
        // SAFETY: not NULL, so by this function's terms it can be written.
        unsafe { out.write(value) };
    }
}

/// The error of a bad argument.
pub fn refused(why: impl Into<String>) -> Error {
    Error::new(Code::InvalidArgument, why)
}
