//! Copying after the window: what could wait, and the completion of what could not.

use std::fs::File;
use std::ops::Range;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use super::capture::Point;
use super::contents::{Contents, Saved, Staged, directories_with_parents, drop_strays};
use super::context::{Context, Place};
use super::ids::NameId;
use super::in_window::ends;
use super::live;
use super::open_directory::OpenDirectory;
use super::pin::{Pin, not_pinned};
use super::policy::HEAD;
use super::record::{Captured, Record};
use super::room::{Reserve, require_room_for_the_copy};
use super::survey::Survey;
use crate::error::{Code, Error, Result};
use crate::io::checksum::Checksum;
use crate::io::copy::Pace;
use crate::io::pool;
use crate::io::sorted_dirs::SortedDirs;
use crate::layout::FileClass;
use crate::snapshot::{Attributes, FileEntry, SourceId};
use crate::staging::{Arrived, CLONE_FROM, Incoming};
use crate::sync::Mutex;
use crate::sys::dir::Stat;
use crate::sys::file;

/// After the window: copies what could wait, and completes all that is staged.
pub fn copy(context: &Context<'_>, survey: &Survey, point: Point) -> Result<Contents> {
    try_to_clone(context, survey, &point.files);
    require_room_for_the_copy(context, &survey.catalog, &point.files)?;
    let staged = Mutex::new(Staged::default());
    let reserve = Reserve::default();
    let is_gone = AtomicBool::new(false);
    let open = || Opened::of(context);
    let copied = pool::for_each_of(context.crew(), point.files.len(), open, |index, opened, buffer| {
        context.monitor().check()?;
        reserve.keep(context)?;
        let completed = Copying::of(context, survey, point.files[index]).complete(opened, buffer);
        if completed.as_ref().is_err_and(Error::is_of_a_point_that_is_gone) {
            is_gone.store(true, Relaxed);
        }
        match completed? {
            Some(saved) => staged.lock().add(&saved)?,
            None => context.monitor().file_left_out(),
        }
        context.monitor().file_done();
        Ok(())
    });
    copied.map_err(|error| match error.code() {
        // Another thread may have been quicker to fail with a file of the same point.
        Code::SourceChanged if is_gone.into_inner() => error.of_a_point_that_is_gone(),
        _ => error,
    })?;
    let mut staged = staged.into_inner();
    for (path, bytes) in &point.given {
        staged.add(&save_given(context, path, bytes)?)?;
        context.monitor().file_done();
    }
    // First, since a link may have the name of one.
    drop_strays(context, survey)?;
    for link in &point.links {
        context.staging.link(link)?;
    }
    let Staged { files, imprints } = &mut staged;
    files
        .sort_with(imprints)
        .map_err(|error| Error::io("listing the files of", context.staging.dir.path(), error))?;
    let directories = directories_with_parents(context, files, point.directories)?;
    Ok(Contents { staged, directories, links: point.links })
}

/// What a thread has open from one file to the next.
struct Opened<'c> {
    source: OpenDirectory<'c>,
    staging: SortedDirs<'c>,
}

impl<'c> Opened<'c> {
    fn of(context: &'c Context<'_>) -> Self {
        Self { source: OpenDirectory::new(&context.sources), staging: SortedDirs::new(&context.staging.dir) }
    }
}

/// Whether the file system clones is known before room is asked for.
fn try_to_clone(context: &Context<'_>, survey: &Survey, files: &[NameId]) {
    if !context.settings().clone || context.staging.clones() {
        return;
    }
    let is_worth_it = |name: &&NameId| {
        let record = &survey.catalog[**name];
        record.may_be_shared() && record.pin().is_some_and(|pin| pin.size >= CLONE_FROM)
    };
    let Some(name) = files.iter().find(is_worth_it) else { return };
    let copying = Copying::of(context, survey, *name);
    // What cannot be opened is found when it is copied.
    if let Ok(file) = copying.pin().and_then(|pin| copying.open(pin)) {
        context.staging.try_to_clone(&file, &copying.place.path);
    }
}

/// A file on its way into the snapshot.
struct Copying<'c, 'a> {
    context: &'c Context<'a>,
    survey: &'c Survey,
    record: &'c Record,
    place: Place<'c>,
    source: usize,
}

impl<'c, 'a> Copying<'c, 'a> {
    fn of(context: &'c Context<'a>, survey: &'c Survey, name: NameId) -> Self {
        let (record, place) = (&survey.catalog[name], context.place(&survey.catalog, name));
        Self { context, survey, record, place, source: survey.catalog.source(name) }
    }

