//! Snapshots.

use std::ffi::{CString, c_char, c_void};
use std::os::unix::ffi::OsStrExt;
use std::ptr;

use super::args::{self, Out};
use super::caught::quiet;
use super::code::backup_code;
use super::error::backup_error;
use super::guard;
use super::level::{BACKUP_VERIFY_NONE, number_of_level};
use super::text::{c_text, lend};
use super::time::ms_of_time;
use crate::root::BackupRoot;
use crate::snapshot::Snapshot;

/// What a snapshot says of itself, read once: it holds nothing open and stays good when the
/// snapshot is deleted. Nothing ever changes in it; any thread may look until it is freed.
pub struct backup_snapshot {
    snapshot: Snapshot,
    id: CString,
    location: CString,
    layout: CString,
    tags: Vec<CString>,
    error: Option<backup_error>,
}

impl From<Snapshot> for backup_snapshot {
    fn from(snapshot: Snapshot) -> Self {
        Self {
            id: c_text(snapshot.id().as_bytes()),
            location: c_text(snapshot.location().as_os_str().as_bytes()),
            layout: c_text(snapshot.layout().as_bytes()),
            tags: snapshot.tags().iter().map(|tag| c_text(tag.as_bytes())).collect(),
            error: snapshot.error().cloned().map(backup_error::new),
            snapshot,
        }
    }
}

/// The newest completed snapshot of a backup root, which the caller frees. BACKUP_NOT_FOUND: there
/// is none. (since 0.1)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn backup_latest(
    root: *const c_char,
    out: *mut *mut backup_snapshot,
    error: *mut *mut backup_error,
) -> backup_code {
    // SAFETY: the header's terms.
    unsafe {
        guard::call(error, || {
            let (root, out) = (args::path(root, "root")?, Out::new(out, "out")?);
            out.put_handle(BackupRoot::at(root).latest()?.into());
            Ok(())
        })
    }
}

/// The snapshot at a location, which the caller frees. Reads its manifest alone; whether the files
/// are what that says is for backup_verify_start. BACKUP_NOT_FOUND: there is none;
/// BACKUP_CORRUPT, BACKUP_UNSUPPORTED: it cannot be read. (since 0.1)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn backup_snapshot_open(
    location: *const c_char,
    out: *mut *mut backup_snapshot,
    error: *mut *mut backup_error,
) -> backup_code {
    // SAFETY: the header's terms.
    unsafe {
        guard::call(error, || {
            let (location, out) = (args::path(location, "location")?, Out::new(out, "out")?);
            out.put_handle(Snapshot::open(location)?.into());
            Ok(())
        })
    }
}

/// A snapshot's id: the manifest's, which is that of the job that made it, else its name. Valid until
/// the snapshot is freed; NULL for NULL. (since 0.1)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn backup_snapshot_id(snapshot: Option<&backup_snapshot>) -> *const c_char {
    lend(snapshot.map(|snapshot| &snapshot.id))
}

/// A snapshot's directory, absolute. Valid until the snapshot is freed; NULL for NULL. (since 0.1)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn backup_snapshot_location(snapshot: Option<&backup_snapshot>) -> *const c_char {
    lend(snapshot.map(|snapshot| &snapshot.location))
}

/// The name of a snapshot's layout; empty where the manifest names none. Valid until the snapshot is
/// freed; NULL for NULL. (since 0.1)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn backup_snapshot_layout(snapshot: Option<&backup_snapshot>) -> *const c_char {
    lend(snapshot.map(|snapshot| &snapshot.layout))
}

/// The host's metadata in a snapshot: *size bytes, valid until the snapshot is freed. NULL with size
/// 0: there is none. size may be NULL. (since 0.1)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn backup_snapshot_metadata(
    snapshot: Option<&backup_snapshot>,
    size: *mut usize,
) -> *const c_void {
    let metadata = snapshot.map_or(&[][..], |snapshot| snapshot.snapshot.metadata());
    if !size.is_null() {
        // SAFETY: not NULL, so by the header's terms it can be written.
        unsafe { size.write(metadata.len()) };
    }
    match metadata.is_empty() {
        true => ptr::null(),
        false => metadata.as_ptr().cast(),
    }
}

/// When the backup that made a snapshot began, in milliseconds since 1970; 0 where unknown, and for
/// NULL. (since 0.1)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn backup_snapshot_started_at_ms(snapshot: Option<&backup_snapshot>) -> u64 {
    number(snapshot, |snapshot| snapshot.started_at().map_or(0, ms_of_time))
}

/// When the backup that made a snapshot ended, in milliseconds since 1970; 0 where unknown, and for
/// NULL. (since 0.1)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn backup_snapshot_finished_at_ms(snapshot: Option<&backup_snapshot>) -> u64 {
    number(snapshot, |snapshot| snapshot.finished_at().map_or(0, ms_of_time))
}

