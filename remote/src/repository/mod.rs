//! A repository: opened with its password, its index, its locks, and what goes into it. Restic's format and rules;
//! nothing here deletes but its own locks, and a snapshot's object when it is to be forgotten.

mod index;
mod lock;
pub mod names;
mod packer;
mod snapshots;
mod standing;
mod tree;

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use hotbackup::{Code, Error, Result};

pub use index::{Index, Place};
pub use lock::{Held, Timing, boot_time};
pub use packer::{LOST_OBJECT, Packer, lost_object};
pub use snapshots::{Found, Listed, TAG};
pub use standing::RemoteLock;
pub use tree::{Trees, files_of};

use crate::format::{Config, Id, MasterKey, key, open_unpacked, seal_unpacked};
use crate::store::{Store, Watch};

/// A repository that is open.
#[derive(Clone)]
pub struct Repository {
    /// Where it lies.
    pub store: Store,
    /// What opens and seals all of it.
    pub key: Arc<MasterKey>,
    /// Its id, 64 hexadecimal digits.
    pub id: String,
    /// Its config, byte for byte: whoever made the repository anew made another.
    config: Arc<Vec<u8>>,
}

/// The most keys that are tried: each takes a tenth of a second or more.
const MOST_KEYS: usize = 64;

impl Repository {
    /// Makes a repository where none is, and its first key.
    pub fn init(store: &Store, password: &str, host: &str) -> Result<()> {
        require_password(password)?;
        let mut is_there = store.find(names::CONFIG)?.is_some();
        store.list(names::KEYS, &mut |_| {
            is_there = true;
            Ok(())
        })?;
        if is_there {
            return Err(failed(store, Code::Conflict, "making a repository", "there is one already"));
        }
        let master = MasterKey::generate();
        let config = Config::new();
        // The key first: a config without one would be a repository that nobody can open.
        let object = key::make(&master, password, host, "hotbackup", SystemTime::now())?;
        store.put(&names::of(names::KEYS, &Id::of(&object)), object.into())?;
        store.put(names::CONFIG, config.seal(&master)?.into())
    }

    /// Opens it.
    pub fn open(store: &Store, password: &str) -> Result<Self> {
        const DOING: &str = "opening the repository";
        require_password(password)?;
        let config = store.get(names::CONFIG).map_err(|error| match error.code() {
            Code::NotFound => {
                failed(store, Code::NotFound, DOING, "there is none: `hotbackup remote init` makes one")
            }
            _ => error,
        })?;
        let key = open_key(store, password)?;
        let (config, id) = read_config(store, &key, config)?;
        Ok(Self { store: store.clone(), key: Arc::new(key), id, config: Arc::new(config) })
    }

    /// The same for one job, which may be cancelled.
    pub fn with(&self, store: Store) -> Self {
        Self { store, ..self.clone() }
    }

    /// The same for what is to be done though its job was cancelled: letting go of a lock. It ends after this time.
    pub fn unwatched(&self, most: Duration) -> Store {
        self.store.for_job(Arc::new(Brief { until: boot_time() + most }))
    }

    /// Fails unless it is still the repository that was opened.
    pub fn require_the_same(&self) -> Result<()> {
        let is_it = || self.store.get(names::CONFIG).map(|config| config == *self.config);
        // Once more: it may have been damaged on its way.
        match is_it()? || is_it()? {
            true => Ok(()),
            false => {
                let why = "another repository has taken its place since it was opened";
                Err(failed(&self.store, Code::Conflict, "using the repository", why))
            }
        }
    }

    /// Reads an object that is no pack, whole and unsealed.
    pub fn read(&self, name: &str) -> Result<Vec<u8>> {
        let read = || -> Result<_> {
            let sealed = self.store.get(name)?;
            Ok(match names::id_in(name).is_none_or(|id| id == Id::of(&sealed)) {
                true => open_unpacked(&self.key, &sealed).ok(),
                false => None,
            })
        };
        // Once more: it may have been damaged on its way.
        match read()? {
            Some(plain) => Ok(plain),
            None => read()?.ok_or_else(|| self.corrupt(name, NOT_WRITTEN)),
        }
    }

