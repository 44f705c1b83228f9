//! The boundary itself: no panic crosses it, no cancellation of the host's thread acts within it, and
//! each failure becomes a code and a `backup_error`.

use std::cell::Cell;
use std::panic::{self, AssertUnwindSafe};
use std::ptr;
use std::sync::Once;
use std::thread;

use super::code::{BACKUP_OK, backup_code};
use super::error::backup_error;
use crate::error::{Code, Error, Result};
use crate::sys::thread::uncancelled;

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

/// Runs the body of a function that cannot report failure; after a panic it returns `fallback`.
pub fn quiet<T>(fallback: T, body: impl FnOnce() -> T) -> T {
    caught(body).unwrap_or(fallback)
}

thread_local! {
    /// How many guarded calls this thread is in: hooks call the library again.
    static DEPTH: Cell<u32> = const { Cell::new(0) };
}

fn caught<T>(body: impl FnOnce() -> T) -> thread::Result<T> {
    keep_panics_silent();
    DEPTH.set(DEPTH.get() + 1);
    let result = uncancelled(|| panic::catch_unwind(AssertUnwindSafe(body)));
    DEPTH.set(DEPTH.get() - 1);
    result
}

/// A guest prints nothing on its host's stderr. Panics elsewhere in a host written in Rust stay
/// with the panic hook that was there before.
fn keep_panics_silent() {
    static INSTALLED: Once = Once::new();
    // The panic hook cannot be changed while this thread panics: another call will do it.
    if INSTALLED.is_completed() || thread::panicking() {
        return;
    }
    INSTALLED.call_once(|| {
        let previous = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if !is_ours() {
                previous(info);
            }
        }));
    });
}

fn is_ours() -> bool {
    let guarded = DEPTH.try_with(Cell::get).is_ok_and(|depth| depth > 0);
    guarded || thread::current().name().is_some_and(|name| name.starts_with("hotbackup-"))
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
    fn a_panic_where_none_can_be_reported_gives_the_fallback() {
        assert_eq!(quiet(7, || panic!("on purpose")), 7);
    }

    #[test]
    fn an_error_left_from_before_is_forgotten() {
        let mut error = ptr::dangling_mut();
        // SAFETY: `error` can be written, whatever it held.
        assert_eq!(unsafe { call(&mut error, || Ok(())) }, BACKUP_OK);
        assert!(error.is_null());
    }

    #[test]
    fn a_caught_panic_prints_nothing() {
        let name = "ffi::guard::tests::a_panic_becomes_an_internal_error";
        let mut again = std::process::Command::new(std::env::current_exe().unwrap());
        let output = again.args(["--exact", name, "--nocapture"]).output().unwrap();
        assert!(output.status.success());
        assert!(String::from_utf8_lossy(&output.stdout).contains("1 passed"));
        assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    }

    #[test]
    fn only_panics_of_the_library_are_silent() {
        assert!(!is_ours());
        assert!(quiet(false, is_ours));
        let own = thread::Builder::new().name("hotbackup-io".into()).spawn(is_ours).unwrap();
        assert!(own.join().unwrap());
    }
}
