//! Reading a manifest, in one pass from its file. What it says is hostile until it is proved otherwise, and
//! nothing of it is used before its end was seen.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::checkpoint::VERSION as CHECKPOINT_VERSION;
use super::describe::{Counted, Description};
use super::fields::{self, Form, Read as Fields, SHORTAGE, shortage};
use super::files::order;
use super::head;
use super::lines::Lists;
use super::manifest::{CHECKSUM_END, CHECKSUM_START, VERSION};
use super::names::{Clash, Names};
use super::totals::Totals;
use super::{CHECKPOINT, DirectoryEntry, FileEntry, Files, LinkEntry, MANIFEST, Manifest};
use crate::error::{Code, Error, Result};
use crate::io::checksum::Checksum;
use crate::paths::hex;
use crate::sys::dir::{Dir, Kind, Stat, is_absent};
use crate::sys::memory;

/// The largest manifest that is read: some four million files.
const LARGEST: u64 = 1 << 30;

const DOING: &str = "reading the manifest";

/// What a checkpoint lacks of a snapshot.
const NO_SNAPSHOT: &str = "it is a checkpoint and no snapshot: its files are the live database's own, and their \
                           checksums were never read; its engine can open it read-only, or a copy of it";

/// Reads the manifest of the snapshot in `directory`.
pub fn read(directory: &Dir) -> Result<Manifest> {
    let opened = Opened::of(directory)?;
    read_whole(&mut &opened.file, opened.length).map_err(|refusal| opened.error(refusal))
}

/// Reads the manifest of the checkpoint in `directory`.
pub fn read_checkpoint(directory: &Dir) -> Result<Manifest> {
    let opened = Opened::named(directory, CHECKPOINT)?;
    let read = || {
        let text = &mut &opened.file;
        let mut lists = Whole::default();
        let end = checksum_at_end(text, opened.length)?.ok_or_else(|| corrupt("it is truncated"))?;
        let Fields { version, head, totals } =
            attempt_as(Form::Checkpoint, text, opened.length, Some(end), &mut lists)?;
        if version != CHECKPOINT_VERSION {
            let why = format!("it is of version {version}, this library reads version {CHECKPOINT_VERSION}");
            return Err(Refusal::Is(Code::Unsupported, why));
        }
        let manifest = lists.end(head)?;
        require_totals(totals, manifest.totals())?;
        Ok(manifest)
    };
    read().map_err(|refusal| opened.error(refusal))
}

/// Reads a manifest that does not lie in a directory here. One of ours is good only with its checksum.
pub fn read_bytes(bytes: &[u8], name: &Path) -> Result<Manifest> {
    let read = read_whole(&mut io::Cursor::new(bytes), bytes.len() as u64);
    read.map_err(|refusal| refusal.at(&name.join(MANIFEST)))
}

/// Reads what the manifest of the snapshot in `directory` says of all of it. Its files are not kept.
pub fn describe(directory: &Dir) -> Result<Description> {
    let opened = Opened::of(directory)?;
    describe_from(&mut &opened.file, opened.length).map_err(|refusal| opened.error(refusal))
}

/// What the head of a manifest says, which proves itself. The rest is only known to have its end: for a listing.
pub fn skim(directory: &Dir) -> Result<Description> {
    let opened = Opened::of(directory)?;
    match skim_from(&mut &opened.file, opened.length) {
        Ok(Some(description)) => Ok(description),
        // One of an older library, or there is something wrong with it, and the whole says what.
        Ok(None) => describe_from(&mut &opened.file, opened.length).map_err(|refusal| opened.error(refusal)),
        Err(error) => Err(Error::io(DOING, &opened.path, error)),
    }
}

/// Whether a manifest is what was written: its head proves itself, and so does the whole by its checksum, without being
/// parsed; one without a head is read whole.
pub fn prove(directory: &Dir) -> Result<()> {
    let opened = Opened::of(directory)?;
    let proved = proved_by_checksum(&mut &opened.file, opened.length);
    match proved.map_err(|error| Error::io(DOING, &opened.path, error))? {
        true => Ok(()),
        // The whole says what is wrong.
        false => describe_from(&mut &opened.file, opened.length)
            .map(|_| ())
            .map_err(|refusal| opened.error(refusal)),
    }
}

fn proved_by_checksum(text: &mut (impl Read + Seek), length: u64) -> io::Result<bool> {
    if skim_from(text, length)?.is_none() {
        return Ok(false);
    }
    let end = checksum_at_end(text, length)?;
    let mut covered = Covered::of(text, length, end)?;
    io::copy(&mut BufReader::with_capacity(BUFFER, &mut covered), &mut io::sink())?;
    Ok(covered.matches(end))
}

fn skim_from(text: &mut (impl Read + Seek), length: u64) -> io::Result<Option<Description>> {
    match checksum_at_end(text, length)? {
        Some(_) => head::read(text, length),
        None => Ok(None),
    }
}

struct Opened {
    file: File,
    length: u64,
    path: PathBuf,
}

impl Opened {
    fn of(directory: &Dir) -> Result<Self> {
        Self::named(directory, MANIFEST)
    }

