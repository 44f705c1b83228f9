//! Blobs on their way into packs, packs on their way into the store, and the index of those that have arrived, which
//! is the journal of a push that does not come to its end too.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use hotbackup::{Code, Error, Result};

use super::{Index, Repository, internal, names};
use crate::format::{BlobKind, Id, IndexObject, Pack, PackWriter, PackedBlob, SealedBlob};
use crate::store::Pending;

/// How many packs are on their way at once: what bounds a push's memory.
const IN_FLIGHT: usize = 3;

/// An index is written after so many blobs or so long, whichever comes first.
const INDEX_BLOBS: usize = 50_000;
const INDEX_AFTER: Duration = Duration::from_secs(30);

/// What is wrong with an object that a store has taken and lost.
pub const LOST_OBJECT: &str = "the store said it had taken it, and has not";

/// One that is sent again by a push that begins anew.
pub fn lost_object(repository: &Repository, name: &str) -> Error {
    Error::new(Code::Corrupt, format!("looking for {}/{name}: {LOST_OBJECT}", repository.store.url()))
}

/// What a push sends, by many threads.
pub struct Packer<'a> {
    repository: &'a Repository,
    index: &'a Index,
    open: Mutex<Open>,
    flight: Mutex<Flight>,
}

/// Packs that are being filled.
struct Open {
    data: PackWriter,
    tree: PackWriter,
    /// Blobs of this push, sent or on their way.
    known: HashSet<Id>,
}

/// Packs on their way, and those that have arrived.
struct Flight {
    packs: VecDeque<(Id, u64, Vec<PackedBlob>, Pending)>,
    arrived: IndexObject,
    arrived_blobs: usize,
    index_due: Instant,
    /// All objects of this push and their lengths.
    objects: HashMap<String, u64>,
    /// Each is read again before an index names it.
    is_read_back: bool,
}

impl<'a> Packer<'a> {
    /// Beside what the index has.
    pub fn new(repository: &'a Repository, index: &'a Index, is_read_back: bool) -> Self {
        let open = Open {
            data: PackWriter::new(BlobKind::Data),
            tree: PackWriter::new(BlobKind::Tree),
            known: HashSet::new(),
        };
        let flight = Flight {
            packs: VecDeque::new(),
            arrived: IndexObject::default(),
            arrived_blobs: 0,
            index_due: Instant::now() + INDEX_AFTER,
            objects: HashMap::new(),
            is_read_back,
        };
        Self { repository, index, open: Mutex::new(open), flight: Mutex::new(flight) }
    }

    /// Whether a blob need not be sent. Who is told that it does sends it: nobody else will.
    pub fn claims(&self, id: &Id) -> bool {
        !self.index.has(id) && lock(&self.open).known.insert(*id)
    }

    /// Takes a blob that was claimed, and sends a pack once it is full.
    pub fn add(&self, blob: SealedBlob) -> Result<()> {
        let full = {
            let mut open = lock(&self.open);
            let kind = blob.kind;
            let writer = open.writer(kind);
            writer.add(blob)?;
            writer.is_full().then(|| std::mem::replace(writer, PackWriter::new(kind)))
        };
        full.map_or(Ok(()), |writer| self.send(writer))
    }

    fn send(&self, writer: PackWriter) -> Result<()> {
        let Pack { id, bytes, blobs } = writer.finish(&self.repository.key);
        let length = bytes.len() as u64;
        let mut flight = lock(&self.flight);
        while flight.packs.len() >= IN_FLIGHT {
            flight.land()?;
        }
        let pending = self.repository.store.put_later(&names::pack(&id), bytes.into())?;
        flight.packs.push_back((id, length, blobs, pending));
        if flight.arrived_blobs >= INDEX_BLOBS || Instant::now() >= flight.index_due {
            flight.write_index(self.repository)?;
        }
        Ok(())
    }

    /// Sends what is left, and waits until all of it has arrived and is in an index.
    pub fn barrier(&self) -> Result<()> {
        let writers = {
            let mut open = lock(&self.open);
            [BlobKind::Data, BlobKind::Tree]
                .map(|kind| std::mem::replace(open.writer(kind), PackWriter::new(kind)))
        };
        for writer in writers.into_iter().filter(|writer| !writer.is_empty()) {
            self.send(writer)?;
        }
        lock(&self.flight).write_index(self.repository)
    }

    /// All objects of this push, and how long each is.
    pub fn objects(&self) -> Vec<(String, u64)> {
        lock(&self.flight).objects.iter().map(|(name, length)| (name.clone(), *length)).collect()
    }
}

impl Open {
    fn writer(&mut self, kind: BlobKind) -> &mut PackWriter {
        match kind {
            BlobKind::Data => &mut self.data,
            BlobKind::Tree => &mut self.tree,
        }
    }
}

impl Flight {
    /// Waits for the oldest pack.
    fn land(&mut self) -> Result<()> {
        let Some((id, length, blobs, pending)) = self.packs.pop_front() else { return Ok(()) };
        pending.wait()?;
        self.objects.insert(names::pack(&id), length);
        self.arrived_blobs += blobs.len();
        self.arrived.packs.push((id, blobs));
        Ok(())
    }

    /// Once all packs have arrived that it names.
    fn write_index(&mut self, repository: &Repository) -> Result<()> {
        while !self.packs.is_empty() {
            self.land()?;
        }
        self.index_due = Instant::now() + INDEX_AFTER;
        if self.arrived.packs.is_empty() {
            return Ok(());
        }
        // No index may name a pack that is not there: restic counts on what it says.
        for (id, _) in &self.arrived.packs {
            let name = names::pack(id);
            let found = repository.store.find(&name)?.map(|object| object.size);
            let is_other =
                || Ok::<_, Error>(self.is_read_back && Id::of(&repository.store.get(&name)?) != *id);
            if found != self.objects.get(&name).copied() || is_other()? {
                return Err(lost_object(repository, &name));
            }
        }
        let text = self.arrived.to_json().map_err(|error| internal(&error))?;
        let (id, sealed) = repository.sealed(&text)?;
        let (name, length) = (names::of(names::INDEX, &id), sealed.len() as u64);
        repository.store.put(&name, sealed.into())?;
        self.objects.insert(name, length);
        self.arrived = IndexObject::default();
        self.arrived_blobs = 0;
        Ok(())
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
