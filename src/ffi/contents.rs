//! What a snapshot holds.

use std::ffi::{CString, c_char, c_void};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::ptr;

use super::args::{self, Out, put_if_wanted};
use super::caught::quiet;
use super::code::backup_code;
use super::error::backup_error;
use super::file_class::to_c;
use super::guard;
use super::text::{c_text, lend};
use super::time::{ms_of_time, parts_of_time};
use crate::snapshot::{Contents, Entry, EntryKind, Snapshot};

/// A regular file.
pub const BACKUP_ENTRY_FILE: i32 = 1;
/// A directory.
pub const BACKUP_ENTRY_DIRECTORY: i32 = 2;
/// A symbolic link.
pub const BACKUP_ENTRY_LINK: i32 = 3;
/// A FIFO, a socket or a device, which no snapshot has.
pub const BACKUP_ENTRY_OTHER: i32 = 4;

/// All that a snapshot's manifest lists, read once: it holds nothing open and stays good when the
/// snapshot is deleted. Nothing ever changes in it; any thread may look until it is freed.
pub struct backup_contents {
    contents: Contents,
    /// Sorted.
    origins: Vec<CString>,
}

/// Reads what the snapshot at a location holds, by its manifest; the caller frees it. Whether the
/// files are what that says is for backup_verify_start. Its entries are counted from 0:
/// directories, then symbolic links, then files, each in the order of their paths. Codes as of
/// backup_snapshot_open. (since 0.1)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn backup_contents_open(
    location: *const c_char,
    out: *mut *mut backup_contents,
    error: *mut *mut backup_error,
) -> backup_code {
    // SAFETY: the header's terms.
    unsafe {
        guard::call(error, || {
            let (location, out) = (args::path(location, "location")?, Out::new(out, "out")?);
            let contents = Snapshot::open(location)?.contents()?;
            let mut origins: Vec<CString> = contents.origins().map(|id| c_text(id.as_bytes())).collect();
            origins.sort_unstable();
            out.put_handle(backup_contents { contents, origins });
            Ok(())
        })
    }
}

/// How many entries there are; 0 for NULL. (since 0.1)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn backup_contents_count(contents: Option<&backup_contents>) -> usize {
    contents.map_or(0, |contents| contents.contents.len())
}

/// What an entry is, a BACKUP_ENTRY_*; 0 when out of range. (since 0.1)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn backup_contents_kind(contents: Option<&backup_contents>, index: usize) -> i32 {
    entry(contents, index).map_or(0, |entry| kind_to_c(entry.kind))
}

/// The path of an entry, relative to the snapshot: *length bytes, which no NUL ends, valid until
/// the contents are freed. NULL with length 0 when out of range. length may be NULL. (since 0.1)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn backup_contents_path(
    contents: Option<&backup_contents>,
    index: usize,
    length: *mut usize,
) -> *const c_void {
    // SAFETY: the header's terms.
    unsafe { lend_path(entry(contents, index).map(|entry| entry.path), length) }
}

/// What a symbolic link holds, likewise; NULL with length 0 of what is none. (since 0.1)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn backup_contents_target(
    contents: Option<&backup_contents>,
    index: usize,
    length: *mut usize,
) -> *const c_void {
    // SAFETY: the header's terms.
    unsafe { lend_path(entry(contents, index).and_then(|entry| entry.target), length) }
}

/// The size of a file in bytes; 0 of what is none. (since 0.1)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn backup_contents_size(contents: Option<&backup_contents>, index: usize) -> u64 {
    entry(contents, index).map_or(0, |entry| entry.size)
}

/// The checksum of a file, CRC-32/ISO-HDLC of its bytes; 0 of what is none. (since 0.1)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn backup_contents_crc32(contents: Option<&backup_contents>, index: usize) -> u32 {
    entry(contents, index).and_then(|entry| entry.crc32).unwrap_or_default()
}

/// As what a file was captured, a BACKUP_FILE_*; 0 of what is none, and where the manifest does not
/// say. (since 0.1)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn backup_contents_class(contents: Option<&backup_contents>, index: usize) -> i32 {
    entry(contents, index).and_then(|entry| entry.class).map_or(0, to_c)
}

/// Permission bits, owner, group and time of modification of an entry, that in seconds since 1970
/// and nanoseconds of them. Returns 1, or 0 where the manifest does not say, and when out of range;
/// then nothing is written. Each output may be NULL. (since 0.1)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn backup_contents_attributes(
    contents: Option<&backup_contents>,
    index: usize,
    mode: *mut u32,
    uid: *mut u32,
    gid: *mut u32,
    mtime_s: *mut i64,
    mtime_ns: *mut u32,
) -> i32 {
    let Some(attributes) = entry(contents, index).and_then(|entry| entry.attributes) else { return 0 };
    let (s, ns) = parts_of_time(attributes.modified_at);
    // SAFETY: the header's terms.
    unsafe {
        put_if_wanted(mode, attributes.mode);
        put_if_wanted(uid, attributes.uid);
        put_if_wanted(gid, attributes.gid);
        put_if_wanted(mtime_s, s);
        put_if_wanted(mtime_ns, ns);
    }
    1
}

/// The id of the earlier snapshot for which the bytes of a shared file were read from the source,
/// and of which it is a link or a clone. Valid until the contents are freed; NULL of what is not
/// shared. (since 0.1)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn backup_contents_origin(
    contents: Option<&backup_contents>,
    index: usize,
) -> *const c_char {
    let origin = || {
        let contents = contents?;
        let id = contents.contents.get(index)?.origin?;
        let at = contents.origins.binary_search_by(|origin| origin.to_bytes().cmp(id.as_bytes())).ok()?;
        contents.origins.get(at)
    };
    lend(origin())
}

/// When a shared file had last been read back, as far as its backup knew, in milliseconds since
/// 1970; 0 of what is not shared. (since 0.1)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn backup_contents_verified_at_ms(
    contents: Option<&backup_contents>,
    index: usize,
) -> u64 {
    entry(contents, index).and_then(|entry| entry.verified_at).map_or(0, ms_of_time)
}

/// Frees contents and all that was borrowed from them. NULL is fine. Nothing on disk changes.
/// (since 0.1)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn backup_contents_free(contents: Option<Box<backup_contents>>) {
    quiet((), || drop(contents));
}

/// The constant that stands for a kind.
pub fn kind_to_c(kind: EntryKind) -> i32 {
    match kind {
        EntryKind::File => BACKUP_ENTRY_FILE,
        EntryKind::Directory => BACKUP_ENTRY_DIRECTORY,
        EntryKind::Link => BACKUP_ENTRY_LINK,
        EntryKind::Other => BACKUP_ENTRY_OTHER,
    }
}

fn entry(contents: Option<&backup_contents>, index: usize) -> Option<Entry<'_>> {
    contents.and_then(|contents| contents.contents.get(index))
}

/// A path with its length; NULL for none.
///
/// # Safety
/// `length` is NULL or can be written.
pub unsafe fn lend_path(path: Option<&Path>, length: *mut usize) -> *const c_void {
    let bytes = path.map(|path| path.as_os_str().as_bytes());
    // SAFETY: as this function's caller says.
    unsafe { put_if_wanted(length, bytes.map_or(0, <[u8]>::len)) };
    bytes.map_or(ptr::null(), |bytes| bytes.as_ptr().cast())
}
