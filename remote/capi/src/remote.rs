//! Remotes and their jobs.

use std::ffi::{CString, c_char};
use std::path::{Path, PathBuf};
use std::process;
use std::sync::OnceLock;

use hotbackup::{Code, Error, Kind, Result};
use remote::Remote;

use crate::args::{self, Out, required, text};
use crate::caught::quiet;
use crate::core::Core;
use crate::guard;
use crate::handles::{backup_code, backup_error, backup_job, backup_options};
use crate::job::{Jobs, Start};
use crate::options::backup_remote_options;
use crate::text::{c_text, lend};

/// A repository in an object store. Any thread may use a handle at any time, until it is closed.
pub struct backup_remote {
    jobs: Jobs,
    remote: Remote,
    url: CString,
    id: OnceLock<CString>,
    process: u32,
}

/// Opens a repository by its URL: s3://bucket/prefix, gs://bucket/prefix,
/// az://account/container/prefix or file:///path. Nothing is asked of the store yet. The options,
/// which are needed, are copied. The caller closes *out. (since 0.1)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn backup_remote_open(
    url: *const c_char,
    options: Option<&backup_remote_options>,
    out: *mut *mut backup_remote,
    error: *mut *mut backup_error,
) -> backup_code {
    // SAFETY: the header's terms.
    unsafe {
        guard::call(options.map(|options| options.core), error, || {
            let (url, options) = (text(url, "url")?, required(options, "options")?);
            let out = Out::new(out, "out")?;
            options.core.require()?;
            let remote = Remote::open(url, &options.options)?;
            let url = c_text(remote.url().as_bytes());
            let (jobs, id) = (Jobs::new(options.core), OnceLock::new());
            out.put_handle(backup_remote { jobs, remote, url, id, process: process::id() });
            Ok(())
        })
    }
}

/// Closes a remote and frees it. Its jobs are cancelled, and it does not wait for them: their
/// handles stay good, and say when they have ended. NULL is fine. (since 0.1)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn backup_remote_close(remote: Option<Box<backup_remote>>) {
    quiet((), || {
        let Some(remote) = remote else { return };
        if remote.process != process::id() {
            // In a forked child: its threads are not there, and its locks may be held for ever.
            std::mem::forget(remote);
            return;
        }
        remote.jobs.close();
    });
}

/// Its URL, without credentials. Valid until it is closed; NULL for NULL. (since 0.1)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn backup_remote_url(remote: Option<&backup_remote>) -> *const c_char {
    lend(remote.map(|remote| &remote.url))
}

/// Makes the repository, and waits for it. BACKUP_CONFLICT: there is one. (since 0.1)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn backup_remote_init(
    remote: Option<&backup_remote>,
    error: *mut *mut backup_error,
) -> backup_code {
    // SAFETY: the header's terms.
    unsafe { guard::call(core_of(remote), error, || given(remote)?.remote.init()) }
}

/// The id of the repository, 64 hexadecimal digits, asked of the store: one that was made anew at
/// the same place has another, and then this is BACKUP_CONFLICT. Valid until the remote is closed.
/// (since 0.1)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn backup_remote_repository_id(
    remote: Option<&backup_remote>,
    out: *mut *const c_char,
    error: *mut *mut backup_error,
) -> backup_code {
    // SAFETY: the header's terms.
    unsafe {
        guard::call(core_of(remote), error, || {
            let (remote, out) = (given(remote)?, Out::new(out, "out")?);
            let id = remote.remote.repository_id()?;
            out.put(remote.id.get_or_init(|| c_text(id.as_bytes())).as_ptr());
            Ok(())
        })
    }
}

/// Starts to send a finished snapshot, by its directory, and returns at once; it cannot be deleted
/// or pruned meanwhile. One that is there already is not sent again, but for packs that the
/// store has lost since, of which a warning tells. Of what an earlier push of this host has sent,
/// only what may have changed is read, and only what did is sent. The job
/// completes once the repository lists the snapshot; killed before that, the next push goes on with
/// what was sent. A checkpoint, by its job's location, arrives as a snapshot too, and is removed
/// once it has; a push that fails leaves it. As the job's result BACKUP_CORRUPT: the snapshot is
/// not what its manifest says, or a live file of the checkpoint was changed, or that is a copy;
/// BACKUP_CONFLICT: another program held the repository alone for longer than lock_wait, or it is
/// another repository than that which earlier snapshots of the same root went to, and the option
/// accept is not "any". Options (copied; NULL: defaults): threads, rate limit (of what is read, and
/// of what is sent) and the progress hook; the rest is ignored. The caller frees *out. (since 0.1)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn backup_remote_push_start(
    remote: Option<&backup_remote>,
    snapshot: *const c_char,
    options: *const backup_options,
    out: *mut *mut backup_job,
    error: *mut *mut backup_error,
) -> backup_code {
    // SAFETY: the header's terms.
    unsafe {
        guard::call(core_of(remote), error, || {
            let (remote, snapshot) = (given(remote)?, absolute(args::path(snapshot, "snapshot")?)?);
            let out = Out::new(out, "out")?;
            let start = Start { location: &snapshot, options };
            out.put(remote.jobs.start(Kind::Push, &start, remote.remote.push_work(snapshot.clone()))?);
            Ok(())
        })
    }
}

