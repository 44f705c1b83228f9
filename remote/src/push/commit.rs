//! The end of a push: all that it sent is there, its lock is fresh, and then its snapshot's object comes, by a request
//! that was signed before the lock was refreshed and is refused five minutes later. So no prune that could remove what
//! the snapshot needs can begin before it comes without seeing the lock, and each later one sees the snapshot.

use std::collections::HashMap;
use std::time::{Duration, SystemTime};

use hotbackup::{Code, Error, Result};

use super::Push;
use super::guard::Guard;
use crate::format::{Id, SnapshotRecord};
use crate::repository::{Found, Index, LOST_OBJECT, Packer, TAG, lost_object, names};

/// How long a signed request is taken.
const SIGNED_FOR: Duration = Duration::from_secs(5 * 60);

/// How often a commit is tried whose answer did not come.
const TRIES: usize = 3;

/// Above so many objects a listing is cheaper than asking for each.
const MANY: usize = 200;

/// All that a commit needs.
pub struct Commit<'a> {
    /// The push.
    pub push: &'a Push<'a>,
    /// Its lock.
    pub guard: &'a Guard,
    /// What it sent.
    pub packer: &'a Packer<'a>,
    /// What was there.
    pub index: &'a Index,
    /// All blobs that the snapshot needs.
    pub used: &'a [Id],
    /// Its top directory.
    pub tree: Id,
    /// The snapshot that it was compared with.
    pub parent: Option<Id>,
}

/// Whether what failed was an object that a store has acknowledged and lost: it is sent again by a new start, which finds
/// it missing.
pub fn is_of_a_lost_object(error: &Error) -> bool {
    error.code() == Code::Corrupt && error.message().contains(LOST_OBJECT)
}

