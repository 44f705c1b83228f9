//! Which library this is.

use std::ffi::c_char;

/// The ABI that this header describes, the number in the library's soname. Functions are added
/// under the same number; what exists changes only with it.
pub const BACKUP_ABI_VERSION: u32 = 0;

/// The library's version, such as "0.1.0". A constant string. Any thread. (since 0.1)
#[unsafe(no_mangle)]
pub extern "C" fn backup_version() -> *const c_char {
    concat!(env!("CARGO_PKG_VERSION"), "\0").as_ptr().cast()
}

/// The ABI of the library that was loaded, to be compared with BACKUP_ABI_VERSION. Any thread.
/// (since 0.1)
#[unsafe(no_mangle)]
pub extern "C" fn backup_abi_version() -> u32 {
    BACKUP_ABI_VERSION
}
