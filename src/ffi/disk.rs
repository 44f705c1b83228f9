//! Removing snapshots.

use std::ffi::c_char;

use super::args::{self, Out};
use super::code::backup_code;
use super::error::backup_error;
use super::guard;
use crate::error::{Code, Error};
use crate::root::BackupRoot;

/// Deletes one snapshot, by its id or its name. If it is the newest, the next newest becomes that.
/// BACKUP_NOT_FOUND: there is none; BACKUP_CONFLICT: the root is in use (a backup, another delete,
/// a prune) or the snapshot is (a restore, a verification). (since 0.1)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn backup_delete(
    root: *const c_char,
    id_or_name: *const c_char,
    error: *mut *mut backup_error,
) -> backup_code {
    // SAFETY: the header's terms.
    unsafe {
        guard::call(error, || {
            let (root, wanted) = (args::path(root, "root")?, args::path(id_or_name, "id_or_name")?);
            let wanted = wanted.to_str().ok_or_else(|| {
                Error::at(Code::NotFound, "deleting the snapshot", wanted, "no id and no name has such bytes")
            })?;
            BackupRoot::at(root).delete(wanted)
        })
    }
}

/// Deletes all but the newest keep_newest snapshots, except those in use (a restore, a
/// verification) and unreadable ones, which neither count nor go; one in which something was found
/// bad does not count. *deleted: how many went. 0 to keep is BACKUP_INVALID_ARGUMENT;
/// BACKUP_CONFLICT: the root is in use. backup_prune_by prunes by more than a number. (since 0.1)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn backup_prune(
    root: *const c_char,
    keep_newest: u32,
    deleted: *mut u32,
    error: *mut *mut backup_error,
) -> backup_code {
    // SAFETY: the header's terms.
    unsafe {
        guard::call(error, || {
            let (root, deleted) = (args::path(root, "root")?, Out::new(deleted, "deleted")?);
            deleted.put(BackupRoot::at(root).prune(keep_newest)?);
            Ok(())
        })
    }
}
