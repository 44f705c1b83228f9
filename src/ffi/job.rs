//! Jobs.

use std::ffi::{CString, c_char};
use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStrExt;
use std::time::Duration;

use super::args::{Out, required};
use super::caught::quiet;
use super::code::{BACKUP_OK, BACKUP_TIMEOUT, backup_code};
use super::error::backup_error;
use super::guard;
use super::progress::{ProgressOut, backup_progress};
use super::text::{c_text, lend};
use crate::error::{Code, Error, Result};
use crate::job::{Job, Kind, State};
use crate::monitor::Phase;

/// One backup, checkpoint, restore or verification. Any thread may use a handle at any time, until it is
/// freed; it stays good after its coordinator is closed.
pub struct backup_job {
    job: Job,
    id: CString,
    location: CString,
}

impl From<Job> for backup_job {
    fn from(job: Job) -> Self {
        let id = c_text(job.id().to_string().as_bytes());
        let location = c_text(job.location().as_os_str().as_bytes());
        Self { job, id, location }
    }
}

/// Makes a snapshot.
pub const BACKUP_KIND_BACKUP: u32 = 1;
/// Puts a snapshot in place.
pub const BACKUP_KIND_RESTORE: u32 = 2;
/// Reads a snapshot and compares it.
pub const BACKUP_KIND_VERIFY: u32 = 3;
/// Makes a checkpoint.
pub const BACKUP_KIND_CHECKPOINT: u32 = 4;
/// Reads back what is stored in a backup root.
pub const BACKUP_KIND_SCRUB: u32 = 5;
/// Sends a snapshot to an object store.
pub const BACKUP_KIND_PUSH: u32 = 6;
/// Brings a snapshot from an object store.
pub const BACKUP_KIND_FETCH: u32 = 7;

/// Accepted, not begun.
pub const BACKUP_STATE_QUEUED: u32 = 1;
/// At work.
pub const BACKUP_STATE_RUNNING: u32 = 2;
/// Ended well.
pub const BACKUP_STATE_COMPLETED: u32 = 3;
/// Ended with an error, which backup_wait returns.
pub const BACKUP_STATE_FAILED: u32 = 4;
/// Ended because someone asked.
pub const BACKUP_STATE_CANCELLED: u32 = 5;

/// The job has not begun or has ended.
pub const BACKUP_PHASE_NONE: u32 = 0;
/// The host flushes to a consistent state.
pub const BACKUP_PHASE_CHECKPOINT: u32 = 1;
/// Files are listed and pinned.
pub const BACKUP_PHASE_PIN: u32 = 2;
/// The host's writes are stopped and the window is open.
pub const BACKUP_PHASE_FREEZE: u32 = 3;
/// Bytes are copied.
pub const BACKUP_PHASE_COPY: u32 = 4;
/// The copy is synced, validated and compared.
pub const BACKUP_PHASE_VERIFY: u32 = 5;
/// The snapshot gets its name.
pub const BACKUP_PHASE_PUBLISH: u32 = 6;
/// A restored tree takes the place of the present one.
pub const BACKUP_PHASE_SWAP: u32 = 7;
/// What a store has already is looked at.
pub const BACKUP_PHASE_SCAN: u32 = 8;
/// What it lacks is read and sent.
pub const BACKUP_PHASE_UPLOAD: u32 = 9;
/// A snapshot is put into a store's list.
pub const BACKUP_PHASE_COMMIT: u32 = 10;
/// What a store has is brought and written.
pub const BACKUP_PHASE_DOWNLOAD: u32 = 11;

// They are those of the Rust types.
const _: () = {
    assert!(BACKUP_KIND_BACKUP == Kind::Backup as u32);
    assert!(BACKUP_KIND_RESTORE == Kind::Restore as u32);
    assert!(BACKUP_KIND_VERIFY == Kind::Verify as u32);
    assert!(BACKUP_KIND_CHECKPOINT == Kind::Checkpoint as u32);
    assert!(BACKUP_KIND_SCRUB == Kind::Scrub as u32);
    assert!(BACKUP_KIND_PUSH == Kind::Push as u32);
    assert!(BACKUP_KIND_FETCH == Kind::Fetch as u32);
    assert!(BACKUP_STATE_QUEUED == State::Queued as u32);
    assert!(BACKUP_STATE_RUNNING == State::Running as u32);
    assert!(BACKUP_STATE_COMPLETED == State::Completed as u32);
    assert!(BACKUP_STATE_FAILED == State::Failed as u32);
    assert!(BACKUP_STATE_CANCELLED == State::Cancelled as u32);
    assert!(BACKUP_PHASE_NONE == Phase::None as u32);
    assert!(BACKUP_PHASE_CHECKPOINT == Phase::Checkpoint as u32);
    assert!(BACKUP_PHASE_PIN == Phase::Pin as u32);
    assert!(BACKUP_PHASE_FREEZE == Phase::Freeze as u32);
    assert!(BACKUP_PHASE_COPY == Phase::Copy as u32);
    assert!(BACKUP_PHASE_VERIFY == Phase::Verify as u32);
    assert!(BACKUP_PHASE_PUBLISH == Phase::Publish as u32);
    assert!(BACKUP_PHASE_SWAP == Phase::Swap as u32);
    assert!(BACKUP_PHASE_SCAN == Phase::Scan as u32);
    assert!(BACKUP_PHASE_UPLOAD == Phase::Upload as u32);
    assert!(BACKUP_PHASE_COMMIT == Phase::Commit as u32);
    assert!(BACKUP_PHASE_DOWNLOAD == Phase::Download as u32);
};

