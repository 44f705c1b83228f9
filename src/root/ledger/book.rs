//! The file of a ledger: lines are added at its end; now and then it is written anew without those that later ones
//! have made idle. Whoever does either holds its lock.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;

use super::line::{Line, text_of};
use crate::datadir::locks::{Taken, open_or_make, take_book};
use crate::error::{Code, Error, Result};
use crate::io::small::Whole;
use crate::sys::dir::{Dir, Stat, if_there};
use crate::sys::file;

const DOING: &str = "writing the ledger";

/// A ledger's file in a root.
#[derive(Clone, Copy)]
pub struct Book<'r> {
    /// The root.
    pub root: &'r Dir,
    /// Its name there.
    pub name: &'static str,
    /// What it is called while it is written anew.
    pub new: &'static str,
}

impl Book<'_> {
    /// What it holds. One that cannot be read says nothing: what it knew is found out again.
    pub fn text(&self) -> Vec<u8> {
        let mut text = Vec::new();
        let opened = if_there(self.root.open_file(Path::new(self.name)));
        if let Ok(Some(mut file)) = opened {
            let _ = file.read_to_end(&mut text);
        }
        text
    }

    /// Adds lines, durably.
    pub fn add<'l>(&self, lines: impl IntoIterator<Item = &'l Line>) -> Result<()> {
        let text = text_of(lines);
        if text.is_empty() {
            return Ok(());
        }
        self.changed(|file| append(file, &text))
    }

    /// Writes it anew as `lines` makes it of what it holds.
    pub fn rewrite(&self, lines: impl FnOnce(Vec<u8>) -> Vec<Line>) -> Result<()> {
        self.changed(|_| {
            let text = text_of(&lines(self.text()));
            let owner = self.root.stat(Path::new("")).map(|stat| Some((stat.uid, stat.gid)))?;
            let (path, new) = (Path::new(self.name), Path::new(self.new));
            Whole { directory: self.root, path, new, mode: 0o644, owner }.replace(&text)
        })
    }

    fn changed(&self, change: impl FnOnce(&mut File) -> io::Result<()>) -> Result<()> {
        let path = self.root.full(Path::new(self.name));
        let failed = |error| Error::io(DOING, &path, error);
        loop {
            let mut file = open_or_make(self.root, Path::new(self.name)).map_err(failed)?;
            if take_book(&file).map_err(failed)? == Taken::No {
                return Err(Error::at(
                    Code::Conflict,
                    DOING,
                    &path,
                    "somebody else has been writing to it for long",
                ));
            }
            // It may have been written anew since it was opened.
            let found = self.root.find(Path::new(self.name)).map_err(failed)?;
            let own = Stat::of(&file).map_err(failed)?;
            if found.is_some_and(|found| found.inode == own.inode) {
                return change(&mut file).map_err(failed);
            }
        }
    }
}

fn append(file: &mut File, text: &[u8]) -> io::Result<()> {
    let length = file.seek(SeekFrom::End(0))?;
    let mut last = [b'\n'];
    if length > 0 {
        file::read_at(file, &mut last, length - 1)?;
    }
    // A crash has torn the last line.
    if last != *b"\n" {
        file.write_all(b"\n")?;
    }
    file.write_all(text)?;
    file.sync_data()
}

#[cfg(test)]
mod tests {
    use super::super::line::{Level, lines_of};
    use super::*;
    use crate::snapshot::VerifyLevel;

    fn line(at_ms: u64) -> Line {
        Line::Scrubbed { snapshot: "ts-1".into(), id: "x".into(), at_ms, level: Level(VerifyLevel::Media) }
    }

    fn times(book: &Book<'_>) -> Vec<u64> {
        let time = |line| match line {
            Line::Scrubbed { at_ms, .. } => at_ms,
            _ => 0,
        };
        lines_of(&book.text()).map(time).collect()
    }

    #[test]
    fn what_is_added_after_a_torn_line_is_read() {
        let place = tempfile::tempdir().unwrap();
        let root = Dir::open(place.path()).unwrap();
        let book = Book { root: &root, name: "ledger", new: ".ledger.new" };
        book.add(&[line(1), line(2)]).unwrap();
        let path = place.path().join("ledger");
        let whole = std::fs::read(&path).unwrap();
        std::fs::write(&path, &whole[..whole.len() - 5]).unwrap();
        book.add(&[line(3)]).unwrap();
        assert_eq!(times(&book), [1, 3]);
    }

    #[test]
    fn lines_added_by_many_while_it_is_written_anew_are_all_there() {
        let place = tempfile::tempdir().unwrap();
        std::thread::scope(|scope| {
            for thread in 0..4 {
                let place = place.path();
                scope.spawn(move || {
                    let root = Dir::open(place).unwrap();
                    let book = Book { root: &root, name: "ledger", new: ".ledger.new" };
                    for number in 0..50 {
                        book.add(&[line(1 + thread * 50 + number)]).unwrap();
                        if number % 10 == 0 {
                            book.rewrite(|text| lines_of(&text).collect()).unwrap();
                        }
                    }
                });
            }
        });
        let root = Dir::open(place.path()).unwrap();
        let mut found = times(&Book { root: &root, name: "ledger", new: ".ledger.new" });
        found.sort_unstable();
        assert_eq!(found, (1..=200).collect::<Vec<_>>());
    }
}
