//! What an operator should know of a backup root or a data directory, and what to do about it: locks and who holds
//! them, what killed jobs have left, restores that were interrupted, snapshots that are not good, roots that are
//! not the ones remembered. To look takes no lock and changes nothing.

mod data_dir;
mod finding;
mod root;
mod sizes;

use std::path::Path;

pub use finding::{Finding, Severity};

use crate::datadir::names::LIFECYCLE;
use crate::datadir::open_data_dir;
use crate::error::Result;
use crate::io::thread;
use crate::paths::absolute;
use crate::root::mark::is_root;
use crate::root::names::snapshot_numbers;
use crate::sys::dir::Dir;
use finding::Findings;

/// Examines a backup root, or a data directory with the roots that it remembers, the worst findings first. Processes
/// of other containers, and files that this user may not see, are not seen from here. Errors are those of a path
/// that is no directory, or that cannot be opened.
pub fn examine(path: impl AsRef<Path>) -> Result<Vec<Finding>> {
    let path = absolute(path.as_ref())?;
    thread::run(|| {
        let directory = open_data_dir(&path)?;
        let mut findings = Findings::default();
        match is_a_root(&directory) {
            true => root::examine(&directory, &mut findings),
            false => {
                let roots = data_dir::examine(&directory, &mut findings);
                roots.iter().for_each(|found| root::examine(found, &mut findings));
            }
        }
        let Findings(mut all) = findings;
        // What is equally bad stays in the order in which it was found.
        all.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
        Ok(all)
    })
}

/// Whether it is a root rather than a data directory, though its record be lost.
fn is_a_root(directory: &Dir) -> bool {
    let has_snapshots = || snapshot_numbers(directory).is_ok_and(|numbers| !numbers.is_empty());
    let is_data_dir = || directory.find(Path::new(LIFECYCLE)).is_ok_and(|found| found.is_some());
    is_root(directory) || !is_data_dir() && has_snapshots()
}
