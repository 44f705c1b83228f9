//! The password, as a host's function gives it.

use std::ffi::{CStr, c_char, c_void};

use hotbackup::{Code, Error, Result};

use crate::args::{bytes, refused};
use crate::caught::quiet;
use crate::core::Core;
use crate::guard;
use crate::handles::{backup_code, backup_error};

/// What a password function is given for the time of its call, to give the password by. On the
/// function's own thread alone, and not after it has returned.
pub struct backup_secret {
    core: Core,
    text: Option<String>,
    failure: Option<String>,
}

/// Gives a repository's password, by backup_secret_set. 0: done. Anything else: there is none, and
/// what was asked for fails with BACKUP_HOOK_FAILED. It must not unwind.
pub type backup_secret_fn =
    Option<unsafe extern "C" fn(user_data: *mut c_void, secret: *mut backup_secret) -> i32>;

impl backup_secret {
    pub fn new(core: Core) -> Self {
        Self { core, text: None, failure: None }
    }

    /// What the function has come to.
    pub fn into_password(self, returned: i32) -> std::result::Result<String, String> {
        match (returned, self.text, self.failure) {
            (0, Some(text), _) => Ok(text),
            (0, None, _) => Err("the function has set none".into()),
            (_, _, Some(failure)) => Err(failure),
            (_, _, None) => Err(format!("the function returned {returned}")),
        }
    }
}

/// Gives the password: length bytes of UTF-8, copied. A second call replaces the first. (since 0.1)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn backup_secret_set(
    secret: Option<&mut backup_secret>,
    text: *const c_char,
    length: usize,
    error: *mut *mut backup_error,
) -> backup_code {
    let core = secret.as_ref().map(|secret| secret.core);
    let set = || -> Result<()> {
        let secret = crate::args::required(secret, "secret")?;
        // SAFETY: the header's terms.
        let given = unsafe { bytes(text.cast(), length, "text") }?;
        let text = str::from_utf8(given).map_err(|_| refused("the password is not UTF-8"))?;
        if text.is_empty() {
            return Err(Error::new(Code::InvalidArgument, "the password is empty"));
        }
        secret.text = Some(text.to_string());
        Ok(())
    };
    // SAFETY: the header's terms.
    unsafe { guard::call(core, error, set) }
}

/// Says why there is no password: it counts once the function returns non-zero. message: UTF-8,
/// copied, one line. (since 0.1)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn backup_secret_set_error(secret: Option<&mut backup_secret>, message: *const c_char) {
    quiet((), || {
        let Some(secret) = secret.filter(|_| !message.is_null()) else { return };
        // SAFETY: not NULL, so by the header's terms it ends with NUL.
        secret.failure = Some(unsafe { CStr::from_ptr(message) }.to_string_lossy().into_owned());
    });
}
