//! Scrubs.

use std::ffi::c_char;
use std::time::Duration;

use super::args::{self, Out};
use super::code::backup_code;
use super::error::backup_error;
use super::guard;
use super::job::backup_job;
use super::options::{backup_options, or_defaults};
use crate::scrub::Budget;
use crate::standalone;

/// Starts a scrub of a backup root and returns at once: it reads back stored files from the disk,
/// each once however many snapshots share it, those first that were bad or were not read for the
/// longest time, and writes down in the root what it found (backup_snapshot_verified_at_ms,
/// backup_snapshot_is_damaged). It ends after max_bytes bytes or max_ms milliseconds, whichever
/// comes first, with the file that it has begun; 0: no such limit. Each file that is bad is a
/// warning of the job (backup_warning), with all snapshots in which it is bad and the newest that
/// has it good; once it has read the rest the job fails with BACKUP_CORRUPT. Where snapshots share
/// by clones, the newest of them is read. Backups and prunes go on meanwhile. Options (copied; NULL:
/// defaults): rate limit, verify level (BACKUP_VERIFY_CHECKSUM or _MEDIA) and the progress hook; the
/// rest is ignored, and it reads on one thread. The caller frees *out. As the job's result:
/// BACKUP_CONFLICT: another scrub is at work there; BACKUP_NOT_FOUND: it is no root. (since 0.1)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn backup_scrub_start(
    root: *const c_char,
    max_bytes: u64,
    max_ms: u64,
    options: Option<&backup_options>,
    out: *mut *mut backup_job,
    error: *mut *mut backup_error,
) -> backup_code {
    let limit = |most: u64| (most > 0).then_some(most);
    let budget = Budget { bytes: limit(max_bytes), time: limit(max_ms).map(Duration::from_millis) };
    // SAFETY: the header's terms.
    unsafe {
        guard::call(error, || {
            let (root, out) = (args::path(root, "root")?, Out::new(out, "out")?);
            out.put_handle(standalone::scrub(root, budget, &or_defaults(options))?.into());
            Ok(())
        })
    }
}
