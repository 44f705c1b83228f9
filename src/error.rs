//! What went wrong, for a program (the code) and for a person (the message).

use std::error::Error as StdError;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The result of everything that can fail here.
pub type Result<T> = std::result::Result<T, Error>;

/// What kind of failure it was. The values are part of the C ABI and are never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[repr(i32)]
pub enum Code {
    /// An argument or an option is wrong, or two of them do not go together.
    InvalidArgument = 1,
    /// A directory, a snapshot, a job or a named file is not there.
    NotFound = 2,
    /// Something else is at work here: another backup, another process, a running host.
    Conflict = 3,
    /// A system call failed.
    Io = 4,
    /// A disk or a quota is full, or would be below the wanted reserve.
    NoSpace = 5,
    /// A source file broke the promise of its class while it was read.
    SourceChanged = 6,
    /// A snapshot, a manifest or a staged copy is not what it should be.
    Corrupt = 7,
    /// A hook of the host failed.
    HookFailed = 8,
    /// The freeze window took longer than the freeze timeout.
    FreezeTimeout = 9,
    /// The job was cancelled.
    Cancelled = 10,
    /// The wait ended before the job did.
    Timeout = 11,
    /// An interrupted restore must be recovered first.
    RestoreUnfinished = 12,
    /// This system, file system or build cannot do it.
    Unsupported = 13,
    /// A defect of this library.
    Internal = 14,
    /// A store refuses what was asked: no credentials, wrong or expired ones, or too few rights.
    Unauthorized = 15,
    /// A store cannot be reached, or does not answer in time.
    Unreachable = 16,
}

impl Code {
    /// All of them, by their numbers from 1 on.
    pub const ALL: [Self; 16] = [
        Code::InvalidArgument,
        Code::NotFound,
        Code::Conflict,
        Code::Io,
        Code::NoSpace,
        Code::SourceChanged,
        Code::Corrupt,
        Code::HookFailed,
        Code::FreezeTimeout,
        Code::Cancelled,
        Code::Timeout,
        Code::RestoreUnfinished,
        Code::Unsupported,
        Code::Internal,
        Code::Unauthorized,
        Code::Unreachable,
    ];

    /// The code of that number, if there is one.
    pub fn from_number(number: i32) -> Option<Self> {
        Self::ALL.into_iter().find(|code| *code as i32 == number)
    }

    /// The name as in the C header, without its `BACKUP_` prefix.
    pub fn name(self) -> &'static str {
        match self {
            Code::InvalidArgument => "INVALID_ARGUMENT",
            Code::NotFound => "NOT_FOUND",
            Code::Conflict => "CONFLICT",
            Code::Io => "IO",
            Code::NoSpace => "NO_SPACE",
            Code::SourceChanged => "SOURCE_CHANGED",
            Code::Corrupt => "CORRUPT",
            Code::HookFailed => "HOOK_FAILED",
            Code::FreezeTimeout => "FREEZE_TIMEOUT",
            Code::Cancelled => "CANCELLED",
            Code::Timeout => "TIMEOUT",
            Code::RestoreUnfinished => "RESTORE_UNFINISHED",
            Code::Unsupported => "UNSUPPORTED",
            Code::Internal => "INTERNAL",
            Code::Unauthorized => "UNAUTHORIZED",
            Code::Unreachable => "UNREACHABLE",
        }
    }
}

/// What an error comes from: a system call's error, or what a hook of the host failed with.
pub(crate) type Source = Arc<dyn StdError + Send + Sync>;

/// One failure. Cheap to clone: a job hands the same one to each who asks.
///
/// [`source`](StdError::source) is the [`io::Error`] of the system call that failed, or the very error
/// that a hook returned. The message tells it already.
#[derive(Clone)]
pub struct Error(Arc<Inner>);

#[derive(Clone)]
struct Inner {
    code: Code,
    message: String,
    os_error: i32,
    path: Option<PathBuf>,
    source: Option<Source>,
    has_aftermath: bool,
    is_of_a_point_that_is_gone: bool,
}

