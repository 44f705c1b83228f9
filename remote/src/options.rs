//! What a host gives: choices by key, and its repository's password.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use hotbackup::{Code, Error, Result, extension};

use crate::password::PasswordHook;
use crate::store::Settings;

/// Options of a remote. They are copied when it is opened.
#[derive(Clone, Default)]
pub struct RemoteOptions {
    pub(crate) settings: Settings,
    password: Option<Arc<PasswordHook>>,
}

impl RemoteOptions {
    /// The defaults.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets one of the choices; `docs/remote.md` has them all. Times have a unit or are seconds (`500ms`, `15m`), sizes
    /// and rates have one or are bytes (`64KiB`, `16M`). An unknown key or a value that is none is
    /// [`Code::InvalidArgument`], and nothing is changed.
    pub fn set(&mut self, key: &str, value: &str) -> Result<()> {
        self.settings.set(key, value)
    }

    /// What tells the repository's password each time it is opened, in place of a file or the environment. It is called,
    /// and dropped, on a thread of its own, which has the descriptors of the thread that calls this; never twice at once.
    /// Its error becomes [`Code::HookFailed`].
    pub fn set_password_hook(
        &mut self,
        hook: impl FnMut() -> std::result::Result<String, String> + Send + 'static,
    ) -> Result<()> {
        self.password = Some(Arc::new(PasswordHook::new(hook)?));
        Ok(())
    }

    /// The hook's, else the file's, else that of `RESTIC_PASSWORD` or of the file that `RESTIC_PASSWORD_FILE` names.
    pub(crate) fn password(&self) -> Result<String> {
        if let Some(hook) = &self.password {
            return hook
                .ask()?
                .map_err(|why| Error::new(Code::HookFailed, format!("asking for the password: {why}")));
        }
        if let Some(path) = &self.settings.password_file {
            return read(path);
        }
        let named = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
        if let Some(password) = named("RESTIC_PASSWORD") {
            return password
                .into_string()
                .map_err(|_| Error::new(Code::InvalidArgument, "reading RESTIC_PASSWORD: it is not UTF-8"));
        }
        match named("RESTIC_PASSWORD_FILE") {
            Some(path) => read(Path::new(&path)),
            None => Err(Error::new(
                Code::InvalidArgument,
                "opening a repository: it needs a password: set password_file, a password hook, RESTIC_PASSWORD or \
                 RESTIC_PASSWORD_FILE",
            )),
        }
    }
}

impl fmt::Debug for RemoteOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RemoteOptions").field("settings", &self.settings).finish_non_exhaustive()
    }
}

/// What a file holds, without white space around it, as restic reads it.
fn read(path: &Path) -> Result<String> {
    let text = extension::run(|| {
        std::fs::read(path).map_err(|error| Error::io("reading the password file", path, error))
    })?;
    let text = String::from_utf8(text).map_err(|_| {
        Error::at(Code::InvalidArgument, "reading the password file", path, "it is not UTF-8")
    })?;
    Ok(text.trim().to_string())
}
