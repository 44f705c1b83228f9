//! The stored files of a root, each once however many snapshots share it, and when each was last read back.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use uuid::Uuid;

use crate::error::{Code, Error, Result};
use crate::io::read_back::Expected;
use crate::monitor::Monitor;
use crate::root::holders::origin_of;
use crate::root::ledger::{Ledger, StoredFile, times_of_files};
use crate::root::names::{name_of, snapshot_numbers};
use crate::snapshot::{FileEntry, Manifest, VerifyLevel, read};
use crate::sys::dir::Dir;
use crate::sys::memory;

/// All stored files of a root.
pub struct Stored<'r> {
    root: &'r Dir,
    /// The snapshots, the newest first, with their ids.
    snapshots: Vec<(u64, String)>,
    files: Vec<Record>,
    places: HashMap<StoredFile, u32>,
    origins: Vec<Uuid>,
    /// All paths, one after the other.
    paths: Vec<u8>,
    /// Snapshots whose manifests cannot be read.
    pub unreadable: Vec<Error>,
}

/// A file as it is remembered.
struct Record {
    file: StoredFile,
    /// When it was last read back and was good, in milliseconds since 1970; 0: never, or it was bad.
    read_ms: u64,
    level: VerifyLevel,
    size: u64,
    crc32: u32,
    /// The newest snapshot that has it.
    snapshot: u32,
    origin: u32,
    path: (usize, u32),
}

/// A file that is to be read.
pub struct Wanted<'s> {
    /// What it is called in the ledger.
    pub file: StoredFile,
    /// The number of the newest snapshot that has it.
    pub snapshot: u64,
    /// For which snapshot its bytes were read from their source.
    pub origin: Uuid,
    /// What it is to be.
    pub expected: Expected<'s>,
}

impl<'r> Stored<'r> {
    /// Those of a root as it is now. A snapshot that is deleted meanwhile has none.
    pub fn of(root: &'r Dir, now_ms: u64, monitor: &Monitor) -> Result<Self> {
        let mut stored = Self {
            root,
            snapshots: Vec::new(),
            files: Vec::new(),
            places: HashMap::new(),
            origins: Vec::new(),
            paths: Vec::new(),
            unreadable: Vec::new(),
        };
        let (ledger, times) = (Ledger::of(root), times_of_files(root));
        let mut numbers = snapshot_numbers(root)?;
        numbers.sort_unstable_by(|a, b| b.cmp(a));
        for number in numbers {
            monitor.check()?;
            match stored.manifest(number) {
                Ok(Some(manifest)) => stored.add(number, &manifest, &ledger)?,
                Ok(None) => {}
                Err(error) => stored.unreadable.push(error),
            }
        }
        for record in &mut stored.files {
            if let Some((at_ms, level)) = times.get(&record.file)
                && *at_ms > record.read_ms
            {
                (record.read_ms, record.level) = (*at_ms, *level);
            }
            // A time that is still to come is that of another clock.
            if ledger.is_bad(record.file) || record.read_ms > now_ms {
                record.read_ms = 0;
            }
        }
        Ok(stored)
    }

