//! The verification of a published snapshot, as a job of its own.

use std::path::Path;

use crate::datadir::locks::lock_in_use;
use crate::error::Result;
use crate::job::JobContext;
use crate::monitor::Phase;
use crate::settings::Settings;
use crate::snapshot::{open_directory, read};
use crate::staging::{Proof, layout_of, rules_of};

/// Reads the manifest, lets the validators look, then compares.
pub fn run(location: &Path, settings: &Settings, job: &JobContext) -> Result<()> {
    read_and_prove(location, settings, job).map_err(|error| error.or_at("verifying", location))
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
