//! Room for a snapshot, looked for before it is needed: of files with holes only for what they hold. And
//! the reserve of free space, kept while files are copied.

use std::time::{Duration, Instant};

use super::catalog::Catalog;
use super::context::Context;
use super::ids::NameId;
use super::observation::Observation;
use super::policy::{HEAD, InWindow};
use super::record::{Captured, Record};
use crate::datadir::{require_reserve, require_room};
use crate::error::{Code, Error, Result};
use crate::staging::CLONE_FROM;
use crate::sync::Mutex;
use crate::sys::file;

/// What fails where there is none.
pub const DOING: &str = "making room for a snapshot in";

/// How often the free space is looked at, at most: it is a call, and files are many.
const EVERY: Duration = Duration::from_millis(100);

/// A name, how many bytes of it are to be written, and how many are allocated for it.
type Need = (NameId, u64, u64);

/// What is copied inside the window must fit before it opens: the host's disk must not fill up
/// while the host stands still.
pub fn require_room_for_the_window(
    context: &Context<'_>,
    catalog: &Catalog,
    seen: &Observation,
) -> Result<()> {
    if context.staging.clones() {
        return Ok(());
    }
    let now = |name: &NameId| {
        let record = &catalog[*name];
        let (size, allocated) = record.size_and_allocated();
        let most = match record.policy().in_window {
            InWindow::All => size,
            InWindow::Head => size.min(HEAD),
            InWindow::LengthAndEnds | InWindow::Nothing => return None,
        };
        Some((*name, most, allocated))
    };
    require_room_for(context, catalog, seen.live.iter().filter_map(now))
}

/// What is still to be written once the window is closed.
pub fn require_room_for_the_copy(context: &Context<'_>, catalog: &Catalog, files: &[NameId]) -> Result<()> {
    let waits = |name: &NameId| {
        let record = &catalog[*name];
        let is_there = matches!(record.captured, Captured::Copied(_) | Captured::Cloned { .. })
            || record.shared().is_some()
            || will_be_cloned(context, record);
        let is_linked = || context.links(record.class, &context.place(catalog, *name).path);
        let (size, allocated) = record.size_and_allocated();
        (!is_there && !is_linked()).then_some((*name, size, allocated))
    };
    require_room_for(context, catalog, files.iter().filter_map(waits))
}

/// Whether nothing need be written of a file once the window is closed.
fn will_be_cloned(context: &Context<'_>, record: &Record) -> bool {
    let is_large = record.pin().is_some_and(|pin| pin.size >= CLONE_FROM);
    context.staging.clones() && record.may_be_shared() && is_large
}

fn require_room_for(
    context: &Context<'_>,
    catalog: &Catalog,
    needs: impl Iterator<Item = Need> + Clone,
) -> Result<()> {
    let root = &context.prepared.root.dir;
    let fits = |bytes: u64| require_room(root, bytes, context.settings().min_free, DOING);
    let most = needs.clone().map(|(_, size, allocated)| size.min(allocated));
    match fits(most.fold(0, u64::saturating_add)) {
        // Blocks that were allocated ahead hold nothing yet: now it is worth a closer look.
        Err(error) if error.code() == Code::NoSpace => {
            let mut held = 0u64;
            for (name, size, allocated) in needs {
                context.monitor().check()?;
                held = held
                    .saturating_add(held_by(context, catalog, name, size)?.unwrap_or(size.min(allocated)));
            }
            fits(held)
        }
        other => other,
    }
}

/// How much data the start of a file holds. `None`: that cannot be told now.
fn held_by(context: &Context<'_>, catalog: &Catalog, name: NameId, length: u64) -> Result<Option<u64>> {
    let place = context.place(catalog, name);
    let Ok(opened) = place.source.dir.open_file(&place.relative) else { return Ok(None) };
    file::data_in(&opened, length).map_err(|error| Error::io("looking for holes in", &place.full(), error))
}

/// Looks at the free space now and then.
#[derive(Default)]
pub struct Reserve(Mutex<Option<Instant>>);

impl Reserve {
    /// Fails with NO_SPACE where less is free than the host wants to keep.
    pub fn keep(&self, context: &Context<'_>) -> Result<()> {
        let now = Instant::now();
        let mut last = self.0.lock();
        if last.is_some_and(|last| now - last < EVERY) {
            return Ok(());
        }
        *last = Some(now);
        drop(last);
        let reserve = context.settings().min_free;
        require_reserve(&context.prepared.root.dir, reserve)?;
        keep_in_sources(context)
    }
}

/// The sources' own file systems, where pins hold the space of what is deleted.
pub fn keep_in_sources(context: &Context<'_>) -> Result<()> {
    let reserve = context.settings().min_free;
    context.sources.iter().try_for_each(|source| require_reserve(&source.dir, reserve))
}