    fn manifest(&self, number: u64) -> Result<Option<Manifest>> {
        let name = name_of(number);
        let read = self
            .root
            .open_dir(Path::new(&name))
            .map_err(|error| Error::io("opening the snapshot", &self.root.full(Path::new(&name)), error));
        match read.and_then(|snapshot| read_manifest(&snapshot)) {
            Ok(manifest) => Ok(Some(manifest)),
            Err(_) if matches!(self.root.find(Path::new(&name)), Ok(None)) => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn add(&mut self, number: u64, manifest: &Manifest, ledger: &Ledger) -> Result<()> {
        let no_room = |error| Error::io("listing the files of", self.root.path(), error);
        memory::require_room(manifest.files.len() * 2 * size_of::<Record>()).map_err(no_room)?;
        let name = name_of(number);
        let id = manifest.id.map_or_else(|| name.clone(), |id| id.to_string());
        let known = ledger.known_of(&name, &id).verified;
        let by_ledger = known.map_or((0, VerifyLevel::None), |known| (ms_of(known.at), known.level));
        let at_backup = manifest.verify.filter(|level| *level >= VerifyLevel::Checksum);
        let snapshot = self.snapshots.len() as u32;
        self.snapshots.push((number, id));
        for entry in manifest.files.iter() {
            let by_manifest = match entry.shared {
                Some(shared) => (shared.verified_at_ms, VerifyLevel::Media),
                None => at_backup.map_or((0, VerifyLevel::None), |level| (manifest.finished_at_ms, level)),
            };
            self.meet(origin_of(manifest, number, &entry), &entry, snapshot, by_manifest.max(by_ledger));
        }
        Ok(())
    }

    /// A file of a snapshot, which may have been met in a newer one.
    fn meet(&mut self, origin: Uuid, entry: &FileEntry<&Path>, snapshot: u32, read: (u64, VerifyLevel)) {
        let file = StoredFile::of(origin, entry.path);
        if let Some(place) = self.places.get(&file) {
            let record = &mut self.files[*place as usize];
            (record.read_ms, record.level) = (record.read_ms, record.level).max(read);
            return;
        }
        let origin = match self.origins.iter().rposition(|known| *known == origin) {
            Some(at) => at,
            None => {
                self.origins.push(origin);
                self.origins.len() - 1
            }
        };
        let path = entry.path.as_os_str().as_bytes();
        self.places.insert(file, self.files.len() as u32);
        self.files.push(Record {
            file,
            read_ms: read.0,
            level: read.1,
            size: entry.size,
            crc32: entry.crc32,
            snapshot,
            origin: origin as u32,
            path: (self.paths.len(), path.len() as u32),
        });
        self.paths.extend_from_slice(path);
    }

    /// The places of all, those first that were not read for the longest time.
    pub fn oldest_first(&self) -> Vec<u32> {
        let mut order: Vec<u32> = (0..self.files.len() as u32).collect();
        order.sort_by_key(|place| (self.files[*place as usize].read_ms, *place));
        order
    }

    /// A file.
    pub fn at(&self, place: u32) -> Wanted<'_> {
        let record = &self.files[place as usize];
        let (start, length) = record.path;
        let path = Path::new(OsStr::from_bytes(&self.paths[start..start + length as usize]));
        Wanted {
            file: record.file,
            snapshot: self.snapshots[record.snapshot as usize].0,
            origin: self.origins[record.origin as usize],
            expected: Expected { path, size: record.size, crc32: record.crc32 },
        }
    }

    /// Whether there is such a file.
    pub fn has(&self, file: StoredFile) -> bool {
        self.places.contains_key(&file)
    }

    /// A file was read and is good.
    pub fn was_read(&mut self, place: u32, at_ms: u64, level: VerifyLevel) {
        let record = &mut self.files[place as usize];
        (record.read_ms, record.level) = (at_ms, level);
    }

    /// A file is bad.
    pub fn is_bad(&mut self, place: u32) {
        self.files[place as usize].read_ms = 0;
    }

    /// Each snapshot whose files were all read, by its name and its id: when that of them was which was not for the
    /// longest time, and the least of the levels.
    pub fn snapshots_read(&self, monitor: &Monitor) -> Result<Vec<(String, String, u64, VerifyLevel)>> {
        let mut all = Vec::new();
        for (number, id) in &self.snapshots {
            monitor.check()?;
            let Ok(Some(manifest)) = self.manifest(*number) else { continue };
            let read = manifest.files.iter().map(|entry| {
                let file = StoredFile::of(origin_of(&manifest, *number, &entry), entry.path);
                self.places.get(&file).map_or((0, VerifyLevel::None), |place| {
                    let record = &self.files[*place as usize];
                    (record.read_ms, record.level)
                })
            });
            let least = read.reduce(|a, b| (a.0.min(b.0), a.1.min(b.1)));
            if let Some((oldest, level)) = least.filter(|(oldest, _)| *oldest > 0) {
                all.push((name_of(*number), id.clone(), oldest, level));
            }
        }
        Ok(all)
    }
}

fn read_manifest(snapshot: &Dir) -> Result<Manifest> {
    read(snapshot).map_err(|error| match error.code() {
        // A directory of that name without one is no snapshot that is whole.
        Code::NotFound => error.code_is(Code::Corrupt),
        _ => error,
    })
}

fn ms_of(at: std::time::SystemTime) -> u64 {
    at.duration_since(std::time::UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64)
}
