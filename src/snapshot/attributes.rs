//! What is kept of a file beside its bytes.

use std::fs::File;
use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::sys::attributes;
use crate::sys::dir::{Dir, Stat};

/// Mode, owner and mtime. Extended attributes are not kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attributes {
    /// Permission bits; those that give privileges do not come back.
    pub mode: u32,
    /// Owner, given back where the process may.
    pub uid: u32,
    /// Group, given back where the process may.
    pub gid: u32,
    /// Modification time, in nanoseconds since 1970.
    pub mtime_ns: i128,
}

/// What a staged file looks like on its file system, which may keep times more coarsely.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Imprint {
    /// Its mode.
    pub mode: u32,
    /// Its mtime.
    pub mtime_ns: i128,
    /// Its bytes were proved before: its inode and change time then. Who has written to it since moved that.
    pub proved: Option<(u64, i128)>,
}

impl Imprint {
    /// Whether a staged file is still what it was when it was finished. Some file systems round a time
    /// down only once they have it from their disk or server again (CIFS to 100 ns, others to two
    /// seconds); whoever writes moves it to later.
    pub fn is_still(&self, now: &Stat) -> bool {
        const COARSE_NS: i128 = 2_000_000_000;
        let rounded = self.mtime_ns - now.mtime_ns;
        let is_it = self.proved.is_none_or(|(inode, _)| inode == now.inode);
        is_it && self.mode == now.mode && (0..COARSE_NS).contains(&rounded)
    }

    /// Whether its bytes need not be read: they were proved, and nothing at all has changed since.
    pub fn is_proved(&self, now: &Stat) -> bool {
        self.proved == Some((now.inode, now.ctime_ns))
    }
}

impl Attributes {
    /// Those of a stat.
    pub fn of(stat: &Stat) -> Self {
        Self { mode: stat.mode, uid: stat.uid, gid: stat.gid, mtime_ns: stat.mtime_ns }
    }

    /// Gives them to an open file whose content is complete, where it does not have them yet.
    pub fn apply(&self, file: &File) -> io::Result<()> {
        let now = Stat::of(file)?;
        if (now.uid, now.gid) != (self.uid, self.gid) {
            attributes::give_to(file, self.uid, self.gid)?;
        }
        if now.mode != self.mode {
            attributes::set_mode(file, self.mode)?;
        }
        attributes::set_mtime(file, self.mtime_ns)
    }

    /// Gives them to a directory whose entries are complete.
    pub fn apply_to_dir(&self, directory: &Dir) -> io::Result<()> {
        directory.give_to(Path::new(""), self.uid, self.gid)?;
        directory.set_mode(self.mode)?;
        directory.set_mtime(self.mtime_ns)
    }

    /// Gives them to a symbolic link, which has no mode.
    pub fn apply_to_link(&self, parent: &Dir, path: &Path) -> io::Result<()> {
        parent.give_to(path, self.uid, self.gid)?;
        parent.set_mtime_of(path, self.mtime_ns)
    }
}
