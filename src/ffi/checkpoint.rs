//! Checkpoints.

use std::ffi::c_char;

use super::args::{self, Out};
use super::code::backup_code;
use super::coordinator::{backup_coordinator, of, run};
use super::error::backup_error;
use super::guard;
use super::job::backup_job;
use crate::error::Result;
use crate::root::checkpoints::checkpoint_remove;
use crate::settings::CheckpointOptions;

/// The checkpoint is removed when its coordinator is closed or, after a crash, by backup_recover.
pub const BACKUP_CHECKPOINT_UNTIL_CLOSE: i32 = 1;
/// The host vouches that nothing ever truncates, rewrites in place or touches an immutable file that
/// has several names, not even when it is deleted: then an engine of any layout can have
/// checkpoints, and whatever is immutable is linked. Where it is not so, the checkpoint changes with
/// the live database.
pub const BACKUP_CHECKPOINT_LINKS_ARE_SAFE: i32 = 2;

/// Starts a checkpoint and returns at once: a directory at the consistent point of a freeze, made as
/// backup_start makes a backup and with the same hooks, but for its immutable files, which are links
/// to the live ones, so that it takes milliseconds and no space. It lies in .lifecycle/checkpoints
/// of the data directory (backup_location), is no snapshot, and is in no root's list. Its engine may
/// open it read-only where it lies, or a copy of it anywhere. flags: BACKUP_CHECKPOINT_* or-ed; with
/// 0 it stays until backup_checkpoint_remove. Errors are those of backup_start, but for those of the
/// root, and BACKUP_UNSUPPORTED: the layout is not rocksdb, leveldb or pebble, and the host does not
/// vouch for its links; as the job's result: links are refused, or a further source lies on another
/// file system. (since 0.1)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn backup_checkpoint_start(
    coordinator: *mut backup_coordinator,
    flags: i32,
    out: *mut *mut backup_job,
    error: *mut *mut backup_error,
) -> backup_code {
    // SAFETY: the header's terms.
    unsafe {
        guard::call(error, || {
            let (coordinator, out) = (of(coordinator)?, Out::new(out, "out")?);
            let prepared = coordinator.prepare_checkpoint(options(flags)?)?;
            coordinator.start_with(prepared, |job| out.put_handle(job.into()))
        })
    }
}

/// Makes a checkpoint with its hooks on this thread, as backup_run does a backup. (since 0.1)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn backup_checkpoint_run(
    coordinator: *mut backup_coordinator,
    flags: i32,
    out: *mut *mut backup_job,
    error: *mut *mut backup_error,
) -> backup_code {
    // SAFETY: the header's terms.
    unsafe {
        guard::call(error, || {
            let (coordinator, out) = (of(coordinator)?, Out::new(out, "out")?);
            run(coordinator.prepare_checkpoint(options(flags)?)?, out)
        })
    }
}

/// Removes a checkpoint, by the location of its job. The live database keeps its files; the space of
/// those that it has deleted since comes back. Nobody may have it open. BACKUP_NOT_FOUND: it is not
/// there; BACKUP_INVALID_ARGUMENT: no checkpoint is made at such a place, or what is there is none
/// (a copy is its owner's to remove); BACKUP_CONFLICT: somebody holds a lock (flock) on its
/// directory. (since 0.1)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn backup_checkpoint_remove(
    location: *const c_char,
    error: *mut *mut backup_error,
) -> backup_code {
    // SAFETY: the header's terms.
    unsafe { guard::call(error, || checkpoint_remove(args::path(location, "location")?)) }
}

fn options(flags: i32) -> Result<CheckpointOptions> {
    if flags & !(BACKUP_CHECKPOINT_UNTIL_CLOSE | BACKUP_CHECKPOINT_LINKS_ARE_SAFE) != 0 {
        return Err(args::refused(format!("{flags:#x} holds a flag that no checkpoint has")));
    }
    let mut options = CheckpointOptions::new();
    if flags & BACKUP_CHECKPOINT_UNTIL_CLOSE != 0 {
        options = options.until_close();
    }
    if flags & BACKUP_CHECKPOINT_LINKS_ARE_SAFE != 0 {
        options = options.links_are_safe();
    }
    Ok(options)
}
