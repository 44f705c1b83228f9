//! Options and their plain setters.

use std::ffi::{c_char, c_void};
use std::time::Duration;

use super::args::{self, refused, required};
use super::caught::quiet;
use super::code::backup_code;
use super::error::backup_error;
use super::file_class;
use super::guard;
use super::level::verify_level;
use crate::error::Result;
use crate::options::Options;
use crate::settings::{Share, Symlinks};

/// What a host chooses for a coordinator, a restore or a verification. They copy what they need
/// when they are opened or started, so options may be changed, used again or freed at any time.
/// One thread at a time.
pub struct backup_options(pub(super) Options);

/// A symbolic link fails the backup with BACKUP_UNSUPPORTED and is named: what it points to would
/// be silently missing. The default. One that leads to a source whose prefix is the link's own
/// place is captured as that source, here and with BACKUP_SYMLINKS_PRESERVE; one to a backup root
/// is left out.
pub const BACKUP_SYMLINKS_FAIL: i32 = 0;
/// A symbolic link is kept as the link that it is.
pub const BACKUP_SYMLINKS_PRESERVE: i32 = 1;

/// A backup takes each file anew.
pub const BACKUP_SHARE_NEVER: i32 = 0;
/// A backup shares with the snapshot before it what has not changed: by clones where the root's file
/// system makes them, else by hard links; but not by links where there is a validate hook, since an
/// engine that writes to what it opens would write to older snapshots. The default.
pub const BACKUP_SHARE_SAFELY: i32 = 1;
/// By links beneath a validate hook too: the host vouches that it writes to nothing it looks at.
pub const BACKUP_SHARE_ALWAYS: i32 = 2;

/// New options, all of them defaults; free them with backup_options_free. NULL only after a
/// defect of the library. (since 0.1)
#[unsafe(no_mangle)]
pub extern "C" fn backup_options_new() -> Option<Box<backup_options>> {
    quiet(None, || Some(Box::new(backup_options(Options::new()))))
}

/// Frees options. What was opened or started with them keeps its copy. NULL is fine. (since 0.1)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn backup_options_free(options: Option<Box<backup_options>>) {
    quiet((), || drop(options));
}

/// Where snapshots live: a directory that is made when missing, on any file system. By default
/// .lifecycle/backup in the data directory. Restores and verifications ignore it. (since 0.1)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn backup_options_set_root(
    options: Option<&mut backup_options>,
    path: *const c_char,
    error: *mut *mut backup_error,
) -> backup_code {
    // SAFETY: the header's terms.
    unsafe { guard::call(error, || given(options)?.set_root(args::path(path, "path")?)) }
}

/// 1: takes over a root that belongs to another data directory, which is BACKUP_CONFLICT
/// otherwise (the data directory was moved, copied or made anew: it is known by an id, kept in
/// its .lifecycle, by its path and inode, and by having made the root's last backup); begins a
/// new one where a root was before and is missing now, which is BACKUP_NOT_FOUND otherwise (its
/// disk is not mounted); and takes a further source that is another than the one that its prefix
/// had, or is empty now. 0 is the default. (since 0.1)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn backup_options_set_adopt_root(
    options: Option<&mut backup_options>,
    adopt: i32,
    error: *mut *mut backup_error,
) -> backup_code {
    // SAFETY: the header's terms.
    unsafe {
        guard::call(error, || {
            given(options)?.set_adopt_root(args::flag(adopt, "adopt")?);
            Ok(())
        })
    }
}

/// Captures a further directory (a WAL directory) with the data directory, below prefix in the
/// snapshot. The prefix is a plain relative path that does not overlap another source's, nor a
/// name in the data directory, which fails the backup, unless that is a symbolic link to this
/// source. The directory must be there when the coordinator is opened. May be called several
/// times. (since 0.1)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn backup_options_add_source(
    options: Option<&mut backup_options>,
    path: *const c_char,
    prefix: *const c_char,
    error: *mut *mut backup_error,
) -> backup_code {
    // SAFETY: the header's terms.
    unsafe {
        guard::call(error, || {
            given(options)?.add_source(args::path(path, "path")?, args::path(prefix, "prefix")?)
        })
    }
}

