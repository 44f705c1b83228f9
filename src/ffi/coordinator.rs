//! Coordinators and the backups they make.

use std::ffi::{CString, c_char};
use std::os::unix::ffi::OsStrExt;

use uuid::Uuid;

use super::args::{self, Out};
use super::caught::quiet;
use super::code::backup_code;
use super::error::backup_error;
use super::guard;
use super::job::backup_job;
use super::options::{backup_options, or_defaults};
use super::text::{c_text, lend};
use crate::coordinator::{Coordinator, PreparedBackup};
use crate::error::{Code, Error, Result};

/// The backups of one data directory; its host opens it once and keeps it while the database is
/// open. Any thread may use it at any time, until it is closed.
pub struct backup_coordinator {
    coordinator: Coordinator,
    root: CString,
}

/// Opens the coordinator of a data directory, which is there already. Options: a copy is kept;
/// NULL: defaults. The caller closes it. BACKUP_NOT_FOUND: there is no such directory;
/// BACKUP_INVALID_ARGUMENT: it is none, or the options do not fit it; BACKUP_RESTORE_UNFINISHED:
/// call backup_recover first; BACKUP_CONFLICT: a restore is at work there. A backup root that is
/// locked or cannot be written is no error here but when a backup starts. (since 0.1)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn backup_coordinator_open(
    data_dir: *const c_char,
    options: Option<&backup_options>,
    out: *mut *mut backup_coordinator,
    error: *mut *mut backup_error,
) -> backup_code {
    // SAFETY: the header's terms.
    unsafe {
        guard::call(error, || {
            let (data_dir, out) = (args::path(data_dir, "data_dir")?, Out::new(out, "out")?);
            let coordinator = Coordinator::open(data_dir, &or_defaults(options))?;
            let root = c_text(coordinator.root().path().as_os_str().as_bytes());
            out.put_handle(backup_coordinator { coordinator, root });
            Ok(())
        })
    }
}

/// The backup root, absolute. Valid until the coordinator is closed; NULL for NULL. (since 0.1)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn backup_coordinator_root(coordinator: Option<&backup_coordinator>) -> *const c_char {
    lend(coordinator.map(|coordinator| &coordinator.root))
}

/// Cancels the backup or checkpoint that runs, waits for its end, removes the checkpoints that were
/// to go with the coordinator, and frees it; handles of its jobs stay good. From a hook of that backup it cancels and returns without waiting, and the job's
/// end does the rest. Hooks may use the coordinator until then, other threads must not. NULL is
/// fine. (since 0.1)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn backup_coordinator_close(coordinator: *mut backup_coordinator) {
    quiet((), || {
        // SAFETY: the header's terms: NULL or live.
        let Some(open) = (unsafe { coordinator.as_ref() }) else { return };
        end_what_runs(&open.coordinator);
        // SAFETY: the header's terms: it came from backup_coordinator_open, and nobody uses it now.
        drop(unsafe { Box::from_raw(coordinator) });
    });
}

/// Hooks of the running backup may still use the handle, so it may only be freed after them.
fn end_what_runs(coordinator: &Coordinator) {
    if let Ok(job) = coordinator.find(None) {
        // Neither can fail but after fork, where nothing runs, or in a hook, which does not wait.
        let _ = job.cancel();
        let _ = job.wait();
    }
}

/// Starts a backup and returns at once; its hooks run on a thread of the library's. *out is
/// written before the first hook is called, and the caller frees it. BACKUP_CONFLICT: a backup
/// runs already, here or elsewhere, the root belongs to another data directory, or another
/// directory has taken the data directory's place since the coordinator was opened.
/// BACKUP_NOT_FOUND: a root that this data directory used before is not there now. BACKUP_IO,
/// BACKUP_NO_SPACE: the root cannot be written. Everything later is the job's result. (since 0.1)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn backup_start(
    coordinator: *mut backup_coordinator,
    out: *mut *mut backup_job,
    error: *mut *mut backup_error,
) -> backup_code {
    // SAFETY: the header's terms.
    unsafe {
        guard::call(error, || {
            let (coordinator, out) = (of(coordinator)?, Out::new(out, "out")?);
            coordinator.start_with(coordinator.prepare()?, |job| out.put_handle(job.into()))
        })
    }
}

/// Makes a backup with its hooks on this thread, for hosts whose objects are bound to a thread,
/// and returns the job's result. *out is written before the first hook is called, is left set when
/// the job then fails, and the caller frees it. Errors that come before the job are those of
/// backup_start, and leave *out alone. (since 0.1)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn backup_run(
    coordinator: *mut backup_coordinator,
    out: *mut *mut backup_job,
    error: *mut *mut backup_error,
) -> backup_code {
    // SAFETY: the header's terms.
    unsafe {
        guard::call(error, || {
            let (coordinator, out) = (of(coordinator)?, Out::new(out, "out")?);
            run(coordinator.prepare()?, out)
        })
    }
}

/// A new handle of a backup of this coordinator, by its id; NULL: the running one, else the
/// newest. The last 32 that have ended are known. The caller frees it. BACKUP_NOT_FOUND: there is
/// none, or the id is no UUID. (since 0.1)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn backup_find(
    coordinator: *mut backup_coordinator,
    id: *const c_char,
    out: *mut *mut backup_job,
    error: *mut *mut backup_error,
) -> backup_code {
    // SAFETY: the header's terms.
    unsafe {
        guard::call(error, || {
            let (coordinator, out) = (of(coordinator)?, Out::new(out, "out")?);
            let id = match id.is_null() {
                true => None,
                false => Some(uuid(args::string_bytes(id, "id")?)?),
            };
            out.put_handle(coordinator.find(id)?.into());
            Ok(())
        })
    }
}

/// # Safety
/// The handle is NULL or live.
pub unsafe fn of<'a>(coordinator: *mut backup_coordinator) -> Result<&'a Coordinator> {
    // SAFETY: as this function's caller says.
    Ok(&unsafe { args::shared(coordinator, "coordinator") }?.coordinator)
}

/// Runs what is prepared, with its hooks on this thread.
pub fn run(prepared: PreparedBackup, out: Out<*mut backup_job>) -> Result<()> {
    out.put_handle(prepared.job().into());
    prepared.run()
}

fn uuid(id: &[u8]) -> Result<Uuid> {
    Uuid::try_parse_ascii(id).map_err(|_| {
        let id = String::from_utf8_lossy(id);
        Error::new(Code::NotFound, format!("no backup {id} is known here: that is no UUID"))
    })
}
