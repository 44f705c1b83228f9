//! The ledger of a root: what was read back since it was stored, when, how, and with what result. The manifests say
//! what backups read back; the ledger knows what verifications and scrubs did after them. Whoever loses it loses no
//! more than that: the manifests are there, and the next scrub reads anew what they say was not read for long.
//!
//! `ledger` has a line for each verification and for each stored file that is bad, `ledger-files` one for each file
//! that a scrub read: a listing reads the first alone. `remote` has one for each repository that was pushed to.

mod book;
mod line;
mod pushed;

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use uuid::Uuid;

use super::names::{LEDGER, LEDGER_FILES, NEW_LEDGER, NEW_LEDGER_FILES, name_of, snapshot_numbers};
use crate::error::Result;
use crate::paths::PathText;
use crate::snapshot::{Known, Snapshot, VerifyLevel};
use crate::sys::clock::wall_ms;
use crate::sys::dir::Dir;
use book::Book;
use line::{Level, lines_of};
pub use line::{Line, StoredFile};
pub use pushed::{pushed, repository_at};

/// Above this it is written anew, if most of its lines are idle.
const LARGE: usize = 64 << 10;

/// What the ledger knows of snapshots.
#[derive(Default)]
pub struct Ledger {
    /// By the snapshot's name: its last verification, the last one that found it good, and what all scrubs together
    /// say.
    verified: BTreeMap<String, Line>,
    good: BTreeMap<String, Line>,
    scrubbed: BTreeMap<String, Line>,
    /// Stored files that were bad when they were last read.
    bad: BTreeMap<StoredFile, Line>,
}

/// A reading of a whole snapshot.
pub struct Reading<'a> {
    /// Its directory's name.
    pub name: &'a str,
    /// Its id.
    pub id: &'a str,
    /// How it was read.
    pub level: VerifyLevel,
}

/// A stored file that is bad.
pub struct BadFile<'a> {
    /// For which snapshot its bytes were read from the source.
    pub origin: Uuid,
    /// Its path there.
    pub path: &'a Path,
    /// The names of the snapshots in which it is bad.
    pub snapshots: Vec<String>,
    /// What is wrong with it.
    pub why: String,
}

impl Ledger {
    /// What can be read of that of a root.
    pub fn of(root: &Dir) -> Self {
        Self::from(lines_of(&book(root).text()))
    }

    fn from(lines: impl Iterator<Item = Line>) -> Self {
        let mut ledger = Self::default();
        lines.for_each(|line| ledger.take(line));
        ledger
    }

    fn take(&mut self, line: Line) {
        match &line {
            Line::Verified { snapshot, bad, .. } => {
                if bad.is_none() {
                    self.good.insert(snapshot.clone(), line.clone());
                }
                self.verified.insert(snapshot.clone(), line);
            }
            Line::Scrubbed { snapshot, .. } => _ = self.scrubbed.insert(snapshot.clone(), line),
            Line::Bad { file, .. } => _ = self.bad.insert(*file, line),
            // It was bad and has become good.
            Line::File { file, .. } => _ = self.bad.remove(file),
            Line::Pushed { .. } => {}
        }
    }

    /// What it knows of a snapshot.
    pub fn known_of(&self, name: &str, id: &str) -> Known {
        let mut known = Known::default();
        let (mut verified_ms, mut is_bad) = (0, false);
        let lines = [&self.good, &self.scrubbed, &self.verified].map(|lines| lines.get(name));
        for line in lines.into_iter().flatten() {
            match line {
                Line::Verified { id: of, at_ms, level, bad, .. } if of == id => {
                    (verified_ms, is_bad) = (*at_ms, bad.is_some());
                    if !is_bad {
                        known.meets(*at_ms, level.0);
                    }
                }
                Line::Scrubbed { id: of, at_ms, level, .. } if of == id => known.meets(*at_ms, level.0),
                _ => {}
            }
        }
        // A later verification has found that file good there.
        let has = |line: &Line| match line {
            Line::Bad { snapshots, at_ms, .. } => {
                *at_ms >= verified_ms && snapshots.iter().any(|of| of == name)
            }
            _ => false,
        };
        known.is_damaged = is_bad || self.bad.values().any(has);
        known
    }

