//! The fields of a manifest, read one by one; its lists entry by entry, so that a hostile one ends at its first
//! bad line, before it takes memory.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fmt;
use std::io;
use std::marker::PhantomData;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;

use serde::Deserialize;
use serde::de::{
    DeserializeOwned, DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor,
};

use super::entries::{DirectoryEntry, FileEntry, LinkEntry, Origin, Shared, SourceId};
use super::manifest::{LONGEST_IN_MANIFEST, Manifest, is_reserved};
use super::totals::Totals;
use super::{Attributes, VerifyLevel};
use crate::layout::FileClass;
use crate::paths::{hex, relative};

/// How too little memory for a list passes through the parser's errors.
pub const SHORTAGE: &str = "there is no memory for its lists";

/// What takes the entries of the three lists, in the order in which they stand there. Its refusals are one
/// line each.
pub trait Lists {
    fn directory(&mut self, entry: DirectoryEntry) -> Result<(), String>;
    fn link(&mut self, entry: LinkEntry) -> Result<(), String>;
    fn file(&mut self, entry: FileEntry) -> Result<(), String>;
}

/// For what a list has no memory.
pub fn shortage(_: io::Error) -> String {
    SHORTAGE.into()
}

/// Which fields a manifest has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Ours: those that are not known are passed over.
    Ours,
    /// Exactly Alopex's. Any other key must be covered by a checksum, else one flipped byte in a key would
    /// downgrade a manifest of ours silently.
    Bare,
    /// The head of ours, which ends before the lists.
    Head,
}

/// The fields of a manifest but its lists.
#[derive(Debug)]
pub struct Read {
    /// The version.
    pub version: u64,
    /// The manifest, its lists empty.
    pub head: Manifest,
    /// What it says of the sums of its files; one of an older library says nothing.
    pub totals: Option<Totals>,
}

/// Reads all fields up to the end of the text.
pub fn read(text: impl io::Read, form: Form, lists: &mut impl Lists) -> serde_json::Result<Read> {
    let mut text = serde_json::Deserializer::from_reader(text);
    let read = text.deserialize_map(Fields { form, lists })?;
    text.end()?;
    Ok(read)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(field_identifier, rename_all = "snake_case")]
enum Field {
    Version,
    Id,
    DataDirId,
    StartedAtMs,
    FinishedAtMs,
    Layout,
    Rules,
    Metadata,
    FilesSkipped,
    FilesLeftOut,
    Tags,
    FreezeNs,
    Verify,
    Origins,
    Totals,
    Top,
    Directories,
    Links,
    Entries,
    #[serde(other)]
    Other,
}

impl Form {
    fn requires(self) -> &'static [Field] {
        use Field::*;
        match self {
            Form::Bare => &[Version, Entries],
            Form::Head => &Form::Ours.requires()[..Form::Ours.requires().len() - 3],
            Form::Ours => &[
                Version,
                StartedAtMs,
                FinishedAtMs,
                Layout,
                Rules,
                Metadata,
                FilesSkipped,
                FilesLeftOut,
                Directories,
                Links,
                Entries,
            ],
        }
    }
}

struct Fields<'l, L> {
    form: Form,
    lists: &'l mut L,
}

impl<'de, L: Lists> Visitor<'de> for Fields<'_, L> {
    type Value = Read;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a manifest")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut met = BTreeSet::new();
        let mut read = Read { version: 0, head: Manifest::default(), totals: None };
        while let Some(field) = map.next_key()? {
            if self.form == Form::Bare && !self.form.requires().contains(&field) {
                return Err(A::Error::custom("it has a key too many"));
            }
            if field != Field::Other && !met.insert(field) {
                return Err(A::Error::custom(format!("it has {field:?} twice")));
            }
            match field {
                Field::Version => read.version = map.next_value()?,
                Field::Totals => read.totals = Some(map.next_value()?),
                Field::Directories => map.next_value_seed(Lines::<_, DirectoryLine>::of(self.lists))?,
                Field::Links => map.next_value_seed(Lines::<_, LinkLine>::of(self.lists))?,
                Field::Entries if self.form == Form::Bare => {
                    map.next_value_seed(Lines::<_, BareLine>::of(self.lists))?;
                }
                Field::Entries => map.next_value_seed(Lines::<_, FileLine>::of(self.lists))?,
                other => self.head(&mut read.head, other, &mut map)?,
            }
        }
        match self.form.requires().iter().find(|field| !met.contains(field)) {
            Some(missing) => Err(A::Error::custom(format!("it lacks {missing:?}"))),
            None => Ok(read),
        }
    }
}

