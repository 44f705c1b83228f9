//! Retention: policies, and what becomes of snapshots by them.

use std::ffi::{CString, c_char};
use std::os::unix::ffi::OsStrExt;
use std::time::Duration;

use super::args::{self, Out, refused, required};
use super::caught::quiet;
use super::code::backup_code;
use super::error::backup_error;
use super::guard;
use super::text::{c_text, lend};
use crate::error::Result;
use crate::root::{BackupRoot, Keep, Retention, Verdict};

/// A policy: which snapshots of a root are kept, by rules of which each keeps some. What any rule keeps
/// stays, and always the newest good one. One thread at a time.
pub struct backup_retention(Retention);

/// What a policy makes of the snapshots that a root had at one instant, the newest first. Nothing
/// ever changes in it; any thread may look until it is freed.
pub struct backup_verdicts(Vec<Told>);

/// A verdict as C sees it.
struct Told {
    id: CString,
    location: CString,
    goes: bool,
    reasons: CString,
}

impl From<Verdict> for Told {
    fn from(verdict: Verdict) -> Self {
        Self {
            id: c_text(verdict.snapshot().id().as_bytes()),
            location: c_text(verdict.snapshot().location().as_os_str().as_bytes()),
            goes: verdict.goes(),
            reasons: c_text(verdict.why().as_bytes()),
        }
    }
}

/// The newest.
pub const BACKUP_KEEP_NEWEST: i32 = 1;
/// The newest of each of the last hours that have any. Hours, days, weeks, months and years are those
/// of UTC.
pub const BACKUP_KEEP_HOURLY: i32 = 2;
/// The newest of each of the last days that have any.
pub const BACKUP_KEEP_DAILY: i32 = 3;
/// The newest of each of the last weeks (of ISO 8601, from Monday) that have any.
pub const BACKUP_KEEP_WEEKLY: i32 = 4;
/// The newest of each of the last months that have any.
pub const BACKUP_KEEP_MONTHLY: i32 = 5;
/// The newest of each of the last years that have any.
pub const BACKUP_KEEP_YEARLY: i32 = 6;

/// A policy without a rule, by which nothing can be pruned; free it with backup_retention_free. NULL
/// only after a defect of the library. (since 0.1)
#[unsafe(no_mangle)]
pub extern "C" fn backup_retention_new() -> Option<Box<backup_retention>> {
    quiet(None, || Some(Box::new(backup_retention(Retention::new()))))
}

/// Frees a policy. NULL is fine. (since 0.1)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn backup_retention_free(retention: Option<Box<backup_retention>>) {
    quiet((), || drop(retention));
}

/// Keeps count snapshots by one rule, BACKUP_KEEP_*. Said again for the same rule, the last counts; 0:
/// it keeps none. (since 0.1)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn backup_retention_keep(
    retention: Option<&mut backup_retention>,
    rule: i32,
    count: u32,
    error: *mut *mut backup_error,
) -> backup_code {
    // SAFETY: the header's terms.
    unsafe {
        guard::call(error, || {
            given(retention)?.keep(rule_of(rule)?, count);
            Ok(())
        })
    }
}

/// Keeps all snapshots that are not older than so many milliseconds, counted back from now or from
/// the newest good one, whichever is earlier: a clock that is ahead, or a host that made no backups
/// for a while, takes none away. 0: the rule keeps none. (since 0.1)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn backup_retention_keep_within_ms(
    retention: Option<&mut backup_retention>,
    ms: u64,
    error: *mut *mut backup_error,
) -> backup_code {
    // SAFETY: the header's terms.
    unsafe {
        guard::call(error, || {
            given(retention)?.keep_within(Duration::from_millis(ms));
            Ok(())
        })
    }
}

/// Keeps all snapshots that have this tag, or one of those named before. (since 0.1)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn backup_retention_keep_tag(
    retention: Option<&mut backup_retention>,
    tag: *const c_char,
    error: *mut *mut backup_error,
) -> backup_code {
    // SAFETY: the header's terms.
    unsafe {
        guard::call(error, || {
            given(retention)?.keep_tag(args::text(tag, "tag")?);
            Ok(())
        })
    }
}

/// What a policy makes of each snapshot of a root, and why; the caller frees it. Nothing is changed,
/// and whether one is being read is not looked at. A root that does not exist yet has none.
/// BACKUP_INVALID_ARGUMENT: the policy has no rule. (since 0.1)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn backup_retention_plan(
    root: *const c_char,
    retention: Option<&backup_retention>,
    out: *mut *mut backup_verdicts,
    error: *mut *mut backup_error,
) -> backup_code {
    // SAFETY: the header's terms.
    unsafe {
        guard::call(error, || {
            let (root, out) = (args::path(root, "root")?, Out::new(out, "out")?);
            let retention = required(retention, "retention")?;
            put(out, BackupRoot::at(root).retention_plan(&retention.0)?);
            Ok(())
        })
    }
}

