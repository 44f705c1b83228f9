//! Options of a remote.

use std::ffi::{c_char, c_void};
use std::ptr;

use hotbackup::Result;
use remote::RemoteOptions;

use crate::args::{required, text};
use crate::caught::quiet;
use crate::core::Core;
use crate::guard;
use crate::handles::{backup_code, backup_error, backup_extension};
use crate::secret::{backup_secret, backup_secret_fn};
use crate::user_data::{UserData, backup_destroy_fn};

/// How a repository is reached. One thread at a time.
pub struct backup_remote_options {
    pub core: Core,
    pub options: RemoteOptions,
}

/// What backup_remote_options_new calls, with backup_extension_table(): so all jobs and errors are
/// those of the libhotbackup which the caller uses. The caller frees it. NULL for NULL. (since 0.1)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn backup_remote_options_new_for(
    table: *const backup_extension,
) -> *mut backup_remote_options {
    quiet(ptr::null_mut(), || {
        // SAFETY: the header's terms.
        match unsafe { Core::new(table) }.filter(|_| !table.is_null()) {
            Some(core) => {
                Box::into_raw(Box::new(backup_remote_options { core, options: RemoteOptions::new() }))
            }
            None => ptr::null_mut(),
        }
    })
}

/// Sets one of the choices, which docs/remote.md lists: endpoint, region, path_style, access_key,
/// secret_key, session_token, profile, credentials_file, ca_file, proxy, connect_timeout,
/// idle_timeout, retries, retry_budget, connections, rate_limit_up, rate_limit_down, host, prefix,
/// compression, password_file, piece, index_memory, lock_wait, accept, read_back. Times have a unit
/// or are seconds ("500ms", "15m"), sizes and rates have one or are bytes ("64KiB", "16M"). An
/// unknown key or a value that is none is BACKUP_INVALID_ARGUMENT, and changes nothing. What is
/// secret is in no error. (since 0.1)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn backup_remote_options_set(
    options: Option<&mut backup_remote_options>,
    key: *const c_char,
    value: *const c_char,
    error: *mut *mut backup_error,
) -> backup_code {
    let core = options.as_ref().map(|options| options.core);
    // SAFETY: the header's terms.
    unsafe {
        guard::call(core, error, || {
            let options = required(options, "options")?;
            options.options.set(text(key, "key")?, text(value, "value")?)
        })
    }
}

/// Sets what gives the repository's password each time it is opened, in place of password_file and
/// of RESTIC_PASSWORD and RESTIC_PASSWORD_FILE in the environment. It is called on a thread of its
/// own, which shares the descriptors of the thread that calls this; never twice at once. destroy is
/// called there with user_data exactly once: when this fails, or once the options, all remotes that
/// were opened with them, and their jobs are gone.
/// (since 0.1)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn backup_remote_options_set_password_hook(
    options: Option<&mut backup_remote_options>,
    hook: backup_secret_fn,
    user_data: *mut c_void,
    destroy: backup_destroy_fn,
    error: *mut *mut backup_error,
) -> backup_code {
    let user_data = UserData::new(user_data, destroy);
    let core = options.as_ref().map(|options| options.core);
    let set = move || -> Result<()> {
        let options = required(options, "options")?;
        let (hook, core) = (required(hook, "hook")?, options.core);
        options.options.set_password_hook(move || {
            let mut secret = backup_secret::new(core);
            // SAFETY: the header's terms for such a function; what it is given is there until it returns.
            let returned = unsafe { hook(user_data.get(), &mut secret) };
            secret.into_password(returned)
        })
    };
    // SAFETY: the header's terms.
    unsafe { guard::call(core, error, set) }
}

/// Frees options. NULL is fine. (since 0.1)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn backup_remote_options_free(options: Option<Box<backup_remote_options>>) {
    quiet((), || drop(options));
}
