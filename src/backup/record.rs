//! What a backup knows of one name of a source, from the first observation that met it to its copy.

use std::time::Instant;

use super::ids::{DirectoryId, Text};
use super::pin::Pin;
use super::policy::Policy;
use crate::io::checksum::Checksum;
use crate::layout::FileClass;
use crate::snapshot::{Imprint, SourceId};
use crate::sys::dir::Stat;

/// How many bytes of a file count, where the host did not say: all.
const ALL: u64 = u64::MAX;

/// One name. There may be very many, so what few of them need is behind a pointer.
pub struct Record {
    /// In which directory it is.
    pub directory: DirectoryId,
    /// What it is called there.
    pub name: Text,
    /// By the rules.
    pub by_rules: FileClass,
    /// What counts: that of the rules, or of the host that named it.
    pub class: FileClass,
    /// The host named it, so it is live.
    pub named: bool,
    /// The last observation that found a file of that name.
    pub seen: u32,
    /// The directory of that name, if one was met.
    pub as_directory: Option<DirectoryId>,
    /// Its inode, by the listing alone.
    pub inode: u64,
    limit: u64,
    /// What holds it until it is copied.
    pub hold: Hold,
    /// What the capture before this one, which was given up, pinned under that name.
    pub earlier: Option<Box<Earlier>>,
    /// By the last observation, if its class is stated.
    pub live: Option<Box<Live>>,
    /// What the last window took of it.
    pub captured: Captured,
}

/// What keeps a file.
pub enum Hold {
    /// Nothing.
    Free,
    /// A pin.
    Pinned(Pin),
    /// Nothing: it is shared with the previous snapshot, in which it lies safe.
    Shared(Box<SharedFile>),
}

/// A file that is shared with the previous snapshot.
pub struct SharedFile {
    /// Which one it is there.
    pub file: u32,
    /// What its source was when it was looked at, ahead of the freeze.
    pub source: SourceId,
    /// Its size.
    pub size: u64,
    /// What is staged.
    pub imprint: Imprint,
    /// The last observation that listed it,
    pub seen: u32,
    /// with this inode.
    pub inode: u64,
}

impl SharedFile {
    /// Whether it is shared on, by what the observation of this number lists: each one since must have listed it.
    pub fn stays_for(&self, record: &Record, number: u32) -> bool {
        self.seen == number - 1 && self.inode == record.inode && record.may_be_shared()
    }
}

/// What an earlier capture of the same backup saw of a file. An engine may truncate what it deletes.
pub struct Earlier {
    /// Its inode.
    pub inode: u64,
    /// The largest size that it had.
    pub most: u64,
}

/// What observations saw of a file that may change.
pub struct Live {
    /// By the last one.
    pub stat: Stat,
    /// Which that was.
    pub by: u32,
    /// The end of the first observation that saw that stat, and all since did. `None`: of the one under way.
    pub same_since: Option<Instant>,
}

/// What was captured of a file.
pub enum Captured {
    /// Nothing yet.
    Nothing,
    /// It changed while it was copied. What is staged of it is of no use.
    Torn,
    /// Its pin alone: all of it is still to be copied.
    Immutable,
    /// The length of a log and the bytes at both ends of it: the copy follows.
    Prefix(Box<Prefix>),
    /// The first bytes are staged: the rest follows, up to this length.
    Head(Box<Taken>),
    /// It shares its blocks with the source, and its checksum is still to be read.
    Cloned {
        /// The length.
        length: u64,
    },
    /// All of it is staged.
    Copied(Box<Taken>),
}

/// What was taken of a log.
pub struct Prefix {
    /// The length.
    pub length: u64,
    /// The ends.
    pub ends: [Vec<u8>; 2],
}

/// What is staged of a file.
pub struct Taken {
    /// How long the file will be.
    pub length: u64,
    /// Of what is staged.
    pub checksum: Checksum,
}

impl Captured {
    /// Whether there may be something of it in the staging.
    pub fn is_staged(&self) -> bool {
        match self {
            Captured::Nothing | Captured::Immutable | Captured::Prefix(_) => false,
            Captured::Torn | Captured::Head(_) | Captured::Cloned { .. } | Captured::Copied(_) => true,
        }
    }
}

impl Record {
    /// A name that was not met before.
    pub fn new(directory: DirectoryId, name: Text, class: FileClass) -> Self {
        Self {
            directory,
            name,
            by_rules: class,
            class,
            named: false,
            seen: 0,
            as_directory: None,
            inode: 0,
            limit: ALL,
            hold: Hold::Free,
            earlier: None,
            live: None,
            captured: Captured::Nothing,
        }
    }

    /// What its class means.
    pub fn policy(&self) -> Policy {
        Policy::of(self.class)
    }

    /// The host named it, and says this of it.
    pub fn set_named(&mut self, class: FileClass, limit: Option<u64>) {
        self.set_terms(true, class, limit.unwrap_or(ALL));
    }

    /// A walk found it: what the host may have said of it before does not count.
    pub fn set_walked(&mut self) {
        self.set_terms(false, self.by_rules, ALL);
    }

    /// What was seen under other terms is not what is to be agreed on now.
    fn set_terms(&mut self, named: bool, class: FileClass, limit: u64) {
        if (self.named, self.class, self.limit) != (named, class, limit) {
            (self.named, self.class, self.limit) = (named, class, limit);
            (self.seen, self.live) = (0, None);
        }
    }

    /// Only so many bytes from its start.
    pub fn limit(&self) -> Option<u64> {
        (self.limit != ALL).then_some(self.limit)
    }

    /// Its pin.
    pub fn pin(&self) -> Option<&Pin> {
        match &self.hold {
            Hold::Pinned(pin) => Some(pin),
            _ => None,
        }
    }

    /// Whether its class and what the host said of it allow to share it: all of a file that never changes.
    pub fn may_be_shared(&self) -> bool {
        matches!(self.class, FileClass::Immutable { .. }) && self.limit == ALL
    }

    /// What it shares with the previous snapshot.
    pub fn shared(&self) -> Option<&SharedFile> {
        match &self.hold {
            Hold::Shared(shared) => Some(shared),
            _ => None,
        }
    }

    /// Its stat by the last observation.
    pub fn stat(&self) -> Option<&Stat> {
        self.live.as_ref().map(|live| &live.stat)
    }

    /// Its size as far as it counts, by the last observation or by its pin, and how much is allocated for it.
    pub fn size_and_allocated(&self) -> (u64, u64) {
        let by_pin = || self.pin().map(|pin| (pin.size, pin.allocated));
        let by_share = || self.shared().map(|shared| (shared.size, 0));
        let seen = self.stat().map(|stat| (stat.size, stat.allocated)).or_else(by_pin).or_else(by_share);
        let (size, allocated) = seen.unwrap_or_default();
        (size.min(self.limit), allocated)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_known_of_a_name_takes_little() {
        assert!(size_of::<Record>() <= 144, "{}", size_of::<Record>());
    }
}
