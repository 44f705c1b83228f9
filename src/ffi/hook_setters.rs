//! The hooks of options: C functions as closures.

use std::ffi::{CString, c_char, c_void};
use std::ops::ControlFlow;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::Arc;

use super::args::refused;
use super::code::backup_code;
use super::error::backup_error;
use super::guard;
use super::hook::{backup_hook, backup_hook_fn, backup_progress_fn, backup_validate_fn};
use super::options::{backup_options, given};
use super::progress::backup_progress;
use super::text::c_text;
use super::user_data::{UserData, backup_destroy_fn};
use crate::job::Progress;
use crate::job::{Hook, HookResult};

/// Flush to a consistent state. Called once, first. (since 0.1)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn backup_options_set_checkpoint_hook(
    options: Option<&mut backup_options>,
    checkpoint: backup_hook_fn,
    user_data: *mut c_void,
    destroy: backup_destroy_fn,
    error: *mut *mut backup_error,
) -> backup_code {
    let user_data = UserData::new(user_data, destroy);
    let set = move || {
        given(options)?.hooks.checkpoint = act(checkpoint, user_data.into()).map(|act| Arc::new(act) as _);
        Ok(())
    };
    // SAFETY: the header's terms.
    unsafe { guard::call(error, set) }
}

/// Stop and resume writes: both functions, or NULL twice, which removes the hooks. thaw is called
/// exactly once for each freeze that returned 0, on the same thread and on every path (success,
/// failure, cancel, timeout), and no other hook is called between them. (since 0.1)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn backup_options_set_freeze_hook(
    options: Option<&mut backup_options>,
    freeze: backup_hook_fn,
    thaw: backup_hook_fn,
    user_data: *mut c_void,
    destroy: backup_destroy_fn,
    error: *mut *mut backup_error,
) -> backup_code {
    let user_data = Arc::new(UserData::new(user_data, destroy));
    let set = move || {
        let hooks = &mut given(options)?.hooks;
        hooks.freeze_thaw = match (act(freeze, user_data.clone()), act(thaw, user_data)) {
            (Some(freeze), Some(thaw)) => Some((Arc::new(freeze), Arc::new(thaw))),
            (None, None) => None,
            _ => return Err(refused("freeze and thaw come both or not at all")),
        };
        Ok(())
    };
    // SAFETY: the header's terms.
    unsafe { guard::call(error, set) }
}

/// Unpin what freeze or checkpoint pinned. Called exactly once after the last read of the source,
/// on every path, once checkpoint returned 0 or there is none. (since 0.1)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn backup_options_set_release_hook(
    options: Option<&mut backup_options>,
    release: backup_hook_fn,
    user_data: *mut c_void,
    destroy: backup_destroy_fn,
    error: *mut *mut backup_error,
) -> backup_code {
    let user_data = UserData::new(user_data, destroy);
    let set = move || {
        given(options)?.hooks.release = act(release, user_data.into()).map(|act| Arc::new(act) as _);
        Ok(())
    };
    // SAFETY: the header's terms.
    unsafe { guard::call(error, set) }
}

/// Look at a staged snapshot, or a staged restore, before it is published. (since 0.1)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn backup_options_set_validate_hook(
    options: Option<&mut backup_options>,
    validate: backup_validate_fn,
    user_data: *mut c_void,
    destroy: backup_destroy_fn,
    error: *mut *mut backup_error,
) -> backup_code {
    let user_data = UserData::new(user_data, destroy);
    let set = move || {
        given(options)?.hooks.validate = checker(validate, user_data).map(|checker| Arc::new(checker) as _);
        Ok(())
    };
    // SAFETY: the header's terms.
    unsafe { guard::call(error, set) }
}

/// Watch and steer: called at each change of phase and about every 100 ms while the job runs,
/// except while another hook runs or the host is frozen. (since 0.1)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn backup_options_set_progress_hook(
    options: Option<&mut backup_options>,
    progress: backup_progress_fn,
    user_data: *mut c_void,
    destroy: backup_destroy_fn,
    error: *mut *mut backup_error,
) -> backup_code {
    let user_data = UserData::new(user_data, destroy);
    let set = move || {
        given(options)?.hooks.progress = watcher(progress, user_data).map(|watcher| Arc::new(watcher) as _);
        Ok(())
    };
    // SAFETY: the header's terms.
    unsafe { guard::call(error, set) }
}

fn act(
    function: backup_hook_fn,
    user_data: Arc<UserData>,
) -> Option<impl Fn(&Hook<'_>) -> HookResult + Send + Sync + 'static> {
    let function = function?;
    Some(move |hook: &Hook<'_>| {
        let mut hook = backup_hook::new(hook);
        // SAFETY: the header's terms for such a function; both pointers are good during the call.
        let returned = unsafe { function(user_data.get(), &mut hook) };
        outcome(returned, hook)
    })
}

fn checker(
    function: backup_validate_fn,
    user_data: UserData,
) -> Option<impl Fn(&Path, &Hook<'_>) -> HookResult + Send + Sync + 'static> {
    let function = function?;
    Some(move |staging: &Path, hook: &Hook<'_>| {
        let mut hook = backup_hook::new(hook);
        let staging: CString = c_text(staging.as_os_str().as_bytes());
        let staging: *const c_char = staging.as_ptr();
        // SAFETY: the header's terms for such a function; all pointers are good during the call.
        let returned = unsafe { function(user_data.get(), staging, &mut hook) };
        outcome(returned, hook)
    })
}

fn watcher(
    function: backup_progress_fn,
    user_data: UserData,
) -> Option<impl Fn(&Progress, &Hook<'_>) -> HookResult<ControlFlow<()>> + Send + Sync + 'static> {
    let function = function?;
    Some(move |progress: &Progress, hook: &Hook<'_>| {
        let mut hook = backup_hook::new(hook);
        let progress = backup_progress::from(progress);
        // SAFETY: the header's terms for such a function; all pointers are good during the call.
        let returned = unsafe { function(user_data.get(), &progress, &mut hook) };
        match (returned, hook.into_failure()) {
            (0, _) => Ok(ControlFlow::Continue(())),
            (_, None) => Ok(ControlFlow::Break(())),
            (_, Some(failure)) => Err(failure.with_code(returned).into()),
        }
    })
}

/// An error that a hook set and then returned 0 all the same is dropped.
fn outcome(returned: i32, hook: backup_hook<'_>) -> HookResult {
    match returned {
        0 => Ok(()),
        _ => Err(hook.into_failure().unwrap_or_default().with_code(returned).into()),
    }
}
