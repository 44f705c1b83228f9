//! The few functions of the C API that a host needs for a backup and a restore, declared as
//! `hotbackup.h` has them and linked from the library under test.

use std::ffi::{CStr, CString, c_char, c_void};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::ptr;

// Its symbols are what is linked.
use hotbackup as _;

/// An opaque handle of the library.
pub type Handle = *mut c_void;
pub type HookFn = unsafe extern "C" fn(user_data: *mut c_void, hook: Handle) -> i32;
type DestroyFn = unsafe extern "C" fn(user_data: *mut c_void);

unsafe extern "C" {
    pub fn backup_options_new() -> Handle;
    pub fn backup_options_free(options: Handle);
    pub fn backup_options_set_layout(options: Handle, name: *const c_char, error: *mut Handle) -> i32;
    pub fn backup_options_set_checkpoint_hook(
        options: Handle,
        hook: Option<HookFn>,
        user_data: *mut c_void,
        destroy: Option<DestroyFn>,
        error: *mut Handle,
    ) -> i32;
    pub fn backup_options_set_freeze_hook(
        options: Handle,
        freeze: Option<HookFn>,
        thaw: Option<HookFn>,
        user_data: *mut c_void,
        destroy: Option<DestroyFn>,
        error: *mut Handle,
    ) -> i32;
    pub fn backup_hook_set_error(
        hook: Handle,
        message: *const c_char,
        cause: *mut c_void,
        destroy: Option<DestroyFn>,
    );
    pub fn backup_coordinator_open(
        data_dir: *const c_char,
        options: Handle,
        out: *mut Handle,
        error: *mut Handle,
    ) -> i32;
    pub fn backup_coordinator_close(coordinator: Handle);
    pub fn backup_start(coordinator: Handle, out: *mut Handle, error: *mut Handle) -> i32;
    pub fn backup_wait(job: Handle, timeout_ms: i64, error: *mut Handle) -> i32;
    pub fn backup_location(job: Handle) -> *const c_char;
    pub fn backup_free(job: Handle);
    pub fn backup_restore_start(
        snapshot: *const c_char,
        target: *const c_char,
        options: Handle,
        out: *mut Handle,
        error: *mut Handle,
    ) -> i32;
    fn backup_error_message(error: Handle) -> *const c_char;
    fn backup_error_free(error: Handle);
}

/// Makes a call and turns its error into text.
pub fn call(call: impl FnOnce(*mut Handle) -> i32) -> Result<(), String> {
    let mut error = ptr::null_mut();
    let code = call(&mut error);
    if code == 0 {
        return Ok(());
    }
    // SAFETY: a call that fails leaves an error, whose message lives until it is freed.
    let message = unsafe { text(backup_error_message(error)) };
    // SAFETY: the error is this function's own.
    unsafe { backup_error_free(error) };
    Err(format!("{code}: {message}"))
}

/// # Safety
/// It is a C string.
pub unsafe fn text(string: *const c_char) -> String {
    // SAFETY: as the caller says.
    unsafe { CStr::from_ptr(string) }.to_str().expect("plain text").to_owned()
}

pub fn c_path(path: &Path) -> CString {
    CString::new(path.as_os_str().as_bytes()).expect("a path without NUL")
}

/// Waits for a job and frees it; its location.
pub fn finish(job: Handle) -> Result<PathBuf, String> {
    // SAFETY: the handle is live until it is freed at the end, and so is the string of it.
    unsafe {
        let result = call(|error| backup_wait(job, -1, error));
        let location = text(backup_location(job));
        backup_free(job);
        result.map(|()| PathBuf::from(location))
    }
}
