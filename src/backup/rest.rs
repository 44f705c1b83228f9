//! Without a freeze hook: the proof that mutable files rest while they are copied.
//!
//! What a file system stamps a write with may be as coarse as two seconds, and may come from another
//! machine's clock. So no clock is read but this machine's monotonic one: stamps that were seen to be the
//! same for longer than any is coarse must change with the next write, whatever they say. And a write
//! is stamped when it begins, so one that is under way escapes the stamps: it is waited for before the
//! first byte is read, and again before the last look. A store through a mapping is stamped only where its
//! page is clean, so pages are written back before the first byte is read; on tmpfs, where no page is ever
//! clean, such stores escape.

use std::collections::HashMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::Backup;
use super::list::Listed;
use super::look::{Look, disagreement};
use crate::error::{Code, Error, Result, show};
use crate::layout::FileClass;
use crate::sys::dir::{Stat, is_absent};
use crate::sys::file;

/// How long stamps must have been the same. The coarsest are of two seconds.
const QUIET: Duration = Duration::from_millis(2_100);

/// How often a source may disturb its rest.
pub const TRIES: usize = 3;

/// Since when each mutable file has been seen to be what it is.
#[derive(Default)]
pub struct Rest(HashMap<PathBuf, (Stat, Instant)>);

impl Rest {
    /// Takes in a look. The file that has rested for the shortest time, and for how long it still must.
    pub fn observe(&mut self, look: &Look) -> Option<(PathBuf, Duration)> {
        let mut restless: Option<(&Path, Duration)> = None;
        let mut seen = HashMap::new();
        for (file, stat) in mutable(look) {
            // The times between which it was what it is: from the end of one look to the start of another.
            let since = match self.0.get(&file.path) {
                Some((before, since)) if before == stat => *since,
                _ => look.ended,
            };
            seen.insert(file.path.clone(), (*stat, since));
            let wait = QUIET.saturating_sub(look.began.saturating_duration_since(since));
            if !wait.is_zero() && restless.is_none_or(|(_, longest)| wait > longest) {
                restless = Some((&file.path, wait));
            }
        }
        self.0 = seen;
        restless.map(|(path, wait)| (path.to_path_buf(), wait))
    }
}

impl Backup<'_> {
    /// A look by which every mutable file has rested, and no write to one was under way.
    pub(super) fn look_at_rest(&mut self) -> Result<Look> {
        let mut last = PathBuf::new();
        for _ in 0..=TRIES {
            let look = self.look()?.accepted()?;
            if let Some((path, wait)) = self.rest.observe(&look) {
                self.monitor.doing(|| format!("waiting for {} to rest", show(&path)));
                self.monitor.pause(wait)?;
                last = path;
                continue;
            }
            if !look.has_mutable() {
                return Ok(look);
            }
            self.wait_for_writes(&look, |file| {
                // That it fails is for whoever wrote to it to know.
                let _ = file.sync_data();
                file::wait_for_writes(file);
            })?;
            let again = self.look()?.accepted()?;
            match disagreement(&look, &again) {
                None => return Ok(again),
                Some(path) => last = path,
            }
        }
        Err(self.never_rests(&last))
    }

    /// Waits until no write to a mutable file is under way that began before.
    pub(super) fn wait_for_writes(&self, look: &Look, wait: impl Fn(&File)) -> Result<()> {
        for (listed, _) in mutable(look) {
            self.monitor.check()?;
            let source = &self.sources[listed.source];
            let path = || source.dir.full(&listed.relative);
            self.monitor.doing(|| format!("waiting for writes to {} to end", show(&path())));
            match source.dir.open_file(&listed.relative) {
                Ok(opened) => wait(&opened),
                // The next look says so.
                Err(error) if is_absent(&error) || error.raw_os_error() == Some(libc::ELOOP) => {}
                Err(error) => return Err(Error::io("opening", &path(), error)),
            }
        }
        Ok(())
    }

    pub(super) fn never_rests(&self, path: &Path) -> Error {
        let why = "it is written to again and again, and there is no freeze hook to stop that";
        Error::at(Code::SourceChanged, "capturing", &self.full(path), why)
    }
}

fn mutable(look: &Look) -> impl Iterator<Item = (&Listed, &Stat)> {
    let mutable = look.listing.files.iter().filter(|file| file.class == FileClass::Mutable);
    mutable.filter_map(|file| Some((file, look.stats.get(&file.path)?)))
}
