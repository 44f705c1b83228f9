//! restic's locks. A push holds a shared one; restic's prune, forget, check and repair hold an exclusive one. Each side
//! writes its lock and then looks, so where writes and listings are strongly consistent at least one sees the other.
//!
//! What `restic unlock` would do to a lock of its own machine's name is to send SIGHUP to the lock's process, so ours
//! has a name that no machine has, and the pid 0: only its age makes it stale.

use std::time::{Duration, SystemTime};

use hotbackup::extension::Watch;
use hotbackup::{Code, Error, Result};
use uuid::Uuid;

use super::standing::OURS;
use super::{Repository, internal, names};
use crate::format::{Id, LockRecord};

/// How long what takes. The lock protocol is right for these alone.
#[derive(Clone, Copy, Debug)]
pub struct Timing {
    /// How long another's exclusive lock is waited for.
    pub wait: Duration,
    /// Between writing a lock and looking for others.
    pub settle: Duration,
    /// How old a lock becomes before a new one takes its place.
    pub refresh: Duration,
    /// How long the old one stays beside the new one.
    pub overlap: Duration,
    /// How long a push may go on without a fresh lock: less than the half hour after which restic may remove it.
    pub good_for: Duration,
}

/// How long letting go of a lock may take, and how long where the job was cancelled.
const PATIENT: Duration = Duration::from_secs(10);
const HASTY: Duration = Duration::from_millis(500);

impl Default for Timing {
    fn default() -> Self {
        Self {
            wait: Duration::from_secs(15 * 60),
            settle: Duration::from_millis(200),
            refresh: Duration::from_secs(5 * 60),
            overlap: Duration::from_secs(10),
            good_for: Duration::from_secs(20 * 60),
        }
    }
}

/// A shared lock that is held. It is let go of by [`release`](Self::release) alone: who just drops it leaves it to
/// its age.
pub struct Held {
    repository: Repository,
    timing: Timing,
    host: String,
    name: String,
    written_at: Duration,
    /// Those that it took the place of, and when: they stay a while, so that who lists meanwhile sees one of them.
    replaced: Vec<(String, Duration)>,
}

/// What a lock's object says, or why it cannot be told.
enum Seen {
    Shared,
    Exclusive(String),
    Gone,
    Unreadable,
}

impl Held {
    /// Waits until no exclusive lock is there, and takes a shared one.
    pub fn take(repository: &Repository, host: &str, timing: Timing, watch: &Watch) -> Result<Self> {
        let host = format!("{OURS}{host}:{}", Uuid::from_bytes(random()?));
        let until = boot_time() + timing.wait;
        loop {
            if let Some(who) = exclusive(repository, watch)? {
                wait_for(&who, repository, until, watch)?;
                continue;
            }
            let written_at = boot_time();
            let name = write(repository, &host)?;
            let held = Self {
                repository: repository.clone(),
                timing,
                host: host.clone(),
                name,
                written_at,
                replaced: Vec::new(),
            };
            let found = watch.pause(timing.settle).and_then(|()| exclusive(repository, watch));
            match found {
                Ok(None) => return Ok(held),
                Ok(Some(who)) => {
                    held.release(watch)?;
                    wait_for(&who, repository, until, watch)?;
                }
                Err(error) => {
                    let _ = held.release(watch);
                    return Err(error);
                }
            }
        }
    }

    /// Whether it is time for a new one.
    pub fn is_due(&self) -> bool {
        boot_time() >= self.written_at + self.timing.refresh
    }

    /// Whether nothing may be sent any more under it.
    pub fn is_too_old(&self) -> bool {
        boot_time() >= self.written_at + self.timing.good_for
    }

    /// Puts a new lock in place of the old one. `false`: somebody removed the old one meanwhile, or an exclusive one is
    /// there: a whole prune may lie between, and all that was looked at counts no more.
    pub fn refresh(&mut self, watch: &Watch) -> Result<bool> {
        let written_at = boot_time();
        if self.is_too_old() {
            return Ok(false);
        }
        let new = write(&self.repository, &self.host)?;
        let looked = self.look(&new, watch);
        let old = std::mem::replace(&mut self.name, new);
        self.replaced.push((old, boot_time()));
        if let Ok(true) = looked {
            self.written_at = written_at;
        }
        looked
    }

    /// Removes the locks that it took the place of long enough ago.
    pub fn tidy(&mut self) -> Result<()> {
        let long_ago = boot_time().saturating_sub(self.timing.overlap);
        while let Some((name, _)) = self.replaced.first().filter(|(_, at)| *at <= long_ago) {
            self.repository.unwatched(PATIENT).delete(name)?;
            self.replaced.remove(0);
        }
        Ok(())
    }