impl<L: Lists> Fields<'_, L> {
    fn head<'de, A: MapAccess<'de>>(
        &mut self,
        head: &mut Manifest,
        field: Field,
        map: &mut A,
    ) -> Result<(), A::Error> {
        match field {
            Field::Id => head.id = map.next_value()?,
            Field::DataDirId => head.data_dir_id = map.next_value()?,
            Field::StartedAtMs => head.started_at_ms = map.next_value()?,
            Field::FinishedAtMs => head.finished_at_ms = map.next_value()?,
            Field::Layout => head.layout = map.next_value()?,
            Field::Rules => {
                let rules: Vec<(String, String)> = map.next_value()?;
                let rules = rules.into_iter().map(|(glob, class)| Ok((glob, class_of(&class)?)));
                head.rules = rules.collect::<Result<_, _>>().map_err(A::Error::custom::<String>)?;
            }
            Field::Metadata => {
                let digits: String = map.next_value()?;
                let bytes = hex::decode(&digits);
                head.metadata = bytes.ok_or_else(|| A::Error::custom("its metadata is not hexadecimal"))?;
            }
            Field::FilesSkipped => head.files_skipped = map.next_value()?,
            Field::FilesLeftOut => head.files_left_out = map.next_value()?,
            Field::Tags => head.tags = map.next_value()?,
            Field::FreezeNs => head.freeze_ns = map.next_value()?,
            Field::Verify => {
                head.verify = map.next_value::<Option<String>>()?.as_deref().and_then(VerifyLevel::from_name);
            }
            Field::Origins => head.origins = map.next_value::<Vec<Origin>>()?,
            Field::Top => {
                head.top = map.next_value()?;
                if head.top.is_some_and(|top| !is_a_files(top.mtime_ns)) {
                    return Err(A::Error::custom("its time of the data directory is no file's"));
                }
            }
            _ => drop(map.next_value::<IgnoredAny>()?),
        }
        Ok(())
    }
}

/// A list, each line of which is given away as it is read.
struct Lines<'l, L, T> {
    lists: &'l mut L,
    of: PhantomData<T>,
}

impl<'l, L, T> Lines<'l, L, T> {
    fn of(lists: &'l mut L) -> Self {
        Self { lists, of: PhantomData }
    }
}

impl<'de, L: Lists, T: Line> DeserializeSeed<'de> for Lines<'_, L, T> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
        from.deserialize_seq(self)
    }
}

impl<'de, L: Lists, T: Line> Visitor<'de> for Lines<'_, L, T> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of entries")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut lines: A) -> Result<(), A::Error> {
        while let Some(line) = lines.next_element::<T>()? {
            line.give(self.lists).map_err(A::Error::custom)?;
        }
        Ok(())
    }
}

/// A line of a list, and where its entry goes.
trait Line: DeserializeOwned {
    fn give(self, lists: &mut impl Lists) -> Result<(), String>;
}

/// An entry with exactly Alopex's keys.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct BareLine {
    path: String,
    size: u64,
    crc32: u32,
}

impl Line for BareLine {
    fn give(self, lists: &mut impl Lists) -> Result<(), String> {
        let (path, size, crc32) = (path_of(self.path, None)?, size_of(self.size)?, self.crc32);
        lists.file(FileEntry {
            path,
            size,
            crc32,
            class: None,
            attributes: None,
            source: None,
            shared: None,
            live: false,
        })
    }
}

