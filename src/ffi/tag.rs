//! Tags: how a host calls a snapshot that a retention policy is to keep.

use std::ffi::c_char;

use super::args;
use super::code::backup_code;
use super::error::backup_error;
use super::guard;
use super::hook::{self, backup_hook};
use super::options::{backup_options, given};

/// Gives each snapshot a tag, copied, by which a retention policy may keep it: UTF-8 of 1 to 255
/// bytes, without commas and control characters; at most 64 of them, each once.
/// backup_hook_add_tag is for that of one backup. (since 0.1)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn backup_options_add_tag(
    options: Option<&mut backup_options>,
    tag: *const c_char,
    error: *mut *mut backup_error,
) -> backup_code {
    // SAFETY: the header's terms.
    unsafe { guard::call(error, || given(options)?.add_tag(args::text(tag, "tag")?)) }
}

/// Gives this backup's snapshot a tag beside those of the options (backup_options_add_tag). From any
/// hook until the manifest is written, as backup_hook_set_metadata. (since 0.1)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn backup_hook_add_tag(
    hook: Option<&mut backup_hook<'_>>,
    tag: *const c_char,
    error: *mut *mut backup_error,
) -> backup_code {
    // SAFETY: the header's terms.
    unsafe { guard::call(error, || hook::given(hook)?.add_tag(args::text(tag, "tag")?)) }
}
