//! The names of a manifest, taken in their order: none twice, none of a file where a directory must be.

use std::cmp::Ordering;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::files::order;

/// Names as they come, each compared with the one before: what lies below a name follows it at once.
#[derive(Default)]
pub struct Names {
    /// Directories and links, which files are to be among. `true`: a directory.
    others: Vec<(PathBuf, bool)>,
    /// How many of them were passed.
    passed: usize,
    last: PathBuf,
    last_is_directory: bool,
    has_begun: bool,
}

/// Why names cannot stand in one manifest.
#[derive(Debug, PartialEq, Eq)]
pub enum Clash {
    /// It stands behind one that comes after it. That may be amended.
    Order,
    /// A refusal.
    Refused(String),
}

impl Names {
    /// Directories (`true`) and links, in any order, to which no more are added.
    pub fn among(mut others: Vec<(PathBuf, bool)>) -> Self {
        others.sort_unstable_by(|a, b| order(&a.0, &b.0));
        Self { others, ..Self::default() }
    }

    /// The next file.
    pub fn file(&mut self, path: &Path) -> Result<(), Clash> {
        while self.others.get(self.passed).is_some_and(|(other, _)| order(other, path).is_le()) {
            self.other()?;
        }
        self.next(path, false)
    }

    /// There are no more files.
    pub fn end(mut self) -> Result<(), Clash> {
        while self.passed < self.others.len() {
            self.other()?;
        }
        Ok(())
    }

    fn other(&mut self) -> Result<(), Clash> {
        let (path, is_directory) = std::mem::take(&mut self.others[self.passed]);
        self.passed += 1;
        self.next(&path, is_directory)
    }

    fn next(&mut self, path: &Path, is_directory: bool) -> Result<(), Clash> {
        if self.has_begun {
            match order(&self.last, path) {
                Ordering::Less => {}
                Ordering::Equal => return Err(Clash::Refused(format!("it names {path:?} twice"))),
                Ordering::Greater => return Err(Clash::Order),
            }
            if !self.last_is_directory && lies_below(path, &self.last) {
                let why = format!("it names {:?} as a file and as a directory", self.last);
                return Err(Clash::Refused(why));
            }
        }
        self.last.as_mut_os_string().clear();
        self.last.as_mut_os_string().push(path);
        (self.last_is_directory, self.has_begun) = (is_directory, true);
        Ok(())
    }
}

fn lies_below(path: &Path, above: &Path) -> bool {
    let rest = path.as_os_str().as_bytes().strip_prefix(above.as_os_str().as_bytes());
    rest.is_some_and(|rest| rest.first() == Some(&b'/'))
}
