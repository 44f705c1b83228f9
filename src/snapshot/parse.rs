//! Reading a manifest. What it says is hostile until it is proved otherwise.

use std::ffi::OsString;
use std::fmt;
use std::io::Read;
use std::marker::PhantomData;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde::de::{self, Deserializer, SeqAccess, Visitor};
use uuid::Uuid;

use super::manifest::{CHECKSUM_END, CHECKSUM_START, VERSION, is_reserved};
use super::{
    Attributes, CHECKPOINT, DirectoryEntry, FileEntry, LinkEntry, MANIFEST, Manifest, Origin, Shared,
    SourceId,
};
use crate::error::{Code, Error, Result};
use crate::io::checksum;
use crate::layout::FileClass;
use crate::paths::{hex, relative};
use crate::sys::dir::{Dir, Kind, Stat, is_absent};
use crate::sys::memory;

/// The largest manifest that is read into memory: some four million files.
const LARGEST: u64 = 1 << 30;

/// The longest path that a manifest may hold: four times the 4096 bytes that a call of the kernel takes, more
/// than any host opens. A deeper tree is refused when it is backed up.
pub const LONGEST_IN_MANIFEST: usize = 1 << 14;

const DOING: &str = "reading the manifest";

/// What a checkpoint lacks of a snapshot.
const NO_SNAPSHOT: &str = "it is a checkpoint and no snapshot: its files are the live database's own, and their \
                           checksums were never read; its engine can open it read-only, or a copy of it";

