//! Copying: what cannot wait inside the window, all else after it.

use std::collections::HashMap;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering::Relaxed;

use parking_lot::Mutex;

use super::Backup;
use super::finish::{Contents, Saved};
use super::list::Listed;
use super::window::{Captured, Look};
use crate::error::{Code, Error, Result};
use crate::io::checksum::{self, Checksum};
use crate::io::copy::{Named, Pace, copy_range};
use crate::io::pool;
use crate::layout::FileClass;
use crate::snapshot::{Attributes, FileEntry, SourceId, has_room, keeps_reserve};
use crate::sys::dir::Stat;
use crate::sys::file;

/// The first bytes of a `pinned` file, which hold every meta page.
const HEAD: u64 = 256 << 10;

/// How much of an `append_only` file is compared at both ends of what was captured.
const BLOCK: u64 = 4 << 10;

/// A clone costs about as much as copying so many bytes.
const CLONE_FROM: u64 = 64 << 10;

/// What the window caught of one file.
pub enum Early {
    /// All of a mutable file is staged.
    Copied { length: u64, checksum: Checksum },
    /// It shares its blocks with the source, and its checksum is still to be read.
    Cloned { length: u64 },
    /// The head of a pinned file is staged; the rest follows, up to this length.
    Head { length: u64, checksum: Checksum },
    /// The length of a log, and the blocks at both ends of it.
    Prefix { length: u64, first: Vec<u8>, last: Vec<u8> },
}

