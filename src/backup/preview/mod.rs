//! What a backup would do, without a host and without a trace: `refused` asks what would refuse it, `walk` looks
//! at each name, `space` at the room for them, and `told` is what comes of it.

mod refused;
mod space;
mod told;
mod walk;

use std::path::Path;

pub use told::{Outcome, OutcomeTotals, Preview, PreviewEntry, Space};

use crate::backup::plan::Plan;
use crate::backup::source::Source;
use crate::error::Result;
use crate::io::thread::{self, Isolation};
use crate::options::Options;
use crate::paths::absolute;
use crate::settings::{Settings, Share};
use crate::snapshot::order;
use refused::Refusals;
use space::Places;
use walk::Walk;

/// What a backup of `data_dir` with these options would do now: each file with its class, the rule that gives it
/// and what would become of it, the room there is and what would refuse the backup. Nothing is made, locked or
/// changed, and the directory may be open in its host. What hooks would say (the files that they name, whether a
/// validate hook refuses) and what engines do meanwhile cannot be told. Errors are those for which
/// [`Coordinator::open`](crate::Coordinator::open) would not open the directory at all; all else is in
/// [`Preview::refusals`].
pub fn preview(data_dir: impl AsRef<Path>, options: &Options) -> Result<Preview> {
    let data_dir = absolute(data_dir.as_ref())?;
    let settings = options.settings.clone();
    let has_validate = options.hooks.validate.is_some();
    let isolation = match settings.job.posix_locks {
        true => Isolation::Required,
        false => Isolation::IfPossible,
    };
    thread::join(thread::spawn(isolation, move || look(&data_dir, settings, has_validate))?)
}

fn look(data_dir: &Path, settings: Settings, has_validate: bool) -> Result<Preview> {
    let (plan, _held) = Plan::new(data_dir, settings)?;
    let sources = Source::open_all(&plan, &plan.root)?;
    let places = Places::of(&plan, &sources);
    let mut refusals = Refusals::default();
    let previous = refused::look(&plan, &sources, &mut refusals);
    let links = plan.share == Share::Always || !has_validate;
    let previous = previous.filter(|_| links || places.root_makes_clones(&plan));
    let mut walk = Walk {
        plan: &plan,
        sources: &sources,
        previous: previous.as_ref(),
        clones: sources.iter().map(|source| places.clones(&plan, source)).collect(),
        entries: Vec::new(),
        directories: 0,
        needed: 0,
        refusals,
    };
    (0..sources.len()).try_for_each(|index| walk.source(index))?;
    let Walk { mut entries, directories, needed, mut refusals, .. } = walk;
    entries.sort_unstable_by(|a, b| order(&a.path, &b.path));
    let spaces = places.spaces(&plan, needed, &entries, &mut refusals);
    Ok(Preview {
        rules: plan.rules.iter().map(|rule| (rule.glob().to_string(), rule.class())).collect(),
        is_one_file_system: places.is_beside_the_root(&sources[0]),
        previous: previous.map(|previous| previous.dir.path().to_path_buf()),
        data_dir: plan.data_dir,
        root: plan.root,
        layout: plan.layout.name(),
        entries,
        directories,
        spaces,
        refusals: refusals.0,
    })
}
