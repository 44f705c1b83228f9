//! `hotbackup remote doctor`.

use std::collections::BTreeMap;
use std::time::SystemTime;

use clap::Args;
use hotbackup::{Code, Error, Severity};
use hotbackup_remote::{Remote, RemoteLock, RemoteSnapshot};

use super::advised;
use super::probe::of;
use super::unlock::shown;
use crate::Outcome;
use crate::args::remote::RepositoryOption;
use crate::commands::doctor::{Found, examined};
use crate::context::{Context, Run};
use crate::failure::Failure;
use crate::output::{size, time};
use crate::restic::{Restic, UPDATE, Version};

const EXAMPLES: &str = "\
Examples:
  hotbackup remote doctor --repo s3://backups/db1
  hotbackup remote doctor --repo s3://backups/db1 --json    for a monitor: findings with their severities";

/// Find out what is wrong with a repository, and what to do about it.
///
/// It looks for restic and its release, whether the store answers and its clock agrees, whether the password opens the
/// repository, for locks that are in the way, for snapshots whose records cannot be read, and how old the newest snapshot of
/// each host is. Nothing is changed. It fails if something is wrong (exit code 13); what only needs a look does not fail it.
/// What snapshots hold it does not read: `hotbackup remote verify` does.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub struct Doctor {
    #[command(flatten)]
    repository: RepositoryOption,
}

impl Run for Doctor {
    fn run(&self, context: &Context) -> Outcome {
        let remote = self.repository.open_to_look(context)?.remote;
        context.interrupts.aftermath("nothing was changed");
        let mut seen = Seen { remote: &remote, findings: Vec::new() };
        seen.restic();
        if seen.repository() {
            seen.locks();
            seen.snapshots();
        }
        Ok(examined(remote.url().to_string(), seen.findings))
    }
}

struct Seen<'a> {
    remote: &'a Remote,
    findings: Vec<Found>,
}

impl Seen<'_> {
    /// About the repository as a whole.
    fn add(&mut self, severity: Severity, kind: &'static str, what: String, to_do: Option<&str>) {
        self.add_at("", severity, kind, (what, to_do));
    }

    /// About one of its objects.
    fn add_at(&mut self, name: &str, severity: Severity, kind: &'static str, says: (String, Option<&str>)) {
        let url = self.remote.url();
        let path = if name.is_empty() { url.to_string() } else { format!("{url}/{name}") };
        let (what, to_do) = (says.0, says.1.map(String::from));
        self.findings.push(Found { severity, kind, path, what, to_do });
    }

    /// What could not be looked at.
    fn add_error(&mut self, kind: &'static str, error: Error) {
        let failure = advised(Failure::from(error));
        self.add(Severity::Error, kind, failure.message().to_string(), failure.advice());
    }

    /// Pushes and restores need none.
    fn restic(&mut self) {
        let mut path = "restic".to_string();
        let (severity, what, to_do) = match Restic::find() {
            Err(failure) => {
                (Severity::Warning, failure.message().to_string(), failure.advice().map(String::from))
            }
            Ok(restic) => {
                path = restic.program().display().to_string();
                let release = &restic.release;
                match restic.flaw() {
                    Some(flaw) => (Severity::Warning, flaw, Some(UPDATE.to_string())),
                    None if restic.version < Version::COMPARES => {
                        let what = format!(
                            "restic {release} does not compare what it has sealed before it sends it"
                        );
                        (Severity::Notice, what, Some("update it to 0.17 or later".to_string()))
                    }
                    None => (Severity::Ok, format!("restic {release} is there"), None),
                }
            }
        };
        self.findings.push(Found { severity, kind: "restic", path, what, to_do });
    }

    /// Whether the store answers, and the password opens what is there. `false`: no more can be seen.
    fn repository(&mut self) -> bool {
        let opened = self.remote.repository_id();
        self.findings.extend(self.remote.clock().map(|finding| of(finding, self.remote.url())));
        let error = match opened {
            Ok(id) => {
                self.add(Severity::Ok, "repository", format!("the password opens it; its id is {id}"), None);
                return true;
            }
            Err(error) => error,
        };
        let kind = match error.code() {
            Code::Unauthorized if error.message().contains("password") => "password",
            Code::NotFound | Code::Corrupt => "repository",
            _ => "store",
        };
        self.add_error(kind, error);
        false
    }

    fn locks(&mut self) {
        match self.remote.locks() {
            Err(error) => self.add_error("locks", error),
            Ok(locks) if locks.is_empty() => {
                self.add(Severity::Ok, "locks", "nobody holds a lock".into(), None)
            }
            Ok(locks) => locks.iter().for_each(|lock| self.lock(lock)),
        }
    }

    fn lock(&mut self, lock: &RemoteLock) {
        const OURS: &str = "`hotbackup remote unlock` removes it";
        const THEIRS: &str = "if no restic is at work any more, `restic unlock` removes it";
        let (severity, kind, why, to_do) = match (
            lock.is_stale(),
            lock.host().is_none() || lock.is_exclusive(),
        ) {
            (true, false) if lock.is_pushs() => {
                (Severity::Warning, "stale_lock", "a push was killed; prune, check and repair refuse", OURS)
            }
            (true, false) => (Severity::Warning, "stale_lock", "prune, check and repair refuse", THEIRS),
            (true, true) => (Severity::Error, "stale_lock", "pushes wait for it, and fail", THEIRS),
            (false, true) => (
                Severity::Notice,
                "exclusive_lock",
                "pushes wait until it is gone",
                "wait until who holds it has ended; if it was killed, `restic unlock` removes its lock",
            ),
            (false, false) => (
                Severity::Notice,
                "lock",
                "prune, check and repair wait until it is gone",
                "wait until who holds it has ended; if it was killed, look again once the lock is 30 minutes old",
            ),
        };
        self.add_at(lock.name(), severity, kind, (format!("{}: {why}", shown(lock)), Some(to_do)));
    }

    fn snapshots(&mut self) {
        let (snapshots, unreadable) = match self.remote.list(None) {
            Ok(listed) => listed,
            Err(error) => return self.add_error("snapshots", error),
        };
        unreadable.into_iter().for_each(|error| self.add_error("unreadable_snapshot", error));
        if snapshots.is_empty() {
            let to_do = "push one: `hotbackup remote push`";
            return self.add(Severity::Notice, "no_snapshots", "it holds no snapshot".into(), Some(to_do));
        }
        // They begin with the oldest: the last one of each host stays.
        let mut newest: BTreeMap<&str, (&RemoteSnapshot, u64)> = BTreeMap::new();
        for snapshot in &snapshots {
            let number = newest.get(snapshot.host()).map_or(0, |(_, number)| *number);
            newest.insert(snapshot.host(), (snapshot, number + 1));
        }
        for (host, (snapshot, number)) in newest {
            let number = size::things(number, "snapshot", "snapshots");
            let made = time::local(snapshot.time());
            let ago = time::ago(snapshot.time(), SystemTime::now());
            let what = format!("{number} of {host}, the newest made at {made}, {ago}");
            self.add(Severity::Ok, "newest_snapshot", what, None);
        }
    }
}
