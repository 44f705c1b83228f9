//! Room on the file systems that a backup would use.

use std::path::Path;

use super::refused::{Refusals, nearest};
use super::told::{Planned, Space};
use crate::backup::plan::Plan;
use crate::backup::room::DOING;
use crate::backup::source::{Source, locate};
use crate::datadir::{require_reserve, require_room};
use crate::error::{Code, Error, Result};
use crate::sys::clones::makes_clones;
use crate::sys::dir::Dir;
use crate::sys::file;

/// The file systems by the directories that stand for them: the root's, and the sources' own.
pub struct Places<'p> {
    /// The root, or what is above it as long as it is not there.
    pub root: Option<Dir>,
    device: Option<u64>,
    sources: &'p [Source],
}

impl<'p> Places<'p> {
    /// Those of a plan.
    pub fn of(plan: &Plan, sources: &'p [Source]) -> Self {
        let root = nearest(&plan.root);
        let device = root.as_ref().and_then(device);
        Self { root, device, sources }
    }

    /// Whether a source lies on the root's file system.
    pub fn is_beside_the_root(&self, source: &Source) -> bool {
        Some(source.is.0) == self.device
    }

    /// Whether its files can be cloned into the root.
    pub fn clones(&self, plan: &Plan, source: &Source) -> bool {
        let makes_clones = || self.root.as_ref().is_some_and(makes_clones);
        plan.job.clone && self.is_beside_the_root(source) && makes_clones()
    }

    /// Whether the root's file system makes clones at all.
    pub fn root_makes_clones(&self, plan: &Plan) -> bool {
        plan.job.clone && self.root.as_ref().is_some_and(makes_clones)
    }

    /// What is free and what is needed, and a refusal where that is too little.
    pub fn spaces(
        &self,
        plan: &Plan,
        needed: u64,
        entries: &[Planned],
        refusals: &mut Refusals,
    ) -> Vec<Space> {
        let reserve = plan.job.min_free;
        let mut needed = needed;
        if let Some(root) = &self.root {
            let fits = |bytes| require_room(root, bytes, reserve, DOING);
            let asked = fits(needed).or_else(|error| match error.code() {
                // Blocks that were allocated ahead hold nothing yet: now it is worth a closer look.
                Code::NoSpace => {
                    needed = held(self.sources, entries)?;
                    fits(needed)
                }
                _ => Err(error),
            });
            refusals.ask(asked);
        }
        let space = |path: &Path, dir: Option<&Dir>, needed| {
            let free = dir.and_then(|dir| dir.free_bytes().ok()).flatten();
            Space { path: path.to_path_buf(), free, needed, reserve }
        };
        let mut spaces = vec![space(&plan.root, self.root.as_ref(), needed)];
        let mut known: Vec<u64> = self.device.into_iter().collect();
        for source in self.sources {
            if !known.contains(&source.is.0) {
                known.push(source.is.0);
                spaces.push(space(source.dir.path(), Some(&source.dir), 0));
                refusals.ask(require_reserve(&source.dir, reserve));
            }
        }
        spaces
    }
}

fn device(directory: &Dir) -> Option<u64> {
    directory.stat(Path::new("")).ok().map(|stat| stat.device)
}

/// How much the files hold that are to be copied.
fn held(sources: &[Source], entries: &[Planned]) -> Result<u64> {
    let mut sum = 0u64;
    for entry in entries.iter().filter(|entry| entry.outcome.is_copied()) {
        let (source, relative) = locate(sources, &entry.path);
        let dir = &sources[source].dir;
        // What is gone needs nothing, and what cannot be opened was refused.
        let Ok(opened) = dir.open_file(relative) else { continue };
        let failed = |error| Error::io("looking for holes in", &dir.full(relative), error);
        let allocated = file::allocated(&opened).map_err(failed)?;
        let data = file::data_in(&opened, entry.size).map_err(failed)?;
        sum = sum.saturating_add(data.unwrap_or(entry.size.min(allocated)));
    }
    Ok(sum)
}
