//! A verdict: what becomes of a snapshot, and why.

use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::judge::{Candidate, Condition};
use super::policy::Retention;
use super::reason::Reason;
use crate::root::names::number_of;
use crate::snapshot::Snapshot;

/// What a policy makes of a snapshot. As text: its name, and why it stays or goes.
#[derive(Clone, Debug)]
pub struct Verdict {
    snapshot: Snapshot,
    reasons: Vec<Reason>,
}

impl Verdict {
    /// The snapshot as it was listed.
    pub fn snapshot(&self) -> &Snapshot {
        &self.snapshot
    }

    /// Whether it goes: no rule keeps it. By [`BackupRoot::prune_by`](crate::BackupRoot::prune_by) it has gone.
    pub fn goes(&self) -> bool {
        self.reasons == [Reason::NoRule]
    }

    /// Why it stays, or that no rule keeps it. There is always one.
    pub fn reasons(&self) -> &[Reason] {
        &self.reasons
    }

    /// This one stays, since somebody is reading it.
    pub(in crate::root) fn is_in_use(&mut self) {
        self.reasons = vec![Reason::InUse];
    }

    /// The reasons in one line.
    pub fn why(&self) -> String {
        self.reasons.iter().map(Reason::to_string).collect::<Vec<_>>().join(", ")
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.snapshot.location().file_name().unwrap_or_default().to_string_lossy();
        let fate = if self.goes() { "goes" } else { "stays" };
        write!(f, "{name} {fate}: {}", self.why())
    }
}

impl Retention {
    /// What becomes of each snapshot of a root's listing, in the listing's order, by a time that is `now`.
    pub fn verdicts(&self, listing: &[Snapshot], now: SystemTime) -> Vec<Verdict> {
        let candidates: Vec<Candidate> = listing.iter().map(Candidate::from).collect();
        let reasons = self.reasons(&candidates, now);
        let verdict = |(snapshot, reasons): (&Snapshot, _)| Verdict { snapshot: snapshot.clone(), reasons };
        listing.iter().zip(reasons).map(verdict).collect()
    }
}

impl From<&Snapshot> for Candidate {
    /// Its time is that of its end, else of its start, else what its name says.
    fn from(snapshot: &Snapshot) -> Self {
        let number = snapshot.location().file_name().and_then(number_of).unwrap_or_default();
        let named = || UNIX_EPOCH.checked_add(Duration::from_secs(number)).unwrap_or(UNIX_EPOCH);
        Self {
            number,
            time: snapshot.finished_at().or(snapshot.started_at()).unwrap_or_else(named),
            tags: snapshot.tags().to_vec(),
            condition: match snapshot.error() {
                Some(_) => Condition::Unreadable,
                None if snapshot.is_damaged() => Condition::Damaged,
                None => Condition::Good,
            },
        }
    }
}