    fn named(directory: &Dir, name: &str) -> Result<Self> {
        let path = directory.full(Path::new(name));
        let is_checkpoint = || matches!(directory.find(Path::new(CHECKPOINT)), Ok(Some(_)));
        let file = directory.open_file(Path::new(name)).map_err(|error| match is_absent(&error) {
            true if is_checkpoint() => Error::at(Code::Unsupported, DOING, directory.path(), NO_SNAPSHOT),
            true => Error::at(Code::NotFound, DOING, &path, "there is none, so this is no complete snapshot"),
            false => Error::io(DOING, &path, error),
        })?;
        let stat = Stat::of(&file).map_err(|error| Error::io(DOING, &path, error))?;
        if stat.kind != Kind::File {
            return Err(Error::at(Code::Corrupt, DOING, &path, "it is not a regular file"));
        }
        if stat.size > LARGEST {
            let why = format!("{} bytes are more than {LARGEST}", stat.size);
            return Err(Error::at(Code::Unsupported, DOING, &path, why));
        }
        // One text of it may be nearly all of it, and is then there twice for a moment.
        memory::require_room(2 * stat.size as usize).map_err(|error| Error::io(DOING, &path, error))?;
        Ok(Self { file, length: stat.size, path })
    }

    fn error(&self, refusal: Refusal) -> Error {
        refusal.at(&self.path)
    }
}

/// Why a manifest is not read.
#[derive(Debug)]
pub enum Refusal {
    /// It could not be.
    Io(io::Error),
    /// It is none of which anything may be believed.
    Is(Code, String),
}

impl Refusal {
    fn at(self, path: &Path) -> Error {
        match self {
            Refusal::Io(error) => Error::io(DOING, path, error),
            Refusal::Is(code, why) => Error::at(code, DOING, path, why),
        }
    }
}

impl From<io::Error> for Refusal {
    fn from(error: io::Error) -> Self {
        Refusal::Io(error)
    }
}

type Answer<T> = std::result::Result<T, Refusal>;

fn corrupt(why: impl Into<String>) -> Refusal {
    Refusal::Is(Code::Corrupt, why.into())
}

fn unreadable(error: serde_json::Error, what: &str) -> Refusal {
    match error.to_string() {
        _ if error.is_io() => Refusal::Io(error.into()),
        why if why.starts_with(SHORTAGE) => Refusal::Io(io::Error::from_raw_os_error(libc::ENOMEM)),
        why => corrupt(format!("{what}{why}")),
    }
}

/// Reads a manifest of any kind that this library reads.
pub fn read_whole(text: &mut (impl Read + Seek), length: u64) -> Answer<Manifest> {
    let mut lists = Whole::default();
    match attempt(text, length, &mut lists) {
        Ok(Fields { head, totals, .. }) => {
            let manifest = lists.end(head)?;
            require_totals(totals, manifest.totals())?;
            Ok(manifest)
        }
        Err(first) => Err(why(text, length, first)),
    }
}

fn describe_from(text: &mut (impl Read + Seek), length: u64) -> Answer<Description> {
    let mut counted = Counted::default();
    if let Ok(Fields { head, totals: said, .. }) = attempt(text, length, &mut counted)
        && let Some(totals) = counted.end(&head)
        && require_totals(said, totals).is_ok()
    {
        return Ok(Description { head, totals });
    }
    // It is sorted otherwise, as one of Alopex may be, or there is something wrong with it, and this says what.
    let whole = read_whole(text, length)?;
    Ok(Description::of(whole))
}

fn require_totals(said: Option<Totals>, found: Totals) -> Answer<()> {
    match said {
        Some(said) if said != found => Err(corrupt("its totals are not those of its files")),
        _ => Ok(()),
    }
}

/// Reads it once. What is wrong with it may have a cause that is to be told first.
fn attempt(text: &mut (impl Read + Seek), length: u64, lists: &mut impl Lists) -> Answer<Fields> {
    let end = checksum_at_end(text, length)?;
    let form = if end.is_some() { Form::Ours } else { Form::Bare };
    match attempt_as(form, text, length, end, lists)? {
        read if read.version == VERSION => Ok(read),
        read => Err(corrupt(format!("it is of version {}", read.version))),
    }
}

fn attempt_as(
    form: Form,
    text: &mut (impl Read + Seek),
    length: u64,
    end: Option<End>,
    lists: &mut impl Lists,
) -> Answer<Fields> {
    let what = match form {
        Form::Bare => "it has no checksum at its end and is not a bare one: ",
        _ => "",
    };
    let mut covered = Covered::of(text, length, end)?;
    match fields::read(BufReader::with_capacity(BUFFER, &mut covered), form, lists) {
        Ok(read) if covered.matches(end) => Ok(read),
        Ok(_) => Err(corrupt("its own checksum does not match")),
        Err(error) => Err(unreadable(error, what)),
    }
}

