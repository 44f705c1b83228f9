//! The snapshots of a repository: found, listed, forgotten.

use hotbackup::{Code, Error, Result};

use super::{Repository, names};
use crate::format::{Id, SnapshotRecord};

/// The tag of all snapshots of ours.
pub const TAG: &str = "hotbackup";

/// How short the beginning of a snapshot's name may be.
const SHORTEST: usize = 8;

/// A snapshot's record.
#[derive(Clone, Debug)]
pub struct Found {
    /// Its object's name.
    pub object: Id,
    /// What that says.
    pub record: SnapshotRecord,
}

/// What a snapshot's object could not be read.
#[derive(Clone, Debug)]
pub struct Unreadable {
    /// Its object's name.
    pub object: Id,
    /// Why.
    pub error: Error,
}

/// All snapshots.
#[derive(Debug, Default)]
pub struct Listed {
    /// Those that can be read, the oldest first. Of those that are of one local snapshot the oldest alone.
    pub found: Vec<Found>,
    /// The others.
    pub unreadable: Vec<Unreadable>,
}

impl Found {
    /// What follows `key:` in one of its tags.
    pub fn tag(&self, key: &str) -> Option<&str> {
        self.record.tags.iter().find_map(|tag| tag.strip_prefix(key)?.strip_prefix(':'))
    }

    /// Whether a push of ours made it.
    pub fn is_ours(&self) -> bool {
        self.record.tags.iter().any(|tag| tag == TAG)
    }

    /// The beginning of its object's name, by which people call it.
    pub fn short(&self) -> String {
        self.object.to_string()[..SHORTEST].to_string()
    }
}

impl Listed {
    /// Reads them all. `host`: those of that host alone.
    pub fn read(repository: &Repository, host: Option<&str>) -> Result<Self> {
        let mut objects = Vec::new();
        repository.store.list(names::SNAPSHOTS, &mut |object| {
            objects.extend(names::id_in(&object.name));
            Ok(())
        })?;
        let mut listed = Self::default();
        for object in objects {
            match read(repository, object) {
                Ok(Some(found)) => listed.found.push(found),
                Ok(None) => {}
                Err(error) if error.code() == Code::Corrupt => {
                    listed.unreadable.push(Unreadable { object, error });
                }
                Err(error) => return Err(error),
            }
        }
        listed.found.retain(|found| host.is_none_or(|host| found.record.hostname == host));
        listed.settle();
        Ok(listed)
    }

    fn settle(&mut self) {
        let age = |found: &Found| (found.record.time, found.object);
        self.found.sort_by_key(age);
        let mut seen = std::collections::HashSet::new();
        self.found.retain(|found| match found.tag("id") {
            Some(id) if found.is_ours() => seen.insert(id.to_string()),
            _ => true,
        });
    }

    /// The one that is called so: by the beginning of its object's name, by the id of the local snapshot that it is of,
    /// or as `latest`.
    pub fn find(&self, name: &str, repository: &Repository) -> Result<&Found> {
        let refuse = |code, why: &str| {
            Err(Error::new(
                code,
                format!("looking for snapshot {name:?} in {}: {why}", repository.store.url()),
            ))
        };
        if name == "latest" {
            return match self.found.last() {
                Some(found) => Ok(found),
                None => refuse(Code::NotFound, "there is no snapshot"),
            };
        }
        let is_called = |found: &&Found| {
            let is_object = name.len() >= SHORTEST && found.object.to_string().starts_with(name);
            is_object || found.tag("id") == Some(name)
        };
        let mut called = self.found.iter().filter(is_called);
        match (called.next(), called.next()) {
            (Some(found), None) => Ok(found),
            (Some(_), Some(_)) => refuse(Code::InvalidArgument, "more than one is called so"),
            _ if self.unreadable.iter().any(|one| one.object.to_string().starts_with(name)) => {
                refuse(Code::Corrupt, "its record cannot be read")
            }
            _ => refuse(Code::NotFound, "there is none"),
        }
    }
}

/// `None`: it went meanwhile.
fn read(repository: &Repository, object: Id) -> Result<Option<Found>> {
    let name = names::of(names::SNAPSHOTS, &object);
    let text = match repository.read(&name) {
        Ok(text) => text,
        Err(error) if error.code() == Code::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    match SnapshotRecord::from_json(&text) {
        Ok(record) => Ok(Some(Found { object, record })),
        Err(_) => Err(repository.corrupt(&name, "it is no snapshot's record")),
    }
}