/// The engine's layout: rules for its files and, for those that name their manifest in a file, a
/// check of what was staged: "rocksdb", "leveldb", "pebble", "sqlite", "lmdb", "bbolt"; "alopex"
/// where the library was built with it; "generic", the default, has neither. docs/hosts.md says
/// what each expects of its host. BACKUP_UNSUPPORTED: there is none of that name. A restore and a
/// verification take the manifest's layout unless this says otherwise. (since 0.1)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn backup_options_set_layout(
    options: Option<&mut backup_options>,
    name: *const c_char,
    error: *mut *mut backup_error,
) -> backup_code {
    // SAFETY: the header's terms.
    unsafe { guard::call(error, || given(options)?.set_layout(args::text(name, "name")?)) }
}

/// Gives a class (BACKUP_FILE_*) to the files that a glob matches, in UTF-8. A glob without a
/// slash matches the last component at any depth, one with a slash the whole path in the
/// snapshot. Wildcards are *, ?, [a-z] and, as a whole component, **, which alone crosses
/// slashes. The first rule that matches wins, and those given here come before the layout's.
/// Classes are given to files: wal/** is for all that lies in a directory; but an excluded
/// directory is left out with all below it. A glob that matches nothing is no error:
/// snapshot.manifest tells each file's class. (since 0.1)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn backup_options_add_rule(
    options: Option<&mut backup_options>,
    glob: *const c_char,
    file_class: i32,
    error: *mut *mut backup_error,
) -> backup_code {
    // SAFETY: the header's terms.
    unsafe {
        guard::call(error, || {
            given(options)?.add_rule(args::text(glob, "glob")?, file_class::from_c(file_class)?)
        })
    }
}

/// The number of I/O threads of a job; 0, the default: two. More than there are cores count as
/// that many. (since 0.1)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn backup_options_set_threads(
    options: Option<&mut backup_options>,
    threads: u32,
    error: *mut *mut backup_error,
) -> backup_code {
    // SAFETY: the header's terms.
    unsafe { guard::call(error, || given(options).map(|options| options.set_threads(threads))) }
}

/// How fast a job may copy, and read back what it copied, in bytes per second; 0, the default: no
/// limit. It does not apply while the host is frozen. backup_set_rate_limit changes it while a job
/// runs. (since 0.1)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn backup_options_set_rate_limit(
    options: Option<&mut backup_options>,
    bytes_per_second: u64,
    error: *mut *mut backup_error,
) -> backup_code {
    // SAFETY: the header's terms.
    unsafe { guard::call(error, || given(options).map(|options| options.set_rate_limit(bytes_per_second))) }
}

/// How long a small synced write of the host's may take beside a backup, a checkpoint or a restore,
/// in milliseconds; 0, the default: whatever it takes. With a target the job finds its rate by
/// itself: while it copies it writes 4 KiB some 20 times a second on the file system of the data
/// directory (a restore: of its target), to a file without a name, and makes them durable; if that
/// takes longer than the target its rate is halved, though never below 1 MB/s, and otherwise it
/// grows slowly, up to backup_options_set_rate_limit and backup_set_rate_limit. A target that the
/// disk misses when it is left alone makes a job as slow as that. It does not apply while the host
/// is frozen, nor to verifications, which write nothing. Where no such file can be written the job
/// goes on within its rate limit, and backup_warning says so. (since 0.1)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn backup_options_set_latency_target(
    options: Option<&mut backup_options>,
    ms: u32,
    error: *mut *mut backup_error,
) -> backup_code {
    let target = Duration::from_millis(ms.into());
    // SAFETY: the header's terms.
    unsafe { guard::call(error, || given(options).map(|options| options.set_latency_target(target))) }
}

