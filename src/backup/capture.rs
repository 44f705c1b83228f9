//! Capture: pins ahead of the freeze, then rounds inside its window until two observations agree.
//!
//! The order of the steps matters where an engine flushes and compacts though its commits are
//! frozen. Each was tried without:
//!
//! * What changes is copied between two observations that agree. Without the agreement the captured
//!   manifest may need a log that is gone, and the engine opens clean without its commits.
//! * It is copied within the rounds, not after them: else the manifest names tables that no observation saw.
//! * Names of tables that may be unfinished take no part in the agreement: while compactions run
//!   they never come to rest, and the manifest already tells which of them are live.
//! * Immutable files are pinned ahead, so the window costs listings and not links.

use std::path::PathBuf;
use std::sync::Arc;

use super::catalog::Catalog;
use super::context::Context;
use super::ids::{DirectoryId, NameId};
use super::in_window::{take, write_back_what_will_be_cloned};
use super::observation::{Observation, disagreement};
use super::observe::observe;
use super::open_directory::OpenDirectory;
use super::policy::InWindow;
use super::record::Captured;
use super::rest::{self, never_rests, observe_at_rest, wait_for_writes};
use super::room::{keep_in_sources, require_room_for_the_window};
use super::survey::Survey;
use crate::error::{Code, Error, Result};
use crate::io::pool;
use crate::monitor::Phase;
use crate::snapshot::{Attributes, DirectoryEntry, LinkEntry};
use crate::sys::file;

/// Passes of pinning ahead of one freeze. Each takes less time than the one before, in which fewer files
/// are made: a host that makes many in a pass of milliseconds would need as many passes as there are.
const PASSES: usize = 8;

/// A pass that adds no more than this has caught up with the host: so few links cost a window little.
const FEW: u64 = 8;

/// Rounds in one window. The freeze timeout bounds it in time; this does where there is none.
const ROUNDS: usize = 20;

/// Windows, before it is given up: between them pins catch up with the host, which is not to be stopped
/// without end.
const TRIES: usize = 8;

/// A consistent point of the sources. What was captured of each file stands in its record.
pub struct Point {
    /// Files.
    pub files: Vec<NameId>,
    /// Directories and their attributes, sorted.
    pub directories: Vec<DirectoryEntry>,
    /// Symbolic links, sorted.
    pub links: Vec<LinkEntry>,
    /// Files that only the snapshot has.
    pub given: Vec<(PathBuf, Arc<Vec<u8>>)>,
}

/// Captures a consistent point of the sources.
pub fn capture(context: &Context<'_>, survey: &mut Survey) -> Result<Point> {
    let host = context.host();
    let mut differed = None;
    let tries = if host.has_freeze() { TRIES } else { rest::TRIES };
    for _ in 0..tries {
        // What an earlier window staged would count as if it were still to be copied.
        context.staging.start_over()?;
        survey.forget_captured();
        pin_ahead(context, survey)?;
        host.enter(Phase::Freeze)?;
        host.freeze()?;
        let outcome = window(context, survey);
        // The window closes before anything is made of what it caught. Its own failure comes first.
        let thawed = host.thaw();
        let outcome = outcome?;
        thawed?;
        match outcome {
            Ok(seen) => return close(context, survey, seen),
            Err(path) => differed = Some(path),
        }
        host.enter(Phase::Pin)?;
    }
    let path = differed.unwrap_or_default();
    if !host.has_freeze() {
        return Err(never_rests(context, &path));
    }
    let why = "it changed again and again inside the freeze window";
    Err(Error::at(Code::SourceChanged, "capturing", &context.full(&path), why))
}

/// Pins what is there, pass after pass, so that the window has little left to link.
fn pin_ahead(context: &Context<'_>, survey: &mut Survey) -> Result<()> {
    for pass in 0..PASSES {
        let before = survey.pins_made();
        survey.may_share = pass == 0;
        let seen = observe(context, survey)?;
        survey.may_share = false;
        survey.drop_other_pins()?;
        expect(context, &survey.catalog, &seen);
        if pass == 0 {
            write_back_what_will_be_cloned(context, &survey.catalog, &seen);
        }
        require_room_for_the_window(context, &survey.catalog, &seen)?;
        keep_in_sources(context)?;
        if survey.pins_made() - before <= FEW {
            break;
        }
    }
    Ok(())
}

