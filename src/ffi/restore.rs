//! Restores and verifications.

use std::ffi::c_char;

use super::args::{self, Out};
use super::code::backup_code;
use super::error::backup_error;
use super::guard;
use super::job::backup_job;
use super::options::{backup_options, or_defaults};
use crate::restore::{self, Recovered};
use crate::standalone;

/// No restore was interrupted here.
pub const BACKUP_RECOVERED_NOTHING: i32 = 0;
/// A restore was interrupted here, and all of what was there before is back.
pub const BACKUP_RECOVERED_OLD: i32 = 1;
/// A restore was interrupted here, and all of what it restored is in place.
pub const BACKUP_RECOVERED_NEW: i32 = 2;

/// Starts a restore of a snapshot to target, where no database is open, and returns at once. A
/// target that does not exist appears by one rename; an existing one is replaced under a journal
/// and kept aside for backup_restore_undo. The directory that holds it must exist; it must not lie
/// in a database that is open, nor in a backup root. If the job fails, the target is as it was,
/// save for an empty .lifecycle/owner. What is in the snapshot's directory and not in its manifest
/// is not restored. Excluded files, backup roots and the .lifecycle of another database below an
/// existing target stay where they are. BACKUP_UNSUPPORTED, before anything is copied: a mount
/// below it, which cannot be moved; a file system without locks, where nobody can tell whether a
/// host has it open. Options (copied; NULL: defaults): threads, rate limit, latency target, verify
/// level, layout, min free, keep undo, keep matching, clone, and the validate and progress hooks,
/// which run on a thread of the library's; the rest is ignored. The caller frees *out. What the
/// disk says is the job's result. (since 0.1)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn backup_restore_start(
    snapshot: *const c_char,
    target: *const c_char,
    options: Option<&backup_options>,
    out: *mut *mut backup_job,
    error: *mut *mut backup_error,
) -> backup_code {
    // SAFETY: the header's terms.
    unsafe {
        guard::call(error, || {
            let (snapshot, target) = (args::path(snapshot, "snapshot")?, args::path(target, "target")?);
            let out = Out::new(out, "out")?;
            out.put_handle(standalone::restore(snapshot, target, &or_defaults(options))?.into());
            Ok(())
        })
    }
}

/// Starts a verification of a snapshot and returns at once; the job completes if the snapshot is
/// what its manifest says. Options (copied; NULL: defaults): threads, rate limit, verify level,
/// layout and the validate and progress hooks; the rest is ignored. The caller frees *out. (since
/// 0.1)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn backup_verify_start(
    snapshot: *const c_char,
    options: Option<&backup_options>,
    out: *mut *mut backup_job,
    error: *mut *mut backup_error,
) -> backup_code {
    // SAFETY: the header's terms.
    unsafe {
        guard::call(error, || {
            let (snapshot, out) = (args::path(snapshot, "snapshot")?, Out::new(out, "out")?);
            out.put_handle(standalone::verify(snapshot, &or_defaults(options))?.into());
            Ok(())
        })
    }
}

/// Ends a restore that a crash interrupted, with all of the old or all of the new in place. Call
/// it before the database is opened; may be called always. It also removes the links with which a
/// killed backup holds the space of deleted files, and the checkpoints that were to go with their
/// coordinator. *outcome: BACKUP_RECOVERED_*. BACKUP_CONFLICT:
/// a coordinator or a restore is at work there. (since 0.1)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn backup_recover(
    target: *const c_char,
    outcome: *mut i32,
    error: *mut *mut backup_error,
) -> backup_code {
    // SAFETY: the header's terms.
    unsafe {
        guard::call(error, || {
            let (target, outcome) = (args::path(target, "target")?, Out::new(outcome, "outcome")?);
            outcome.put(match restore::recover(target)? {
                Recovered::Nothing => BACKUP_RECOVERED_NOTHING,
                Recovered::Old => BACKUP_RECOVERED_OLD,
                Recovered::New => BACKUP_RECOVERED_NEW,
            });
            Ok(())
        })
    }
}

/// Puts back what the last restore replaced, under a journal as a restore does, and keeps what it
/// takes away aside. BACKUP_NOT_FOUND: there is nothing to put back. BACKUP_CONFLICT: a coordinator or a
/// restore is at work there. (since 0.1)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn backup_restore_undo(
    target: *const c_char,
    error: *mut *mut backup_error,
) -> backup_code {
    // SAFETY: the header's terms.
    unsafe { guard::call(error, || restore::restore_undo(args::path(target, "target")?)) }
}