/// Deletes what a policy does not keep, the oldest first, and says what became of each snapshot; the
/// caller frees it. Those in use (a restore, a verification) stay. Unreadable ones neither count nor
/// go. A damaged one, in which something was found bad, takes no good one's place, and goes if it
/// would were it good; where none is good nothing goes. BACKUP_INVALID_ARGUMENT: the policy has no
/// rule; BACKUP_CONFLICT: the root is in use; BACKUP_NOT_FOUND: there is none. (since 0.1)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn backup_prune_by(
    root: *const c_char,
    retention: Option<&backup_retention>,
    out: *mut *mut backup_verdicts,
    error: *mut *mut backup_error,
) -> backup_code {
    // SAFETY: the header's terms.
    unsafe {
        guard::call(error, || {
            let (root, out) = (args::path(root, "root")?, Out::new(out, "out")?);
            let retention = required(retention, "retention")?;
            put(out, BackupRoot::at(root).prune_by(&retention.0)?);
            Ok(())
        })
    }
}

/// How many verdicts there are, one for each snapshot; 0 for NULL. (since 0.1)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn backup_verdicts_count(verdicts: Option<&backup_verdicts>) -> usize {
    verdicts.map_or(0, |verdicts| verdicts.0.len())
}

/// The id of the snapshot that a verdict is about, counted from 0, the newest. Valid until the
/// verdicts are freed; NULL when out of range. (since 0.1)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn backup_verdicts_id(
    verdicts: Option<&backup_verdicts>,
    index: usize,
) -> *const c_char {
    lend(told(verdicts, index).map(|told| &told.id))
}

/// The directory of that snapshot, absolute: where it is or, once it has gone, was. Valid until the
/// verdicts are freed; NULL when out of range. (since 0.1)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn backup_verdicts_location(
    verdicts: Option<&backup_verdicts>,
    index: usize,
) -> *const c_char {
    lend(told(verdicts, index).map(|told| &told.location))
}

/// 1: no rule keeps the snapshot, so it goes, or by backup_prune_by has gone. 0: it stays, and when
/// out of range. (since 0.1)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn backup_verdicts_goes(verdicts: Option<&backup_verdicts>, index: usize) -> i32 {
    told(verdicts, index).map_or(0, |told| i32::from(told.goes))
}

/// Why the snapshot stays or goes, in words, with a comma between reasons: "daily 2 of 14, tagged
/// release". Valid until the verdicts are freed; NULL when out of range. (since 0.1)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn backup_verdicts_reasons(
    verdicts: Option<&backup_verdicts>,
    index: usize,
) -> *const c_char {
    lend(told(verdicts, index).map(|told| &told.reasons))
}

/// Frees verdicts and all that was borrowed from them. NULL is fine. Nothing on disk changes.
/// (since 0.1)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn backup_verdicts_free(verdicts: Option<Box<backup_verdicts>>) {
    quiet((), || drop(verdicts));
}

fn given(retention: Option<&mut backup_retention>) -> Result<&mut Retention> {
    Ok(&mut required(retention, "retention")?.0)
}

fn rule_of(value: i32) -> Result<Keep> {
    match value {
        BACKUP_KEEP_NEWEST => Ok(Keep::Newest),
        BACKUP_KEEP_HOURLY => Ok(Keep::Hourly),
        BACKUP_KEEP_DAILY => Ok(Keep::Daily),
        BACKUP_KEEP_WEEKLY => Ok(Keep::Weekly),
        BACKUP_KEEP_MONTHLY => Ok(Keep::Monthly),
        BACKUP_KEEP_YEARLY => Ok(Keep::Yearly),
        _ => Err(refused(format!("{value} is not a rule that keeps snapshots"))),
    }
}

fn put(out: Out<*mut backup_verdicts>, verdicts: Vec<Verdict>) {
    out.put_handle(backup_verdicts(verdicts.into_iter().map(Told::from).collect()));
}

fn told(verdicts: Option<&backup_verdicts>, index: usize) -> Option<&Told> {
    verdicts.and_then(|verdicts| verdicts.0.get(index))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_constants_are_the_rules() {
        let names = ["newest", "hourly", "daily", "weekly", "monthly", "yearly"];
        let told = (BACKUP_KEEP_NEWEST..=BACKUP_KEEP_YEARLY).map(|value| rule_of(value).unwrap().name());
        assert_eq!(told.collect::<Vec<_>>(), names);
        assert!(rule_of(0).is_err() && rule_of(BACKUP_KEEP_YEARLY + 1).is_err());
    }
}