impl Commit<'_> {
    /// Commits, and returns the name of the snapshot's object.
    pub fn run(&self) -> Result<Id> {
        let repository = self.push.repository;
        self.look()?;
        let text = self.record()?.to_json()?;
        let (id, sealed) = repository.sealed(&text)?;
        let name = names::of(names::SNAPSHOTS, &id);
        self.put(&name, &sealed)?;
        self.require_all(&name)?;
        Ok(id)
    }

    /// Makes sure of a snapshot that was there and had lost pieces, which were sent now.
    pub fn mend(&self, found: &Found) -> Result<Id> {
        let repository = self.push.repository;
        self.look()?;
        self.guard.refresh()?;
        repository.require_the_same()?;
        let told = |why: &str| {
            let (url, short) = (repository.store.url(), found.short());
            Error::new(Code::Corrupt, format!("pushing to {url}: the snapshot is there as {short}, {why}"))
        };
        // A directory's name is the checksum of its pieces' names, and of its directories'.
        if found.record.tree != self.tree {
            let why =
                "has lost pieces, and was cut into others than these: forget it there, and push it again";
            return Err(told(why));
        }
        if !self.packer.objects().is_empty() {
            self.push.task.watch().warn(told("and had lost pieces, which were sent again"));
        }
        Ok(found.object)
    }

    /// All that this push sent is there, with its length; with `read_back` byte for byte.
    fn look(&self) -> Result<()> {
        let store = &self.push.repository.store;
        let objects = self.packer.objects();
        let lost = |name: &str| lost_object(self.push.repository, name);
        if self.push.choices.read_back {
            for (name, _) in &objects {
                let bytes = store.get(name)?;
                if names::id_in(name) != Some(Id::of(&bytes)) {
                    return Err(lost(name));
                }
            }
            return Ok(());
        }
        if objects.len() <= MANY {
            for (name, length) in &objects {
                if store.find(name)?.is_none_or(|object| object.size != *length) {
                    return Err(lost(name));
                }
            }
            return Ok(());
        }
        let mut missing: HashMap<&str, u64> =
            objects.iter().map(|(name, length)| (name.as_str(), *length)).collect();
        for prefix in [names::DATA, names::INDEX] {
            store.list(prefix, &mut |object| {
                if missing.get(object.name.as_str()) == Some(&object.size) {
                    missing.remove(object.name.as_str());
                }
                Ok(())
            })?;
        }
        missing.keys().next().map_or(Ok(()), |name| Err(lost(name)))
    }

    fn record(&self) -> Result<SnapshotRecord> {
        let snapshot = self.push.stored.snapshot();
        let mut tags = vec![TAG.to_string(), format!("id:{}", snapshot.id())];
        let name = snapshot.location().file_name().unwrap_or_default().to_string_lossy().into_owned();
        tags.extend(name.strip_prefix("ts-").map(|number| format!("ts:{number}")));
        if !snapshot.layout().is_empty() {
            tags.push(format!("layout:{}", snapshot.layout()));
        }
        tags.extend(snapshot.tags().iter().cloned());
        Ok(SnapshotRecord {
            time: snapshot.finished_at().unwrap_or_else(SystemTime::now),
            parent: self.parent,
            tree: self.tree,
            paths: vec![self.push.path().to_string_lossy().into_owned()],
            hostname: self.push.choices.host.clone(),
            username: "hotbackup".to_string(),
            uid: 0,
            gid: 0,
            excludes: Vec::new(),
            tags,
            original: None,
            program_version: concat!("hotbackup ", env!("CARGO_PKG_VERSION")).to_string(),
        })
    }

    /// Sends the object, each time with a new signature and a new look.
    fn put(&self, name: &str, sealed: &[u8]) -> Result<()> {
        let repository = self.push.repository;
        let store = &repository.store;
        let mut is_refused = true;
        for attempt in 1..=TRIES {
            let signed = store.sign_put(name, SIGNED_FOR)?;
            self.guard.refresh()?;
            repository.require_the_same()?;
            if attempt == 1 {
                self.push.task.watch().check()?;
            }
            self.guard.set_unsettled(true);
            let put = match signed {
                Some(signed) => store.put_signed(signed, sealed.to_vec().into()),
                None => store.put(name, sealed.to_vec().into()),
            };
            let Err(error) = put else {
                self.guard.set_unsettled(!is_refused);
                break;
            };
            is_refused &= matches!(error.code(), Code::Unauthorized | Code::NoSpace | Code::Conflict);
            self.guard.set_unsettled(!is_refused);
            // The answer may be all that was lost.
            if store.find(name)?.is_some() {
                break;
            }
            if attempt == TRIES {
                return Err(error);
            }
        }
        let is_it = || store.get(name).map(|found| found == sealed);
        // Once more: it may have been damaged on its way.
        match is_it()? || is_it()? {
            true => Ok(()),
            false => {
                store.delete(name)?;
                Err(repository.corrupt(name, "it is not what was written to it, so it was removed again"))
            }
        }
    }

    /// The lock is still there; else all that the snapshot needs must be, or it is taken back.
    fn require_all(&self, name: &str) -> Result<()> {
        if self.guard.is_there()? {
            return Ok(());
        }
        let repository = self.push.repository;
        let mut needed: HashMap<String, u64> = self.packer.objects().into_iter().collect();
        for place in self.used.iter().filter_map(|id| self.index.find(id)) {
            let end = u64::from(place.offset) + u64::from(place.length);
            let length = needed.entry(names::pack(&self.index.pack(place.pack_number))).or_default();
            *length = (*length).max(end);
        }
        for prefix in [names::DATA, names::INDEX] {
            repository.store.list(prefix, &mut |object| {
                if needed.get(&object.name).is_some_and(|length| object.size >= *length) {
                    needed.remove(&object.name);
                }
                Ok(())
            })?;
        }
        let Some(missing) = needed.keys().next() else { return Ok(()) };
        repository.store.delete(name)?;
        let why = format!(
            "pushing to {}: its lock was removed and {missing} is gone, by a prune beside it; the snapshot was taken \
             back, and nothing else is harmed",
            repository.store.url()
        );
        Err(Error::new(Code::Conflict, why))
    }
}
