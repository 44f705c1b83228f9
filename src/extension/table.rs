//! This module as functions of C, for a library that is built by itself and so has its own copy of this crate: what
//! it gives its users (jobs, errors) must be that of the library which they use, and comes by this table alone. A
//! host gets the table by `backup_extension_table` and passes it on; nobody else looks inside.
//!
//! Handles are those of `hotbackup.h`, as plain pointers. Functions that can fail return a code of it (0: done) and
//! then write a new error, which is the caller's; errors that a callback writes are taken over.

use std::ffi::c_void;

/// A handle, or what a callback is given back.
pub type Handle = *mut c_void;

/// Where a failure writes its error.
pub type Failure = *mut Handle;

/// Lets go of a user_data, exactly once, on any thread.
pub type Destroy = unsafe extern "C" fn(user_data: Handle);

/// Bytes that are lent. None at all: `data` is NULL.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Bytes {
    /// Where they begin.
    pub data: *const u8,
    /// How many.
    pub length: usize,
}

impl Bytes {
    /// None at all.
    pub const NONE: Self = Self { data: std::ptr::null(), length: 0 };

    /// Lends these.
    pub fn of(bytes: &[u8]) -> Self {
        Self { data: bytes.as_ptr(), length: bytes.len() }
    }
}

/// What an error says.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct ErrorParts {
    /// Its code.
    pub code: i32,
    /// The errno, 0: none.
    pub os_error: i32,
    /// Its message, UTF-8.
    pub message: Bytes,
    /// The path concerned, if any.
    pub path: Bytes,
}

/// How a job begins.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Beginning {
    /// Its kind.
    pub kind: u32,
    /// Its location: of a restore or a fetch the target.
    pub location: Bytes,
    /// Its options, which are copied; NULL: the defaults.
    pub options: Handle,
}

/// The work of a job.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Work {
    /// Called once, on the job's I/O thread, with the task, which is borrowed.
    pub run: unsafe extern "C" fn(user_data: Handle, task: Handle, error: Failure) -> i32,
    /// What that is given.
    pub user_data: Handle,
    /// Called once, whatever comes of the job.
    pub destroy: Destroy,
}

/// A [`Supply`](super::Supply) of the other library.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct SupplyFunctions {
    /// Called first, on the job's I/O thread.
    pub prepare: unsafe extern "C" fn(user_data: Handle, task: Handle, error: Failure) -> i32,
    /// Its name, lent until it is destroyed.
    pub name: unsafe extern "C" fn(user_data: Handle) -> Bytes,
    /// Its manifest, lent until it is destroyed.
    pub manifest: unsafe extern "C" fn(user_data: Handle, out: *mut Bytes, error: Failure) -> i32,
    /// Begins to read a file.
    pub open: unsafe extern "C" fn(
        user_data: Handle,
        path: Bytes,
        size: u64,
        reader: *mut Handle,
        error: Failure,
    ) -> i32,
    /// Lends what comes next, until it is called again or the reading ends: none at the end.
    pub next: unsafe extern "C" fn(reader: Handle, out: *mut Bytes, error: Failure) -> i32,
    /// Ends the reading of a file, before the supply is destroyed.
    pub close: unsafe extern "C" fn(reader: Handle),
    /// What they are given.
    pub user_data: Handle,
    /// Called once, whatever comes of the job.
    pub destroy: Destroy,
}

/// All functions. New ones come at the end.
#[repr(C)]
pub struct Table {
    /// How many bytes of it there are.
    pub size: usize,
    /// Makes an error.
    pub error_new: unsafe extern "C" fn(parts: *const ErrorParts) -> Handle,
    /// What an error says, lent until it is freed.
    pub error_parts: unsafe extern "C" fn(error: Handle, out: *mut ErrorParts),
    /// Frees an error.
    pub error_free: unsafe extern "C" fn(error: Handle),
    /// [`start`](super::start).
    pub start: unsafe extern "C" fn(
        beginning: *const Beginning,
        work: *const Work,
        job: *mut Handle,
        error: Failure,
    ) -> i32,
    /// [`restore`](super::restore).
    pub restore: unsafe extern "C" fn(
        beginning: *const Beginning,
        supply: *const SupplyFunctions,
        job: *mut Handle,
        error: Failure,
    ) -> i32,
    /// [`fetch`](super::fetch).
    pub fetch: unsafe extern "C" fn(
        beginning: *const Beginning,
        supply: *const SupplyFunctions,
        job: *mut Handle,
        error: Failure,
    ) -> i32,
    /// A second handle of a task, for other threads and for later.
    pub task_clone: unsafe extern "C" fn(task: Handle) -> Handle,
    /// Frees such a handle.
    pub task_free: unsafe extern "C" fn(task: Handle),
    /// [`Task::enter`](super::Task::enter).
    pub task_enter: unsafe extern "C" fn(task: Handle, phase: u32, error: Failure) -> i32,
    /// [`Task::threads`](super::Task::threads).
    pub task_threads: unsafe extern "C" fn(task: Handle) -> usize,
    /// [`Task::verify_level`](super::Task::verify_level), as `BACKUP_VERIFY_*`.
    pub task_verify_level: unsafe extern "C" fn(task: Handle) -> i32,
    /// [`Task::commit`](super::Task::commit).
    pub task_commit: unsafe extern "C" fn(task: Handle, error: Failure) -> i32,
    /// [`Watch::check`](super::Watch::check).
    pub task_check: unsafe extern "C" fn(task: Handle, error: Failure) -> i32,
    /// [`Watch::pause`](super::Watch::pause), in milliseconds.
    pub task_pause: unsafe extern "C" fn(task: Handle, milliseconds: u64, error: Failure) -> i32,
    /// [`Watch::is_paced`](super::Watch::is_paced).
    pub task_is_paced: unsafe extern "C" fn(task: Handle) -> bool,
    /// [`Watch::pace`](super::Watch::pace).
    pub task_pace: unsafe extern "C" fn(task: Handle, bytes: usize, error: Failure) -> i32,
    /// [`Watch::pace_reading`](super::Watch::pace_reading).
    pub task_pace_reading: unsafe extern "C" fn(task: Handle, bytes: usize, error: Failure) -> i32,
    /// [`Watch::expect`](super::Watch::expect).
    pub task_expect: unsafe extern "C" fn(task: Handle, bytes: u64, files: u64),
    /// Bytes copied, linked and verified, and files that are done.
    pub task_count: unsafe extern "C" fn(task: Handle, copied: u64, linked: u64, verified: u64, files: u64),
    /// [`Watch::warn`](super::Watch::warn); the error is taken over.
    pub task_warn: unsafe extern "C" fn(task: Handle, error: Handle),
    /// Asks the task's job to end.
    pub task_cancel: unsafe extern "C" fn(task: Handle),
}
