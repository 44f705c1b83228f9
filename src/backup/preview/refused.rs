//! What would refuse a backup before it begins: the rules of its preparation, each asked though another has
//! failed, and none by taking a lock or making anything.

use std::fs;
use std::io;
use std::path::Path;

use crate::backup::plan::Plan;
use crate::backup::previous::Previous;
use crate::backup::source::Source;
use crate::datadir::id::DataDir;
use crate::datadir::known_roots::KnownRoots;
use crate::datadir::known_sources::refuse_another;
use crate::datadir::names::{LIFECYCLE, OWNER};
use crate::datadir::refuse_unfinished;
use crate::error::{Code, Error, Result, show};
use crate::root::claim::refuse_anothers;
use crate::root::names::LOCK;
use crate::settings::Share;
use crate::sys::access::may_fill;
use crate::sys::dir::Dir;
use crate::sys::holders::{Holder, holders};
use crate::sys::random;

/// More are counted by nobody.
const MOST: usize = 100;

/// What was found, up to [`MOST`].
#[derive(Default)]
pub struct Refusals(pub Vec<Error>);

impl Refusals {
    /// One more.
    pub fn add(&mut self, error: Error) {
        if self.0.len() < MOST {
            self.0.push(error);
        }
    }

    /// What a look came to, if it found nothing wrong.
    pub fn ask<T>(&mut self, result: Result<T>) -> Option<T> {
        result.map_err(|error| self.add(error)).ok()
    }
}

/// Asks all, and gives the snapshot that files would be shared with.
pub fn look(plan: &Plan, sources: &[Source], refusals: &mut Refusals) -> Option<Previous> {
    let directory = &sources[0].dir;
    for source in sources {
        refusals.ask(refuse_unfinished(&source.dir, "opening"));
        refusals.ask(refuse_restored(&source.dir));
    }
    refusals.ask(refuse_running(directory));
    for source in sources[1..].iter().filter(|_| !plan.adopt_root) {
        refusals.ask(refuse_another(directory, &source.prefix, &source.dir));
    }
    let data_dir = refusals.ask(identity(directory));
    let known = refusals.ask(KnownRoots::of(directory));
    refusals.ask(refuse_root(&plan.root));
    let (data_dir, known) = (data_dir?, known?);
    if !plan.adopt_root {
        refusals.ask(known.expect(&plan.root));
    }
    let takes_over = refusals.ask(refuse_anothers(&plan.root, &data_dir, &known, plan.adopt_root))?;
    if takes_over || plan.share == Share::Never {
        return None;
    }
    Previous::seen(&Dir::open(&plan.root).ok()?, data_dir.id?)
}

/// What the directory is known by. One that has no id yet would get one, which no root knows.
fn identity(directory: &Dir) -> Result<DataDir> {
    let seen = DataDir::look(directory)?;
    let id = match seen.id {
        None if may_fill(directory).is_ok() => Some(random::uuid()?),
        id => id,
    };
    Ok(DataDir { id, ..seen })
}

fn refuse_restored(source: &Dir) -> Result<()> {
    let held = source.open_file(Path::new(OWNER)).ok().map(holders);
    refuse_held(held, "opening", source.path(), "a restore is at work in it")
}

fn refuse_running(data_dir: &Dir) -> Result<()> {
    let held = data_dir.open_dir(Path::new(LIFECYCLE)).ok().map(holders);
    refuse_held(held, "starting a backup of", data_dir.path(), "a backup of it is running already")
}

/// A root that is in use, or that nothing can be put into.
fn refuse_root(root: &Path) -> Result<()> {
    let failed = |error| Error::io("making the backup root", root, error);
    if !root.exists() {
        let above = root.ancestors().skip(1).find(|above| above.exists());
        let above = above.map(Dir::open).transpose().map_err(failed)?;
        return above.map_or(Ok(()), may_fill).map_err(failed);
    }
    let found = crate::root::open_root(root)?;
    let held = found.open_file(Path::new(LOCK)).ok().map(holders);
    let why = "another backup, delete or prune is at work in it";
    refuse_held(held, "locking the backup root", root, why)?;
    may_fill(&found).map_err(|error| Error::io("making a snapshot in", root, error))
}

/// Where the kernel says that somebody holds a lock alone.
fn refuse_held(held: Option<io::Result<Vec<Holder>>>, doing: &str, path: &Path, why: &str) -> Result<()> {
    let alone = held.and_then(io::Result::ok).and_then(|held| held.into_iter().find(|one| one.alone));
    let Some(Holder { process, command, .. }) = alone else { return Ok(()) };
    let why = format!("{why} (process {process}, {})", show(Path::new(&command)));
    Err(Error::at(Code::Conflict, doing, path, why))
}

/// A directory, or the nearest above it that is there.
pub fn nearest(path: &Path) -> Option<Dir> {
    path.ancestors().filter(|above| fs::metadata(above).is_ok()).find_map(|above| Dir::open(above).ok())
}
