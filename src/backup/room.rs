//! Room for a snapshot, looked for before it is needed: of files with holes only for what they hold.

use std::sync::atomic::Ordering::Relaxed;

use super::Backup;
use super::early::{Early, HEAD};
use super::list::Listed;
use super::look::Look;
use super::window::Captured;
use crate::datadir::require_room;
use crate::error::{Code, Error, Result};
use crate::layout::FileClass;
use crate::sys::file;

const DOING: &str = "making room for a snapshot in";

impl Backup<'_> {
    /// What is copied inside the window must fit before it opens: the host's disk must not fill up
    /// while the host stands still.
    pub(super) fn has_room_for_the_window(&self, look: &Look) -> Result<()> {
        if self.clones.load(Relaxed) {
            return Ok(());
        }
        let now = |file: &&Listed| {
            let stat = look.stats.get(&file.path)?;
            let size = file.limit.unwrap_or(stat.size);
            let most = match file.class {
                FileClass::Mutable => size,
                FileClass::Pinned => size.min(HEAD),
                _ => return None,
            };
            Some((most, stat.allocated))
        };
        self.has_room_for(look.listing.files.iter().filter_map(|file| Some((file, now(&file)?))))
    }

    /// What is still to be written once the window is closed.
    pub(super) fn has_room_for_the_copy(&self, captured: &Captured) -> Result<()> {
        let waits = |file: &&Listed| {
            !matches!(captured.early.get(&file.path), Some(Early::Copied { .. } | Early::Cloned { .. }))
        };
        let now = |file: &Listed| {
            let pinned = self.sources[file.source].pins.get(&file.relative).map(|pin| pin.stat);
            let stat = captured.stats.get(&file.path).copied().or(pinned);
            stat.map_or((0, 0), |stat| (stat.size, stat.allocated))
        };
        self.has_room_for(captured.files.iter().filter(waits).map(|file| (file, now(file))))
    }

    /// For files of these sizes, of which so much is allocated.
    fn has_room_for<'f>(&self, files: impl Iterator<Item = (&'f Listed, (u64, u64))> + Clone) -> Result<()> {
        let fits =
            |bytes: u64| require_room(&self.prepared.root.dir, bytes, self.plan.options.min_free, DOING);
        let most = files.clone().map(|(_, (size, allocated))| size.min(allocated));
        match fits(most.fold(0, u64::saturating_add)) {
            // Blocks that were allocated ahead hold nothing yet: now it is worth a closer look.
            Err(error) if error.code() == Code::NoSpace => {
                let mut held = 0u64;
                for (file, (size, allocated)) in files {
                    self.monitor.check()?;
                    held = held.saturating_add(self.held(file, size)?.unwrap_or(size.min(allocated)));
                }
                fits(held)
            }
            other => other,
        }
    }

    /// How much data the start of a file holds. `None`: that cannot be told now.
    fn held(&self, listed: &Listed, length: u64) -> Result<Option<u64>> {
        let source = &self.sources[listed.source];
        let Ok(opened) = source.dir.open_file(&listed.relative) else { return Ok(None) };
        let full = || source.dir.full(&listed.relative);
        file::data_in(&opened, length).map_err(|error| Error::io("looking for holes in", &full(), error))
    }
}
