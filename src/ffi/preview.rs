//! What a backup would do.

use std::ffi::{CString, c_char, c_void};
use std::os::unix::ffi::OsStrExt;

use super::args::{self, Out};
use super::caught::quiet;
use super::code::backup_code;
use super::contents::{kind_to_c, lend_path};
use super::error::backup_error;
use super::file_class::to_c;
use super::guard;
use super::options::{backup_options, or_defaults};
use super::text::{c_text, lend};
use crate::backup::{Outcome, Preview, PreviewEntry, Space, preview};

/// All of it is copied inside the freeze window: it is mutable.
pub const BACKUP_OUTCOME_COPIED_IN_FREEZE: i32 = 1;
/// Pinned ahead of the window and copied after it: it is immutable, or append-only, of which the
/// window takes the length.
pub const BACKUP_OUTCOME_COPIED_AFTER_FREEZE: i32 = 2;
/// Its first bytes are copied inside the window, the rest after it and before release: its class is
/// BACKUP_FILE_PINNED.
pub const BACKUP_OUTCOME_COPIED_BEFORE_RELEASE: i32 = 3;
/// It shares its blocks with the source, by a clone, and is read once for its checksum.
pub const BACKUP_OUTCOME_CLONED: i32 = 4;
/// It is the previous snapshot's, which holds it unchanged, by a clone or a link.
pub const BACKUP_OUTCOME_SHARED: i32 = 5;
/// A symbolic link, which is kept as it is.
pub const BACKUP_OUTCOME_LINK_KEPT: i32 = 6;
/// A rule excludes it, with all below it.
pub const BACKUP_OUTCOME_EXCLUDED: i32 = 7;
/// It is no data: a FIFO, a socket, a device, a link to what is no data, or the library's own.
pub const BACKUP_OUTCOME_SKIPPED: i32 = 8;
/// It fails the backup; backup_preview_refusal says why.
pub const BACKUP_OUTCOME_REFUSED: i32 = 9;

/// What a backup would do now, read once: it holds nothing open. Nothing ever changes in it; any
/// thread may look until it is freed.
pub struct backup_preview {
    preview: Preview,
    root: CString,
    previous: Option<CString>,
    rules: Vec<CString>,
    spaces: Vec<CString>,
    refusals: Vec<backup_error>,
}

/// Tells what a backup of a data directory with these options would do now; the caller frees it.
/// Nothing is made, locked or changed, and a host may have the directory open. What hooks would
/// say, and what an engine does meanwhile, cannot be told. Fails where backup_coordinator_open
/// would not open the directory at all; all else that would fail the backup is in it. (since 0.1)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn backup_preview_open(
    data_dir: *const c_char,
    options: Option<&backup_options>,
    out: *mut *mut backup_preview,
    error: *mut *mut backup_error,
) -> backup_code {
    // SAFETY: the header's terms.
    unsafe {
        guard::call(error, || {
            let (data_dir, out) = (args::path(data_dir, "data_dir")?, Out::new(out, "out")?);
            out.put_handle(preview(data_dir, &or_defaults(options))?.into());
            Ok(())
        })
    }
}

impl From<Preview> for backup_preview {
    fn from(preview: Preview) -> Self {
        let path = |path: &std::path::Path| c_text(path.as_os_str().as_bytes());
        let mut rules: Vec<CString> = preview.rules().map(|(glob, _)| c_text(glob.as_bytes())).collect();
        rules.sort_unstable();
        Self {
            root: path(preview.root()),
            previous: preview.previous().map(path),
            rules,
            spaces: preview.spaces().iter().map(|space| path(&space.path)).collect(),
            refusals: preview.refusals().iter().cloned().map(backup_error::new).collect(),
            preview,
        }
    }
}

/// How many entries there are, in the order of their paths: all names in the sources but for
/// directories that are captured as such, and what is the library's own; 0 for NULL. (since 0.1)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn backup_preview_count(preview: Option<&backup_preview>) -> usize {
    preview.map_or(0, |preview| preview.preview.len())
}

/// Where an entry would be in the snapshot: *length bytes, which no NUL ends, valid until the
/// preview is freed. NULL with length 0 when out of range. length may be NULL. (since 0.1)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn backup_preview_path(
    preview: Option<&backup_preview>,
    index: usize,
    length: *mut usize,
) -> *const c_void {
    // SAFETY: the header's terms.
    unsafe { lend_path(entry(preview, index).map(|entry| entry.path), length) }
}

/// What an entry is, a BACKUP_ENTRY_*; 0 when out of range. (since 0.1)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn backup_preview_kind(preview: Option<&backup_preview>, index: usize) -> i32 {
    entry(preview, index).map_or(0, |entry| kind_to_c(entry.kind))
}

/// The size of a file in bytes; 0 of what is none, and of what is excluded or skipped. (since 0.1)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn backup_preview_size(preview: Option<&backup_preview>, index: usize) -> u64 {
    entry(preview, index).map_or(0, |entry| entry.size)
}

