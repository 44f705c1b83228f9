//! Copying after the window: what could wait, and the completion of what could not.

use std::fs::File;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::atomic::Ordering::Relaxed;

use crate::sync::Mutex;

use super::Backup;
use super::early::{BLOCK, Early, HEAD, block};
use super::finish::{Contents, Saved};
use super::list::Listed;
use super::reserve::Reserve;
use super::window::Captured;
use crate::error::{Code, Error, Result};
use crate::io::checksum::{self, Checksum};
use crate::io::copy::{Named, Pace, copy_range};
use crate::io::pool;
use crate::layout::FileClass;
use crate::snapshot::{Attributes, FileEntry, SourceId};
use crate::sys::dir::Stat;
use crate::sys::file;

impl Backup<'_> {
    /// After the window: copies what could wait, and completes all that is staged.
    pub(super) fn copy(&mut self, captured: Captured) -> Result<Contents> {
        self.has_room_for_the_copy(&captured)?;
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
                let pinned = self.open_pinned(file)?;
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
        let pinned = self.open_pinned(file)?;
        self.has_not_shrunk(file, &pinned, source, length)?;
        let staged = self.staging.create(&file.path, stat.mode)?;
        let mut checksum = Checksum::default();
        self.copy_rest(&pinned, source, &staged, &file.path, 0..length, &mut checksum, buffer)?;
        let now = self.has_not_shrunk(file, &pinned, source, length)?;
        self.has_not_been_punched(&pinned, source, length, stat, &now)?;
        let unchanged = block(&pinned, source, 0..length.min(BLOCK))? == *first
            && block(&pinned, source, length.saturating_sub(BLOCK)..length)? == *last;
        if !unchanged {
            let why = "it was written to below its length, which an append_only file never is";
            return Err(Error::at(Code::SourceChanged, "copying", source, why));
        }
        self.save(file, staged, length, checksum.value(), stat)
    }

    fn copy_immutable(&self, file: &Listed, source: &Path, buffer: &mut [u8]) -> Result<Option<Saved>> {
        let pinned = self.open_pinned(file)?;
        let unfinished_ok = matches!(file.class, FileClass::Immutable { unfinished_ok: true });
        let opened = self.has_not_shrunk(file, &pinned, source, 0)?;
        // One finished after it was pinned is live: for such files a stat from before the window
        // closed says nothing, but for what it cannot have lost since.
        let reference = match self.sources[file.source].pins.get(&file.relative) {
            Some(pin) if !unfinished_ok => pin.stat,
            _ => opened,
        };
        let length = file.limit.unwrap_or(reference.size);
        let staged = self.staging.create(&file.path, opened.mode)?;
        let mut checksum = Checksum::default();
        self.copy_rest(&pinned, source, &staged, &file.path, 0..length, &mut checksum, buffer)?;
        let now = self.has_not_shrunk(file, &pinned, source, reference.size)?;
        if let Some(pin) = self.sources[file.source].pins.get(&file.relative)
            && pin.stat.size == now.size
        {
            self.has_not_been_punched(&pinned, source, now.size, &pin.stat, &now)?;
        }
        let has_grown = now.size > reference.size && file.limit.is_none();
        if unfinished_ok && has_grown && !file.named {
            // Only what grows is still being built.
            self.staging.forget(&file.path)?;
            return Ok(None);
        }
        if has_grown || !unfinished_ok && (now.size, now.mtime_ns) != (reference.size, reference.mtime_ns) {
            let why = "it changed after it was pinned, which an immutable file never does";
            return Err(Error::at(Code::SourceChanged, "copying", source, why));
        }
        self.save(file, staged, length, checksum.value(), &now).map(Some)
    }

    /// The stat of a pinned file. One that is shorter than it ever was, or than `length`, has been
    /// truncated: no building, and no promise allows it.
    fn has_not_shrunk(&self, file: &Listed, pinned: &File, source: &Path, length: u64) -> Result<Stat> {
        let now = Stat::of(pinned).map_err(|error| Error::io("looking at", source, error))?;
        let most = self.sources[file.source].pins.get(&file.relative).map_or(0, |pin| pin.most).max(length);
        if now.size >= most {
            return Ok(now);
        }
        self.shrank.store(true, Relaxed);
        let why = format!("it has {} bytes, and had {most} when it was captured", now.size);
        Err(Error::at(Code::SourceChanged, "copying", source, why))
    }

    /// A file that had blocks for all of its bytes, has given some back, and has holes now was punched: it is
    /// as one that was truncated, but for its length. (Compression gives blocks back and leaves no hole.)
    fn has_not_been_punched(
        &self,
        pinned: &File,
        source: &Path,
        length: u64,
        was: &Stat,
        now: &Stat,
    ) -> Result<()> {
        if was.allocated < length || now.allocated >= was.allocated {
            return Ok(());
        }
        let data = file::data_in(pinned, length)
            .map_err(|error| Error::io("looking for holes in", source, error))?;
        let Some(data) = data.filter(|data| *data < length) else { return Ok(()) };
        self.shrank.store(true, Relaxed);
        let why = format!("it holds {data} bytes, and held {length} when it was captured: it was punched");
        Err(Error::at(Code::SourceChanged, "copying", source, why))
    }

    #[allow(clippy::too_many_arguments)] // two files, their paths, and what goes between them
    fn copy_rest(
        &self,
        from: &File,
        source: &Path,
        staged: &File,
        path: &Path,
        range: Range<u64>,
        checksum: &mut Checksum,
        buffer: &mut [u8],
    ) -> Result<()> {
        let to = self.staging.dir.full(path);
        let (from, to) = (Named { file: from, path: source }, Named { file: staged, path: &to });
        copy_range(from, to, range, Pace::Limited, checksum, buffer, self.monitor).inspect_err(|error| {
            // It ended early.
            if error.code() == Code::SourceChanged {
                self.shrank.store(true, Relaxed);
            }
        })
    }

    fn save(&self, file: &Listed, staged: File, size: u64, crc32: u32, stat: &Stat) -> Result<Saved> {
        let attributes = Attributes::of(stat);
        let kept = self.staging.finish(&file.path, staged, Some(&attributes))?;
        let entry = FileEntry {
            path: file.path.clone(),
            size,
            crc32,
            class: Some(file.class),
            attributes: Some(attributes),
            source: Some(SourceId { device: stat.device, inode: stat.inode }),
        };
        Ok(Saved { entry, kept })
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
        let kept = self.staging.finish(path, staged, Some(&attributes))?;
        self.monitor.copied(bytes.len() as u64);
        let entry = FileEntry {
            path: path.to_path_buf(),
            size: bytes.len() as u64,
            crc32: checksum::of(bytes),
            class: Some(FileClass::IMMUTABLE),
            attributes: Some(attributes),
            source: None,
        };
        Ok(Saved { entry, kept })
    }

    pub(super) fn open_pinned(&self, file: &Listed) -> Result<File> {
        let source = &self.sources[file.source];
        source.pins.read(&source.dir, &file.relative)
    }
}