/// Starts to bring a snapshot as a directory target, which must not exist, and returns at once. id:
/// its id, the beginning of its object's name, or "latest". It goes on with what an earlier fetch
/// of it to the same place has left. Options (copied; NULL: defaults): threads, rate limit, min
/// free and the progress hook; the rest is ignored. The caller frees *out. (since 0.1)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn backup_remote_fetch_start(
    remote: Option<&backup_remote>,
    id: *const c_char,
    target: *const c_char,
    options: *const backup_options,
    out: *mut *mut backup_job,
    error: *mut *mut backup_error,
) -> backup_code {
    // SAFETY: the header's terms.
    unsafe { bring(remote, Kind::Fetch, (id, target, options), out, error) }
}

/// Starts a restore of a snapshot to target, as backup_restore_start does: the target is as it was
/// until all has come and was compared with the manifest's checksums. id: as for
/// backup_remote_fetch_start. Options (copied; NULL: defaults): those of backup_restore_start. The
/// caller frees *out. (since 0.1)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn backup_remote_restore_start(
    remote: Option<&backup_remote>,
    id: *const c_char,
    target: *const c_char,
    options: *const backup_options,
    out: *mut *mut backup_job,
    error: *mut *mut backup_error,
) -> backup_code {
    // SAFETY: the header's terms.
    unsafe { bring(remote, Kind::Restore, (id, target, options), out, error) }
}

/// Starts to verify a snapshot, and returns at once: that all it needs is there
/// (BACKUP_VERIFY_SIZE, or NONE), or that all of it can be read and is what its manifest says (any
/// other level, the default). If not, the job fails with BACKUP_CORRUPT, and each pack that is not
/// there or too short is one of its warnings; where all are there, each file that is bad is. id: as
/// for backup_remote_fetch_start. Options (copied; NULL: defaults): threads, rate limit, verify level
/// and the progress hook; the rest is ignored. The caller frees *out. (since 0.1)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn backup_remote_verify_start(
    remote: Option<&backup_remote>,
    id: *const c_char,
    options: *const backup_options,
    out: *mut *mut backup_job,
    error: *mut *mut backup_error,
) -> backup_code {
    // SAFETY: the header's terms.
    unsafe {
        guard::call(core_of(remote), error, || {
            let (remote, id) = (given(remote)?, text(id, "id")?);
            let out = Out::new(out, "out")?;
            let location = PathBuf::from(remote.remote.url());
            let start = Start { location: &location, options };
            out.put(remote.jobs.start(Kind::Verify, &start, remote.remote.verify_work(id))?);
            Ok(())
        })
    }
}

/// Takes a snapshot out of the list, and waits for it. What it alone needs stays until restic's
/// prune removes it. id: as for backup_remote_fetch_start. (since 0.1)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn backup_remote_forget(
    remote: Option<&backup_remote>,
    id: *const c_char,
    error: *mut *mut backup_error,
) -> backup_code {
    // SAFETY: the header's terms.
    unsafe { guard::call(core_of(remote), error, || given(remote)?.remote.forget(text(id, "id")?)) }
}

impl backup_remote {
    pub fn remote(&self) -> &Remote {
        &self.remote
    }

    pub fn core(&self) -> Core {
        self.jobs.core
    }
}

/// A remote, of this process.
pub fn given(remote: Option<&backup_remote>) -> Result<&backup_remote> {
    let remote = required(remote, "remote")?;
    match remote.process == process::id() {
        true => Ok(remote),
        false => {
            let why = "a remote of the parent process cannot be used after fork: open another";
            Err(Error::new(Code::Conflict, why))
        }
    }
}

pub fn core_of(remote: Option<&backup_remote>) -> Option<Core> {
    remote.map(backup_remote::core)
}

/// # Safety
/// The header's terms.
unsafe fn bring(
    remote: Option<&backup_remote>,
    kind: Kind,
    (id, target, options): (*const c_char, *const c_char, *const backup_options),
    out: *mut *mut backup_job,
    error: *mut *mut backup_error,
) -> backup_code {
    // SAFETY: as this function's caller says.
    unsafe {
        guard::call(core_of(remote), error, || {
            let (remote, id) = (given(remote)?, text(id, "id")?);
            let target = absolute(args::path(target, "target")?)?;
            let out = Out::new(out, "out")?;
            let start = Start { location: &target, options };
            out.put(remote.jobs.bring(kind, &start, remote.remote.supply(id))?);
            Ok(())
        })
    }
}

fn absolute(path: &Path) -> Result<PathBuf> {
    std::path::absolute(path).map_err(|error| Error::io("resolving", path, error))
}