/// Reads the manifest of the snapshot in `directory`.
pub fn read(directory: &Dir) -> Result<Manifest> {
    let path = directory.full(Path::new(MANIFEST));
    let is_checkpoint = || matches!(directory.find(Path::new(CHECKPOINT)), Ok(Some(_)));
    let file = directory.open_file(Path::new(MANIFEST)).map_err(|error| match is_absent(&error) {
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
    // What is made of it takes about as much again.
    let mut bytes = Vec::new();
    memory::reserve(&mut bytes, stat.size as usize + 1)
        .and_then(|()| memory::require_room(stat.size as usize))
        .map_err(|error| Error::io(DOING, &path, error))?;
    file.take(LARGEST).read_to_end(&mut bytes).map_err(|error| Error::io(DOING, &path, error))?;
    parse(&bytes).map_err(|(code, why)| match code {
        Code::Io => Error::io(DOING, &path, std::io::Error::from_raw_os_error(libc::ENOMEM)),
        _ => Error::at(code, DOING, &path, why),
    })
}

type Refused = (Code, String);

fn corrupt(why: impl Into<String>) -> Refused {
    (Code::Corrupt, why.into())
}

/// How too little memory for a list passes through the parser's errors.
const SHORTAGE: &str = "there is no memory for its lists";

fn unreadable(error: &serde_json::Error, what: &str) -> Refused {
    match error.to_string() {
        why if why.starts_with(SHORTAGE) => (Code::Io, SHORTAGE.into()),
        why => corrupt(format!("{what}{why}")),
    }
}

/// Parses a manifest of any kind that this library reads.
pub fn parse(bytes: &[u8]) -> std::result::Result<Manifest, Refused> {
    let Version { version } = serde_json::from_slice(bytes)
        .map_err(|error| corrupt(format!("it is truncated or not a manifest: {error}")))?;
    if version != VERSION {
        let why = format!("it is of version {version}, this library reads version {VERSION}");
        return Err((Code::Unsupported, why));
    }
    let manifest = match checksum_at_end(bytes) {
        Some((body, sum)) if checksum::of(body) == sum => parse_ours(bytes)?,
        Some(_) => return Err(corrupt("its own checksum does not match")),
        None => parse_bare(bytes)?,
    };
    check_paths(&manifest)?;
    Ok(manifest)
}

#[derive(Deserialize)]
struct Version {
    version: u64,
}

/// The bytes that the checksum covers, and the checksum.
fn checksum_at_end(bytes: &[u8]) -> Option<(&[u8], u32)> {
    let rest = bytes.strip_suffix(CHECKSUM_END.as_bytes())?;
    let (rest, digits) = rest.split_at_checked(rest.len().checked_sub(8)?)?;
    let body = rest.strip_suffix(CHECKSUM_START.as_bytes())?;
    let sum = hex::decode(std::str::from_utf8(digits).ok()?)?;
    Some((body, u32::from_be_bytes(sum.try_into().ok()?)))
}

/// Exactly what Alopex writes. Any other key must be covered by a checksum, else one flipped byte
/// in a key would downgrade a manifest of ours silently.
fn parse_bare(bytes: &[u8]) -> std::result::Result<Manifest, Refused> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Bare {
        #[serde(rename = "version")]
        _version: u64,
        entries: Entries<BareEntry>,
    }
    let bare: Bare = serde_json::from_slice(bytes)
        .map_err(|error| unreadable(&error, "it has no checksum at its end and is not a bare one: "))?;
    let files = bare.entries.0.into_iter().map(|BareEntry(entry)| entry).collect();
    Ok(Manifest { files: sorted(files, |file| &file.path), ..Manifest::default() })
}

/// An entry with exactly Alopex's keys.
struct BareEntry(FileEntry);

impl Entry for BareEntry {
    type Line = BareLine;

    fn of(line: BareLine) -> std::result::Result<Self, Refused> {
        let BareLine { path, size, crc32 } = line;
        let path = path_of(path, None)?;
        Ok(Self(FileEntry {
            path,
            size,
            crc32,
            class: None,
            attributes: None,
            source: None,
            shared: None,
            live: false,
        }))
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct BareLine {
    path: String,
    size: u64,
    crc32: u32,
}

fn parse_ours(bytes: &[u8]) -> std::result::Result<Manifest, Refused> {
    #[derive(Deserialize)]
    struct Ours {
        id: Option<Uuid>,
        #[serde(default)]
        data_dir_id: Option<Uuid>,
        started_at_ms: u64,
        finished_at_ms: u64,
        layout: String,
        rules: Vec<(String, String)>,
        metadata: String,
        files_skipped: u64,
        files_left_out: u64,
        #[serde(default)]
        origins: Vec<Origin>,
        top: Option<Attributes>,
        directories: Entries<DirectoryEntry>,
        links: Entries<LinkEntry>,
        entries: Entries<FileEntry>,
    }
    let ours: Ours = serde_json::from_slice(bytes).map_err(|error| unreadable(&error, ""))?;
    let rules = ours.rules.into_iter().map(|(glob, class)| Ok((glob, class_of(&class)?)));
    if ours.top.is_some_and(|top| !is_a_files(top.mtime_ns)) {
        return Err(corrupt("its time of the data directory is no file's"));
    }
    let origins = ours.origins.len();
    let is_beyond = |file: &&FileEntry| file.shared.is_some_and(|shared| shared.origin as usize >= origins);
    if let Some(file) = ours.entries.0.iter().find(is_beyond) {
        return Err(corrupt(format!("it does not have the origin of {:?}", file.path)));
    }
    Ok(Manifest {
        checkpoint: None,
        id: ours.id,
        data_dir_id: ours.data_dir_id,
        started_at_ms: ours.started_at_ms,
        finished_at_ms: ours.finished_at_ms,
        layout: ours.layout,
        rules: rules.collect::<std::result::Result<_, _>>()?,
        metadata: hex::decode(&ours.metadata).ok_or_else(|| corrupt("its metadata is not hexadecimal"))?,
        files_skipped: ours.files_skipped,
        files_left_out: ours.files_left_out,
        origins: ours.origins,
        top: ours.top,
        directories: sorted(ours.directories.0, |entry| &entry.path),
        links: sorted(ours.links.0, |entry| &entry.path),
        files: sorted(ours.entries.0, |entry| &entry.path),
    })
}

/// An entry of any of the three lists.
#[derive(Deserialize)]
struct Line {
    path: String,
    path_hex: Option<String>,
    target: Option<String>,
    target_hex: Option<String>,
    size: Option<u64>,
    crc32: Option<u32>,
    class: Option<String>,
    mode: Option<u32>,
    uid: Option<u32>,
    gid: Option<u32>,
    mtime_ns: Option<i128>,
    source: Option<SourceId>,
    origin: Option<u32>,
    verified_at_ms: Option<u64>,
}

impl Line {
    fn attributes(&self) -> Option<Attributes> {
        let mtime_ns = self.mtime_ns.filter(|mtime_ns| is_a_files(*mtime_ns))?;
        Some(Attributes { mode: self.mode?, uid: self.uid?, gid: self.gid?, mtime_ns })
    }

    fn shared(&self) -> Option<Shared> {
        self.origin.map(|origin| Shared { origin, verified_at_ms: self.verified_at_ms.unwrap_or(0) })
    }

    fn lacks(&self, what: &str) -> Refused {
        corrupt(format!("its entry {:?} lacks its {what}", self.path))
    }
}

/// Whether a file can have such a time: its seconds are of 64 bits.
fn is_a_files(mtime_ns: i128) -> bool {
    i64::try_from(mtime_ns.div_euclid(1_000_000_000)).is_ok()
}

impl Entry for DirectoryEntry {
    type Line = Line;

    fn of(line: Line) -> std::result::Result<Self, Refused> {
        let attributes = line.attributes().ok_or_else(|| line.lacks("attributes"))?;
        Ok(Self { path: path_of(line.path, line.path_hex)?, attributes })
    }
}

impl Entry for LinkEntry {
    type Line = Line;

    fn of(line: Line) -> std::result::Result<Self, Refused> {
        let attributes = line.attributes().ok_or_else(|| line.lacks("attributes"))?;
        let target = line.target.clone().ok_or_else(|| line.lacks("target"))?;
        Ok(Self {
            path: path_of(line.path, line.path_hex)?,
            target: PathBuf::from(raw(target, line.target_hex)?),
            attributes,
        })
    }
}

impl Entry for FileEntry {
    type Line = Line;

    fn of(line: Line) -> std::result::Result<Self, Refused> {
        let attributes = line.attributes().ok_or_else(|| line.lacks("attributes"))?;
        Ok(Self {
            size: line.size.ok_or_else(|| line.lacks("size"))?,
            crc32: line.crc32.ok_or_else(|| line.lacks("checksum"))?,
            class: line.class.as_deref().map(class_of).transpose()?,
            attributes: Some(attributes),
            source: line.source,
            shared: line.shared(),
            live: false,
            path: path_of(line.path, line.path_hex)?,
        })
    }
}

/// What a line of a list stands for.
trait Entry: Sized {
    type Line: for<'de> Deserialize<'de>;

    fn of(line: Self::Line) -> std::result::Result<Self, Refused>;
}

/// A list whose lines are checked one by one as they are read: a hostile one ends at its first bad
/// line, before it takes memory.
struct Entries<T>(Vec<T>);

impl<'de, T: Entry> Deserialize<'de> for Entries<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> std::result::Result<Self, D::Error> {
        struct OneByOne<T>(PhantomData<T>);
        impl<'de, T: Entry> Visitor<'de> for OneByOne<T> {
            type Value = Vec<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of entries")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut lines: A) -> std::result::Result<Vec<T>, A::Error> {
                let mut entries = Vec::new();
                while let Some(line) = lines.next_element()? {
                    memory::reserve_one(&mut entries).map_err(|_| de::Error::custom(SHORTAGE))?;
                    entries.push(T::of(line).map_err(|(_, why)| de::Error::custom(why))?);
                }
                Ok(entries)
            }
        }
        from.deserialize_seq(OneByOne(PhantomData)).map(Self)
    }
}

fn class_of(name: &str) -> std::result::Result<FileClass, Refused> {
    FileClass::from_name(name).ok_or_else(|| corrupt(format!("it names an unknown file class {name:?}")))
}

fn raw(text: String, hexadecimal: Option<String>) -> std::result::Result<OsString, Refused> {
    let Some(digits) = hexadecimal else { return Ok(text.into()) };
    let bytes =
        hex::decode(&digits).ok_or_else(|| corrupt(format!("the name {text:?} is not hexadecimal")))?;
    Ok(OsString::from_vec(bytes))
}

fn path_of(text: String, hexadecimal: Option<String>) -> std::result::Result<PathBuf, Refused> {
    let path = PathBuf::from(raw(text, hexadecimal)?);
    let refuse = |why: &str| corrupt(format!("its path {path:?} {why}"));
    if path.as_os_str().as_bytes().contains(&0) {
        return Err(refuse("holds a NUL"));
    }
    if path.as_os_str().len() > LONGEST_IN_MANIFEST {
        return Err(corrupt(format!("one of its paths has {} bytes", path.as_os_str().len())));
    }
    let plain = relative(&path).map_err(|_| refuse("is not a plain relative one"))?;
    if is_reserved(&plain) {
        return Err(refuse("is the library's own"));
    }
    Ok(plain)
}

fn sorted<T>(mut entries: Vec<T>, path: impl Fn(&T) -> &PathBuf) -> Vec<T> {
    entries.sort_by(|a, b| path(a).cmp(path(b)));
    entries
}

/// No name twice, no file where a directory must be, no size that a file cannot have.
fn check_paths(manifest: &Manifest) -> std::result::Result<(), Refused> {
    if let Some(file) = manifest.files.iter().find(|file| i64::try_from(file.size).is_err()) {
        return Err(corrupt(format!("the size of {:?} is no file's", file.path)));
    }
    let directories = manifest.directories.iter().map(|entry| (entry.path.as_path(), true));
    let links = manifest.links.iter().map(|entry| (entry.path.as_path(), false));
    let files = manifest.files.iter().map(|entry| (entry.path.as_path(), false));
    let mut all: Vec<(&Path, bool)> = directories.chain(links).chain(files).collect();
    // By components: what lies below a name follows it at once.
    all.sort_unstable();
    for pair in all.windows(2) {
        let ((path, is_directory), (next, _)) = (pair[0], pair[1]);
        if path == next {
            return Err(corrupt(format!("it names {path:?} twice")));
        }
        if !is_directory && next.starts_with(path) {
            return Err(corrupt(format!("it names {path:?} as a file and as a directory")));
        }
    }
    Ok(())
}

#[cfg(test)]
#[path = "parse_tests.rs"]
mod tests;
