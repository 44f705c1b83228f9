//! A job's task, as the work of another library has it.

use std::ptr;
use std::sync::Arc;
use std::time::Duration;

use super::code::backup_code;
use super::error::backup_error;
use super::guard;
use super::level::number_of_level;
use crate::error::{Code, Error, Result};
use crate::extension::table::{Failure, Handle};
use crate::extension::{Done, Task, TaskHost};
use crate::monitor::Phase;
use crate::sync::Mutex;

/// A handle of a task.
#[derive(Clone)]
pub struct TaskHandle {
    host: Arc<dyn TaskHost>,
    /// What a hook failed with. The other library hands its text and code back, not the host's own exception.
    hook_failure: Arc<Mutex<Option<Error>>>,
}

impl TaskHandle {
    pub fn of(task: &Task) -> Self {
        Self { host: task.host().clone(), hook_failure: Arc::default() }
    }

    /// The error of the work, which is that of the hook if a hook failed.
    pub fn failure(&self, error: Error) -> Error {
        match error.code() {
            Code::HookFailed => self.hook_failure.lock().clone().unwrap_or(error),
            _ => error,
        }
    }

    /// For a callback, until this is dropped.
    pub fn lent(&self) -> Handle {
        ptr::from_ref(self).cast_mut().cast()
    }
}

/// The task behind a handle.
///
/// # Safety
/// The handle is live for `'a`.
unsafe fn of<'a>(task: Handle) -> &'a dyn TaskHost {
    // SAFETY: as this function's caller says.
    let handle = unsafe { &*task.cast::<TaskHandle>() };
    &*handle.host
}

/// Asks a task something that can fail.
///
/// # Safety
/// The handle is live, and `error` can be written.
unsafe fn ask(
    task: Handle,
    error: Failure,
    question: impl FnOnce(&dyn TaskHost) -> Result<()>,
) -> backup_code {
    // SAFETY: as this function's caller says.
    unsafe { guard::call(error.cast::<*mut backup_error>(), || question(of(task))) }
}

pub unsafe extern "C" fn task_clone(task: Handle) -> Handle {
    // SAFETY: the table's terms.
    let handle = unsafe { &*task.cast::<TaskHandle>() };
    Box::into_raw(Box::new(handle.clone())).cast()
}

pub unsafe extern "C" fn task_free(task: Handle) {
    // SAFETY: the table's terms: `task_clone` made it.
    drop(unsafe { Box::from_raw(task.cast::<TaskHandle>()) });
}

pub unsafe extern "C" fn task_enter(task: Handle, phase: u32, error: Failure) -> i32 {
    // SAFETY: the table's terms.
    let handle = unsafe { &*task.cast::<TaskHandle>() };
    let enter = |task: &dyn TaskHost| {
        let entered = task.enter(Phase::from_u32(phase));
        if let Err(error) = &entered {
            *handle.hook_failure.lock() =
                Some(error.clone()).filter(|error| error.code() == Code::HookFailed);
        }
        entered
    };
    // SAFETY: the table's terms.
    unsafe { ask(task, error, enter) }
}

pub unsafe extern "C" fn task_threads(task: Handle) -> usize {
    // SAFETY: the table's terms.
    unsafe { of(task) }.threads()
}

pub unsafe extern "C" fn task_verify_level(task: Handle) -> i32 {
    // SAFETY: the table's terms.
    number_of_level(unsafe { of(task) }.verify_level())
}

pub unsafe extern "C" fn task_commit(task: Handle, error: Failure) -> i32 {
    // SAFETY: the table's terms.
    unsafe { ask(task, error, |task| task.commit()) }
}

pub unsafe extern "C" fn task_check(task: Handle, error: Failure) -> i32 {
    // SAFETY: the table's terms.
    unsafe { ask(task, error, |task| task.check()) }
}

pub unsafe extern "C" fn task_pause(task: Handle, milliseconds: u64, error: Failure) -> i32 {
    // SAFETY: the table's terms.
    unsafe { ask(task, error, |task| task.pause(Duration::from_millis(milliseconds))) }
}

pub unsafe extern "C" fn task_pace(task: Handle, bytes: usize, error: Failure) -> i32 {
    // SAFETY: the table's terms.
    unsafe { ask(task, error, |task| task.pace(bytes)) }
}

pub unsafe extern "C" fn task_is_paced(task: Handle) -> bool {
    // SAFETY: the table's terms.
    unsafe { of(task) }.is_paced()
}

pub unsafe extern "C" fn task_pace_reading(task: Handle, bytes: usize, error: Failure) -> i32 {
    // SAFETY: the table's terms.
    unsafe { ask(task, error, |task| task.pace_reading(bytes)) }
}

pub unsafe extern "C" fn task_expect(task: Handle, bytes: u64, files: u64) {
    // SAFETY: the table's terms.
    unsafe { of(task) }.expect(bytes, files);
}

pub unsafe extern "C" fn task_count(task: Handle, copied: u64, linked: u64, verified: u64, files: u64) {
    // SAFETY: the table's terms.
    unsafe { of(task) }.count(Done { copied, linked, verified, files });
}

pub unsafe extern "C" fn task_warn(task: Handle, error: Handle) {
    // SAFETY: the table's terms: the error is taken over.
    let (task, warning) = unsafe { (of(task), Box::from_raw(error.cast::<backup_error>())) };
    task.warn(warning.error().clone());
}

pub unsafe extern "C" fn task_cancel(task: Handle) {
    // SAFETY: the table's terms.
    unsafe { of(task) }.cancel();
}
