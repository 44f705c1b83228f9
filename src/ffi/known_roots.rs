//! The roots that a data directory remembers.

use std::ffi::{CString, c_char};
use std::os::unix::ffi::OsStrExt;

use super::args::{self, Out};
use super::caught::quiet;
use super::code::backup_code;
use super::error::backup_error;
use super::guard;
use super::text::{c_text, lend};
use crate::root::{KnownRoot, Standing, known_roots};

/// What is there is that root, and nobody else has made backups into it since.
pub const BACKUP_STANDING_SAME: i32 = 1;
/// Nothing is there, or a directory that is no root: its disk may not be mounted.
pub const BACKUP_STANDING_MISSING: i32 = 2;
/// Another root, or one whose record is lost or damaged.
pub const BACKUP_STANDING_ANOTHER: i32 = 3;
/// That root, into which another copy of the data directory has made backups since.
pub const BACKUP_STANDING_SEALED_BY_ANOTHER: i32 = 4;
/// It cannot be looked at.
pub const BACKUP_STANDING_UNREADABLE: i32 = 5;

/// The backup roots that a data directory remembered at one instant. Nothing ever changes in it;
/// any thread may look until it is freed.
pub struct backup_known_roots(Vec<Known>);

struct Known {
    root: KnownRoot,
    id: CString,
    path: CString,
    real_path: Option<CString>,
}

/// The backup roots that a data directory remembers, the one used last first; the caller frees it.
/// Nothing is changed. One that was never backed up remembers none. (since 0.1)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn backup_known_roots_open(
    data_dir: *const c_char,
    out: *mut *mut backup_known_roots,
    error: *mut *mut backup_error,
) -> backup_code {
    // SAFETY: the header's terms.
    unsafe {
        guard::call(error, || {
            let (data_dir, out) = (args::path(data_dir, "data_dir")?, Out::new(out, "out")?);
            let known = |root: KnownRoot| Known {
                id: c_text(root.id.as_bytes()),
                path: c_text(root.path.as_os_str().as_bytes()),
                real_path: root.real_path.as_ref().map(|path| c_text(path.as_os_str().as_bytes())),
                root,
            };
            out.put_handle(backup_known_roots(known_roots(data_dir)?.into_iter().map(known).collect()));
            Ok(())
        })
    }
}

/// How many they are; 0 for NULL. (since 0.1)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn backup_known_roots_count(roots: Option<&backup_known_roots>) -> usize {
    roots.map_or(0, |roots| roots.0.len())
}

/// The own id of a root. Valid until they are freed; NULL when out of range. (since 0.1)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn backup_known_roots_id(
    roots: Option<&backup_known_roots>,
    index: usize,
) -> *const c_char {
    lend(known(roots, index).map(|known| &known.id))
}

/// Where a root was, as its user gave it. Valid until they are freed; NULL when out of range.
/// (since 0.1)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn backup_known_roots_path(
    roots: Option<&backup_known_roots>,
    index: usize,
) -> *const c_char {
    lend(known(roots, index).map(|known| &known.path))
}

/// The path that a root had once its links were resolved. Valid until they are freed; NULL where
/// the record does not say, and when out of range. (since 0.1)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn backup_known_roots_real_path(
    roots: Option<&backup_known_roots>,
    index: usize,
) -> *const c_char {
    lend(known(roots, index).and_then(|known| known.real_path.as_ref()))
}

/// What is there now, a BACKUP_STANDING_*; 0 when out of range. (since 0.1)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn backup_known_roots_standing(
    roots: Option<&backup_known_roots>,
    index: usize,
) -> i32 {
    known(roots, index).map_or(0, |known| match known.root.standing {
        Standing::Same => BACKUP_STANDING_SAME,
        Standing::Missing => BACKUP_STANDING_MISSING,
        Standing::Another => BACKUP_STANDING_ANOTHER,
        Standing::SealedByAnother => BACKUP_STANDING_SEALED_BY_ANOTHER,
        Standing::Unreadable => BACKUP_STANDING_UNREADABLE,
    })
}

/// How many snapshots lie there now, readable or not, whosever root it is; 0 when out of range.
/// (since 0.1)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn backup_known_roots_snapshots(
    roots: Option<&backup_known_roots>,
    index: usize,
) -> u64 {
    known(roots, index).map_or(0, |known| known.root.snapshots)
}

/// Frees them. NULL is fine. Nothing on disk changes. (since 0.1)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn backup_known_roots_free(roots: Option<Box<backup_known_roots>>) {
    quiet((), || drop(roots));
}

fn known(roots: Option<&backup_known_roots>, index: usize) -> Option<&Known> {
    roots.and_then(|roots| roots.0.get(index))
}
