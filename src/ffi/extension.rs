//! What another library brings jobs of its own by: the table of `extension::table`.

use std::ffi::OsStr;
use std::mem::size_of;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::ptr;
use std::sync::Arc;

use super::code::backup_code;
use super::error::backup_error;
use super::guard;
use super::job::backup_job;
use super::lent::{bytes, outcome};
use super::options::{backup_options, or_defaults};
use super::supply::Given;
use super::task::{self, TaskHandle};
use super::user_data::UserData;
use crate::error::{Code, Error, Result};
use crate::extension::table::{Beginning, Bytes, ErrorParts, Failure, Handle, SupplyFunctions, Table, Work};
use crate::extension::{self, Supply, Task};
use crate::job::{Job, Kind};
use crate::options::Options;

/// What a library that brings jobs of its own, such as libhotbackup_remote, is built upon. A host
/// hands it on and never looks inside.
pub struct backup_extension;

static TABLE: Table = Table {
    size: size_of::<Table>(),
    error_new,
    error_parts,
    error_free,
    start,
    restore,
    fetch,
    task_clone: task::task_clone,
    task_free: task::task_free,
    task_enter: task::task_enter,
    task_threads: task::task_threads,
    task_verify_level: task::task_verify_level,
    task_commit: task::task_commit,
    task_check: task::task_check,
    task_pause: task::task_pause,
    task_is_paced: task::task_is_paced,
    task_pace: task::task_pace,
    task_pace_reading: task::task_pace_reading,
    task_expect: task::task_expect,
    task_count: task::task_count,
    task_warn: task::task_warn,
    task_cancel: task::task_cancel,
};

/// What to give to a library that brings jobs of its own, so that its jobs and errors are those of
/// this one: hotbackup_remote.h does it. Constant; never freed. Any thread. (since 0.1)
#[unsafe(no_mangle)]
pub extern "C" fn backup_extension_table() -> *const backup_extension {
    ptr::from_ref(&TABLE).cast()
}

unsafe extern "C" fn error_new(parts: *const ErrorParts) -> Handle {
    // SAFETY: the table's terms.
    let (parts, message, path) = unsafe {
        let parts = &*parts;
        (parts, bytes(parts.message).unwrap_or_default(), bytes(parts.path))
    };
    let code = Code::from_number(parts.code).unwrap_or(Code::Internal);
    let path = path.map(|path| Path::new(OsStr::from_bytes(path)));
    let error = Error::told(code, String::from_utf8_lossy(message), path, parts.os_error);
    Box::into_raw(Box::new(backup_error::new(error))).cast()
}

unsafe extern "C" fn error_parts(error: Handle, out: *mut ErrorParts) {
    // SAFETY: the table's terms.
    let error = unsafe { &*error.cast::<backup_error>() }.error();
    let parts = ErrorParts {
        code: error.code() as i32,
        os_error: error.os_error(),
        message: Bytes::of(error.message().as_bytes()),
        path: error.path().map_or(Bytes::NONE, |path| Bytes::of(path.as_os_str().as_bytes())),
    };
    // SAFETY: the table's terms.
    unsafe { out.write(parts) };
}

unsafe extern "C" fn error_free(error: Handle) {
    // SAFETY: the table's terms.
    drop(unsafe { Box::from_raw(error.cast::<backup_error>()) });
}

unsafe extern "C" fn start(
    beginning: *const Beginning,
    work: *const Work,
    job: *mut Handle,
    error: Failure,
) -> i32 {
    // SAFETY: the table's terms.
    let (work, user_data) = unsafe { (*work, UserData::new((*work).user_data, Some((*work).destroy))) };
    let run = work.run;
    let go = move |task: &Task| {
        let mut error = ptr::null_mut();
        let handle = TaskHandle::of(task);
        // SAFETY: the table's terms; the task is there until it returns.
        let code = unsafe { run(user_data.get(), handle.lent(), &mut error) };
        // SAFETY: the table's terms.
        unsafe { outcome(code, error) }.map_err(|error| handle.failure(error))
    };
    // SAFETY: the table's terms.
    unsafe {
        begin(beginning, job, error, |Begun { kind, location, options }| {
            extension::start(kind, location, &options, go)
        })
    }
}

unsafe extern "C" fn restore(
    beginning: *const Beginning,
    supply: *const SupplyFunctions,
    job: *mut Handle,
    error: Failure,
) -> i32 {
    // SAFETY: the table's terms.
    unsafe {
        let given = Given::new(*supply);
        begin(beginning, job, error, |Begun { location, options, .. }| {
            extension::restore(supplied(given), location, &options)
        })
    }
}

unsafe extern "C" fn fetch(
    beginning: *const Beginning,
    supply: *const SupplyFunctions,
    job: *mut Handle,
    error: Failure,
) -> i32 {
    // SAFETY: the table's terms.
    unsafe {
        let given = Given::new(*supply);
        begin(beginning, job, error, |Begun { location, options, .. }| {
            extension::fetch(supplied(given), location, &options)
        })
    }
}

fn supplied(given: Given) -> impl FnOnce(&Task) -> Result<Arc<dyn Supply>> + Send + 'static {
    move |task| {
        given.prepare(task)?;
        Ok(Arc::new(given) as Arc<dyn Supply>)
    }
}

struct Begun {
    kind: Kind,
    location: PathBuf,
    options: Options,
}

/// # Safety
/// The table's terms.
unsafe fn begin(
    beginning: *const Beginning,
    job: *mut Handle,
    error: Failure,
    go: impl FnOnce(Begun) -> Result<Job>,
) -> backup_code {
    // SAFETY: the table's terms.
    unsafe {
        guard::call(error.cast(), || {
            let Beginning { kind, location, options } = *beginning;
            let options = or_defaults(options.cast::<backup_options>().as_ref());
            let location = Path::new(OsStr::from_bytes(bytes(location).unwrap_or_default())).to_path_buf();
            let started = go(Begun { kind: kind_of(kind)?, location, options })?;
            job.write(Box::into_raw(Box::new(backup_job::from(started))).cast());
            Ok(())
        })
    }
}

fn kind_of(number: u32) -> Result<Kind> {
    let kinds = [Kind::Restore, Kind::Verify, Kind::Push, Kind::Fetch];
    kinds.into_iter().find(|kind| *kind as u32 == number).ok_or_else(|| {
        Error::new(
            Code::Unsupported,
            format!("libhotbackup {} has no jobs of kind {number}", env!("CARGO_PKG_VERSION")),
        )
    })
}