    /// Tells a snapshot what is known of it.
    pub fn tell(&self, snapshot: &mut Snapshot) {
        let name = snapshot.location().file_name().unwrap_or_default().to_string_lossy().into_owned();
        let known = self.known_of(&name, snapshot.id());
        snapshot.learn(known);
    }

    /// Whether a stored file was bad when it was last read.
    pub fn is_bad(&self, file: StoredFile) -> bool {
        self.bad.contains_key(&file)
    }

    /// The lines that still say something, of snapshots that are there.
    fn lines(self, is_there: impl Fn(&str) -> bool) -> Vec<Line> {
        let of_snapshots = self.good.into_iter().chain(self.verified).chain(self.scrubbed);
        let of_snapshots = of_snapshots.filter(|(name, _)| is_there(name)).map(|(_, line)| line);
        let bad = self.bad.into_values().filter(
            |line| matches!(line, Line::Bad { snapshots, .. } if snapshots.iter().any(|name| is_there(name))),
        );
        of_snapshots.chain(bad).collect()
    }
}

fn book(root: &Dir) -> Book<'_> {
    Book { root, name: LEDGER, new: NEW_LEDGER }
}

fn book_of_files(root: &Dir) -> Book<'_> {
    Book { root, name: LEDGER_FILES, new: NEW_LEDGER_FILES }
}

/// Writes down that a snapshot was read, and why it is bad.
pub fn verified(root: &Dir, reading: Reading<'_>, bad: Option<String>) -> Result<()> {
    let Reading { name, id, level } = reading;
    let (snapshot, id) = (name.to_string(), id.to_string());
    add(root, [Line::Verified { snapshot, id, at_ms: wall_ms(), level: Level(level), bad }])
}

