//! Lists of a repository's snapshots.

use std::ffi::{CString, c_char};

use remote::RemoteSnapshot;

use crate::args::{Out, text};
use crate::caught::quiet;
use crate::core::Core;
use crate::guard;
use crate::handles::{backup_code, backup_error};
use crate::remote::{backup_remote, core_of, given};
use crate::text::{c_text, lend};
use crate::time::ms_of_time;

/// The snapshots that a repository had at one instant. Nothing ever changes in it; any thread may
/// look until it is freed.
pub struct backup_remote_list {
    core: Core,
    snapshots: Vec<backup_remote_snapshot>,
    unreadable: Vec<Unreadable>,
}

/// A snapshot in a repository: borrowed from its list, so never freed itself.
pub struct backup_remote_snapshot {
    snapshot: RemoteSnapshot,
    id: CString,
    object: CString,
    host: CString,
    layout: CString,
    tags: Vec<CString>,
}

/// An error of libhotbackup's, which goes with the list.
struct Unreadable(*mut backup_error);

// SAFETY: an error never changes, and any thread may look.
unsafe impl Send for Unreadable {}
// SAFETY: likewise.
unsafe impl Sync for Unreadable {}

impl Drop for backup_remote_list {
    fn drop(&mut self) {
        for error in self.unreadable.drain(..) {
            // SAFETY: `backup_remote_list_open` has made it, and lends it no longer than this.
            unsafe { (self.core.table().error_free)(error.0.cast()) };
        }
    }
}

impl From<RemoteSnapshot> for backup_remote_snapshot {
    fn from(snapshot: RemoteSnapshot) -> Self {
        Self {
            id: c_text(snapshot.id().as_bytes()),
            object: c_text(snapshot.object().as_bytes()),
            host: c_text(snapshot.host().as_bytes()),
            layout: c_text(snapshot.layout().as_bytes()),
            tags: snapshot.tags().map(|tag| c_text(tag.as_bytes())).collect(),
            snapshot,
        }
    }
}

/// Lists the snapshots of a repository, the oldest first, and waits for it; of those that are of
/// one local snapshot the oldest alone. host: those of that host; NULL: of all. The caller frees
/// *out. (since 0.1)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn backup_remote_list_open(
    remote: Option<&backup_remote>,
    host: *const c_char,
    out: *mut *mut backup_remote_list,
    error: *mut *mut backup_error,
) -> backup_code {
    // SAFETY: the header's terms.
    unsafe {
        guard::call(core_of(remote), error, || {
            let (remote, out) = (given(remote)?, Out::new(out, "out")?);
            let host = if host.is_null() { None } else { Some(text(host, "host")?) };
            let (snapshots, unreadable) = remote.remote().list(host)?;
            let core = remote.core();
            out.put_handle(backup_remote_list {
                core,
                snapshots: snapshots.into_iter().map(Into::into).collect(),
                unreadable: unreadable.iter().map(|error| Unreadable(core.error(error))).collect(),
            });
            Ok(())
        })
    }
}

/// How many snapshots a list has; 0 for NULL. (since 0.1)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn backup_remote_list_count(list: Option<&backup_remote_list>) -> usize {
    list.map_or(0, |list| list.snapshots.len())
}

/// One snapshot of a list, counted from 0, the oldest: borrowed until the list is freed, so never
/// freed itself. NULL when out of range. (since 0.1)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn backup_remote_list_get(
    list: Option<&backup_remote_list>,
    index: usize,
) -> Option<&backup_remote_snapshot> {
    list.and_then(|list| list.snapshots.get(index))
}

/// Why a snapshot's record cannot be read, counted from 0; NULL when out of range. Its host is not
/// known, so it is in every list. Borrowed until the list is freed, so never freed itself. (since
/// 0.1)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn backup_remote_list_error(
    list: Option<&backup_remote_list>,
    index: usize,
) -> *const backup_error {
    let error = list.and_then(|list| list.unreadable.get(index));
    error.map_or(std::ptr::null(), |error| error.0)
}

/// Frees a list and all that was borrowed from it. NULL is fine. (since 0.1)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn backup_remote_list_free(list: Option<Box<backup_remote_list>>) {
    quiet((), || drop(list));
}

/// The id of the local snapshot that it is of; of one that restic made the name of its object.
/// Valid until the list is freed; NULL for NULL. (since 0.1)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn backup_remote_snapshot_id(
    snapshot: Option<&backup_remote_snapshot>,
) -> *const c_char {
    lend(snapshot.map(|snapshot| &snapshot.id))
}

/// The name of its object, by which restic knows it: 64 hexadecimal digits, of which the first
/// eight are enough. Valid until the list is freed; NULL for NULL. (since 0.1)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn backup_remote_snapshot_object(
    snapshot: Option<&backup_remote_snapshot>,
) -> *const c_char {
    lend(snapshot.map(|snapshot| &snapshot.object))
}

/// What its host is called. Valid until the list is freed; NULL for NULL. (since 0.1)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn backup_remote_snapshot_host(
    snapshot: Option<&backup_remote_snapshot>,
) -> *const c_char {
    lend(snapshot.map(|snapshot| &snapshot.host))
}

/// The name of its layout; empty where that is not known. Valid until the list is freed; NULL for
/// NULL. (since 0.1)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn backup_remote_snapshot_layout(
    snapshot: Option<&backup_remote_snapshot>,
) -> *const c_char {
    lend(snapshot.map(|snapshot| &snapshot.layout))
}

/// A tag of it, counted from 0, but for those that the push gave it; NULL when out of range, and
/// for NULL. Valid until the list is freed. (since 0.1)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn backup_remote_snapshot_tag(
    snapshot: Option<&backup_remote_snapshot>,
    index: usize,
) -> *const c_char {
    lend(snapshot.and_then(|snapshot| snapshot.tags.get(index)))
}

/// When the local snapshot was finished, in milliseconds since 1970; 0 for NULL. (since 0.1)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn backup_remote_snapshot_time_ms(snapshot: Option<&backup_remote_snapshot>) -> u64 {
    snapshot.map_or(0, |snapshot| ms_of_time(snapshot.snapshot.time()))
}

/// The number n in the local snapshot's name ts-<n>; UINT64_MAX: it had none, and for NULL. (since
/// 0.1)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn backup_remote_snapshot_number(snapshot: Option<&backup_remote_snapshot>) -> u64 {
    snapshot.and_then(|snapshot| snapshot.snapshot.number()).unwrap_or(u64::MAX)
}

/// Whether a push made it: 1; 0: restic did, and for NULL. (since 0.1)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn backup_remote_snapshot_is_pushed(snapshot: Option<&backup_remote_snapshot>) -> i32 {
    snapshot.is_some_and(|snapshot| snapshot.snapshot.is_pushed()).into()
}
