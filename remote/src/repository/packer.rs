//! Blobs on their way into packs, packs on their way into the store, and the index of those that have arrived, which
//! is the journal of a push that does not come to its end too.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use hotbackup::{Code, Error, Result};

use super::{Index, Repository, internal, names};
use crate::format::{BlobKind, Id, IndexObject, Pack, PackWriter, PackedBlob, SealedBlob};
use crate::store::Pending;

/// How many packs are on their way at once: what bounds a push's memory.
const IN_FLIGHT: usize = 2;

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
    packs: VecDeque<Sent>,
    /// That of the pack that has arrived last, for the next one: packs of many threads, each made anew, would leave
    /// holes of their size in the memory.
    buffer: Option<Vec<u8>>,
    arrived: IndexObject,
    arrived_blobs: usize,
    index_due: Instant,
    /// All objects of this push and their lengths.
    objects: HashMap<String, u64>,
    /// Each is read again before an index names it.
    is_read_back: bool,
}

/// A pack on its way.
struct Sent {
    id: Id,
    bytes: Bytes,
    blobs: Vec<PackedBlob>,
    pending: Pending,
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
            buffer: None,
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
        let mut open = lock(&self.open);
        let kind = blob.kind;
        let writer = open.writer(kind);
        writer.add(blob)?;
        match writer.is_full() {
            // Nobody fills the next one before this one is on its way: full packs that wait would add up.
            true => {
                let buffer = self.send(std::mem::replace(writer, PackWriter::new(kind)))?;
                buffer.into_iter().for_each(|buffer| writer.fill(buffer));
                Ok(())
            }
            false => Ok(()),
        }
    }

    /// Returns a buffer for the next one, if there is one.
    fn send(&self, writer: PackWriter) -> Result<Option<Vec<u8>>> {
        let Pack { id, bytes, blobs } = writer.finish(&self.repository.key);
        let bytes = Bytes::from(bytes);
        let mut flight = lock(&self.flight);
        while flight.packs.len() >= IN_FLIGHT {
            flight.land()?;
        }
        let pending = self.repository.store.put_later(&names::pack(&id), bytes.clone())?;
        flight.packs.push_back(Sent { id, bytes, blobs, pending });
        if flight.arrived_blobs >= INDEX_BLOBS || Instant::now() >= flight.index_due {
            flight.write_index(self.repository)?;
        }
        Ok(flight.buffer.take())
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
        let Some(Sent { id, bytes, blobs, pending }) = self.packs.pop_front() else { return Ok(()) };
        pending.wait()?;
        self.objects.insert(names::pack(&id), bytes.len() as u64);
        self.buffer = bytes.try_into_mut().ok().map(Vec::from);
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
        let packs = || self.arrived.packs.iter().map(|(id, _)| (*id, names::pack(id)));
        for (id, name) in packs().filter(|_| self.is_read_back) {
            if Id::of(&repository.store.get(&name)?) != id {
                return Err(lost_object(repository, &name));
            }
        }
        // No index may name a pack that is not there: restic counts on what it says.
        let length = |name: &str| self.objects.get(name).copied().unwrap_or_default();
        let named: Vec<_> = packs().map(|(_, name)| (name.clone(), length(&name))).collect();
        let text = self.arrived.to_json().map_err(|error| internal(&error))?;
        let (id, sealed) = repository.sealed(&text)?;
        let (name, length) = (names::of(names::INDEX, &id), sealed.len() as u64);
        if let Some(missing) = repository.store.put_after(&name, sealed.into(), named)? {
            return Err(lost_object(repository, &missing));
        }
        self.objects.insert(name, length);
        self.arrived = IndexObject::default();
        self.arrived_blobs = 0;
        Ok(())
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
