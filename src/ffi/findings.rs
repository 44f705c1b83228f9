//! Examinations.

use std::ffi::{CString, c_char};
use std::os::unix::ffi::OsStrExt;

use super::args::{self, Out};
use super::caught::quiet;
use super::code::backup_code;
use super::error::backup_error;
use super::guard;
use super::text::{c_text, lend};
use crate::doctor::{Finding, Severity, examine};

/// All is well: it says what is.
pub const BACKUP_SEVERITY_OK: i32 = 1;
/// Nothing is wrong, but it takes space or may surprise.
pub const BACKUP_SEVERITY_NOTICE: i32 = 2;
/// Something needs a look before it does harm.
pub const BACKUP_SEVERITY_WARNING: i32 = 3;
/// A backup or a restore would fail, or a snapshot is not good.
pub const BACKUP_SEVERITY_ERROR: i32 = 4;

/// What an examination found at one instant, the worst first. Nothing ever changes in it; any
/// thread may look until it is freed.
pub struct backup_findings(Vec<Found>);

struct Found {
    severity: i32,
    kind: CString,
    path: CString,
    what: CString,
    advice: CString,
}

/// Examines a backup root, or a data directory with the roots that it remembers: locks and who
/// holds them, what killed jobs have left, interrupted restores, snapshots that are not good, roots
/// that are not the ones remembered. The caller frees it. To look takes no lock and changes
/// nothing; what processes of other containers hold is not seen from here. (since 0.1)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn backup_findings_open(
    path: *const c_char,
    out: *mut *mut backup_findings,
    error: *mut *mut backup_error,
) -> backup_code {
    // SAFETY: the header's terms.
    unsafe {
        guard::call(error, || {
            let (path, out) = (args::path(path, "path")?, Out::new(out, "out")?);
            out.put_handle(backup_findings(examine(path)?.into_iter().map(Into::into).collect()));
            Ok(())
        })
    }
}

impl From<Finding> for Found {
    fn from(finding: Finding) -> Self {
        Self {
            severity: match finding.severity {
                Severity::Ok => BACKUP_SEVERITY_OK,
                Severity::Notice => BACKUP_SEVERITY_NOTICE,
                Severity::Warning => BACKUP_SEVERITY_WARNING,
                Severity::Error => BACKUP_SEVERITY_ERROR,
            },
            kind: c_text(finding.kind.as_bytes()),
            path: c_text(finding.path.as_os_str().as_bytes()),
            what: c_text(finding.what.as_bytes()),
            advice: c_text(finding.advice.as_bytes()),
        }
    }
}

/// How many findings there are; 0 for NULL. (since 0.1)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn backup_findings_count(findings: Option<&backup_findings>) -> usize {
    findings.map_or(0, |findings| findings.0.len())
}

/// How much a finding matters, a BACKUP_SEVERITY_*; 0 when out of range. (since 0.1)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn backup_findings_severity(findings: Option<&backup_findings>, index: usize) -> i32 {
    found(findings, index).map_or(0, |found| found.severity)
}

/// What sort of thing a finding is, in words that stay: "stale_staging". Valid until they are
/// freed; NULL when out of range. (since 0.1)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn backup_findings_kind(
    findings: Option<&backup_findings>,
    index: usize,
) -> *const c_char {
    lend(found(findings, index).map(|found| &found.kind))
}

/// Where it is, absolute. Valid until they are freed; NULL when out of range. (since 0.1)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn backup_findings_path(
    findings: Option<&backup_findings>,
    index: usize,
) -> *const c_char {
    lend(found(findings, index).map(|found| &found.path))
}

/// What is there, one line of UTF-8 for a person. Valid until they are freed; NULL when out of
/// range. (since 0.1)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn backup_findings_what(
    findings: Option<&backup_findings>,
    index: usize,
) -> *const c_char {
    lend(found(findings, index).map(|found| &found.what))
}

/// What to do about it, one line of UTF-8 for a person. Valid until they are freed; NULL when out
/// of range. (since 0.1)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn backup_findings_advice(
    findings: Option<&backup_findings>,
    index: usize,
) -> *const c_char {
    lend(found(findings, index).map(|found| &found.advice))
}

/// Frees findings. NULL is fine. Nothing on disk changes. (since 0.1)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn backup_findings_free(findings: Option<Box<backup_findings>>) {
    quiet((), || drop(findings));
}

fn found(findings: Option<&backup_findings>, index: usize) -> Option<&Found> {
    findings.and_then(|findings| findings.0.get(index))
}
