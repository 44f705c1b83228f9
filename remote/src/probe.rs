//! What a store does, found by trying it: pushes and their locks stand on reads and listings that show at once what was
//! written, on refusals of what is damaged or late, and on the right to remove a lock.

use std::time::{Duration, SystemTime};

use hotbackup::{Code, Error, Result, Severity};

use crate::format::{Id, random};
use crate::repository::names;
use crate::store::{SignedPut, Store};

/// How often it is looked whether what was written is there.
const ROUNDS: usize = 3;

/// The length of what is written.
const LENGTH: usize = 1024;

/// As pushes sign their last object.
const SIGNED_FOR: Duration = Duration::from_secs(5 * 60);

/// The shortest that a signature can last.
const BRIEF: Duration = Duration::from_secs(1);

/// A Date header has whole seconds, and takes its time to come.
const LATER: Duration = Duration::from_secs(2);

/// Further apart the store's time is taken in place of ours.
const APART: Duration = Duration::from_secs(60);

/// Further apart S3 refuses all requests, and another's lock may count as stale that is not.
const TOO_FAR: Duration = Duration::from_secs(15 * 60);

/// One thing that was found out about a store.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RemoteFinding {
    /// How much it matters.
    pub severity: Severity,
    /// What sort of thing it is, in words that stay: `damaged_taken`.
    pub kind: &'static str,
    /// What is so, in one line.
    pub what: String,
    /// What to do about it, in one line; empty: nothing.
    pub advice: &'static str,
}

/// A kind of finding: how much it matters, its name, and what to do about it.
type Sort = (Severity, &'static str, &'static str);

const UNWRITABLE: Sort = (
    Severity::Error,
    "unwritable",
    "look at the credentials, at what they may do there, and at the endpoint",
);
const INCONSISTENT: Sort = (
    Severity::Error,
    "inconsistent",
    "keep no repository there: pushes and restic's prune see each other by listings that show at once what was written",
);
const CONSISTENT: Sort = (Severity::Ok, "consistent", "");
const DAMAGED_TAKEN: Sort = (
    Severity::Notice,
    "damaged_taken",
    "push with the option read_back=all, which reads what was sent before it is committed",
);
const DAMAGED_REFUSED: Sort = (Severity::Ok, "damaged_refused", "");
const UNSIGNED: Sort = (
    Severity::Notice,
    "unsigned",
    "prune only while no push runs that was stopped for long, or give credentials that can sign",
);
const SIGNED_REFUSED: Sort = (
    Severity::Error,
    "signed_refused",
    "let presigned PUTs through: a bucket policy, a proxy or a gateway before the store keeps them out",
);
const LATE_TAKEN: Sort =
    (Severity::Notice, "late_taken", "prune only while no push runs that was stopped for long");
const LATE_REFUSED: Sort = (Severity::Ok, "late_refused", "");
const UNREMOVABLE: Sort = (
    Severity::Warning,
    "unremovable",
    "allow to delete locks/*: else each push leaves its lock, and prune and check wait until it is 30 minutes old",
);
const REMOVABLE: Sort = (Severity::Ok, "removable", "");
const UNTRIED: Sort = (Severity::Error, "untried", "look at what the store says, and try again");

/// Tries the store.
pub fn run(store: &Store) -> Result<Vec<RemoteFinding>> {
    let mut probe = Probe { store, findings: Vec::new(), sent: Vec::new() };
    let modified = probe.written();
    if modified.is_some() {
        probe.damaged();
        probe.signed();
    }
    // A directory has no other clock than that of its files.
    probe.findings.extend(store.heard().or(modified).map(clock));
    probe.removed(modified.is_some());
    Ok(probe.findings)
}

/// How far this machine's clock is from this time of the store's.
pub fn clock(there: SystemTime) -> RemoteFinding {
    let here = SystemTime::now();
    let (apart, way) = match here.duration_since(there) {
        Ok(ahead) => (ahead, "ahead of"),
        Err(behind) => (behind.duration(), "behind"),
    };
    let set = "set this machine's clock, by NTP for one";
    let sort = match apart {
        _ if apart > TOO_FAR => (Severity::Error, "clock", set),
        _ if apart > APART => (Severity::Warning, "clock", set),
        _ => {
            let what = "this machine's clock and the store's agree within a minute";
            return found((Severity::Ok, "clock", ""), what);
        }
    };
    found(sort, format!("this machine's clock is {} s {way} the store's", apart.as_secs()))
}

fn found((severity, kind, advice): Sort, what: impl Into<String>) -> RemoteFinding {
    RemoteFinding { severity, kind, what: what.into(), advice }
}

struct Probe<'a> {
    store: &'a Store,
    findings: Vec<RemoteFinding>,
    /// What may be there now.
    sent: Vec<String>,
}