/// The first thing that is wrong with what was not read: it is no text of that kind, its version is another,
/// its checksum does not match, or else what was found.
fn why(text: &mut (impl Read + Seek), length: u64, found: Refusal) -> Refusal {
    #[derive(Deserialize)]
    struct Version {
        version: u64,
    }
    if matches!(found, Refusal::Io(_)) {
        return found;
    }
    let look = || {
        let end = checksum_at_end(text, length)?;
        let mut covered = Covered::of(text, length, end)?;
        let Version { version } = serde_json::from_reader(BufReader::with_capacity(BUFFER, &mut covered))
            .map_err(|error| unreadable(error, "it is truncated or not a manifest: "))?;
        if version != VERSION {
            let why = format!("it is of version {version}, this library reads version {VERSION}");
            return Err(Refusal::Is(Code::Unsupported, why));
        }
        match covered.matches(end) {
            true => Ok(()),
            false => Err(corrupt("its own checksum does not match")),
        }
    };
    look().err().unwrap_or(found)
}

/// How much is read at once.
const BUFFER: usize = 64 << 10;

/// The checksum that stands at the end, and how many bytes it covers.
#[derive(Clone, Copy)]
struct End {
    covers: u64,
    checksum: u32,
}

fn checksum_at_end(text: &mut (impl Read + Seek), length: u64) -> io::Result<Option<End>> {
    const LENGTH: usize = CHECKSUM_START.len() + 8 + CHECKSUM_END.len();
    let Some(covers) = length.checked_sub(LENGTH as u64) else { return Ok(None) };
    text.seek(SeekFrom::Start(covers))?;
    let mut end = [0; LENGTH];
    text.read_exact(&mut end)?;
    let checksum = || {
        let digits = end.strip_prefix(CHECKSUM_START.as_bytes())?.strip_suffix(CHECKSUM_END.as_bytes())?;
        let sum = hex::decode(std::str::from_utf8(digits).ok()?)?;
        Some(u32::from_be_bytes(sum.try_into().ok()?))
    };
    Ok(checksum().map(|checksum| End { covers, checksum }))
}

/// A text from its start, with the checksum of what has gone by.
struct Covered<R> {
    text: io::Take<R>,
    left: u64,
    checksum: Checksum,
}

impl<R: Read + Seek> Covered<R> {
    fn of(mut text: R, length: u64, end: Option<End>) -> io::Result<Self> {
        text.seek(SeekFrom::Start(0))?;
        let left = end.map_or(0, |end| end.covers);
        Ok(Self { text: text.take(length), left, checksum: Checksum::default() })
    }

    fn matches(&self, end: Option<End>) -> bool {
        self.left == 0 && end.is_none_or(|end| end.checksum == self.checksum.value())
    }
}

impl<R: Read> Read for Covered<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.text.read(buffer)?;
        let covered = usize::try_from(self.left).map_or(read, |left| left.min(read));
        self.checksum.update(&buffer[..covered]);
        self.left -= covered as u64;
        Ok(read)
    }
}

/// The lists of a manifest.
#[derive(Default)]
struct Whole {
    directories: Vec<DirectoryEntry>,
    links: Vec<LinkEntry>,
    files: Files,
}

impl Lists for Whole {
    fn directory(&mut self, entry: DirectoryEntry) -> std::result::Result<(), String> {
        memory::reserve_one(&mut self.directories).map_err(shortage)?;
        self.directories.push(entry);
        Ok(())
    }

    fn link(&mut self, entry: LinkEntry) -> std::result::Result<(), String> {
        memory::reserve_one(&mut self.links).map_err(shortage)?;
        self.links.push(entry);
        Ok(())
    }

    fn file(&mut self, entry: FileEntry) -> std::result::Result<(), String> {
        self.files.push(&entry).map_err(shortage)
    }
}

impl Whole {
    /// All is read: it is sorted, and no two entries contradict each other.
    fn end(mut self, head: Manifest) -> Answer<Manifest> {
        let origins = head.origins.len();
        let is_beyond =
            |file: &FileEntry<&Path>| file.shared.is_some_and(|shared| shared.origin as usize >= origins);
        if let Some(file) = self.files.iter().find(is_beyond) {
            return Err(corrupt(format!("it does not have the origin of {:?}", file.path)));
        }
        self.directories.sort_by(|a, b| order(&a.path, &b.path));
        self.links.sort_by(|a, b| order(&a.path, &b.path));
        self.files.sort();
        self.require_names()?;
        Ok(Manifest { directories: self.directories, links: self.links, files: self.files, ..head })
    }

    fn require_names(&self) -> Answer<()> {
        let directories = self.directories.iter().map(|entry| (entry.path.clone(), true));
        let links = self.links.iter().map(|entry| (entry.path.clone(), false));
        let mut names = Names::among(directories.chain(links).collect());
        let checked = self.files.paths().try_for_each(|path| names.file(path)).and_then(|()| names.end());
        checked.map_err(|clash| match clash {
            Clash::Refused(why) => corrupt(why),
            Clash::Order => Refusal::Is(Code::Internal, "its names were not sorted".into()),
        })
    }
}

#[cfg(test)]
#[path = "parse_tests.rs"]
mod tests;
