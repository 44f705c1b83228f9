//! Opening a directory by the path that a caller gave.

use std::path::Path;

use crate::error::{Code, Error, Result};
use crate::sys::dir::Dir;

/// Opens it. What is wrong with the path itself has codes of its own.
pub fn open_directory(path: &Path, doing: &str) -> Result<Dir> {
    Dir::open(path).map_err(|error| match error.raw_os_error() {
        Some(libc::ENOENT) => Error::at(Code::NotFound, doing, path, "it does not exist"),
        Some(libc::ENOTDIR) => Error::at(Code::InvalidArgument, doing, path, "it is not a directory"),
        _ => Error::io(doing, path, error),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_with_the_path_is_named() {
        let top = tempfile::tempdir().unwrap();
        let code = |name: &str| open_directory(&top.path().join(name), "opening").unwrap_err().code();
        std::fs::write(top.path().join("file"), b"").unwrap();
        assert_eq!([code("missing"), code("file")], [Code::NotFound, Code::InvalidArgument]);
        assert_eq!(open_directory(top.path(), "opening").unwrap().path(), top.path());
    }
}
