//! Without a freeze hook: the proof that mutable files rest while they are copied.
//!
//! What a file system stamps a write with may be as coarse as two seconds, and may come from another
//! machine's clock. So no clock is read but this machine's monotonic one: stamps that were seen to be the
//! same for longer than any is coarse must change with the next write, whatever they say. And a write
//! is stamped when it begins, so one that is under way escapes the stamps: it is waited for before the
//! first byte is read, and again before the last observation. A store through a mapping is stamped only where its
//! page is clean, so pages are written back before the first byte is read; on tmpfs, where no page is ever
//! clean, such stores escape.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::catalog::Catalog;
use super::context::Context;
use super::ids::NameId;
use super::observation::{Observation, disagreement};
use super::observe::observe;
use super::policy::InWindow;
use super::survey::Survey;
use crate::error::{Code, Error, Result};
use crate::sys::dir::is_absent;
use crate::sys::file;

/// How long stamps must have been the same. The coarsest are of two seconds.
const QUIET: Duration = Duration::from_millis(2_100);

/// How often a source may disturb its rest. Each try waits for seconds.
pub const TRIES: usize = 3;

/// An observation by which every mutable file has rested, and no write to one was under way.
pub fn observe_at_rest(context: &Context<'_>, survey: &mut Survey) -> Result<Observation> {
    let mut last = PathBuf::new();
    for _ in 0..=TRIES {
        let seen = observe(context, survey)?.accepted()?;
        if let Some((name, wait)) = restless(&survey.catalog, &seen) {
            let place = context.place(&survey.catalog, name);
            context.monitor().doing("waiting for rest of", place.source.dir.path(), &place.relative);
            context.monitor().pause(wait)?;
            last = place.path;
            continue;
        }
        if !seen.has_mutable {
            return Ok(seen);
        }
        wait_for_writes(context, survey, &seen, |file| {
            // That it fails is for whoever wrote to it to know.
            let _ = file.sync_data();
            file::wait_for_writes(file);
        })?;
        let again = observe(context, survey)?.accepted()?;
        match disagreement(&seen, &again) {
            None => return Ok(again),
            Some(path) => last = path,
        }
    }
    Err(never_rests(context, &last))
}

/// The file that has rested for the shortest time, and for how long it still must: its stamps were the same
/// between the end of one observation and the start of another.
fn restless(catalog: &Catalog, seen: &Observation) -> Option<(NameId, Duration)> {
    let wait = |name: NameId| {
        let since = catalog[name].live.as_ref()?.same_since.unwrap_or(seen.ended);
        let wait = QUIET.saturating_sub(seen.began.saturating_duration_since(since));
        (!wait.is_zero()).then_some((name, wait))
    };
    mutable(catalog, seen).filter_map(wait).max_by_key(|(_, wait)| *wait)
}

/// Waits until no write to a mutable file is under way that began before.
pub fn wait_for_writes(
    context: &Context<'_>,
    survey: &Survey,
    seen: &Observation,
    wait: impl Fn(&File),
) -> Result<()> {
    for name in mutable(&survey.catalog, seen) {
        context.monitor().check()?;
        let place = context.place(&survey.catalog, name);
        context.monitor().doing("waiting for the end of writes to", place.source.dir.path(), &place.relative);
        match place.source.dir.open_file(&place.relative) {
            Ok(opened) => wait(&opened),
            // The next observation says so.
            Err(error) if is_absent(&error) || error.raw_os_error() == Some(libc::ELOOP) => {}
            Err(error) => return Err(place.failed("opening", error)),
        }
    }
    Ok(())
}

/// The error of a source that is never quiet.
pub fn never_rests(context: &Context<'_>, path: &Path) -> Error {
    let why = "it is written to again and again, and there is no freeze hook to stop that";
    Error::at(Code::SourceChanged, "capturing", &context.full(path), why)
}

fn mutable(catalog: &Catalog, seen: &Observation) -> impl Iterator<Item = NameId> {
    seen.live.iter().copied().filter(|name| catalog[*name].policy().in_window == InWindow::All)
}
