//! The verification of a published snapshot, as a job of its own.

use std::path::Path;

use crate::datadir::locks::lock_in_use;
use crate::error::Result;
use crate::io::read_back::is_rot;
use crate::job::JobContext;
use crate::monitor::Phase;
use crate::root::ledger::{self, Reading};
use crate::root::mark::is_root;
use crate::root::names::number_of;
use crate::settings::{Settings, VerifyLevel};
use crate::snapshot::{open_directory, read, skim};
use crate::staging::{Proof, layout_of, rules_of};
use crate::sys::dir::Dir;

/// Reads the manifest, lets the validators look, then compares.
pub fn run(location: &Path, settings: &Settings, job: &JobContext) -> Result<()> {
    let outcome = read_and_prove(location, settings, job).map_err(|error| error.or_at("verifying", location));
    write_down(location, settings, job, &outcome);
    outcome
}

/// What a verification found that read every byte stands in its root's ledger; a fault at every level.
fn write_down(location: &Path, settings: &Settings, job: &JobContext, outcome: &Result<()>) {
    let level = settings.job.verify;
    let bad = match outcome {
        Ok(()) if level < VerifyLevel::Checksum => return,
        Ok(()) => None,
        Err(error) if is_rot(error) => Some(error.message().to_string()),
        Err(_) => return,
    };
    let Some((root, name)) = root_and_name(location) else { return };
    // One whose head cannot be read is listed with its reason.
    let Ok(head) = open_directory(location).and_then(|directory| skim(&directory)) else { return };
    let id = head.head.id.map_or_else(|| name.clone(), |id| id.to_string());
    let written = ledger::verified(&root, Reading { name: &name, id: &id, level }, bad);
    if let Err(error) = written {
        job.monitor.warn(error);
    }
}

/// `None`: it does not lie in a root under the name of a snapshot.
fn root_and_name(location: &Path) -> Option<(Dir, String)> {
    let name = location.file_name().filter(|name| number_of(name).is_some())?;
    let root = Dir::open(location.parent()?).ok().filter(is_root)?;
    Some((root, name.to_string_lossy().into_owned()))
}

fn read_and_prove(location: &Path, settings: &Settings, job: &JobContext) -> Result<()> {
    job.host.enter(Phase::Verify)?;
    let directory = open_directory(location)?;
    lock_in_use(&directory)?;
    let manifest = read(&directory)?;
    job.monitor.expect(manifest.totals().bytes, manifest.files.len() as u64);
    let layout = layout_of(&manifest, settings);
    let proof = Proof {
        manifest: &manifest,
        rules: &rules_of(&manifest, &layout, settings),
        layout,
        level: settings.job.verify,
        threads: settings.job.io_threads(),
        job,
    };
    proof.of_published(&directory)?;
    job.monitor.commit()
}
