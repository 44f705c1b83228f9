//! The verification of a published snapshot, as a job of its own.

use std::path::Path;
use std::sync::atomic::Ordering::Relaxed;

use crate::error::Result;
use crate::io::Phase;
use crate::job::JobContext;
use crate::options::{Options, VerifyLevel};
use crate::snapshot::{self, compare, read};

/// Reads the manifest, lets the validators look, then compares: a validator that changes
/// something is found out.
pub fn run(location: &Path, options: &Options, link: &JobContext) -> Result<()> {
    read_and_compare(location, options, link).map_err(|error| error.or_at("verifying", location))
}

fn read_and_compare(location: &Path, options: &Options, link: &JobContext) -> Result<()> {
    link.host.enter(Phase::Verify)?;
    let directory = snapshot::open_directory(location)?;
    snapshot::lock_in_use(&directory)?;
    let manifest = read(&directory)?;
    let counters = &link.monitor.counters;
    counters.bytes_total.store(manifest.bytes(), Relaxed);
    counters.files_total.store(manifest.files.len() as u64, Relaxed);
    let layout = compare::layout_of(&manifest, options);
    layout.validate(location)?;
    link.host.validate(location)?;
    if options.verify == VerifyLevel::None {
        return link.monitor.commit();
    }
    let comparison = compare::Comparison {
        level: options.verify,
        rules: &compare::rules_of(&manifest, &layout, options),
        staged: None,
        threads: options.io_threads(),
    };
    compare::compare(&directory, &manifest, &comparison, &link.monitor)?;
    link.monitor.commit()
}