impl Backup<'_> {
    /// Copies what cannot wait. A file that changes meanwhile tears the look.
    pub(super) fn copy_early(&self, look: &mut Look) -> Result<HashMap<PathBuf, Early>> {
        let files: Vec<&Listed> =
            look.listing.files.iter().filter(|file| look.stats.contains_key(&file.path)).collect();
        let caught = Mutex::new(HashMap::new());
        let torn = Mutex::new(None);
        // Copied anew in each round: counted anew too.
        self.monitor.counters.bytes_done.store(0, Relaxed);
        self.monitor.counters.bytes_copied.store(0, Relaxed);
        self.monitor.counters.bytes_cloned.store(0, Relaxed);
        self.monitor.counters.bytes_holes.store(0, Relaxed);
        pool::for_each(self.threads, &files, |file, buffer| {
            let source = self.sources[file.source].dir.full(&file.relative);
            self.monitor.doing(|| format!("copying {}", crate::error::show(&source)));
            match self.copy_one_early(file, &source, look.stats[&file.path], buffer) {
                Ok(Some(early)) => {
                    caught.lock().insert(file.path.clone(), early);
                    Ok(())
                }
                Ok(None) => {
                    torn.lock().get_or_insert_with(|| file.path.clone());
                    Ok(())
                }
                // It shrank under the copy.
                Err(error) if error.code() == Code::SourceChanged => {
                    torn.lock().get_or_insert_with(|| file.path.clone());
                    Ok(())
                }
                Err(error) => Err(error),
            }
        })?;
        if let Some(path) = torn.into_inner() {
            look.tear(&path);
        }
        Ok(caught.into_inner())
    }

    /// `None`: another file has the name now.
    fn copy_one_early(
        &self,
        file: &Listed,
        source: &Path,
        stat: Stat,
        buffer: &mut [u8],
    ) -> Result<Option<Early>> {
        let length = file.limit.unwrap_or(stat.size);
        match file.class {
            FileClass::AppendOnly => {
                let pinned = self.open_pinned(file, source)?;
                let first = block(&pinned, source, 0..length.min(BLOCK))?;
                let last = block(&pinned, source, length.saturating_sub(BLOCK)..length)?;
                Ok(Some(Early::Prefix { length, first, last }))
            }
            FileClass::Pinned => {
                let pinned = self.open_pinned(file, source)?;
                let checksum = self.stage(&pinned, source, &file.path, length.min(HEAD), buffer)?;
                Ok(Some(Early::Head { length, checksum }))
            }
            _ => self.copy_mutable(file, source, stat, length, buffer),
        }
    }

    fn copy_mutable(
        &self,
        file: &Listed,
        source: &Path,
        stat: Stat,
        length: u64,
        buffer: &mut [u8],
    ) -> Result<Option<Early>> {
        let opened = match self.sources[file.source].dir.open_file(&file.relative) {
            Err(error) if is_gone(&error) => return Ok(None),
            other => other.map_err(|error| Error::io("opening", source, error))?,
        };
        let now = Stat::of(&opened).map_err(|error| Error::io("looking at", source, error))?;
        if (now.device, now.inode, now.kind) != (stat.device, stat.inode, stat.kind) {
            return Ok(None);
        }
        // A clone is of all that the file has at that instant.
        if length >= CLONE_FROM && length == stat.size && self.clone_one(&opened, source, file, length)? {
            return Ok(Some(Early::Cloned { length }));
        }
        let checksum = self.stage(&opened, source, &file.path, length, buffer)?;
        Ok(Some(Early::Copied { length, checksum }))
    }

    fn clone_one(&self, opened: &File, source: &Path, file: &Listed, length: u64) -> Result<bool> {
        let staged = self.staging.create(&file.path, 0o600)?;
        if !file::clone(opened, &staged).map_err(|error| Error::io("cloning", source, error))? {
            return Ok(false);
        }
        let cloned = Stat::of(&staged).map_err(|error| Error::io("looking at", source, error))?;
        if cloned.size != length {
            return Err(Error::at(Code::SourceChanged, "cloning", source, "its size changed"));
        }
        self.monitor.counters.bytes_cloned.fetch_add(length, Relaxed);
        Ok(true)
    }

    /// Copies the first bytes of an open file to its place in the staging.
    fn stage(
        &self,
        from: &File,
        source: &Path,
        path: &Path,
        length: u64,
        buffer: &mut [u8],
    ) -> Result<Checksum> {
        let pace = if self.host.has_freeze() { Pace::Full } else { Pace::Limited };
        let staged = self.staging.create(path, 0o600)?;
        let to = self.staging.dir.full(path);
        let mut checksum = Checksum::default();
        let (from, to) = (Named { file: from, path: source }, Named { file: &staged, path: &to });
        copy_range(from, to, 0..length, pace, &mut checksum, buffer, self.monitor)?;
        Ok(checksum)
    }

    /// A clone first flushes the source's dirty pages: better ahead of the window than in it.
    pub(super) fn write_back_what_will_be_cloned(&self, look: &Look) {
        let mutable = look.listing.files.iter().filter(|file| file.class == FileClass::Mutable);
        let large =
            mutable.filter(|file| look.stats.get(&file.path).is_some_and(|stat| stat.size >= CLONE_FROM));
        for (index, file) in large.enumerate() {
            let Ok(opened) = self.sources[file.source].dir.open_file(&file.relative) else { continue };
            // Whether this file system clones is known after the first.
            if index == 0 && !self.clones(&opened, file) {
                return;
            }
            // A hint: the clone itself reports what cannot be written.
            let _ = opened.sync_data();
        }
    }

    fn clones(&self, opened: &File, file: &Listed) -> bool {
        let probe = self.staging.create(&file.path, 0o600);
        let works = probe.is_ok_and(|staged| file::clone(opened, &staged).unwrap_or(false));
        let _ = self.staging.forget(&file.path);
        works
    }

    /// After the window: copies what could wait, and completes all that is staged.
    pub(super) fn copy(&mut self, captured: Captured) -> Result<Contents> {
        let root = &self.prepared.root.dir;
        has_room(
            root,
            self.room_needed(&captured),
            self.plan.options.min_free,
            "making room for a snapshot in",
        )?;
        let saved = Mutex::new(Vec::with_capacity(captured.files.len()));
        let reserve = Reserve::default();
        pool::for_each(self.threads, &captured.files, |file, buffer| {
            self.monitor.check()?;
            reserve.keep(self)?;
            match self.complete(file, &captured, buffer)? {
                Some(entry) => saved.lock().push(entry),
                None => {
                    self.monitor.counters.files_left_out.fetch_add(1, Relaxed);
                }
            }
            self.monitor.counters.files_done.fetch_add(1, Relaxed);
            Ok(())
        })?;
        let mut saved = saved.into_inner();
        for (path, bytes) in &captured.bytes {
            saved.push(self.save_bytes(path, bytes)?);
            self.monitor.counters.files_done.fetch_add(1, Relaxed);
        }
        for link in &captured.links {
            self.staging.link(link)?;
        }
        self.drop_strays(&saved)?;
        let mut directories = captured.directories;
        self.add_parents(&saved, &mut directories)?;
        Ok(Contents { saved, directories, links: captured.links })
    }

    /// What is still to be written: of files with holes only what they hold.
    fn room_needed(&self, captured: &Captured) -> u64 {
        let waits = |file: &&Listed| {
            !matches!(captured.early.get(&file.path), Some(Early::Copied { .. } | Early::Cloned { .. }))
        };
        let size = |file: &Listed| {
            let pinned = self.sources[file.source].pins.get(&file.relative).map(|pin| pin.stat);
            captured.stats.get(&file.path).copied().or(pinned).map_or(0, |stat| stat.size.min(stat.allocated))
        };
        captured.files.iter().filter(waits).map(size).fold(0, u64::saturating_add)
    }

    /// `None`: an unfinished file, which is left out.
    fn complete(&self, file: &Listed, captured: &Captured, buffer: &mut [u8]) -> Result<Option<Saved>> {
        let source = self.sources[file.source].dir.full(&file.relative);
        let stat = captured.stats.get(&file.path);
        let saved = match (captured.early.get(&file.path), stat) {
            (Some(Early::Copied { length, checksum }), Some(stat)) => {
                let staged = self.staging.reopen(&file.path)?;
                self.save(file, staged, *length, checksum.value(), stat)?
            }
            (Some(Early::Cloned { length }), Some(stat)) => {
                let staged = self.staging.reopen(&file.path)?;
                let path = self.staging.dir.full(&file.path);
                let from = Named { file: &staged, path: &path };
                let done = |bytes| self.monitor.copied(bytes);
                let crc32 = crate::io::copy::checksum(from, *length, buffer, self.monitor, done)?;
                self.save(file, staged, *length, crc32, stat)?
            }
            (Some(Early::Head { length, checksum }), Some(stat)) => {
                let pinned = self.open_pinned(file, &source)?;
                let staged = self.staging.reopen(&file.path)?;
                let mut checksum = checksum.clone();
                let rest = (*length).min(HEAD)..*length;
                self.copy_rest(&pinned, &source, &staged, &file.path, rest, &mut checksum, buffer)?;
                self.save(file, staged, *length, checksum.value(), stat)?
            }
            (Some(Early::Prefix { length, first, last }), Some(stat)) => {
                self.copy_log(file, &source, stat, *length, [first, last], buffer)?
            }
            _ => match self.copy_immutable(file, &source, buffer)? {
                Some(saved) => saved,
                None => return Ok(None),
            },
        };
        self.sources[file.source].pins.release(&file.relative)?;
        Ok(Some(saved))
    }

    fn copy_log(
        &self,
        file: &Listed,
        source: &Path,
        stat: &Stat,
        length: u64,
        [first, last]: [&Vec<u8>; 2],
        buffer: &mut [u8],
    ) -> Result<Saved> {
        let pinned = self.open_pinned(file, source)?;
        let staged = self.staging.create(&file.path, stat.mode)?;
        let mut checksum = Checksum::default();
        self.copy_rest(&pinned, source, &staged, &file.path, 0..length, &mut checksum, buffer)?;
        let unchanged = block(&pinned, source, 0..length.min(BLOCK))? == *first
            && block(&pinned, source, length.saturating_sub(BLOCK)..length)? == *last;
        if !unchanged {
            let why = "it was written to below its length, which an append_only file never is";
            return Err(Error::at(Code::SourceChanged, "copying", source, why));
        }
        self.save(file, staged, length, checksum.value(), stat)
    }

    fn copy_immutable(&self, file: &Listed, source: &Path, buffer: &mut [u8]) -> Result<Option<Saved>> {
        let failed = |error| Error::io("looking at", source, error);
        let pinned = self.open_pinned(file, source)?;
        let unfinished_ok = matches!(file.class, FileClass::Immutable { unfinished_ok: true });
        let opened = Stat::of(&pinned).map_err(failed)?;
        // One finished after it was pinned is live: for such files a stat from before the window
        // closed says nothing.
        let reference = match self.sources[file.source].pins.get(&file.relative) {
            Some(pin) if !unfinished_ok => pin.stat,
            _ => opened,
        };
        let length = file.limit.unwrap_or(reference.size);
        let staged = self.staging.create(&file.path, opened.mode)?;
        let mut checksum = Checksum::default();
        let copied = self.copy_rest(&pinned, source, &staged, &file.path, 0..length, &mut checksum, buffer);
        let now = Stat::of(&pinned).map_err(failed)?;
        if unfinished_ok && now.size != reference.size {
            self.staging.forget(&file.path)?;
            return Ok(None);
        }
        copied?;
        if !unfinished_ok && (now.size, now.mtime_ns) != (reference.size, reference.mtime_ns) {
            let why = "it changed after it was pinned, which an immutable file never does";
            return Err(Error::at(Code::SourceChanged, "copying", source, why));
        }
        self.save(file, staged, length, checksum.value(), &now).map(Some)
    }

    #[allow(clippy::too_many_arguments)] // two files, their paths, and what goes between them
    fn copy_rest(
        &self,
        from: &File,
        source: &Path,
        staged: &File,
        path: &Path,
        range: std::ops::Range<u64>,
        checksum: &mut Checksum,
        buffer: &mut [u8],
    ) -> Result<()> {
        let to = self.staging.dir.full(path);
        let (from, to) = (Named { file: from, path: source }, Named { file: staged, path: &to });
        copy_range(from, to, range, Pace::Limited, checksum, buffer, self.monitor)
    }

    fn save(&self, file: &Listed, staged: File, size: u64, crc32: u32, stat: &Stat) -> Result<Saved> {
        let attributes = Attributes::of(stat);
        let mtime_ns = self.staging.finish(&file.path, staged, Some(&attributes))?;
        let entry = FileEntry {
            path: file.path.clone(),
            size,
            crc32,
            class: Some(file.class),
            attributes: Some(attributes),
            source: Some(SourceId { device: stat.device, inode: stat.inode }),
        };
        Ok(Saved { entry, mtime_ns })
    }

    /// A file that the host made for the snapshot gets what a new file in its directory would.
    fn save_bytes(&self, path: &Path, bytes: &[u8]) -> Result<Saved> {
        let top = self.top_stat()?;
        let staged = self.staging.create(path, 0o600)?;
        staged
            .write_all_at(bytes, 0)
            .map_err(|error| Error::io("writing", &self.staging.dir.full(path), error))?;
        let attributes = Attributes {
            mode: top.mode & 0o666 | 0o600,
            uid: top.uid,
            gid: top.gid,
            mtime_ns: crate::sys::clock::wall_ns(),
        };
        let mtime_ns = self.staging.finish(path, staged, Some(&attributes))?;
        self.monitor.copied(bytes.len() as u64);
        let entry = FileEntry {
            path: path.to_path_buf(),
            size: bytes.len() as u64,
            crc32: checksum::of(bytes),
            class: Some(FileClass::IMMUTABLE),
            attributes: Some(attributes),
            source: None,
        };
        Ok(Saved { entry, mtime_ns })
    }

    fn open_pinned(&self, file: &Listed, source: &Path) -> Result<File> {
        self.sources[file.source].pins.read(&file.relative, source)
    }
}