/// Writes down how long ago the stored file of a snapshot was read that was not for the longest time.
pub fn scrubbed(root: &Dir, readings: &[(Reading<'_>, u64)]) -> Result<()> {
    add(
        root,
        readings.iter().map(|(reading, at_ms)| Line::Scrubbed {
            snapshot: reading.name.into(),
            id: reading.id.into(),
            at_ms: *at_ms,
            level: Level(reading.level),
        }),
    )
}

/// Writes down that a stored file is bad.
pub fn is_bad(root: &Dir, bad: BadFile<'_>, level: VerifyLevel) -> Result<()> {
    let BadFile { origin, path, snapshots, why } = bad;
    let (file, path) = (StoredFile::of(origin, path), PathText::of(path));
    add(root, [Line::Bad { file, at_ms: wall_ms(), level: Level(level), origin, path, snapshots, why }])
}

/// Writes down that a stored file which was bad is good again.
pub fn is_good_again(root: &Dir, file: StoredFile, level: VerifyLevel) -> Result<()> {
    add(root, [Line::File { file, at_ms: wall_ms(), level: Level(level) }])
}

/// Writes down which stored files were read and are good.
pub fn files_read(root: &Dir, files: &[(StoredFile, u64, VerifyLevel)]) -> Result<()> {
    let lines = files.iter().map(|(file, at_ms, level)| Line::File {
        file: *file,
        at_ms: *at_ms,
        level: Level(*level),
    });
    book_of_files(root).add(&lines.collect::<Vec<_>>())
}

/// When scrubs have last read each stored file, and how.
pub fn times_of_files(root: &Dir) -> HashMap<StoredFile, (u64, VerifyLevel)> {
    let mut times = HashMap::new();
    for line in lines_of(&book_of_files(root).text()) {
        if let Line::File { file, at_ms, level } = line {
            times.insert(file, (at_ms, level.0));
        }
    }
    times
}

/// Keeps what is known of the files that are still there, once most of what is written is of others or idle.
pub fn forget_files(root: &Dir, is_there: impl Fn(StoredFile) -> bool) -> Result<()> {
    let text = book_of_files(root).text();
    let (all, live) =
        (lines_of(&text).count(), times_of_files(root).keys().filter(|file| is_there(**file)).count());
    if text.len() < LARGE || all <= 2 * live {
        return Ok(());
    }
    book_of_files(root).rewrite(|text| {
        let mut last = BTreeMap::new();
        for line in lines_of(&text) {
            if let Line::File { file, .. } = line {
                last.insert(file, line);
            }
        }
        last.retain(|file, _| is_there(*file));
        last.into_values().collect()
    })
}

fn add(root: &Dir, lines: impl IntoIterator<Item = Line>) -> Result<()> {
    let book = book(root);
    book.add(&lines.into_iter().collect::<Vec<_>>())?;
    let text = book.text();
    let is_idle = || lines_of(&text).count() > 2 * Ledger::from(lines_of(&text)).lines(|_| true).len();
    if text.len() < LARGE || !is_idle() {
        return Ok(());
    }
    let names: Vec<String> = snapshot_numbers(root)?.into_iter().map(name_of).collect();
    book.rewrite(|text| Ledger::from(lines_of(&text)).lines(|name| names.iter().any(|there| there == name)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: Option<String> = None;

    fn root() -> (tempfile::TempDir, Dir) {
        let place = tempfile::tempdir().unwrap();
        let root = Dir::open(place.path()).unwrap();
        (place, root)
    }

    fn verified_at(at_ms: u64, bad: Option<String>) -> Line {
        let level = Level(VerifyLevel::Checksum);
        Line::Verified { snapshot: "ts-1".into(), id: "a".into(), at_ms, level, bad }
    }

    fn bad_at(at_ms: u64) -> Line {
        let origin = Uuid::from_u128(1);
        let path = Path::new("1.sst");
        Line::Bad {
            file: StoredFile::of(origin, path),
            at_ms,
            level: Level(VerifyLevel::Media),
            origin,
            path: PathText::of(path),
            snapshots: vec!["ts-1".into(), "ts-2".into()],
            why: "bad".into(),
        }
    }

    fn is_damaged(lines: &[Line], name: &str) -> bool {
        Ledger::from(lines.iter().cloned()).known_of(name, "a").is_damaged
    }

    #[test]
    fn a_snapshot_is_damaged_by_its_last_verification_and_by_files_found_bad_since() {
        let bad = || Some("it is missing".to_string());
        assert!(!is_damaged(&[verified_at(1, bad()), verified_at(2, GOOD)], "ts-1"));
        assert!(is_damaged(&[verified_at(1, GOOD), verified_at(2, bad())], "ts-1"));
        assert!(is_damaged(&[verified_at(1, GOOD), bad_at(2)], "ts-1"));
        assert!(!is_damaged(&[bad_at(1), verified_at(2, GOOD)], "ts-1"));
        assert!(is_damaged(&[bad_at(1), verified_at(2, GOOD)], "ts-2"));
        assert!(!is_damaged(&[bad_at(1)], "ts-3"));
        let file = StoredFile::of(Uuid::from_u128(1), Path::new("1.sst"));
        let good_again = Line::File { file, at_ms: 3, level: Level(VerifyLevel::Media) };
        assert!(!is_damaged(&[bad_at(1), good_again], "ts-2"));
    }

    #[test]
    fn a_name_that_came_again_is_another_snapshot() {
        let ledger = Ledger::from([verified_at(5, Some("bad".into()))].into_iter());
        assert!(ledger.known_of("ts-1", "a").is_damaged);
        assert!(!ledger.known_of("ts-1", "b").is_damaged);
    }

    #[test]
    fn it_is_written_anew_when_most_of_it_is_idle() {
        let (place, root) = root();
        std::fs::create_dir(place.path().join("ts-1")).unwrap();
        for at_ms in 0..2_000 {
            add(&root, [verified_at(at_ms, None)]).unwrap();
        }
        let length = place.path().join(LEDGER).metadata().unwrap().len();
        assert!(length < 2 * LARGE as u64, "{length}");
        let known = Ledger::of(&root).known_of("ts-1", "a");
        assert_eq!(known.verified.unwrap().at, crate::sys::clock::time_of_ms(1_999));
    }

    #[test]
    fn the_times_of_files_that_are_gone_are_forgotten() {
        let (_place, root) = root();
        let file = |number: u128| StoredFile::of(Uuid::from_u128(number), Path::new("a"));
        let all: Vec<_> =
            (0..2_000).map(|number| (file(number), number as u64, VerifyLevel::Media)).collect();
        files_read(&root, &all).unwrap();
        forget_files(&root, |of| of == file(7)).unwrap();
        let left = times_of_files(&root);
        assert_eq!(left.into_iter().collect::<Vec<_>>(), [(file(7), (7, VerifyLevel::Media))]);
    }
}
