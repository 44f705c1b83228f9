//! A scrub: it reads back what is stored in a root, those files first that were not read for the longest time, as far
//! as its budget goes. A share of it each night finds rot before a restore does.

mod bad;
mod snapshot;
mod stored;

use std::path::Path;
use std::time::{Duration, Instant};

use crate::datadir::locks::take_for_scrub;
use crate::error::{Code, Error, Result};
use crate::io::buffer::BUFFER;
use crate::io::read_back::{is_rot, read_back};
use crate::job::JobContext;
use crate::monitor::Phase;
use crate::root::ledger::{self, BadFile, Ledger, Reading, StoredFile};
use crate::root::names::{SCRUB_LOCK, name_of};
use crate::root::open_used_dir;
use crate::settings::{Settings, VerifyLevel};
use crate::sys::clock::wall_ms;
use crate::sys::dir::Dir;
use stored::{Stored, Wanted};

/// How much one scrub reads. A file that it has begun it reads to the end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Budget {
    /// So many bytes; `None`: no limit.
    pub bytes: Option<u64>,
    /// For so long; `None`: no limit.
    pub time: Option<Duration>,
}

/// What was read is written down after so many files, or after so long.
const FILES: usize = 256;
const WHILE: Duration = Duration::from_secs(5);

/// Reads back what is due.
pub fn run(root: &Path, budget: Budget, settings: &Settings, job: &JobContext) -> Result<()> {
    scrub(root, budget, settings, job).map_err(|error| error.or_at("scrubbing", root))
}

fn scrub(path: &Path, budget: Budget, settings: &Settings, job: &JobContext) -> Result<()> {
    job.host.enter(Phase::Verify)?;
    if settings.job.verify < VerifyLevel::Checksum {
        let why = "a scrub reads every byte of a file; the levels are `checksum` and `media`";
        return Err(Error::at(Code::InvalidArgument, "scrubbing", path, why));
    }
    let root = open_used_dir(path)?;
    let _alone = take_for_scrub(&root, Path::new(SCRUB_LOCK))?;
    let started = (wall_ms(), Instant::now());
    let stored = Stored::of(&root, started.0, &job.monitor)?;
    let mut scrub = Scrub {
        ledger: Ledger::of(&root),
        root: &root,
        stored,
        job,
        level: settings.job.verify,
        unwritten: Vec::new(),
        written: Instant::now(),
        bad: Vec::new(),
        has_warned: false,
    };
    let read = scrub.read(budget, started.1);
    // What was read is known, though it be cancelled.
    scrub.write_down();
    read?;
    scrub.tell_of_snapshots()?;
    job.monitor.commit()?;
    scrub.result()
}

struct Scrub<'a> {
    root: &'a Dir,
    stored: Stored<'a>,
    ledger: Ledger,
    job: &'a JobContext,
    level: VerifyLevel,
    /// Good files that are not in the ledger yet.
    unwritten: Vec<(StoredFile, u64, VerifyLevel)>,
    written: Instant,
    bad: Vec<Error>,
    has_warned: bool,
}

