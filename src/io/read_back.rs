//! Reading back what is stored: the file is evicted from the cache first, so that its disk must give it.

use std::path::Path;

use super::copy::{Named, checksum};
use crate::error::{Code, Error, Result};
use crate::monitor::Monitor;
use crate::sys::dir::{Dir, Kind, Stat, is_absent};
use crate::sys::file::evict;

const DOING: &str = "reading back";

/// What a stored file is to be.
#[derive(Clone, Copy)]
pub struct Expected<'a> {
    /// Its path beneath the directory.
    pub path: &'a Path,
    /// Its size in bytes.
    pub size: u64,
    /// Its checksum.
    pub crc32: u32,
}

/// Reads a file and compares it. `true`: from its disk; a sandbox may refuse the eviction, and then it is from the
/// cache. `done` is told of each piece.
pub fn read_back(
    (dir, expected): (&Dir, Expected<'_>),
    buffer: &mut [u8],
    monitor: &Monitor,
    done: impl Fn(u64) + Sync,
) -> Result<bool> {
    let Expected { path, size, crc32 } = expected;
    let failed = |error| Error::io(DOING, &dir.full(path), error);
    let bad = |why: String| Error::at(Code::Corrupt, DOING, &dir.full(path), why);
    let opened = dir.open_file(path).map_err(|error| match is_absent(&error) {
        true => bad("it is missing".into()),
        false => failed(error),
    })?;
    let stat = Stat::of(&opened).map_err(failed)?;
    if stat.kind != Kind::File || stat.size != size {
        return Err(bad(format!("it has {} bytes where the manifest has {size}", stat.size)));
    }
    let is_evicted = evict(&opened).is_ok();
    let from = Named { file: &opened, top: dir.path(), relative: path };
    let found = checksum(from, size, buffer, monitor, done).map_err(|error| match error.code() {
        // It shrank after its size was looked at.
        Code::SourceChanged => error.code_is(Code::Corrupt),
        _ => error,
    })?;
    if found != crc32 {
        return Err(bad(format!("its checksum is {found:08x} where the manifest has {crc32:08x}")));
    }
    Ok(is_evicted)
}

/// Whether an error is of what is stored, and not of the way there.
pub fn is_rot(error: &Error) -> bool {
    error.code() == Code::Corrupt || error.os_error() == libc::EIO
}