    /// `None`: an unfinished file, which is left out.
    fn complete(&self, opened: &mut Opened<'_>, buffer: &mut [u8]) -> Result<Option<Saved>> {
        let mut saved = match &self.record.captured {
            Captured::Copied(taken) => {
                let staged = self.context.staging.resume(&self.place.path, taken.checksum.clone())?;
                let stat = self.stat()?;
                self.save(taken.length, stat, staged.finish(&Attributes::of(stat))?)
            }
            Captured::Cloned { length } => {
                let staged = self.context.staging.resume(&self.place.path, Checksum::default())?;
                let stat = self.stat()?;
                self.save(*length, stat, staged.finish_clone(*length, &Attributes::of(stat), buffer)?)
            }
            Captured::Head(taken) => {
                let length = taken.length;
                let pinned = self.open(self.pin()?)?;
                let mut staged = self.context.staging.resume(&self.place.path, taken.checksum.clone())?;
                self.copy(&mut staged, &pinned, length.min(HEAD)..length, buffer)?;
                let stat = self.stat()?;
                self.save(length, stat, staged.finish(&Attributes::of(stat))?)
            }
            Captured::Prefix(prefix) => self.copy_log(prefix.length, &prefix.ends, buffer)?,
            Captured::Immutable => {
                if let (Some(shared), Some(previous)) = (self.record.shared(), &self.context.previous) {
                    self.context.monitor().linked(shared.size);
                    let entry = previous.shared_entry(shared.file, self.record.class, shared.source);
                    return Ok(Some(Saved { entry, imprint: shared.imprint }));
                }
                let pins = &self.survey.pins[self.source];
                if let Some(live) = live::link(self.context, pins, self.record, &self.place)? {
                    return Ok(Some(live));
                }
                match self.copy_immutable(&mut opened.staging, buffer)? {
                    Some(saved) => saved,
                    None => return Ok(None),
                }
            }
            Captured::Nothing | Captured::Torn => {
                let why = "nothing of it was captured";
                return Err(Error::at(Code::Internal, "copying", &self.place.full(), why));
            }
        };
        if let Some(pin) = self.record.pin() {
            self.survey.pins[self.source].release(pin)?;
        }
        // After that: to let go of a pin moves the change time too.
        saved.entry.source =
            saved.entry.source.and_then(|source| self.known_again_by(&mut opened.source, &source, &saved));
        Ok(Some(saved))
    }

    fn copy_log(&self, length: u64, before: &[Vec<u8>; 2], buffer: &mut [u8]) -> Result<Saved> {
        let (pin, stat) = (self.pin()?, self.stat()?);
        let log = self.open(pin)?;
        self.require_not_shrunk(&log, pin, length)?;
        let mut staged = self.context.staging.receive(&self.place.path, stat.mode)?;
        self.copy(&mut staged, &log, 0..length, buffer)?;
        let now = self.require_not_shrunk(&log, pin, length)?;
        self.require_not_punched(&log, length, stat.allocated, &now)?;
        if ends(&self.place, &log, length)? != *before {
            return Err(
                self.changed("it was written to below its length, which an append_only file never is")
            );
        }
        Ok(self.save(length, stat, staged.finish(&Attributes::of(stat))?))
    }

    fn copy_immutable(&self, dirs: &mut SortedDirs<'_>, buffer: &mut [u8]) -> Result<Option<Saved>> {
        let pin = self.pin()?;
        let table = self.open(pin)?;
        let unfinished_ok = matches!(self.record.class, FileClass::Immutable { unfinished_ok: true });
        let opened = self.require_not_shrunk(&table, pin, 0)?;
        // One finished after it was pinned is live: for such files a stat from before the window
        // closed says nothing, but for what it cannot have lost since.
        let (size, mtime_ns) = match unfinished_ok {
            true => (opened.size, opened.mtime_ns),
            false => (pin.size, pin.mtime_ns()),
        };
        let length = self.record.limit().unwrap_or(size);
        file::write_back(&table);
        let is_old = self.survey.pins[self.source].is_old(opened.mtime_ns);
        let (staged, is_clone) = self.copy_or_clone(&table, (length, &opened), dirs, buffer)?;
        let now = self.require_not_shrunk(&table, pin, size)?;
        if pin.size == now.size {
            self.require_not_punched(&table, now.size, pin.allocated, &now)?;
        }
        let has_grown = now.size > size && self.record.limit().is_none();
        if unfinished_ok && has_grown && !self.record.named {
            // Only what grows is still being built.
            self.context.staging.forget(&self.place.path)?;
            return Ok(None);
        }
        if has_grown || !unfinished_ok && (now.size, now.mtime_ns) != (size, mtime_ns) {
            return Err(self.changed("it changed after it was pinned, which an immutable file never does"));
        }
        let arrived = match is_clone {
            true => staged.finish_clone(length, &Attributes::of(&now), buffer)?,
            false => staged.finish(&Attributes::of(&now))?,
        };
        let mut saved = self.save(length, &now, arrived);
        let is_same = (opened.size, opened.mtime_ns, length) == (now.size, now.mtime_ns, now.size);
        if is_old && is_same && self.record.limit().is_none() {
            saved.entry.source = Some(SourceId::of(&now, None));
        }
        Ok(Some(saved))
    }

