//! Why a hook of C's failed. It travels as the source of the job's error.

use std::ffi::c_void;
use std::fmt;
use std::ptr;

use super::user_data::UserData;

/// What a hook said of its failure.
#[derive(Default)]
pub struct HookFailure {
    message: String,
    cause: Option<UserData>,
}

impl HookFailure {
    /// The reason as text, and the host's own exception.
    pub fn new(message: String, cause: UserData) -> Self {
        Self { message, cause: Some(cause) }
    }

    /// Gives it a text if it has none: what the hook returned.
    pub fn with_code(mut self, returned: i32) -> Self {
        if self.message.is_empty() {
            self.message = format!("it returned {returned}");
        }
        self
    }

    /// The host's own exception.
    pub fn cause(&self) -> *mut c_void {
        self.cause.as_ref().map_or(ptr::null_mut(), UserData::get)
    }
}

impl fmt::Display for HookFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl fmt::Debug for HookFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for HookFailure {}