impl Scrub<'_> {
    fn read(&mut self, budget: Budget, started: Instant) -> Result<()> {
        let monitor = &self.job.monitor;
        for error in &self.stored.unreadable {
            monitor.warn(error.clone());
        }
        let order = self.stored.oldest_first();
        self.expect(&order, budget);
        let (mut buffer, mut spent) = (vec![0; BUFFER], 0u64);
        for place in order {
            let is_spent = budget.bytes.is_some_and(|bytes| spent >= bytes);
            if is_spent || budget.time.is_some_and(|time| started.elapsed() >= time) {
                break;
            }
            monitor.check()?;
            spent = spent.saturating_add(self.stored.at(place).expected.size);
            self.file(place, &mut buffer)?;
            monitor.file_verified();
            if self.unwritten.len() >= FILES || self.written.elapsed() >= WHILE {
                self.write_down();
            }
        }
        Ok(())
    }

    /// What will be read, as far as it can be known.
    fn expect(&self, order: &[u32], budget: Budget) {
        let (mut bytes, mut files) = (0u64, 0);
        for place in order {
            if budget.bytes.is_some_and(|most| bytes >= most) {
                break;
            }
            bytes = bytes.saturating_add(self.stored.at(*place).expected.size);
            files += 1;
        }
        self.job.monitor.expect(bytes, files);
    }

    fn file(&mut self, place: u32, buffer: &mut [u8]) -> Result<()> {
        let monitor = &self.job.monitor;
        let wanted = self.stored.at(place);
        let name = name_of(wanted.snapshot);
        let Some(snapshot) = snapshot::open(self.root, Path::new(&name))? else { return Ok(()) };
        monitor.doing("reading back", snapshot.path(), wanted.expected.path);
        let level = match read_back((&snapshot, wanted.expected), buffer, monitor, |bytes| {
            monitor.verified(bytes)
        }) {
            Ok(true) => Some(VerifyLevel::Media),
            Ok(false) if self.level == VerifyLevel::Media => return Err(not_from_disk(&snapshot, &wanted)),
            Ok(false) => Some(VerifyLevel::Checksum),
            Err(error) if is_rot(&error) => None,
            Err(error) => return Err(error),
        };
        drop(snapshot);
        match level {
            Some(level) if !self.ledger.is_bad(wanted.file) => self.is_good(place, level),
            _ => self.look_everywhere(place, level.unwrap_or(VerifyLevel::Media), buffer)?,
        }
        Ok(())
    }

    fn is_good(&mut self, place: u32, level: VerifyLevel) {
        let (file, now_ms) = (self.stored.at(place).file, wall_ms());
        self.stored.was_read(place, now_ms, level);
        self.unwritten.push((file, now_ms, level));
    }

    /// One that is bad, or was: in which snapshots it is bad now.
    fn look_everywhere(&mut self, place: u32, level: VerifyLevel, buffer: &mut [u8]) -> Result<()> {
        let wanted = self.stored.at(place);
        let found = bad::look(self.root, &wanted, buffer, &self.job.monitor)?;
        let Some(error) = &found.error else {
            if self.ledger.is_bad(wanted.file) {
                let written = ledger::is_good_again(self.root, wanted.file, level);
                self.warn_once(written);
            }
            self.is_good(place, level);
            return Ok(());
        };
        let told = Error::at(Code::Corrupt, "scrubbing", self.root.path(), found.told(error));
        let bad = BadFile {
            origin: wanted.origin,
            path: wanted.expected.path,
            snapshots: found.bad_in.clone(),
            why: told.message().to_string(),
        };
        let written = ledger::is_bad(self.root, bad, level);
        self.stored.is_bad(place);
        self.warn_once(written);
        self.job.monitor.warn(told.clone());
        self.bad.push(told);
        Ok(())
    }

    fn write_down(&mut self) {
        let files = std::mem::take(&mut self.unwritten);
        self.written = Instant::now();
        let written = ledger::files_read(self.root, &files);
        self.warn_once(written);
    }

    /// Of each snapshot how long ago it was read as a whole.
    fn tell_of_snapshots(&mut self) -> Result<()> {
        let read = self.stored.snapshots_read(&self.job.monitor)?;
        let readings: Vec<_> = read
            .iter()
            .map(|(name, id, at_ms, level)| (Reading { name, id, level: *level }, *at_ms))
            .collect();
        let stored = &self.stored;
        let written = ledger::scrubbed(self.root, &readings)
            .and_then(|()| ledger::forget_files(self.root, |file| stored.has(file)));
        self.warn_once(written);
        Ok(())
    }

    /// What cannot be written down is read again by the next scrub.
    fn warn_once(&mut self, written: Result<()>) {
        if let Err(error) = written
            && !std::mem::replace(&mut self.has_warned, true)
        {
            let then = "so the next scrub reads the same files again; the snapshots are as they were";
            self.job.monitor.warn(error.aftermath(then));
        }
    }

    fn result(&self) -> Result<()> {
        let unreadable = &self.stored.unreadable;
        let Some(first) = self.bad.iter().chain(unreadable).next() else { return Ok(()) };
        let why = match (self.bad.len(), unreadable.len()) {
            (bad, 0) => format!("{bad} of the stored files are bad"),
            (0, unreadable) => format!("{unreadable} of the snapshots cannot be read"),
            (bad, unreadable) => {
                format!("{bad} of the stored files are bad, and {unreadable} of the snapshots cannot be read")
            }
        };
        let why = format!("{why}; the warnings of the job name each, the first is: {}", first.message());
        Err(Error::at(Code::Corrupt, "scrubbing", self.root.path(), why))
    }
}

fn not_from_disk(snapshot: &Dir, wanted: &Wanted<'_>) -> Error {
    let why = "its pages cannot be dropped here, so what the disk has cannot be read; the level `checksum` can be used";
    Error::at(Code::Unsupported, "reading back", &snapshot.full(wanted.expected.path), why)
}
