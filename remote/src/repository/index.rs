//! Which blob lies where, in little memory: there may be millions. What an index says counts only where the pack is
//! there and long enough.

use std::collections::{BTreeMap, HashMap};

use hotbackup::{Error, Result};

use super::{Repository, names};
use crate::format::{Id, PackedBlob, read_index};

/// Where a blob lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The number of its pack.
    pub pack_number: u32,
    /// Where in it, in bytes.
    pub offset: u32,
    /// How long it is there.
    pub length: u32,
    /// How long its plain bytes are, if they are compressed there.
    pub uncompressed: Option<u32>,
}

/// One blob. Of its id the first half is enough to tell it from others; all of it is compared once it is read.
#[derive(Clone, Copy)]
struct Entry {
    id: u128,
    pack: u32,
    offset: u32,
    length: u32,
    /// 0: it is not compressed.
    uncompressed: u32,
}

#[derive(Clone, Copy)]
struct Pack {
    id: Id,
    /// Where its last blob ends.
    end: u64,
    /// How long its header is: a pack that lacks a byte of it cannot be indexed anew.
    header: u64,
    /// How long it is; `None`: it is not there.
    size: Option<u64>,
}

impl Pack {
    fn length(&self) -> u64 {
        self.end + self.header
    }

    fn is_whole(&self) -> bool {
        self.size.is_some_and(|size| size >= self.length())
    }
}

/// All blobs, as far as they fit.
#[derive(Default)]
pub struct Index {
    packs: Vec<Pack>,
    entries: Vec<Entry>,
    /// What lies in packs that are not there, or not whole.
    lost: Vec<Entry>,
    is_cut: bool,
}

/// Of a pack's header beside its entries: its seal, and its length.
const HEADER: u64 = 32 + 4;
const ENTRY: u64 = 37;
const COMPRESSED_ENTRY: u64 = 41;

impl Index {
    /// Loads what of the index fits into so many bytes, the newest first, and looks which packs are there. What is left
    /// out counts as absent.
    pub fn load(repository: &Repository, most: u64) -> Result<Self> {
        let mut objects = Vec::new();
        repository.store.list(names::INDEX, &mut |object| {
            objects.push((object.modified, object.name));
            Ok(())
        })?;
        objects.sort_unstable();
        let mut index = Self::default();
        for (_, name) in objects.iter().rev().filter(|(_, name)| names::id_in(name).is_some()) {
            if index.size() >= most {
                index.is_cut = true;
                break;
            }
            index.take(repository, name)?;
        }
        index.find_packs(repository)?;
        index.settle();
        Ok(index)
    }

    /// Whether some of it was left out, because it is too large.
    pub fn is_cut(&self) -> bool {
        self.is_cut
    }

    fn size(&self) -> u64 {
        (self.entries.len() * size_of::<Entry>() + self.packs.len() * size_of::<Pack>()) as u64
    }

    fn take(&mut self, repository: &Repository, name: &str) -> Result<()> {
        let text = repository.read(name)?;
        let mut last: Option<Id> = None;
        let mut take = |pack: &Id, blob: PackedBlob| {
            if last != Some(*pack) {
                last = Some(*pack);
                self.packs.push(Pack { id: *pack, end: 0, header: HEADER, size: None });
            }
            let number = self.packs.len() - 1;
            let known = &mut self.packs[number];
            let end = u64::from(blob.offset) + u64::from(blob.length);
            let header = if blob.uncompressed.is_some() { COMPRESSED_ENTRY } else { ENTRY };
            known.end = known.end.max(end);
            known.header += header;
            self.entries.push(Entry {
                id: half(&blob.id),
                pack: number as u32,
                offset: blob.offset,
                length: blob.length,
                uncompressed: blob.uncompressed.unwrap_or(0),
            });
        };
        read_index(&text, &mut take).map_err(|_| repository.corrupt(name, "it is no index"))
    }

    fn find_packs(&mut self, repository: &Repository) -> Result<()> {
        // A pack may stand in two indexes.
        let mut numbers: HashMap<Id, Vec<u32>> = HashMap::with_capacity(self.packs.len());
        for (number, pack) in self.packs.iter().enumerate() {
            numbers.entry(pack.id).or_default().push(number as u32);
        }
        let packs = &mut self.packs;
        repository.store.list(names::DATA, &mut |object| {
            for number in names::id_in(&object.name).and_then(|id| numbers.get(&id)).into_iter().flatten() {
                packs[*number as usize].size = Some(object.size);
            }
            Ok(())
        })
    }

    /// What lies in packs that are there, and what does not, sorted.
    fn settle(&mut self) {
        let is_there = |entry: &Entry| self.packs[entry.pack as usize].is_whole();
        self.lost = self.entries.iter().filter(|entry| !is_there(entry)).copied().collect();
        self.lost.sort_unstable_by_key(|entry| entry.id);
        self.entries.retain(is_there);
        self.entries.sort_unstable_by_key(|entry| entry.id);
        self.entries.dedup_by_key(|entry| entry.id);
        self.entries.shrink_to_fit();
    }

    /// Where a blob lies; `None`: nowhere, or it is not known.
    pub fn find(&self, id: &Id) -> Option<Place> {
        let at = self.entries.binary_search_by_key(&half(id), |entry| entry.id).ok()?;
        let entry = &self.entries[at];
        Some(Place {
            pack_number: entry.pack,
            offset: entry.offset,
            length: entry.length,
            uncompressed: (entry.uncompressed > 0).then_some(entry.uncompressed),
        })
    }

    /// A pack by its number.
    pub fn pack(&self, number: u32) -> Id {
        self.packs[number as usize].id
    }

    /// Whether a blob is there.
    pub fn has(&self, id: &Id) -> bool {
        self.entries.binary_search_by_key(&half(id), |entry| entry.id).is_ok()
    }

    /// Each pack that should have one of these blobs, none of which is anywhere, with what is wrong with it.
    pub fn lost<'a>(&self, repository: &Repository, blobs: impl Iterator<Item = &'a Id>) -> Vec<Error> {
        let mut packs: BTreeMap<Id, &Pack> = BTreeMap::new();
        for id in blobs.map(half) {
            let first = self.lost.partition_point(|entry| entry.id < id);
            let of_it = self.lost[first..].iter().take_while(|entry| entry.id == id);
            packs.extend(of_it.map(|entry| &self.packs[entry.pack as usize]).map(|pack| (pack.id, pack)));
        }
        let told = packs.into_values().map(|pack| {
            let why = match pack.size {
                Some(size) => format!("it has {size} bytes where the index has {}", pack.length()),
                None => "it is not there".to_string(),
            };
            repository.corrupt(&names::pack(&pack.id), &why)
        });
        told.collect()
    }
}

fn half(id: &Id) -> u128 {
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&id.as_bytes()[..16]);
    u128::from_be_bytes(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_blob_takes_thirty_two_bytes() {
        assert!(size_of::<Entry>() <= 32);
    }
}
