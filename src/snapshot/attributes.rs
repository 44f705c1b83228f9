//! What is kept of a file beside its bytes.

use std::fs::File;
use std::io;
use std::num::NonZeroU64;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::sys::attributes;
use crate::sys::dir::{Dir, Stat};

/// Mode, owner and mtime. Extended attributes are not kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
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

/// What a staged file looks like on its file system, which may keep times more coarsely. There are as many as
/// files, so they are kept in the least that takes them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Imprint {
    mode: u32,
    mtime_sub_ns: u32,
    mtime_s: i64,
    /// Its bytes were proved before: its inode and change time then. Who has written to it since moved that.
    proved: Option<(NonZeroU64, i64)>,
}

const NS: i128 = 1_000_000_000;

impl Attributes {
    /// Those of a file of which nothing is known: it is this process's own, and nobody else's to read.
    pub fn of_a_private_file() -> Self {
        let (uid, gid) = attributes::own_ids();
        Self { mode: 0o600, uid, gid, mtime_ns: 0 }
    }
}

impl Imprint {
    /// That of a file that is finished.
    pub fn of(stat: &Stat) -> Self {
        Self::with(stat.mode, stat.mtime_ns)
    }

    /// That of a file of this mode and time.
    pub fn with(mode: u32, mtime_ns: i128) -> Self {
        // A file has no time whose seconds take more.
        let mtime_s = mtime_ns.div_euclid(NS) as i64;
        Self { mode, mtime_sub_ns: mtime_ns.rem_euclid(NS) as u32, mtime_s, proved: None }
    }

    /// The bytes of the file that looks like that were proved. One whose times lie centuries away is read again.
    pub fn proved(self, now: &Stat) -> Self {
        Self { proved: proof(now), ..self }
    }

    /// Whether its bytes were proved before.
    pub fn was_proved(&self) -> bool {
        self.proved.is_some()
    }

    /// Whether a staged file is still what it was when it was finished. Some file systems round a time
    /// down only once they have it from their disk or server again (CIFS to 100 ns, others to two
    /// seconds); whoever writes moves it to later.
    pub fn is_still(&self, now: &Stat) -> bool {
        const COARSE_NS: i128 = 2 * NS;
        let rounded = i128::from(self.mtime_s) * NS + i128::from(self.mtime_sub_ns) - now.mtime_ns;
        let is_it = self.proved.is_none_or(|(inode, _)| inode.get() == now.inode);
        is_it && self.mode == now.mode && (0..COARSE_NS).contains(&rounded)
    }

    /// Whether its bytes need not be read: they were proved, and nothing at all has changed since.
    pub fn is_proved(&self, now: &Stat) -> bool {
        self.proved.is_some() && self.proved == proof(now)
    }
}

fn proof(stat: &Stat) -> Option<(NonZeroU64, i64)> {
    Some((NonZeroU64::new(stat.inode)?, i64::try_from(stat.ctime_ns).ok()?))
}

impl Attributes {
    /// Those of a stat.
    pub fn of(stat: &Stat) -> Self {
        Self { mode: stat.mode, uid: stat.uid, gid: stat.gid, mtime_ns: stat.mtime_ns }
    }

    /// Whether a file has them already, and no bits that give privileges.
    pub fn are_of(&self, stat: &Stat) -> bool {
        let without = |mode: u32| mode & attributes::MODE;
        Self { mode: without(self.mode), ..*self } == Self::of(stat)
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