impl Error {
    /// An error that concerns no path, for what a job of another crate fails with. The message becomes one line.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self(Arc::new(Inner {
            code,
            message: one_line(&message.into()),
            os_error: 0,
            path: None,
            source: None,
            has_aftermath: false,
            is_of_a_point_that_is_gone: false,
        }))
    }

    /// An error that was told elsewhere, such as by another library: its message, the path that it concerns and the
    /// `errno` of the system call that failed, 0 if it was none.
    pub fn told(code: Code, message: impl Into<String>, path: Option<&Path>, os_error: i32) -> Self {
        Self::new(code, message).with(|inner| {
            inner.path = path.map(Path::to_path_buf);
            inner.os_error = os_error;
        })
    }

    /// An error about `path`: `<doing> <path>: <why>`.
    pub fn at(code: Code, doing: &str, path: &Path, why: impl fmt::Display) -> Self {
        Self::new(code, format!("{doing} {}: {why}", show(path))).with(|inner| {
            inner.path = Some(path.to_path_buf());
        })
    }

    /// A failed system call on `path`. A full disk or quota is [`Code::NoSpace`], all else [`Code::Io`].
    pub fn io(doing: &str, path: &Path, error: impl Into<io::Error>) -> Self {
        let error = error.into();
        let os_error = error.raw_os_error().unwrap_or(0);
        let code = match os_error {
            libc::ENOSPC | libc::EDQUOT => Code::NoSpace,
            _ => Code::Io,
        };
        Self::at(code, doing, path, &error).with(|inner| {
            inner.os_error = os_error;
            inner.source = Some(Arc::new(error));
        })
    }

    /// A failed system call that concerns no path: no thread, no memory.
    pub fn system(doing: &str, error: io::Error) -> Self {
        Self::new(Code::Io, format!("{doing}: {error}")).with(|inner| {
            inner.os_error = error.raw_os_error().unwrap_or(0);
            inner.source = Some(Arc::new(error));
        })
    }

    /// This failure under another code.
    pub(crate) fn code_is(self, code: Code) -> Self {
        self.with(|inner| inner.code = code)
    }

    /// This failure, told as that of doing something to a path if it names no path yet.
    pub fn or_at(self, doing: &str, path: &Path) -> Self {
        if self.0.path.is_some() {
            return self;
        }
        self.with(|inner| {
            inner.message = format!("{doing} {}: {}", show(path), inner.message);
            inner.path = Some(path.to_path_buf());
        })
    }

    /// This failure with more about its reason.
    pub(crate) fn since(self, why: &str) -> Self {
        self.with(|inner| inner.message = format!("{} ({})", inner.message, one_line(why)))
    }

    /// This failure with what it comes from.
    pub(crate) fn caused_by(self, source: Option<Source>) -> Self {
        self.with(|inner| inner.source = source)
    }

    /// This failure, its message followed by what it has left as it was, or not. Who knows
    /// best says it first, and what is said later is dropped.
    pub fn aftermath(self, what: &str) -> Self {
        if self.0.has_aftermath {
            return self;
        }
        self.with(|inner| {
            inner.message = format!("{}; {what}", inner.message);
            inner.has_aftermath = true;
        })
    }

    /// This failure, which may be none of the next point that is captured: the file that it is of was
    /// truncated, as engines do with what they delete.
    pub(crate) fn of_a_point_that_is_gone(self) -> Self {
        self.with(|inner| inner.is_of_a_point_that_is_gone = true)
    }

    /// Whether it is worth to capture another point.
    pub(crate) fn is_of_a_point_that_is_gone(&self) -> bool {
        self.0.is_of_a_point_that_is_gone
    }

    fn with(mut self, change: impl FnOnce(&mut Inner)) -> Self {
        change(Arc::make_mut(&mut self.0));
        self
    }

    /// What kind of failure it was.
    pub fn code(&self) -> Code {
        self.0.code
    }

    /// One line: what was being done, to which path, why it failed, what is unharmed.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// The `errno` of the system call that failed, 0 if it was none.
    pub fn os_error(&self) -> i32 {
        self.0.os_error
    }

    /// The path concerned.
    pub fn path(&self) -> Option<&Path> {
        self.0.path.as_deref()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.0.code.name(), self.0.message)
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source.as_deref().map(|source| source as _)
    }
}

/// A path as text on one line: control characters escaped, bytes that are not UTF-8 replaced.
pub(crate) fn show(path: &Path) -> String {
    one_line(&path.to_string_lossy())
}

fn one_line(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_control() {
            line.extend(c.escape_default());
        } else {
            line.push(c);
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_one_line_and_the_path_stays_raw() {
        let error = Error::at(Code::Corrupt, "reading", Path::new("a\nb"), "too\tshort");
        assert_eq!(error.message(), "reading a\\nb: too\\tshort");
        assert_eq!(error.path(), Some(Path::new("a\nb")));
    }

    #[test]
    fn a_full_disk_and_a_full_quota_are_no_space() {
        for (errno, code) in
            [(libc::ENOSPC, Code::NoSpace), (libc::EDQUOT, Code::NoSpace), (libc::EIO, Code::Io)]
        {
            let error = Error::io("writing", Path::new("x"), io::Error::from_raw_os_error(errno));
            assert_eq!((error.code(), error.os_error()), (code, errno));
        }
    }

    #[test]
    fn the_error_of_a_system_call_is_kept_whatever_is_said_about_it() {
        let refused = || io::Error::from_raw_os_error(libc::EACCES);
        let errors = [
            Error::io("writing", Path::new("x"), refused()),
            Error::system("making a thread", refused()),
            Error::system("reading", refused()).or_at("restoring to", Path::new("y")).since("it is full"),
            Error::system("reading", refused()).code_is(Code::Corrupt).aftermath("nothing was changed"),
        ];
        for error in errors {
            let source = error.source().and_then(|source| source.downcast_ref::<io::Error>());
            assert_eq!(source.and_then(io::Error::raw_os_error), Some(libc::EACCES), "{error}");
            assert_eq!(error.message().matches(&refused().to_string()).count(), 1, "{error}");
        }
        assert!(Error::new(Code::Corrupt, "no system call").source().is_none());
    }
}
