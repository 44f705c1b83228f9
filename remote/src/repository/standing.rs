//! The locks that stand in a repository, for an operator: whose they are, how old, and which may be removed.

use std::time::{Duration, SystemTime};

use hotbackup::{Code, Result};

use super::{Repository, names};
use crate::format::LockRecord;

/// A lock is renewed every five minutes: one that is older than this by the store's own clock is nobody's any more. It is
/// restic's age, too.
const STALE: Duration = Duration::from_secs(30 * 60);

/// How the host names of a push's locks begin, and those of no machine.
pub const OURS: &str = "hotbackup:";

/// A lock in a repository.
#[derive(Clone, Debug)]
pub struct RemoteLock {
    name: String,
    record: Option<LockRecord>,
    modified: SystemTime,
    age: Duration,
}

impl RemoteLock {
    /// Its object's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Who has made it: `hotbackup:<host>:<a push's own id>` for a push, else the machine on which restic ran. `None`: it
    /// cannot be read.
    pub fn host(&self) -> Option<&str> {
        self.record.as_ref().map(|record| record.hostname.as_str())
    }

    /// Whether it keeps all others out.
    pub fn is_exclusive(&self) -> bool {
        self.record.as_ref().is_some_and(|record| record.exclusive)
    }

    /// Whether a push has made it.
    pub fn is_pushs(&self) -> bool {
        self.host().is_some_and(|host| host.starts_with(OURS))
    }

    /// When it was written, by the store's clock.
    pub fn time(&self) -> SystemTime {
        self.modified
    }

    /// For how long it has not been renewed, by the store's clock.
    pub fn age(&self) -> Duration {
        self.age
    }

    /// Whether it is so old that who made it can be at work no more.
    pub fn is_stale(&self) -> bool {
        self.age >= STALE
    }
}

impl Repository {
    /// All locks, the oldest first.
    pub fn locks(&self) -> Result<Vec<RemoteLock>> {
        let mut found = Vec::new();
        self.store.list(names::LOCKS, &mut |object| {
            found.extend(names::id_in(&object.name).map(|_| (object.name, object.modified)));
            Ok(())
        })?;
        let mut locks = Vec::new();
        for (name, modified) in found {
            let record = match self.read(&name) {
                Ok(text) => LockRecord::from_json(&text).ok(),
                Err(error) if error.code() == Code::NotFound => continue,
                Err(error) if error.code() == Code::Corrupt => None,
                Err(error) => return Err(error),
            };
            let age = self.store.now().duration_since(modified).unwrap_or_default();
            locks.push(RemoteLock { name, record, modified, age });
        }
        locks.sort_by_key(|lock| lock.modified);
        Ok(locks)
    }

    /// Removes those that pushes have left, and no other: the first list is what went, the second what stays.
    pub fn unlock(&self) -> Result<(Vec<RemoteLock>, Vec<RemoteLock>)> {
        let (gone, stay): (Vec<_>, Vec<_>) =
            self.locks()?.into_iter().partition(|lock| lock.is_pushs() && lock.is_stale());
        gone.iter().try_for_each(|lock| self.store.delete(&lock.name))?;
        Ok((gone, stay))
    }
}
