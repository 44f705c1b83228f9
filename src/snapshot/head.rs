//! The head of a manifest: all but its lists, with a checksum of its own. A listing of thousands of snapshots
//! reads no more of each.

use std::io::{self, Read, Seek, SeekFrom};

use super::describe::Description;
use super::fields::{self, Form};
use super::lines::Lists;
use super::manifest::{HEAD_START, VERSION};
use super::{DirectoryEntry, FileEntry, LinkEntry};
use crate::io::checksum;
use crate::paths::hex;
use crate::sys::memory;

/// What is read at first: most heads take less.
const FIRST: u64 = 8 << 10;

/// More than a head takes whose host gives all the metadata and the tags that it may, and one origin for each of
/// many thousand snapshots.
const LONGEST: u64 = 16 << 20;

/// What the head says; `None`: it has none that proves itself.
pub fn read(text: &mut (impl Read + Seek), length: u64) -> io::Result<Option<Description>> {
    let mut bytes = Vec::new();
    text.seek(SeekFrom::Start(0))?;
    let mut wanted = FIRST;
    loop {
        let more = wanted.min(length).saturating_sub(bytes.len() as u64);
        // In one call.
        memory::reserve(&mut bytes, more as usize)?;
        text.take(more).read_to_end(&mut bytes)?;
        if let Some(at) = end_of(&bytes) {
            return Ok(parse(&bytes, at));
        }
        if wanted >= length.min(LONGEST) {
            return Ok(None);
        }
        wanted *= 8;
    }
}

/// Where the line begins that ends it. No text within has a line feed.
fn end_of(bytes: &[u8]) -> Option<usize> {
    let start = HEAD_START.as_bytes();
    let at = bytes.windows(start.len()).position(|part| part == start)?;
    (bytes.len() >= at + start.len() + 8).then_some(at)
}

fn parse(bytes: &[u8], at: usize) -> Option<Description> {
    let digits = &bytes[at + HEAD_START.len()..][..8];
    let sum = hex::decode(std::str::from_utf8(digits).ok()?)?;
    if u32::from_be_bytes(sum.try_into().ok()?) != checksum::of(&bytes[..at]) {
        return None;
    }
    let closed = [&bytes[..at], b"}"].concat();
    let read = fields::read(&closed[..], Form::Head, &mut NoLists).ok()?;
    (read.version == VERSION).then_some(Description { head: read.head, totals: read.totals? })
}

/// A head has none.
struct NoLists;

impl Lists for NoLists {
    fn directory(&mut self, _: DirectoryEntry) -> Result<(), String> {
        Err("it has a list".into())
    }

    fn link(&mut self, _: LinkEntry) -> Result<(), String> {
        Err("it has a list".into())
    }

    fn file(&mut self, _: FileEntry) -> Result<(), String> {
        Err("it has a list".into())
    }
}
