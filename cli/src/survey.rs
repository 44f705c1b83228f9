//! A root as a whole: what a page about it and a monitor must know.

pub mod json;

use std::path::Path;
use std::time::{Duration, SystemTime};

use hotbackup::{BackupRoot, Snapshot, Verdict};

use crate::args::policy::Policy;
use crate::failure::Failure;
use crate::view;

/// A root at a time.
pub struct Survey {
    pub root: String,
    pub at: SystemTime,
    pub latest: Option<String>,
    /// `None`: the file system does not say.
    pub space: Option<Space>,
    /// The newest first.
    pub entries: Vec<Entry>,
    /// The policy that was given, as on the command line.
    pub policy: Option<Vec<String>>,
}

/// What a file system has, in bytes.
#[derive(Clone, Copy)]
pub struct Space {
    pub size: u64,
    /// What whoever asks may still write.
    pub free: u64,
}

/// A snapshot, and what a policy makes of it.
pub struct Entry {
    pub name: String,
    pub state: State,
    pub snapshot: Snapshot,
    pub fate: Option<Fate>,
}

/// In what state a snapshot is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    Good,
    /// It can be read, but something in it was found bad.
    Damaged,
    Unreadable,
}

/// Whether a snapshot goes, and why or why not.
pub struct Fate {
    pub goes: bool,
    pub why: String,
}

impl Survey {
    /// Looks at a root.
    pub fn of(root: &BackupRoot, policy: Option<&Policy>) -> Result<Self, Failure> {
        Ok(Self::made_of(root, root.list()?, policy))
    }

    /// The same of a listing that is there.
    pub fn made_of(root: &BackupRoot, listing: Vec<Snapshot>, policy: Option<&Policy>) -> Self {
        let at = SystemTime::now();
        let policy = policy.filter(|policy| policy.retention().is_some());
        let fates = match policy.and_then(Policy::retention) {
            Some(retention) => {
                retention.verdicts(&listing, at).iter().map(|verdict| Some(fate(verdict))).collect()
            }
            None => Vec::new(),
        };
        let fates = fates.into_iter().chain(std::iter::repeat_with(|| None));
        let entry = |(snapshot, fate): (Snapshot, Option<Fate>)| Entry {
            name: view::name(&snapshot),
            state: State::of(&snapshot),
            snapshot,
            fate,
        };
        Self {
            root: root.path().to_string_lossy().into_owned(),
            at,
            latest: root.latest().ok().map(|latest| view::name(&latest)),
            space: space(root.path()),
            entries: listing.into_iter().zip(fates).map(entry).collect(),
            policy: policy.map(Policy::words),
        }
    }

    /// How many are in that state.
    pub fn count(&self, state: State) -> usize {
        self.entries.iter().filter(|entry| entry.state == state).count()
    }

    /// The newest one in which nothing is known to be bad.
    pub fn newest_good(&self) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.state == State::Good)
    }

    /// Those that can be read.
    pub fn readable(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter().filter(|entry| entry.state != State::Unreadable)
    }

    /// Those that can be read and were never read back whole.
    pub fn unverified(&self) -> usize {
        self.readable().filter(|entry| entry.snapshot.verified().is_none()).count()
    }

    /// That one which was not read back whole for the longest time, and when it was. Those that never were do
    /// not count.
    pub fn oldest_verification(&self) -> Option<(SystemTime, &Entry)> {
        let all = self.readable().filter_map(|entry| Some((entry.snapshot.verified()?.at, entry)));
        all.min_by_key(|(at, _)| *at)
    }
}

impl Entry {
    /// When it was made, as far as it says.
    pub fn made(&self) -> Option<SystemTime> {
        view::made_at(&self.snapshot)
    }

    /// When it was made, else what its name says.
    pub fn when(&self) -> Option<SystemTime> {
        let named = || {
            let seconds = self.name.strip_prefix("ts-")?.parse().ok()?;
            SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(seconds))
        };
        self.made().or_else(named)
    }

    /// How long its backup took.
    pub fn took(&self) -> Option<Duration> {
        self.snapshot.finished_at()?.duration_since(self.snapshot.started_at()?).ok()
    }

    /// The bytes that it does not share with an earlier one.
    pub fn own_bytes(&self) -> u64 {
        self.snapshot.bytes().saturating_sub(self.snapshot.bytes_shared())
    }
}

impl State {
    pub fn of(snapshot: &Snapshot) -> Self {
        match snapshot.error() {
            Some(_) => State::Unreadable,
            None if snapshot.is_damaged() => State::Damaged,
            None => State::Good,
        }
    }

    pub fn name(self) -> &'static str {
        match self {
            State::Good => "good",
            State::Damaged => "damaged",
            State::Unreadable => "unreadable",
        }
    }
}

fn fate(verdict: &Verdict) -> Fate {
    Fate { goes: verdict.goes(), why: verdict.why() }
}

fn space(root: &Path) -> Option<Space> {
    let found = rustix::fs::statvfs(root).ok()?;
    let bytes = |blocks: u64| blocks.saturating_mul(found.f_frsize);
    Some(Space { size: bytes(found.f_blocks), free: bytes(found.f_bavail) })
}
