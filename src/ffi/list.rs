//! Lists of snapshots.

use std::ffi::c_char;

use super::args::{self, Out};
use super::caught::quiet;
use super::code::backup_code;
use super::error::backup_error;
use super::guard;
use super::snapshot::backup_snapshot;
use crate::root::BackupRoot;

/// The snapshots that a backup root had at one instant. Nothing ever changes in it; any thread may
/// look until it is freed.
pub struct backup_list(Vec<backup_snapshot>);

/// Lists the snapshots of a backup root, newest first, unreadable ones too
/// (backup_snapshot_error). The caller frees it. A root without any, or that does not exist yet,
/// is an empty list. (since 0.1)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn backup_list_open(
    root: *const c_char,
    out: *mut *mut backup_list,
    error: *mut *mut backup_error,
) -> backup_code {
    // SAFETY: the header's terms.
    unsafe {
        guard::call(error, || {
            let (root, out) = (args::path(root, "root")?, Out::new(out, "out")?);
            let snapshots = BackupRoot::at(root).list()?;
            out.put_handle(backup_list(snapshots.into_iter().map(Into::into).collect()));
            Ok(())
        })
    }
}

/// How many snapshots a list has; 0 for NULL. (since 0.1)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn backup_list_count(list: Option<&backup_list>) -> usize {
    list.map_or(0, |list| list.0.len())
}

/// One snapshot of a list, counted from 0, the newest: borrowed until the list is freed, so never
/// freed itself. NULL when out of range. (since 0.1)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn backup_list_get(
    list: Option<&backup_list>,
    index: usize,
) -> Option<&backup_snapshot> {
    list.and_then(|list| list.0.get(index))
}

/// Frees a list and all that was borrowed from it. NULL is fine. Nothing on disk changes.
/// (since 0.1)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn backup_list_free(list: Option<Box<backup_list>>) {
    quiet((), || drop(list));
}