    /// Seals an object that is no pack: its id, and what lies there.
    pub fn sealed(&self, plain: &[u8]) -> Result<(Id, Vec<u8>)> {
        let sealed = seal_unpacked(&self.key, plain)?;
        Ok((Id::of(&sealed), sealed))
    }

    /// Writes an object that is no pack.
    pub fn write(&self, prefix: &str, plain: &[u8]) -> Result<Id> {
        let (id, sealed) = self.sealed(plain)?;
        self.store.put(&names::of(prefix, &id), sealed.into())?;
        Ok(id)
    }

    /// One of its objects is bad.
    pub fn corrupt(&self, name: &str, why: &str) -> Error {
        corrupt(&self.store, name, why)
    }
}

/// Who waits a short while.
struct Brief {
    until: Duration,
}

impl Watch for Brief {
    fn check(&self) -> Result<()> {
        match boot_time() < self.until {
            true => Ok(()),
            false => Err(Error::new(Code::Timeout, "the store does not answer")),
        }
    }

    fn is_paced(&self) -> bool {
        false
    }

    fn pace_up(&self, _: u64) -> Result<()> {
        Ok(())
    }

    fn pace_down(&self, _: u64) -> Result<()> {
        Ok(())
    }
}

fn require_password(password: &str) -> Result<()> {
    match password.is_empty() {
        true => Err(Error::new(Code::InvalidArgument, "using a repository: its password is empty")),
        false => Ok(()),
    }
}

fn open_key(store: &Store, password: &str) -> Result<MasterKey> {
    let mut found = Vec::new();
    store.list(names::KEYS, &mut |object| {
        found.extend(names::id_in(&object.name).map(|_| object.name));
        Ok(())
    })?;
    // One that is damaged is in nobody's way who has another.
    let mut damaged = None;
    for name in found.iter().take(MOST_KEYS) {
        let Some(object) = named(store, name)? else {
            damaged.get_or_insert_with(|| corrupt(store, name, NOT_WRITTEN));
            continue;
        };
        if let Some(key) = key::open(&object, password)? {
            return Ok(key);
        }
    }
    if let Some(error) = damaged {
        return Err(error);
    }
    let why = match found.len() {
        0 => "it has no key".to_string(),
        1 => "the password does not open its key".to_string(),
        many => format!("the password opens none of its {many} keys"),
    };
    Err(failed(store, Code::Unauthorized, "opening the repository", &why))
}

/// The config and the repository's id in it.
fn read_config(store: &Store, key: &MasterKey, config: Vec<u8>) -> Result<(Vec<u8>, String)> {
    if let Ok(opened) = Config::open(key, &config) {
        return Ok((config, opened.id));
    }
    // Once more: it may have been damaged on its way.
    let config = store.get(names::CONFIG)?;
    let opened = Config::open(key, &config);
    let opened = opened.map_err(|error| {
        Error::new(error.code(), corrupt(store, names::CONFIG, error.message()).message())
    })?;
    Ok((config, opened.id))
}

/// An object that is called by the hash of its bytes; `None`: twice it was none that has this name.
fn named(store: &Store, name: &str) -> Result<Option<Vec<u8>>> {
    for _ in 0..2 {
        let bytes = store.get(name)?;
        if names::id_in(name) == Some(Id::of(&bytes)) {
            return Ok(Some(bytes));
        }
    }
    Ok(None)
}

/// What a damaged object is.
const NOT_WRITTEN: &str = "it is not what was written to it";

fn corrupt(store: &Store, name: &str, why: &str) -> Error {
    Error::new(Code::Corrupt, format!("reading {}/{name}: {why}", store.url()))
}

/// An error about a repository.
pub fn failed(store: &Store, code: Code, doing: &str, why: &str) -> Error {
    Error::new(code, format!("{doing} {}: {why}", store.url()))
}

/// What cannot be.
pub fn internal(error: &dyn std::fmt::Display) -> Error {
    Error::new(Code::Internal, format!("writing what a repository holds: {error}"))
}