/// The bytes of a range that must be there.
fn block(file: &File, path: &Path, range: std::ops::Range<u64>) -> Result<Vec<u8>> {
    let mut bytes = vec![0; (range.end - range.start) as usize];
    let read =
        file::read_at(file, &mut bytes, range.start).map_err(|error| Error::io("reading", path, error))?;
    if read < bytes.len() {
        let why = format!("it ends before byte {}, though it was that long", range.end);
        return Err(Error::at(Code::SourceChanged, "reading", path, why));
    }
    Ok(bytes)
}

/// The name is gone, or something else has taken it.
fn is_gone(error: &std::io::Error) -> bool {
    crate::sys::dir::is_absent(error) || matches!(error.raw_os_error(), Some(libc::ELOOP | libc::ENXIO))
}

/// Looks at the free space now and then.
#[derive(Default)]
struct Reserve(Mutex<Option<std::time::Instant>>);

impl Reserve {
    fn keep(&self, backup: &Backup<'_>) -> Result<()> {
        let now = std::time::Instant::now();
        let mut last = self.0.lock();
        if last.is_some_and(|last| now - last < std::time::Duration::from_millis(100)) {
            return Ok(());
        }
        *last = Some(now);
        drop(last);
        let reserve = backup.plan.options.min_free;
        keeps_reserve(&backup.prepared.root.dir, reserve)?;
        backup.sources.iter().try_for_each(|source| keeps_reserve(&source.dir, reserve))
    }
}