impl Probe<'_> {
    fn add(&mut self, sort: Sort, what: impl Into<String>) {
        self.findings.push(found(sort, what));
    }

    /// What could not be tried.
    fn untried(&mut self, error: &Error) {
        self.add(UNTRIED, error.message());
    }

    /// Something new to send: its name ends in the hash of its bytes, as those of restic's objects do, so that a
    /// signature covers them.
    fn object(&mut self) -> (String, Vec<u8>) {
        let mut bytes = vec![0; LENGTH];
        random(&mut bytes);
        let name = format!("{}probe-{}", names::LOCKS, Id::of(&bytes));
        self.sent.push(name.clone());
        (name, bytes)
    }

    /// What is written is read and listed at once: when it was written, by the store. `None`: nothing can be written.
    fn written(&mut self) -> Option<SystemTime> {
        let mut modified = None;
        for _ in 0..ROUNDS {
            let (name, bytes) = self.object();
            if let Err(error) = self.store.put(&name, bytes.clone().into()) {
                self.add(UNWRITABLE, error.message());
                return None;
            }
            let what = match self.seen(&name, &bytes) {
                Ok((true, Some(time))) => {
                    modified = Some(time);
                    continue;
                }
                Ok((false, _)) => format!("{name} is not what was just written to it"),
                Ok((true, None)) => format!("a listing does not show {name}, which was just written"),
                Err(error) if error.code() == Code::NotFound => error.message().to_string(),
                Err(error) => {
                    self.untried(&error);
                    return Some(modified.unwrap_or_else(SystemTime::now));
                }
            };
            self.add(INCONSISTENT, what);
            return Some(modified.unwrap_or_else(SystemTime::now));
        }
        self.add(CONSISTENT, "what is written is read and listed at once");
        modified
    }

    /// Whether it is read as it was written, and when that was, if it is listed.
    fn seen(&self, name: &str, bytes: &[u8]) -> Result<(bool, Option<SystemTime>)> {
        let is_it = self.store.get(name)? == bytes;
        let mut modified = None;
        self.store.list(names::LOCKS, &mut |object| {
            modified = modified.or((object.name == name).then_some(object.modified));
            Ok(())
        })?;
        Ok((is_it, modified))
    }

    /// What changed on its way is refused by its signature, where there is one.
    fn damaged(&mut self) {
        let (name, bytes) = self.object();
        match self.store.put_damaged(&name, bytes.into()) {
            Ok(None) => {}
            Ok(Some(true)) => {
                self.add(
                    DAMAGED_TAKEN,
                    "the store takes an object whose bytes are not those that were signed",
                );
            }
            Ok(Some(false)) => {
                self.add(
                    DAMAGED_REFUSED,
                    "the store refuses an object whose bytes are not those that were signed",
                );
            }
            Err(error) => self.untried(&error),
        }
    }

    /// What is signed apart from being sent is taken, and refused once its time is over.
    fn signed(&mut self) {
        let (name, bytes) = self.object();
        match self.store.sign_put(&name, SIGNED_FOR) {
            Ok(None) => self.add(
                UNSIGNED,
                "these credentials sign nothing apart from sending it: whether a push committed late is only seen by its \
                 look afterwards",
            ),
            Ok(Some(signed)) if !signed.is_the_stores() => {}
            Ok(Some(signed)) => match self.store.put_signed(signed, bytes.into()) {
                Ok(()) => self.late(),
                Err(error) => self.add(SIGNED_REFUSED, error.message()),
            },
            Err(error) => self.untried(&error),
        }
    }

    fn late(&mut self) {
        let ahead = self.store.heard().and_then(|there| SystemTime::now().duration_since(there).ok());
        let ahead = ahead.unwrap_or_default();
        // So far apart the shortest signature lasts for minutes; the clock is a finding then.
        if ahead > APART {
            return;
        }
        let (name, bytes) = self.object();
        let signed: Result<Option<SignedPut>> = self.store.sign_put(&name, BRIEF);
        let taken = signed.and_then(|signed| {
            // Signed by our clock, over by theirs.
            std::thread::sleep(BRIEF + LATER + ahead);
            signed.map(|signed| self.store.put_late(signed, bytes.into())).transpose()
        });
        match taken {
            Ok(Some(true)) => self.add(
                LATE_TAKEN,
                "the store takes what was signed though its time is over: a push that was stopped can commit late, which \
                 is only seen by its look afterwards",
            ),
            Ok(Some(false)) => self.add(LATE_REFUSED, "the store refuses what was signed once its time is over"),
            Ok(None) => {}
            Err(error) => self.untried(&error),
        }
    }

    /// What was written is removed again.
    fn removed(&mut self, is_written: bool) {
        let mut refusal = None;
        for name in std::mem::take(&mut self.sent) {
            if let Err(error) = self.store.delete(&name) {
                refusal.get_or_insert(error);
                self.sent.push(name);
            }
        }
        let Some(error) = refusal else {
            return if is_written {
                self.add(REMOVABLE, "what was written could be removed")
            };
        };
        // What was refused on its way up is not there.
        let (store, mut left) = (self.store, std::mem::take(&mut self.sent));
        left.retain(|name| store.find(name).map_or(is_written, |found| found.is_some()));
        if !left.is_empty() {
            self.add(UNREMOVABLE, format!("{}; left: {}", error.message(), left.join(", ")));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_matters_by_how_far_it_is_off() {
        let severity = |seconds| {
            let (now, by) = (SystemTime::now(), Duration::from_secs(seconds));
            [clock(now - by), clock(now + by)].map(|found| found.severity)
        };
        assert_eq!(severity(10), [Severity::Ok; 2]);
        assert_eq!(severity(120), [Severity::Warning; 2]);
        assert_eq!(severity(3600), [Severity::Error; 2]);
    }
}
