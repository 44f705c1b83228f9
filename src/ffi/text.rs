//! Text for C.

use std::ffi::{CString, c_char};
use std::ptr;

/// The bytes as a C string, up to the first NUL if they hold one.
pub fn c_text(bytes: &[u8]) -> CString {
    let end = bytes.iter().position(|&byte| byte == 0).unwrap_or(bytes.len());
    CString::new(&bytes[..end]).unwrap_or_default()
}

/// A string that its owner lends out; NULL for none.
pub fn lend(text: Option<&CString>) -> *const c_char {
    text.map_or(ptr::null(), |text| text.as_ptr())
}