    /// Stages the first bytes of a file, as a clone if they are all that it has. Whether it is one: then its checksum
    /// is still to be read.
    fn copy_or_clone(
        &self,
        table: &File,
        (length, opened): (u64, &Stat),
        dirs: &mut SortedDirs<'_>,
        buffer: &mut [u8],
    ) -> Result<(Incoming<'_>, bool)> {
        let mut receive = || self.context.staging.receive_in(dirs, &self.place.path, opened.mode);
        let mut staged = receive()?;
        let cloned = match length == opened.size {
            true => staged.clone_of(self.place.named(table), length),
            false => Ok(false),
        };
        match cloned {
            Ok(true) => return Ok((staged, true)),
            // It grows, and whether it may is for the copy to tell.
            Err(error) if error.code() == Code::SourceChanged => staged = receive()?,
            Ok(false) => {}
            Err(error) => return Err(error),
        }
        self.copy(&mut staged, table, 0..length, buffer)?;
        Ok((staged, false))
    }

    /// By what a source file that is settled is known again, once nothing of ours holds it any more. Only such a
    /// file may be shared with a later snapshot: it had long been left alone when it was read, and its name still is
    /// its own.
    fn known_again_by(
        &self,
        opened: &mut OpenDirectory<'_>,
        was: &SourceId,
        saved: &Saved,
    ) -> Option<SourceId> {
        let directory = opened.of(&self.survey.catalog, self.record.directory).ok()?;
        let found = Stat::with_birth(directory, Path::new(self.place.relative.file_name()?));
        let (stat, born_ns) = found.ok()?;
        let is_it = (stat.device, stat.inode, stat.size) == (was.device, was.inode, saved.entry.size);
        let is_same = saved.entry.attributes == Some(Attributes::of(&stat));
        (is_it && is_same).then(|| SourceId::of(&stat, born_ns))
    }

    /// The stat of a pinned file. One that is shorter than it ever was, or than `length`, has been
    /// truncated: no building, and no promise allows it.
    fn require_not_shrunk(&self, pinned: &File, pin: &Pin, length: u64) -> Result<Stat> {
        let now = Stat::of(pinned).map_err(|error| self.place.failed("looking at", error))?;
        let most = pin.most.max(length);
        if now.size >= most {
            return Ok(now);
        }
        let why = format!("it has {} bytes, and had {most} when it was captured", now.size);
        Err(self.changed(&why).of_a_point_that_is_gone())
    }

    /// A file that had blocks for all of its bytes, has given some back, and has holes now was punched: it is
    /// as one that was truncated, but for its length. (Compression gives blocks back and leaves no hole.)
    fn require_not_punched(&self, pinned: &File, length: u64, allocated: u64, now: &Stat) -> Result<()> {
        if allocated < length || now.allocated >= allocated {
            return Ok(());
        }
        let data = file::data_in(pinned, length)
            .map_err(|error| self.place.failed("looking for holes in", error))?;
        let Some(data) = data.filter(|data| *data < length) else { return Ok(()) };
        let why = format!("it holds {data} bytes, and held {length} when it was captured: it was punched");
        Err(self.changed(&why).of_a_point_that_is_gone())
    }

    fn copy(
        &self,
        staged: &mut Incoming<'_>,
        from: &File,
        range: Range<u64>,
        buffer: &mut [u8],
    ) -> Result<()> {
        let copied = staged.copy(self.place.named(from), range, Pace::Limited, buffer);
        copied.map_err(|error| match error.code() {
            // It ended early.
            Code::SourceChanged => error.of_a_point_that_is_gone(),
            _ => error,
        })
    }

    fn save(&self, size: u64, stat: &Stat, arrived: Arrived) -> Saved {
        let entry = FileEntry {
            path: self.place.path.clone(),
            size,
            crc32: arrived.crc32,
            class: Some(self.record.class),
            attributes: Some(Attributes::of(stat)),
            source: None,
            shared: None,
            live: false,
        };
        Saved { entry, imprint: arrived.imprint }
    }

    fn pin(&self) -> Result<&'c Pin> {
        self.record.pin().ok_or_else(|| not_pinned(&self.place.source.dir, &self.place.relative))
    }

    fn open(&self, pin: &Pin) -> Result<File> {
        self.survey.pins[self.source].read(pin, &self.place.source.dir, &self.place.relative)
    }

    fn stat(&self) -> Result<&'c Stat> {
        let why = "it was not looked at";
        self.record.stat().ok_or_else(|| Error::at(Code::Internal, "copying", &self.place.full(), why))
    }

    fn changed(&self, why: &str) -> Error {
        Error::at(Code::SourceChanged, "copying", &self.place.full(), why)
    }
}

/// A file that the host made for the snapshot gets what a new file in its directory would.
fn save_given(context: &Context<'_>, path: &Path, bytes: &[u8]) -> Result<Saved> {
    let attributes = context.attributes_of_new_file()?;
    let mut staged = context.staging.receive(path, 0o600)?;
    staged.fill(bytes)?;
    let arrived = staged.finish(&attributes)?;
    let entry = FileEntry {
        path: path.to_path_buf(),
        size: bytes.len() as u64,
        crc32: arrived.crc32,
        class: Some(FileClass::IMMUTABLE),
        attributes: Some(attributes),
        source: None,
        shared: None,
        live: false,
    };
    Ok(Saved { entry, imprint: arrived.imprint })
}