/// How much is read back before a copy counts as good: BACKUP_VERIFY_*. (since 0.1)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn backup_options_set_verify_level(
    options: Option<&mut backup_options>,
    level: i32,
    error: *mut *mut backup_error,
) -> backup_code {
    // SAFETY: the header's terms.
    unsafe {
        guard::call(error, || {
            given(options)?.set_verify_level(verify_level(level)?);
            Ok(())
        })
    }
}

/// What happens when a source holds a symbolic link: BACKUP_SYMLINKS_*. (since 0.1)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn backup_options_set_symlinks(
    options: Option<&mut backup_options>,
    symlinks: i32,
    error: *mut *mut backup_error,
) -> backup_code {
    // SAFETY: the header's terms.
    unsafe {
        guard::call(error, || {
            given(options)?.set_symlinks(symlink_choice(symlinks)?);
            Ok(())
        })
    }
}

/// The longest time between freeze returning and thaw being called, in milliseconds; then the
/// host is thawed and the job fails with BACKUP_FREEZE_TIMEOUT. It cannot make a thaw quick that
/// waits for something: one that returns after that time fails the job too. 0: none. The default
/// is 30,000. (since 0.1)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn backup_options_set_freeze_timeout(
    options: Option<&mut backup_options>,
    ms: u64,
    error: *mut *mut backup_error,
) -> backup_code {
    let timeout = Duration::from_millis(ms);
    // SAFETY: the header's terms.
    unsafe { guard::call(error, || given(options).map(|options| options.set_freeze_timeout(timeout))) }
}

/// How many bytes must stay free on each file system concerned; a job gives up with
/// BACKUP_NO_SPACE before there are fewer. The default is 0. (since 0.1)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn backup_options_set_min_free(
    options: Option<&mut backup_options>,
    bytes: u64,
    error: *mut *mut backup_error,
) -> backup_code {
    // SAFETY: the header's terms.
    unsafe { guard::call(error, || given(options).map(|options| options.set_min_free(bytes))) }
}

/// The host's own metadata, copied and kept in each snapshot's manifest: any bytes, at most 1 MiB.
/// NULL with size 0: none. backup_hook_set_metadata is for that of one backup. (since 0.1)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn backup_options_set_metadata(
    options: Option<&mut backup_options>,
    metadata: *const c_void,
    size: usize,
    error: *mut *mut backup_error,
) -> backup_code {
    // SAFETY: the header's terms.
    unsafe { guard::call(error, || given(options)?.set_metadata(args::bytes(metadata, size, "metadata")?)) }
}

/// Whether a restore keeps what it replaces, for backup_restore_undo: 1, the default, or 0, which
/// gives its space back. (since 0.1)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn backup_options_set_keep_undo(
    options: Option<&mut backup_options>,
    keep: i32,
    error: *mut *mut backup_error,
) -> backup_code {
    // SAFETY: the header's terms.
    unsafe {
        guard::call(error, || {
            given(options)?.set_keep_undo(args::flag(keep, "keep")?);
            Ok(())
        })
    }
}

/// Whether a backup shares with the snapshot before it (what latest names) the immutable files that
/// have not changed since: BACKUP_SHARE_*. They are neither pinned nor read, so a backup costs what
/// has changed. A snapshot is complete all the same, deleting one harms no other, and what is
/// restored shares with none. (since 0.1)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn backup_options_set_share(
    options: Option<&mut backup_options>,
    share: i32,
    error: *mut *mut backup_error,
) -> backup_code {
    // SAFETY: the header's terms.
    unsafe {
        guard::call(error, || {
            given(options)?.set_share(share_choice(share)?);
            Ok(())
        })
    }
}