/// The rounds inside the window. The inner error is the path on which no two observations agreed.
fn window(context: &Context<'_>, survey: &mut Survey) -> Result<std::result::Result<Observation, PathBuf>> {
    let has_freeze = context.host().has_freeze();
    let mut seen = match has_freeze {
        true => observe(context, survey)?.accepted()?,
        false => observe_at_rest(context, survey)?,
    };
    // Without a freeze a second copy of mutable files would take as long as the first.
    let rounds = if has_freeze || !seen.has_mutable { ROUNDS } else { 1 };
    let mut differed = PathBuf::new();
    for _ in 0..rounds {
        context.monitor().check()?;
        take(context, survey, &mut seen)?;
        if !has_freeze {
            wait_for_writes(context, survey, &seen, file::wait_for_writes)?;
        }
        let next = observe(context, survey)?.accepted()?;
        let differs = disagreement(&seen, &next)
            .map_or_else(|| survey.shared_that_changed(context, &next), |path| Ok(Some(path)))?;
        match differs {
            None => return Ok(Ok(next)),
            Some(path) => differed = path,
        }
        seen = next;
    }
    Ok(Err(differed))
}

/// What there will be to do, for the progress.
fn expect(context: &Context<'_>, catalog: &Catalog, seen: &Observation) {
    let given = seen.given.iter().map(|(_, bytes)| bytes.len() as u64);
    let sizes = seen.files.iter().map(|name| catalog[*name].size_and_allocated().0);
    let bytes = given.chain(sizes).fold(0, u64::saturating_add);
    context.monitor().expect(bytes, (seen.files.len() + seen.given.len()) as u64);
}

/// The window is closed: what was captured of each file is settled, and the attributes of directories are
/// read, which say nothing of the data.
fn close(context: &Context<'_>, survey: &mut Survey, mut seen: Observation) -> Result<Point> {
    survey.drop_other_pins()?;
    settle(context, survey, &seen)?;
    expect(context, &survey.catalog, &seen);
    let mut links = seen.take_links();
    links.sort_by(|a, b| a.path.cmp(&b.path));
    let directories = directories(context, &survey.catalog, &seen.directories)?;
    Ok(Point { files: seen.files, directories, links, given: seen.given })
}

/// Each file of the point has something captured, and what was not stated in the window is as it was
/// before: the window would take longer for each of them.
fn settle(context: &Context<'_>, survey: &mut Survey, seen: &Observation) -> Result<()> {
    for name in &seen.files {
        let record = &mut survey.catalog[*name];
        let is_captured = match record.policy().in_window {
            InWindow::Nothing => {
                record.captured = Captured::Immutable;
                record.pin().is_some() || record.shared().is_some()
            }
            _ => !matches!(record.captured, Captured::Nothing | Captured::Torn | Captured::Immutable),
        };
        if !is_captured {
            let full = context.place(&survey.catalog, *name).full();
            return Err(Error::at(Code::Internal, "capturing", &full, "the window took nothing of it"));
        }
    }
    let survey = &*survey;
    let threads = if seen.files.len() < pool::MANY { 1 } else { context.threads() };
    pool::for_each(context.monitor().crew(threads), &seen.files, |_, name, _| {
        let record = &survey.catalog[*name];
        let (Captured::Immutable, Some(pin)) = (&record.captured, record.pin()) else { return Ok(()) };
        let place = || context.place(&survey.catalog, *name);
        let alone = survey.pins[survey.catalog.source(*name)].was_left_alone(pin);
        if alone.map_err(|error| place().failed("looking at", error))? {
            return Ok(());
        }
        let why = "it was written to after it was pinned, though it had long been left alone";
        let changed = Error::at(Code::SourceChanged, "capturing", &place().full(), why);
        Err(changed.of_a_point_that_is_gone())
    })
}

fn directories(context: &Context<'_>, catalog: &Catalog, ids: &[DirectoryId]) -> Result<Vec<DirectoryEntry>> {
    let mut opened = OpenDirectory::new(&context.sources);
    let mut directories = Vec::with_capacity(ids.len());
    for id in ids {
        let directory = &catalog[*id];
        let source = &context.sources[directory.source];
        let stat = opened.stat_of(catalog, *id);
        let stat = stat.map_err(|error| Error::io("looking at", &source.dir.full(&directory.path), error))?;
        // One that went away after the window is kept as an empty one would be.
        let stat = match stat {
            Some(stat) => stat,
            None => context.top_stat()?,
        };
        let path = match directory.path.as_os_str().is_empty() {
            true => source.prefix.clone(),
            false => source.prefix.join(&directory.path),
        };
        directories.push(DirectoryEntry { path, attributes: Attributes::of(&stat) });
    }
    directories.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(directories)
}
