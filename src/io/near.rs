//! Many names, directory by directory: the directory of the last one is kept open.

use std::io;
use std::path::{Path, PathBuf};

use crate::sys::dir::Dir;

/// Finds the directory of each path beneath a top. Paths that come sorted cost one call each.
pub struct Near<'a> {
    top: &'a Dir,
    last: Option<(PathBuf, Dir)>,
}

impl<'a> Near<'a> {
    /// Nothing kept yet.
    pub fn new(top: &'a Dir) -> Self {
        Self { top, last: None }
    }

    /// The directory that holds `path`, and its name there.
    pub fn of<'p>(&mut self, path: &'p Path) -> io::Result<(&Dir, &'p Path)> {
        let name = Path::new(path.file_name().unwrap_or_default());
        let parent = path.parent().unwrap_or(Path::new(""));
        if parent.as_os_str().is_empty() {
            return Ok((self.top, name));
        }
        if self.last.as_ref().is_none_or(|(kept, _)| kept != parent) {
            self.last = Some((parent.to_path_buf(), self.open(parent)?));
        }
        let directory = self.last.as_ref().map_or(self.top, |(_, directory)| directory);
        Ok((directory, name))
    }

    /// Opens a directory from the one that is kept, if it lies below that.
    fn open(&self, path: &Path) -> io::Result<Dir> {
        match &self.last {
            Some((kept, directory)) if path.starts_with(kept) => {
                directory.open_dir(path.strip_prefix(kept).unwrap_or(path))
            }
            _ => self.top.open_dir(path),
        }
    }
}
