//! Paths as callers give them and as records hold them.

pub mod hex;
mod text;

use std::path::{Component, Path, PathBuf};

use crate::error::{Code, Error, Result};

pub use text::PathText;

/// The path made absolute without touching the disk.
pub fn absolute(path: &Path) -> Result<PathBuf> {
    std::path::absolute(path)
        .map_err(|error| Error::at(Code::InvalidArgument, "making absolute the path", path, error))
}

/// The path if it is a plain relative one: no `..`, no `.`, not empty, not absolute.
pub fn relative(path: &Path) -> Result<PathBuf> {
    let plain: PathBuf = path.components().filter(|part| matches!(part, Component::Normal(_))).collect();
    if plain.as_os_str().is_empty() || plain.as_os_str() != path.as_os_str() {
        let why = "it must be relative, without `.`, `..`, empty parts or a slash at the end";
        return Err(Error::at(Code::InvalidArgument, "taking the path", path, why));
    }
    Ok(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_relative_paths_are_taken() {
        for good in ["a", "a/b", ".a", "..a", "a b\n"] {
            assert_eq!(relative(Path::new(good)).unwrap(), Path::new(good));
        }
        for bad in ["", "/", "/a", "..", "a/../b", "./a", "a/.", "a//b", "a/"] {
            assert_eq!(relative(Path::new(bad)).unwrap_err().code(), Code::InvalidArgument, "{bad}");
        }
    }
}