/// Where a job stands now, without waiting. size is sizeof *out; fields that this library does not
/// know become 0, and out->size says how many bytes it filled. A size below 8 is refused.
/// (since 0.1)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn backup_status(
    job: Option<&backup_job>,
    out: *mut backup_progress,
    size: usize,
    error: *mut *mut backup_error,
) -> backup_code {
    // SAFETY: the header's terms.
    unsafe {
        guard::call(error, || {
            let (job, out) = (given(job)?, ProgressOut::new(out, size)?);
            out.put(backup_progress::from(&job.status()?));
            Ok(())
        })
    }
}

/// The job's UUID. Valid until the handle is freed; NULL for NULL. (since 0.1)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn backup_id(job: Option<&backup_job>) -> *const c_char {
    lend(job.map(|job| &job.id))
}

/// Where the result is, absolute: the snapshot or the checkpoint that is made (its name is chosen at
/// the start, and it is there once the job has completed), the target of a restore, the snapshot verified. Valid
/// until the handle is freed; NULL for NULL. (since 0.1)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn backup_location(job: Option<&backup_job>) -> *const c_char {
    lend(job.map(|job| &job.location))
}

/// Waits for the end and returns the job's result: BACKUP_OK, or why it failed, with a new error
/// each time it is asked. timeout_ms below 0: for ever; else BACKUP_TIMEOUT, without an error, if
/// the job still runs then. From a hook of the same job it is BACKUP_CONFLICT. (since 0.1)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn backup_wait(
    job: Option<&backup_job>,
    timeout_ms: i64,
    error: *mut *mut backup_error,
) -> backup_code {
    let wait = || {
        let job = given(job)?;
        let Ok(timeout_ms) = u64::try_from(timeout_ms) else { return job.wait().map(|()| BACKUP_OK) };
        let ended = job.wait_for(Duration::from_millis(timeout_ms))?.has_ended();
        Ok(if ended { BACKUP_OK } else { BACKUP_TIMEOUT })
    };
    // SAFETY: the header's terms.
    unsafe { guard::code(error, wait) }
}

/// Whether the calling thread is in a hook of the job, where waiting for it is BACKUP_CONFLICT, and
/// where closing its coordinator and freeing its last handle do not wait: 1, else 0. It is for code
/// that may be called from hooks and from elsewhere. With backup_run, that thread is in a hook until
/// backup_run returns. 0 for NULL, and in a forked child. Any thread. (since 0.1)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn backup_in_hook(job: Option<&backup_job>) -> i32 {
    quiet(0, || job.is_some_and(|job| job.job.calls_from_hook()).into())
}

/// The warning of this index, from 0 on, as a new error that the caller frees: what is wrong, though
/// it does not fail the job. BACKUP_CORRUPT: a file that was to be shared with the previous snapshot
/// and whose stored bytes are bad; its message names all snapshots that hold it. There may be more
/// while the job runs; those of an ended job stay. BACKUP_NOT_FOUND: there are not so many. Any
/// thread. (since 0.1)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn backup_warning(
    job: Option<&backup_job>,
    index: usize,
    out: *mut *mut backup_error,
    error: *mut *mut backup_error,
) -> backup_code {
    // SAFETY: the header's terms.
    unsafe {
        guard::call(error, || {
            let (job, out) = (given(job)?, Out::new(out, "out")?);
            let warning = job.warnings()?.into_iter().nth(index).ok_or_else(|| {
                Error::new(Code::NotFound, format!("the job has no warning of index {index}"))
            })?;
            out.put_handle(backup_error::new(warning));
            Ok(())
        })
    }
}

/// Asks the job to end with BACKUP_CANCELLED, and returns at once. A job that has ended, or has
/// begun to publish, stays as it is: BACKUP_OK, no effect. (since 0.1)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn backup_cancel(
    job: Option<&backup_job>,
    error: *mut *mut backup_error,
) -> backup_code {
    // SAFETY: the header's terms.
    unsafe { guard::call(error, || given(job)?.cancel()) }
}

/// Changes how fast a running job may copy; 0: no limit. A job that has ended: BACKUP_OK, no
/// effect. (since 0.1)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn backup_set_rate_limit(
    job: Option<&backup_job>,
    bytes_per_second: u64,
    error: *mut *mut backup_error,
) -> backup_code {
    // SAFETY: the header's terms.
    unsafe { guard::call(error, || given(job)?.set_rate_limit(bytes_per_second)) }
}

/// A descriptor that becomes readable when the job has ended, and stays so. It is the job's own:
/// poll it, never read or close it; it goes with the last handle of the job; dup it for a second
/// watcher. -1: there is none to give. (since 0.1)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn backup_eventfd(job: Option<&backup_job>) -> i32 {
    quiet(-1, || job.and_then(|job| job.job.eventfd()).map_or(-1, |event| event.as_raw_fd()))
}

/// Frees a handle and its strings, never one that is borrowed (backup_hook_job). A backup or a
/// checkpoint goes on: its coordinator owns it. The last handle of a running restore or verification cancels it and
/// waits for its end, except from a hook of it. NULL is fine. (since 0.1)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn backup_free(job: Option<Box<backup_job>>) {
    quiet((), || drop(job));
}

fn given(job: Option<&backup_job>) -> Result<&Job> {
    Ok(&required(job, "job")?.job)
}
