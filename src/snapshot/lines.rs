//! The lines of a manifest's lists: what each must have, and what is refused before it becomes an entry.

use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;

use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::Attributes;
use super::entries::{DirectoryEntry, FileEntry, LinkEntry, Shared, SourceId};
use super::manifest::{LONGEST_IN_MANIFEST, is_reserved};
use crate::layout::FileClass;
use crate::paths::{hex, relative};

/// What takes the entries of the three lists, in the order in which they stand there. Its refusals are one
/// line each.
pub trait Lists {
    fn directory(&mut self, entry: DirectoryEntry) -> Result<(), String>;
    fn link(&mut self, entry: LinkEntry) -> Result<(), String>;
    fn file(&mut self, entry: FileEntry) -> Result<(), String>;
}

/// A line of a list, and where its entry goes.
pub trait Line: DeserializeOwned {
    fn give(self, lists: &mut impl Lists) -> Result<(), String>;
}

/// An entry with exactly Alopex's keys.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BareLine {
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
    #[serde(default)]
    live: bool,
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

    fn file(self, crc32: u32, live: bool) -> Result<FileEntry, String> {
        Ok(FileEntry {
            attributes: Some(self.attributes()?),
            size: size_of(self.size.ok_or_else(|| self.lacks("size"))?)?,
            crc32,
            class: self.class.as_deref().map(class_of).transpose()?,
            source: self.source,
            shared: self.shared(),
            path: path_of(self.path, self.path_hex)?,
            live,
        })
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
pub struct DirectoryLine(AnyLine);

impl Line for DirectoryLine {
    fn give(self, lists: &mut impl Lists) -> Result<(), String> {
        let attributes = self.0.attributes()?;
        lists.directory(DirectoryEntry { path: path_of(self.0.path, self.0.path_hex)?, attributes })
    }
}

#[derive(Deserialize)]
#[serde(transparent)]
pub struct LinkLine(AnyLine);

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
pub struct FileLine(AnyLine);

impl Line for FileLine {
    fn give(self, lists: &mut impl Lists) -> Result<(), String> {
        let crc32 = self.0.crc32.ok_or_else(|| self.0.lacks("checksum"))?;
        lists.file(self.0.file(crc32, false)?)
    }
}

/// A file of a checkpoint: one that is live has no checksum.
#[derive(Deserialize)]
#[serde(transparent)]
pub struct LiveLine(AnyLine);

impl Line for LiveLine {
    fn give(self, lists: &mut impl Lists) -> Result<(), String> {
        match (self.0.crc32, self.0.live) {
            (Some(crc32), false) => lists.file(self.0.file(crc32, false)?),
            (None, true) => lists.file(self.0.file(0, true)?),
            _ => Err(self.0.lacks("checksum")),
        }
    }
}

/// Whether a file can have such a time: its seconds are of 64 bits.
pub fn is_a_files(mtime_ns: i128) -> bool {
    i64::try_from(mtime_ns.div_euclid(1_000_000_000)).is_ok()
}

/// No file has a size beyond 63 bits.
fn size_of(size: u64) -> Result<u64, String> {
    i64::try_from(size).map(|_| size).map_err(|_| format!("the size {size} is no file's"))
}

pub fn class_of(name: &str) -> Result<FileClass, String> {
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
