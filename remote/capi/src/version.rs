//! Which library this is.

use std::ffi::c_char;

/// The version of libhotbackup_remote, such as "0.1.0". A constant string. Any thread. (since 0.1)
#[unsafe(no_mangle)]
pub extern "C" fn backup_remote_version() -> *const c_char {
    concat!(env!("CARGO_PKG_VERSION"), "\0").as_ptr().cast()
}