/// An entry of any of our three lists.
#[derive(Deserialize)]
struct AnyLine {
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

impl AnyLine {
    fn attributes(&self) -> Result<Attributes, String> {
        let mtime_ns = self.mtime_ns.filter(|mtime_ns| is_a_files(*mtime_ns));
        let all =
            || Some(Attributes { mode: self.mode?, uid: self.uid?, gid: self.gid?, mtime_ns: mtime_ns? });
        all().ok_or_else(|| self.lacks("attributes"))
    }

    fn shared(&self) -> Option<Shared> {
        self.origin.map(|origin| Shared { origin, verified_at_ms: self.verified_at_ms.unwrap_or(0) })
    }

    fn lacks(&self, what: &str) -> String {
        format!("its entry {:?} lacks its {what}", self.path)
    }
}

#[derive(Deserialize)]
#[serde(transparent)]
struct DirectoryLine(AnyLine);

impl Line for DirectoryLine {
    fn give(self, lists: &mut impl Lists) -> Result<(), String> {
        let attributes = self.0.attributes()?;
        lists.directory(DirectoryEntry { path: path_of(self.0.path, self.0.path_hex)?, attributes })
    }
}

#[derive(Deserialize)]
#[serde(transparent)]
struct LinkLine(AnyLine);

impl Line for LinkLine {
    fn give(mut self, lists: &mut impl Lists) -> Result<(), String> {
        let attributes = self.0.attributes()?;
        let target = self.0.target.take().ok_or_else(|| self.0.lacks("target"))?;
        lists.link(LinkEntry {
            path: path_of(self.0.path, self.0.path_hex)?,
            target: PathBuf::from(raw(target, self.0.target_hex)?),
            attributes,
        })
    }
}

#[derive(Deserialize)]
#[serde(transparent)]
struct FileLine(AnyLine);

impl Line for FileLine {
    fn give(self, lists: &mut impl Lists) -> Result<(), String> {
        let line = self.0;
        lists.file(FileEntry {
            attributes: Some(line.attributes()?),
            size: size_of(line.size.ok_or_else(|| line.lacks("size"))?)?,
            crc32: line.crc32.ok_or_else(|| line.lacks("checksum"))?,
            class: line.class.as_deref().map(class_of).transpose()?,
            source: line.source,
            shared: line.shared(),
            path: path_of(line.path, line.path_hex)?,
            live: false,
        })
    }
}

/// Whether a file can have such a time: its seconds are of 64 bits.
fn is_a_files(mtime_ns: i128) -> bool {
    i64::try_from(mtime_ns.div_euclid(1_000_000_000)).is_ok()
}

/// No file has a size beyond 63 bits.
fn size_of(size: u64) -> Result<u64, String> {
    i64::try_from(size).map(|_| size).map_err(|_| format!("the size {size} is no file's"))
}

fn class_of(name: &str) -> Result<FileClass, String> {
    FileClass::from_name(name).ok_or_else(|| format!("it names an unknown file class {name:?}"))
}

fn raw(text: String, hexadecimal: Option<String>) -> Result<OsString, String> {
    let Some(digits) = hexadecimal else { return Ok(text.into()) };
    let bytes = hex::decode(&digits).ok_or_else(|| format!("the name {text:?} is not hexadecimal"))?;
    Ok(OsString::from_vec(bytes))
}

fn path_of(text: String, hexadecimal: Option<String>) -> Result<PathBuf, String> {
    let path = PathBuf::from(raw(text, hexadecimal)?);
    let refuse = |why: &str| format!("its path {path:?} {why}");
    if path.as_os_str().as_bytes().contains(&0) {
        return Err(refuse("holds a NUL"));
    }
    if path.as_os_str().len() > LONGEST_IN_MANIFEST {
        return Err(format!("one of its paths has {} bytes", path.as_os_str().len()));
    }
    let plain = relative(&path).map_err(|_| refuse("is not a plain relative one"))?;
    if is_reserved(&plain) {
        return Err(refuse("is the library's own"));
    }
    Ok(plain)
}