/// How long ago a shared file may have been read back from the disk, in seconds. Each backup reads
/// what was not for longer, the oldest first, before its checkpoint hook: at most 64 MiB or a 32nd
/// of what can be shared, whichever is more. A file that is bad is copied anew, and backup_warning
/// names it. 0: some in each backup; UINT64_MAX: none. The default is 86,400, a day. (since 0.1)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn backup_options_set_reread_after(
    options: Option<&mut backup_options>,
    seconds: u64,
    error: *mut *mut backup_error,
) -> backup_code {
    let age = Duration::from_secs(seconds);
    // SAFETY: the header's terms.
    unsafe { guard::call(error, || given(options).map(|options| options.set_reread_after(age))) }
}

/// 1: a restore over a directory keeps those of its files that are what the snapshot has, by size
/// and, as they are read, by checksum; so one over nearly the same costs reading. They are cloned
/// where the file system can. Where it cannot, the file itself stays, with its inode, if its mode,
/// owner and times are the snapshot's too, it has no other links, and no validate hook might write
/// to it: with backup_options_set_keep_undo 0 any file, otherwise immutable ones, which what is put
/// aside then shares. An engine that empties such a file before it deletes it (Badger) spoils the
/// undo, which backup_restore_undo then refuses as BACKUP_CORRUPT. What is kept is counted in
/// bytes_linked; the rest is copied. 0, the default: all is. (since 0.1)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn backup_options_set_keep_matching(
    options: Option<&mut backup_options>,
    keep: i32,
    error: *mut *mut backup_error,
) -> backup_code {
    // SAFETY: the header's terms.
    unsafe {
        guard::call(error, || {
            given(options)?.set_keep_matching(args::flag(keep, "keep")?);
            Ok(())
        })
    }
}

/// Whether backups and restores may share blocks with what they copy, where the file system can (a
/// reflink, as on xfs and btrfs, of files of 64 KiB and more): 1, the default, or 0, which always
/// writes bytes of their own, for a disk that is to hold each of them twice. What was shared is
/// counted in bytes_cloned, and its checksum is read from the clone. (since 0.1)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn backup_options_set_clone(
    options: Option<&mut backup_options>,
    allowed: i32,
    error: *mut *mut backup_error,
) -> backup_code {
    // SAFETY: the header's terms.
    unsafe {
        guard::call(error, || {
            given(options)?.set_clone(args::flag(allowed, "allowed")?);
            Ok(())
        })
    }
}

/// 1: the host vouches that its process holds no fcntl locks on the files concerned, so that jobs
/// may run where the library's threads cannot leave the process's descriptor table (some
/// containers), which is BACKUP_UNSUPPORTED otherwise. 0 is the default. (since 0.1)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn backup_options_set_no_posix_locks(
    options: Option<&mut backup_options>,
    none_held: i32,
    error: *mut *mut backup_error,
) -> backup_code {
    // SAFETY: the header's terms.
    unsafe {
        guard::call(error, || {
            given(options)?.set_no_posix_locks(args::flag(none_held, "none_held")?);
            Ok(())
        })
    }
}

pub fn given(options: Option<&mut backup_options>) -> Result<&mut Options> {
    Ok(&mut required(options, "options")?.0)
}

/// The options of a call where NULL means defaults.
pub fn or_defaults(options: Option<&backup_options>) -> Options {
    options.map_or_else(Options::new, |options| options.0.clone())
}

fn share_choice(value: i32) -> Result<Share> {
    match value {
        BACKUP_SHARE_NEVER => Ok(Share::Never),
        BACKUP_SHARE_SAFELY => Ok(Share::Safely),
        BACKUP_SHARE_ALWAYS => Ok(Share::Always),
        _ => Err(refused(format!("{value} is not a choice for sharing"))),
    }
}

fn symlink_choice(value: i32) -> Result<Symlinks> {
    match value {
        BACKUP_SYMLINKS_FAIL => Ok(Symlinks::Fail),
        BACKUP_SYMLINKS_PRESERVE => Ok(Symlinks::Preserve),
        _ => Err(refused(format!("{value} is not a choice for symbolic links"))),
    }
}
