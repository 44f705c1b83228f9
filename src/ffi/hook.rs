//! A hook's view of its own call.

use std::ffi::{CStr, c_char, c_void};

use super::args::{self, required};
use super::caught::quiet;
use super::code::backup_code;
use super::error::backup_error;
use super::file_class;
use super::guard;
use super::hook_failure::HookFailure;
use super::job::backup_job;
use super::progress::backup_progress;
use super::user_data::{UserData, backup_destroy_fn};
use crate::error::Result;
use crate::job::Hook;

/// What a hook is given for the time of its call: its way to report why it fails, and to say more
/// about this backup. On the hook's own thread alone, and not after the hook has returned.
pub struct backup_hook<'a> {
    hook: &'a Hook<'a>,
    job: backup_job,
    failure: Option<HookFailure>,
}

/// A checkpoint, freeze, thaw or release hook. 0: done. Anything else: it failed, has undone its
/// own work, and the job fails with BACKUP_HOOK_FAILED. It must not unwind.
pub type backup_hook_fn =
    Option<unsafe extern "C" fn(user_data: *mut c_void, hook: *mut backup_hook<'_>) -> i32>;

/// A validate hook: looks at a staged copy, a directory whose path is valid during the call, and
/// must not change it. 0: it is good. Anything else: the job fails and publishes nothing. It must
/// not unwind.
pub type backup_validate_fn = Option<
    unsafe extern "C" fn(user_data: *mut c_void, staging: *const c_char, hook: *mut backup_hook<'_>) -> i32,
>;

/// A progress hook; the progress is valid during the call. 0: go on. Anything else cancels the
/// job or, with backup_hook_set_error, fails it. It must not unwind.
pub type backup_progress_fn = Option<
    unsafe extern "C" fn(
        user_data: *mut c_void,
        progress: *const backup_progress,
        hook: *mut backup_hook<'_>,
    ) -> i32,
>;

impl<'a> backup_hook<'a> {
    pub fn new(hook: &'a Hook<'a>) -> Self {
        Self { hook, job: hook.job().clone().into(), failure: None }
    }

    /// What the hook set as its error.
    pub fn into_failure(self) -> Option<HookFailure> {
        self.failure
    }
}

/// Says why this hook fails: it counts once the hook returns non-zero, and is dropped if it
/// returns 0. message: UTF-8, copied, one line; NULL or empty: none. cause: the host's own
/// exception, given back by backup_error_cause, may be NULL; destroy (may be NULL) is called with
/// it exactly once: at once if the error is dropped or replaced by a second call, else when the job
/// (its handles, and its coordinator, which knows its last jobs) and all of its errors are gone.
/// With a NULL hook it only calls destroy. (since 0.1)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn backup_hook_set_error(
    hook: Option<&mut backup_hook<'_>>,
    message: *const c_char,
    cause: *mut c_void,
    destroy: backup_destroy_fn,
) {
    let cause = UserData::new(cause, destroy);
    quiet((), move || {
        let Some(hook) = hook else { return };
        let message = match message.is_null() {
            true => String::new(),
            // SAFETY: not NULL, so by the header's terms it ends with NUL.
            false => unsafe { CStr::from_ptr(message) }.to_string_lossy().into_owned(),
        };
        hook.failure = Some(HookFailure::new(message, cause));
    });
}

/// Names a live file, from a checkpoint or freeze hook: then the directories are not walked, and
/// exactly the named files are captured; one that is missing fails the job. path: relative to the
/// data directory, or starting with the prefix of a source. file_class: BACKUP_FILE_*, but not
/// excluded. length: only so many bytes from the start; UINT64_MAX: all of it. Naming a file
/// twice, the later call wins; what an earlier freeze of the same job named is forgotten.
/// BACKUP_CONFLICT from any other hook. (since 0.1)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn backup_hook_add_file(
    hook: Option<&mut backup_hook<'_>>,
    path: *const c_char,
    file_class: i32,
    length: u64,
    error: *mut *mut backup_error,
) -> backup_code {
    let length = (length != u64::MAX).then_some(length);
    // SAFETY: the header's terms.
    unsafe {
        guard::call(error, || {
            given(hook)?.add_file(args::path(path, "path")?, file_class::from_c(file_class)?, length)
        })
    }
}

/// Gives a file that only the snapshot has (RocksDB's CURRENT, a label), from a checkpoint or
/// freeze hook; the bytes are copied. The directories are walked all the same, unless a file is named
/// by backup_hook_add_file. path: relative to the data directory, or starting with the prefix of a
/// source. Giving a file twice, the later call wins; what an earlier freeze of the same job gave is
/// forgotten. BACKUP_CONFLICT from any other hook. (since 0.1)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn backup_hook_add_bytes(
    hook: Option<&mut backup_hook<'_>>,
    path: *const c_char,
    bytes: *const c_void,
    size: usize,
    error: *mut *mut backup_error,
) -> backup_code {
    // SAFETY: the header's terms.
    unsafe {
        guard::call(error, || {
            given(hook)?.add_bytes(args::path(path, "path")?, args::bytes(bytes, size, "bytes")?)
        })
    }
}

/// Sets the metadata of this backup only, in place of that of the options; copied, at most 1 MiB.
/// From any hook until the manifest is written, which release is always before and validate never:
/// then, and in a restore or a verification, it is BACKUP_CONFLICT. (since 0.1)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn backup_hook_set_metadata(
    hook: Option<&mut backup_hook<'_>>,
    metadata: *const c_void,
    size: usize,
    error: *mut *mut backup_error,
) -> backup_code {
    // SAFETY: the header's terms.
    unsafe { guard::call(error, || given(hook)?.set_metadata(args::bytes(metadata, size, "metadata")?)) }
}

/// The job that called this hook: borrowed until the hook returns, so never freed. It cannot be
/// waited for here (BACKUP_CONFLICT). NULL for NULL. (since 0.1)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn backup_hook_job<'a>(hook: Option<&'a backup_hook<'a>>) -> Option<&'a backup_job> {
    hook.map(|hook| &hook.job)
}

pub fn given<'a>(hook: Option<&'a mut backup_hook<'_>>) -> Result<&'a Hook<'a>> {
    Ok(required(hook, "hook")?.hook)
}
