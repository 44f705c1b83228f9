//! Pruning: what a policy does not keep goes.

use std::path::Path;
use std::time::SystemTime;

use super::delete::{is_whole, remove};
use super::listing::{list, list_in};
use super::open::Root;
use super::retention::{Reason, Retention, Verdict};
use crate::error::{Code, Error, Result};
use crate::io::thread;
use crate::paths::absolute;
use crate::snapshot::Snapshot;

/// Keeps the newest `keep_newest` good snapshots, deletes the other readable ones that nobody reads, and
/// returns how many it deleted.
pub fn prune(root: &Path, keep_newest: u32) -> Result<u32> {
    if keep_newest == 0 {
        let why = "keeping none would delete every snapshot; keep_newest must be at least 1";
        return Err(Error::at(Code::InvalidArgument, "pruning", &absolute(root)?, why));
    }
    let verdicts = prune_by(root, Retention::new().keep_newest(keep_newest))?;
    Ok(verdicts.iter().filter(|verdict| verdict.goes()).count() as u32)
}

/// What a policy makes of each snapshot of a root, the newest first. Nothing is changed.
pub fn plan(root: &Path, retention: &Retention) -> Result<Vec<Verdict>> {
    refuse_empty(root, retention)?;
    Ok(retention.verdicts(&list(root)?, SystemTime::now()))
}

/// Deletes what a policy does not keep, and returns what became of each snapshot, the newest first.
pub fn prune_by(root: &Path, retention: &Retention) -> Result<Vec<Verdict>> {
    refuse_empty(root, retention)?;
    let root = absolute(root)?;
    thread::run(|| {
        let root = Root::open_used(&root)?;
        root.clean()?;
        let mut all = list_in(&root.dir)?;
        let mut verdicts = sure_verdicts(retention, &mut all);
        // The oldest first: what a failure leaves is what a more generous policy would have.
        for verdict in verdicts.iter_mut().rev().filter(|verdict| verdict.goes()) {
            match remove(&root, &all, verdict.snapshot()) {
                // A restore or a verification reads it; a later prune removes it.
                Err(error) if error.code() == Code::Conflict => verdict.is_in_use(),
                other => other?,
            }
        }
        Ok(verdicts)
    })
}

/// Verdicts by which something may go: the manifests of what goes, and that of the newest good one, which all
/// the others go for, were read to their ends. One that is bad after all is none of either, so what the policy
/// makes of the rest is asked anew.
fn sure_verdicts(retention: &Retention, all: &mut [Snapshot]) -> Vec<Verdict> {
    let now = SystemTime::now();
    let mut is_sure = vec![false; all.len()];
    loop {
        let verdicts = retention.verdicts(all, now);
        let mut all_read = true;
        for (at, verdict) in verdicts.iter().enumerate() {
            let counts = verdict.goes() || verdict.reasons().contains(&Reason::NewestGood);
            if !counts || std::mem::replace(&mut is_sure[at], true) {
                continue;
            }
            if !is_whole(&all[at]) {
                all_read = false;
                all[at] = Snapshot::describe(all[at].location().to_path_buf());
            }
        }
        if all_read {
            return verdicts;
        }
    }
}

fn refuse_empty(root: &Path, retention: &Retention) -> Result<()> {
    if !retention.is_empty() {
        return Ok(());
    }
    let why = "the policy has no rule, so it would keep the newest snapshot alone; give it one";
    Err(Error::at(Code::InvalidArgument, "pruning", &absolute(root)?, why))
}