    /// Whether both locks are there and no exclusive one.
    fn look(&self, new: &str, watch: &Watch) -> Result<bool> {
        let all = list(&self.repository)?;
        let both = [new, &self.name].into_iter().all(|name| all.iter().any(|found| found == name));
        Ok(both && exclusive_among(&self.repository, &all, watch)?.is_none())
    }

    /// Whether it is still there.
    pub fn is_there(&self) -> Result<bool> {
        Ok(list(&self.repository)?.contains(&self.name))
    }

    /// Lets go of it, for a job that was cancelled too: then within half a second, or it is left to its age.
    pub fn release(self, watch: &Watch) -> Result<()> {
        let most = if watch.check().is_ok() { PATIENT } else { HASTY };
        let store = self.repository.unwatched(most);
        let replaced = self.replaced.iter().map(|(name, _)| name);
        replaced.chain([&self.name]).try_for_each(|name| store.delete(name))
    }
}

fn write(repository: &Repository, host: &str) -> Result<String> {
    let record = LockRecord {
        time: repository.store.now(),
        exclusive: false,
        hostname: host.to_string(),
        username: "hotbackup".to_string(),
        pid: 0,
        uid: 0,
        gid: 0,
    };
    let text = record.to_json().map_err(|error| internal(&error))?;
    Ok(names::of(names::LOCKS, &repository.write(names::LOCKS, &text)?))
}

fn list(repository: &Repository) -> Result<Vec<String>> {
    let mut found = Vec::new();
    repository.store.list(names::LOCKS, &mut |object| {
        found.extend(names::id_in(&object.name).map(|_: Id| object.name));
        Ok(())
    })?;
    Ok(found)
}

/// Who holds an exclusive lock.
fn exclusive(repository: &Repository, watch: &Watch) -> Result<Option<String>> {
    exclusive_among(repository, &list(repository)?, watch)
}

fn exclusive_among(repository: &Repository, all: &[String], watch: &Watch) -> Result<Option<String>> {
    for name in all {
        if let Seen::Exclusive(who) = settled(repository, name, watch)? {
            return Ok(Some(who));
        }
    }
    Ok(None)
}

/// What a lock says. One that is being written may be read half.
fn settled(repository: &Repository, name: &str, watch: &Watch) -> Result<Seen> {
    for patience in [5, 10, 20, 0] {
        match look_at(repository, name)? {
            Seen::Unreadable if patience > 0 => watch.pause(Duration::from_secs(patience))?,
            Seen::Unreadable => break,
            seen => return Ok(seen),
        }
    }
    let url = repository.store.url();
    let why =
        format!("taking a lock in {url}: {name} is no lock that can be read, and may be an exclusive one");
    Err(Error::new(Code::Conflict, why))
}

fn look_at(repository: &Repository, name: &str) -> Result<Seen> {
    let text = match repository.read(name) {
        Ok(text) => text,
        Err(error) if error.code() == Code::NotFound => return Ok(Seen::Gone),
        Err(error) if error.code() == Code::Corrupt => return Ok(Seen::Unreadable),
        Err(error) => return Err(error),
    };
    Ok(match LockRecord::from_json(&text) {
        Ok(record) if record.exclusive => {
            let age = SystemTime::now().duration_since(record.time).unwrap_or_default();
            let minutes = age.as_secs() / 60;
            let LockRecord { hostname, username, pid, .. } = record;
            Seen::Exclusive(format!("{username} on {hostname} (pid {pid}), since {minutes} min"))
        }
        Ok(_) => Seen::Shared,
        Err(_) => Seen::Unreadable,
    })
}

fn wait_for(who: &str, repository: &Repository, until: Duration, watch: &Watch) -> Result<()> {
    let now = boot_time();
    if now >= until {
        let url = repository.store.url();
        let why = format!(
            "taking a lock in {url}: {who} holds it alone; if that has ended without removing its lock, \
             `restic unlock` removes it once it is 30 minutes old"
        );
        return Err(Error::new(Code::Conflict, why));
    }
    // Both may have given way to each other: not at the same time again.
    let jitter = u64::from(random()?[0]) * 4;
    watch.pause(Duration::from_millis(500 + jitter).min(until - now))
}

fn random() -> Result<[u8; 16]> {
    let mut bytes = [0; 16];
    aws_lc_rs::rand::fill(&mut bytes)
        .map_err(|_| Error::new(Code::Internal, "the system gives no random bytes"))?;
    Ok(bytes)
}

/// Time that goes on while the machine sleeps.
pub fn boot_time() -> Duration {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    Duration::new(now.tv_sec.max(0) as u64, now.tv_nsec as u32)
}