/// A tag of a snapshot, counted from 0; NULL when out of range, and for NULL. Valid until the
/// snapshot is freed. (since 0.1)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn backup_snapshot_tag(
    snapshot: Option<&backup_snapshot>,
    index: usize,
) -> *const c_char {
    lend(snapshot.and_then(|snapshot| snapshot.tags.get(index)))
}

/// The longest freeze window of the backup that made a snapshot, in nanoseconds; 0: the host was not
/// frozen, or it is unknown; 0 for NULL. (since 0.1)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn backup_snapshot_freeze_ns(snapshot: Option<&backup_snapshot>) -> u64 {
    number(snapshot, |snapshot| snapshot.freeze().map_or(0, |freeze| freeze.as_nanos() as u64))
}

/// When all of a snapshot was last read back and found good, by its backup, a verification or parts
/// of scrubs, in milliseconds since 1970: the time of that of its files which was not read for the
/// longest time. 0: never, as far as is known; 0 for NULL. (since 0.1)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn backup_snapshot_verified_at_ms(snapshot: Option<&backup_snapshot>) -> u64 {
    number(snapshot, |snapshot| snapshot.verified().map_or(0, |verified| ms_of_time(verified.at)))
}

/// How it was read back then: BACKUP_VERIFY_CHECKSUM or BACKUP_VERIFY_MEDIA; BACKUP_VERIFY_NONE:
/// never, and for NULL. (since 0.1)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn backup_snapshot_verified_level(snapshot: Option<&backup_snapshot>) -> i32 {
    let verified = snapshot.and_then(|snapshot| snapshot.snapshot.verified());
    verified.map_or(BACKUP_VERIFY_NONE, |verified| number_of_level(verified.level))
}

/// Whether something of a snapshot was found bad since it was last found good: 1, else 0; 0 for
/// NULL. It can be read, and some of its files are lost: backup_verify_start and backup_scrub_start
/// name them. (since 0.1)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn backup_snapshot_is_damaged(snapshot: Option<&backup_snapshot>) -> i32 {
    snapshot.is_some_and(|snapshot| snapshot.snapshot.is_damaged()).into()
}

/// How many files a snapshot has; 0 for NULL. (since 0.1)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn backup_snapshot_files(snapshot: Option<&backup_snapshot>) -> u64 {
    number(snapshot, Snapshot::files)
}

/// The sum of the sizes of a snapshot's files, in bytes; 0 for NULL. (since 0.1)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn backup_snapshot_bytes(snapshot: Option<&backup_snapshot>) -> u64 {
    number(snapshot, Snapshot::bytes)
}

/// How many of its files a snapshot shares with an earlier one, by links or clones; 0 for NULL.
/// (since 0.1)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn backup_snapshot_files_shared(snapshot: Option<&backup_snapshot>) -> u64 {
    number(snapshot, Snapshot::files_shared)
}

/// The sum of the sizes of the files that a snapshot shares with an earlier one, in bytes: what its
/// backup did not take anew; 0 for NULL. (since 0.1)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn backup_snapshot_bytes_shared(snapshot: Option<&backup_snapshot>) -> u64 {
    number(snapshot, Snapshot::bytes_shared)
}

/// How many FIFOs, sockets, devices and leftovers of the library's own, which are not data, a
/// snapshot's backup came upon; 0 for NULL. (since 0.1)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn backup_snapshot_files_skipped(snapshot: Option<&backup_snapshot>) -> u64 {
    number(snapshot, Snapshot::files_skipped)
}

/// How many immutable files a snapshot does not have because they were still being built and belong
/// to no consistent point; 0 for NULL. (since 0.1)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn backup_snapshot_files_left_out(snapshot: Option<&backup_snapshot>) -> u64 {
    number(snapshot, Snapshot::files_left_out)
}

/// Why a snapshot is unreadable; NULL: it is not. Only a list has unreadable ones. Borrowed from the
/// snapshot, so never freed. (since 0.1)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn backup_snapshot_error(snapshot: Option<&backup_snapshot>) -> Option<&backup_error> {
    snapshot.and_then(|snapshot| snapshot.error.as_ref())
}

/// Frees a snapshot that the caller owns, not one of a list. NULL is fine. Nothing on disk
/// changes. (since 0.1)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn backup_snapshot_free(snapshot: Option<Box<backup_snapshot>>) {
    quiet((), || drop(snapshot));
}

fn number(snapshot: Option<&backup_snapshot>, of: impl FnOnce(&Snapshot) -> u64) -> u64 {
    snapshot.map_or(0, |snapshot| of(&snapshot.snapshot))
}
