//! What a command fails with.

use std::fmt;
use std::io;
use std::path::PathBuf;

use hotbackup::{Code, Error};
use serde::Serialize;

use crate::exit::Kind;

/// One failure, as a line for a person and as fields for a program.
#[derive(Clone, Debug)]
pub struct Failure {
    pub kind: Kind,
    message: String,
    path: Option<PathBuf>,
    os_error: Option<i32>,
    to_do: Option<String>,
}

impl Failure {
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self { kind: Kind::Library(code), message: message.into(), path: None, os_error: None, to_do: None }
    }

    /// Nobody said yes to what would destroy something.
    pub fn refused(message: impl Into<String>) -> Self {
        Self { kind: Kind::Refused, ..Self::new(Code::InvalidArgument, message) }
    }

    /// An examination has found something that is wrong.
    pub fn found(message: impl Into<String>) -> Self {
        Self { kind: Kind::Found, ..Self::new(Code::InvalidArgument, message) }
    }

    /// A failed system call of the command's own.
    pub fn io(doing: impl fmt::Display, error: &io::Error) -> Self {
        let code = match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Code::NoSpace,
            io::ErrorKind::NotFound => Code::NotFound,
            _ => Code::Io,
        };
        Self { os_error: error.raw_os_error(), ..Self::new(code, format!("{doing}: {error}")) }
    }

    /// The same about a path.
    pub fn at(self, path: impl Into<PathBuf>) -> Self {
        Self { path: Some(path.into()), ..self }
    }

    /// The same with what to do about it, where that is better known than by its kind.
    pub fn advise(self, what: impl Into<String>) -> Self {
        Self { to_do: Some(what.into()), ..self }
    }

    /// The same, unless it was said already what to do.
    pub fn or_advise(self, what: impl Into<String>) -> Self {
        Self { to_do: self.to_do.or_else(|| Some(what.into())), ..self }
    }

    /// The same in other words.
    pub fn says(self, message: impl Into<String>) -> Self {
        Self { message: message.into(), ..self }
    }

    /// What happened, without what to do about it.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// Whether it is of that kind.
    pub fn is(&self, code: Code) -> bool {
        self.kind == Kind::Library(code)
    }

    /// As JSON has it.
    pub fn view(&self) -> View {
        View {
            code: self.kind.name(),
            exit_code: self.kind.exit_code(),
            message: self.message.clone(),
            path: self.path.as_ref().map(|path| path.to_string_lossy().into_owned()),
            os_error: self.os_error,
            to_do: self.advice().map(str::to_string),
        }
    }

    /// What to do about it.
    pub fn advice(&self) -> Option<&str> {
        self.to_do.as_deref().or_else(|| self.kind.to_do())
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self {
            kind: Kind::Library(error.code()),
            message: error.message().to_string(),
            path: error.path().map(PathBuf::from),
            os_error: Some(error.os_error()).filter(|number| *number != 0),
            to_do: None,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        self.advice().map_or(Ok(()), |what| write!(f, "; to do: {what}"))
    }
}

/// A failure in JSON.
#[derive(Clone, Debug, Serialize)]
pub struct View {
    pub code: &'static str,
    exit_code: u8,
    pub message: String,
    path: Option<String>,
    os_error: Option<i32>,
    to_do: Option<String>,
}
