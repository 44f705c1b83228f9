//! Many names, directory by directory: the directory of the last one stays open.

use std::io;
use std::path::{Path, PathBuf};

use crate::sys::dir::Dir;

/// Finds the directory of each path beneath a top. Paths that come sorted cost one call each.
pub struct SortedDirs<'a> {
    top: &'a Dir,
    last: Option<(PathBuf, Dir)>,
}

impl<'a> SortedDirs<'a> {
    /// No directory is open yet.
    pub fn new(top: &'a Dir) -> Self {
        Self { top, last: None }
    }

    /// The directory that holds `path`, and its name there.
    pub fn parent_of<'p>(&mut self, path: &'p Path) -> io::Result<(&Dir, &'p Path)> {
        let name = Path::new(path.file_name().unwrap_or_default());
        let parent = path.parent().unwrap_or(Path::new(""));
        if parent.as_os_str().is_empty() {
            return Ok((self.top, name));
        }
        if !self.has_open(path) {
            self.last = Some((parent.to_path_buf(), self.open(parent)?));
        }
        let directory = self.last.as_ref().map_or(self.top, |(_, directory)| directory);
        Ok((directory, name))
    }

    /// Whether the directory of `path` is the one that is open.
    pub fn has_open(&self, path: &Path) -> bool {
        let parent = path.parent().unwrap_or(Path::new("")).as_os_str();
        self.last.as_ref().is_some_and(|(last, _)| last.as_os_str() == parent)
    }

    /// Opens a directory from the last one, if it lies below that.
    fn open(&self, path: &Path) -> io::Result<Dir> {
        match &self.last {
            Some((last, directory)) if path.starts_with(last) => {
                directory.open_dir(path.strip_prefix(last).unwrap_or(path))
            }
            _ => self.top.open_dir(path),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_path_gets_its_own_directory_sorted_or_not() {
        let top = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(top.path().join("a/b/c")).unwrap();
        std::fs::create_dir(top.path().join("ab")).unwrap();
        let dir = Dir::open(top.path()).unwrap();
        let mut directories = SortedDirs::new(&dir);
        for path in ["x", "a/x", "a/b/x", "a/b/c/x", "ab/x", "a/b/x", "y"] {
            let path = Path::new(path);
            let (parent, name) = directories.parent_of(path).unwrap();
            assert_eq!(parent.path(), top.path().join(path.parent().unwrap()).components().as_path());
            assert_eq!(name, path.file_name().unwrap());
        }
        assert!(directories.parent_of(Path::new("missing/x")).is_err());
        assert!(directories.parent_of(Path::new("a/x")).is_ok(), "an error spoils nothing");
    }
}