/// The class of an entry by the rules, a BACKUP_FILE_*; 0 when out of range. (since 0.1)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn backup_preview_class(preview: Option<&backup_preview>, index: usize) -> i32 {
    entry(preview, index).map_or(0, |entry| to_c(entry.class))
}

/// The glob of the rule that gives an entry its class, valid until the preview is freed; NULL: none
/// does, so it is mutable. (since 0.1)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn backup_preview_rule(
    preview: Option<&backup_preview>,
    index: usize,
) -> *const c_char {
    let rule = || {
        let preview = preview?;
        let glob = preview.preview.get(index)?.rule?;
        let at = preview.rules.binary_search_by(|rule| rule.to_bytes().cmp(glob.as_bytes())).ok()?;
        preview.rules.get(at)
    };
    lend(rule())
}

/// What would become of an entry, a BACKUP_OUTCOME_*; 0 when out of range. (since 0.1)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn backup_preview_outcome(preview: Option<&backup_preview>, index: usize) -> i32 {
    entry(preview, index).map_or(0, |entry| outcome_to_c(entry.outcome))
}

/// How many directories would be captured, without the tops of the sources; 0 for NULL. (since 0.1)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn backup_preview_directories(preview: Option<&backup_preview>) -> u64 {
    preview.map_or(0, |preview| preview.preview.directories())
}

/// The backup root, absolute; it need not be there yet. Valid until the preview is freed; NULL for
/// NULL. (since 0.1)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn backup_preview_root(preview: Option<&backup_preview>) -> *const c_char {
    lend(preview.map(|preview| &preview.root))
}

/// The directory of the snapshot that files would be shared with, valid until the preview is freed;
/// NULL: there is none, or none may be shared. (since 0.1)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn backup_preview_previous(preview: Option<&backup_preview>) -> *const c_char {
    lend(preview.and_then(|preview| preview.previous.as_ref()))
}

/// 1 if the data directory and the root lie on one file system, and so would be lost with one disk;
/// else 0. Two subvolumes count as two. (since 0.1)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn backup_preview_is_one_file_system(preview: Option<&backup_preview>) -> i32 {
    preview.is_some_and(|preview| preview.preview.is_one_file_system()).into()
}

/// A file system that the backup would use, counted from 0, the root's: a directory on it, valid
/// until the preview is freed. NULL when out of range, and then nothing is written. *free: the
/// bytes that are free there, UINT64_MAX if it does not say; *needed: those that would be written;
/// *reserve: those that the options want to stay free. Each output may be NULL. (since 0.1)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn backup_preview_space(
    preview: Option<&backup_preview>,
    index: usize,
    free: *mut u64,
    needed: *mut u64,
    reserve: *mut u64,
) -> *const c_char {
    let space = |preview: &backup_preview| preview.preview.spaces().get(index).cloned();
    let Some(Space { free: is_free, needed: is_needed, reserve: is_reserve, .. }) = preview.and_then(space)
    else {
        return lend(None);
    };
    // SAFETY: the header's terms.
    unsafe {
        args::put_if_wanted(free, is_free.unwrap_or(u64::MAX));
        args::put_if_wanted(needed, is_needed);
        args::put_if_wanted(reserve, is_reserve);
    }
    lend(preview.and_then(|preview| preview.spaces.get(index)))
}

/// What would fail a backup that began now, counted from 0, of the first hundred: borrowed from the
/// preview, so never freed. NULL when out of range; of 0: nothing that can be told. (since 0.1)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn backup_preview_refusal(
    preview: Option<&backup_preview>,
    index: usize,
) -> Option<&backup_error> {
    preview.and_then(|preview| preview.refusals.get(index))
}

/// Frees a preview and all that was borrowed from it. NULL is fine. Nothing on disk changes. (since
/// 0.1)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn backup_preview_free(preview: Option<Box<backup_preview>>) {
    quiet((), || drop(preview));
}

fn entry(preview: Option<&backup_preview>, index: usize) -> Option<PreviewEntry<'_>> {
    preview.and_then(|preview| preview.preview.get(index))
}

fn outcome_to_c(outcome: Outcome) -> i32 {
    match outcome {
        Outcome::CopiedInFreeze => BACKUP_OUTCOME_COPIED_IN_FREEZE,
        Outcome::CopiedAfterFreeze => BACKUP_OUTCOME_COPIED_AFTER_FREEZE,
        Outcome::CopiedBeforeRelease => BACKUP_OUTCOME_COPIED_BEFORE_RELEASE,
        Outcome::Cloned => BACKUP_OUTCOME_CLONED,
        Outcome::Shared => BACKUP_OUTCOME_SHARED,
        Outcome::LinkKept => BACKUP_OUTCOME_LINK_KEPT,
        Outcome::Excluded => BACKUP_OUTCOME_EXCLUDED,
        Outcome::Skipped => BACKUP_OUTCOME_SKIPPED,
        Outcome::Refused => BACKUP_OUTCOME_REFUSED,
    }
}
