//! A snapshot of a repository as what a restore, a fetch and a verification bring.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use hotbackup::extension::{Supply, SupplyReader};
use hotbackup::{Code, Error, Result};

use super::spans::{AHEAD, Reading, Spans};
use crate::format::{Id, Opener};
use crate::repository::{Found, Index, Repository, Trees, names};

/// The files of a remote snapshot. Before the first byte comes, all packs are known to be there with their lengths.
pub struct Brought {
    repository: Repository,
    name: PathBuf,
    files: HashMap<PathBuf, Vec<Id>>,
    spans: Spans,
    manifest: Vec<u8>,
}

impl Brought {
    /// Looks for all that a snapshot needs, and brings its manifest. Of each pack that it needs and that is lost, `warn`
    /// is told.
    pub fn new(repository: &Repository, found: &Found, warn: &dyn Fn(Error)) -> Result<Self> {
        let name = PathBuf::from(format!("{}/snapshots/{}", repository.store.url(), found.short()));
        let trees = Trees::load(repository, found, warn)?;
        let files = trees.files;
        let mut wanted: Vec<Id> = files.values().flatten().copied().collect();
        wanted.sort_unstable();
        let mut missing = wanted.iter().filter(|id| !trees.index.has(id)).peekable();
        if let Some(first) = missing.peek().copied() {
            trees.index.lost(repository, missing).into_iter().for_each(warn);
            let file = files.iter().find(|(_, ids)| ids.contains(first)).map(|(path, _)| path.as_path());
            let why = "a piece of it is in no pack that is there and whole";
            return Err(Error::at(
                Code::Corrupt,
                "looking for",
                &name.join(file.unwrap_or(Path::new(""))),
                why,
            ));
        }
        let spans = Spans::new(repository, trees.index, &wanted);
        let mut brought = Self { repository: repository.clone(), name, files, spans, manifest: Vec::new() };
        brought.manifest = brought.whole(Path::new(names::MANIFEST))?;
        Ok(brought)
    }

    /// The manifest of a snapshot whose files are known already.
    pub fn manifest_of(
        repository: &Repository,
        index: &Index,
        found: &Found,
        files: &HashMap<PathBuf, Vec<Id>>,
    ) -> Result<Vec<u8>> {
        let name = PathBuf::from(format!("{}/snapshots/{}", repository.store.url(), found.short()));
        let mut opener = Opener::new(&repository.key)?;
        let (mut bytes, mut plain) = (Vec::new(), Vec::new());
        for id in files.get(Path::new(names::MANIFEST)).into_iter().flatten() {
            let bad = || {
                Error::at(
                    Code::Corrupt,
                    "bringing",
                    &name.join(names::MANIFEST),
                    "a piece of it is lost or bad",
                )
            };
            let place = index.find(id).ok_or_else(bad)?;
            let range = u64::from(place.offset)..u64::from(place.offset) + u64::from(place.length);
            let sealed = repository.store.get_range(&names::pack(&index.pack(place.pack_number)), range)?;
            opener.open_into(id, &sealed, place.uncompressed, &mut plain).map_err(|_| bad())?;
            bytes.extend_from_slice(&plain);
        }
        Ok(bytes)
    }

    fn whole(&self, path: &Path) -> Result<Vec<u8>> {
        let mut reader = self.reader(path, 0)?;
        let mut bytes = Vec::new();
        while reader.step()? {
            bytes.extend_from_slice(&reader.plain);
        }
        Ok(bytes)
    }

    fn reader(&self, path: &Path, size: u64) -> Result<Reader<'_>> {
        let Some(ids) = self.files.get(path) else {
            let why = "the snapshot has no such file";
            return Err(Error::at(Code::Corrupt, "looking for", &self.name.join(path), why));
        };
        let opener = Opener::new(&self.repository.key)?;
        let piece = size / (ids.len() as u64).max(1);
        let ahead = (AHEAD / piece.max(1)).clamp(1, ids.len().max(1) as u64) as usize;
        let path = self.name.join(path);
        let _reading = self.spans.reading();
        Ok(Reader { brought: self, path, ids, ahead, next: 0, opener, plain: Vec::new(), _reading })
    }
}

impl Supply for Brought {
    fn name(&self) -> &Path {
        &self.name
    }

    fn manifest(&self) -> Result<Vec<u8>> {
        Ok(self.manifest.clone())
    }

    fn open(&self, path: &Path, size: u64) -> Result<Box<dyn SupplyReader + '_>> {
        Ok(Box::new(self.reader(path, size)?))
    }
}

/// A file on its way.
struct Reader<'a> {
    brought: &'a Brought,
    path: PathBuf,
    ids: &'a [Id],
    /// How many pieces ahead are asked for.
    ahead: usize,
    /// The piece that comes next.
    next: usize,
    opener: Opener,
    /// The piece that was brought last.
    plain: Vec<u8>,
    _reading: Reading<'a>,
}

impl Reader<'_> {
    /// Brings the next piece. `false`: there is none.
    fn step(&mut self) -> Result<bool> {
        let Some(id) = self.ids.get(self.next) else { return Ok(false) };
        let spans = &self.brought.spans;
        if let Some(place) = self.ids.get(self.next + self.ahead).and_then(|id| spans.place(id)) {
            spans.will_need(&place)?;
        }
        let repeats = self.next > 0 && self.ids[self.next - 1] == *id;
        self.next += 1;
        if repeats { Ok(true) } else { self.bring(id).map(|()| true) }
    }

    fn bring(&mut self, id: &Id) -> Result<()> {
        let spans = &self.brought.spans;
        let gone = || Error::at(Code::Corrupt, "bringing", &self.path, "a piece of it is in no pack");
        let place = spans.place(id).ok_or_else(gone)?;
        let (opener, plain) = (&mut self.opener, &mut self.plain);
        let mut open = |sealed: &[u8]| opener.open_into(id, sealed, place.uncompressed, plain);
        let Err(_) = spans.with(&place, &mut open)? else { return Ok(()) };
        // It may have been damaged on its way.
        spans.forget(&place);
        spans.with(&place, &mut open)?.map_err(|bad| {
            let why = format!("a piece of it is bad in {}: {bad}", spans.object(&place));
            Error::at(Code::Corrupt, "bringing", &self.path, why)
        })
    }
}

impl SupplyReader for Reader<'_> {
    fn next(&mut self) -> Result<&[u8]> {
        let mut is_there = self.step()?;
        while is_there && self.plain.is_empty() {
            is_there = self.step()?;
        }
        Ok(if is_there { &self.plain } else { &[] })
    }
}
