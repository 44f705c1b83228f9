//! Pins: what keeps a file's inode from going away between the window and its copy.
//!
//! A pin is a second link on the source's own file system; where links are refused, an open
//! descriptor; and where those run out on a source that nobody can write to, the name itself.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};

use uuid::Uuid;

use super::lanes::Lanes;
use super::policy::Pinning;
use crate::error::{Code, Error, Result};
use crate::io::small;
use crate::sync::Mutex;
use crate::sys::dir::{Dir, Kind, Stat, is_absent};
use crate::sys::file::descriptor_limit;

const NS: i128 = 1_000_000_000;

/// A file that was written to so shortly before it was pinned may not have been complete. The coarsest
/// stamps of file systems are of two seconds.
const YOUNG_NS: i128 = 2_000_000_000;

/// The pins in one source.
pub struct Pins {
    links: Option<Lanes>,
    open: AtomicUsize,
    most_open: usize,
    /// How many descriptors of the process may be taken for each of them.
    share: usize,
    /// Nobody can write to the source.
    read_only: bool,
    /// Why links are refused.
    refusal: Mutex<Option<io::Error>>,
    /// How many files are to be pinned.
    expected: usize,
    made: AtomicU64,
    /// Each pin is looked at in the window, however old its file is: one was written to unseen.
    careful: bool,
    /// The time by the source's own file system, or an earlier one; `None`: nothing is known of it.
    now_ns: Option<i128>,
}

/// One pinned file: what it was when it was pinned, or looked at again.
pub struct Pin {
    /// The device that it is on.
    pub device: u64,
    /// Its own inode.
    pub inode: u64,
    /// Its size.
    pub size: u64,
    /// How much was allocated for it.
    pub allocated: u64,
    /// The largest size that it was seen to have. An engine may truncate what it deletes.
    pub most: u64,
    mtime_s: i64,
    mtime_sub_ns: u32,
    /// It was written to so shortly before that it may not have been complete.
    young: bool,
    by: By,
}

enum By {
    /// The link of this number.
    Link(u32),
    Descriptor(File),
    Name,
}

impl Pin {
    /// Whether the pin is of this file: the name may have been another's when it was pinned.
    pub fn is_of(&self, stat: &Stat) -> bool {
        (self.device, self.inode) == (stat.device, stat.inode)
    }

    /// An earlier pin of this inode saw it as large as that.
    pub fn was_seen_as(&mut self, inode: u64, most: u64) {
        if self.inode == inode {
            self.most = self.most.max(most);
        }
    }

    /// Whether it may not have been complete when it was last looked at.
    pub fn is_young(&self) -> bool {
        self.young
    }

    /// When it was last written to.
    pub fn mtime_ns(&self) -> i128 {
        i128::from(self.mtime_s) * NS + i128::from(self.mtime_sub_ns)
    }

    fn take(&mut self, stat: &Stat, young: bool) {
        (self.device, self.inode) = (stat.device, stat.inode);
        (self.size, self.allocated) = (stat.size, stat.allocated);
        // A stat has no others.
        self.mtime_s = stat.mtime_ns.div_euclid(NS) as i64;
        self.mtime_sub_ns = stat.mtime_ns.rem_euclid(NS) as u32;
        (self.most, self.young) = (self.most.max(stat.size), young);
    }
}

impl Pins {
    /// Makes the directory of the links, and removes what a crashed backup has left.
    pub fn new(source: &Dir, id: Uuid, sources: usize, threads: usize) -> Result<Self> {
        let (links, refusal) = match Lanes::make(source, id, threads) {
            Ok(links) => (Some(links), None),
            // A source that is read-only for us, or full, is pinned by descriptors.
            Err(error) if is_refusal(error.os_error()) => {
                (None, Some(io::Error::from_raw_os_error(error.os_error())))
            }
            Err(error) => return Err(error),
        };
        Ok(Self {
            links,
            open: AtomicUsize::new(0),
            // Half of the descriptors for the pins of all sources, half for the rest.
            most_open: descriptor_limit() / (2 * sources),
            share: 2 * sources,
            read_only: source.is_read_only().unwrap_or(false),
            refusal: Mutex::new(refusal),
            expected: 0,
            made: AtomicU64::new(0),
            careful: false,
            now_ns: None,
        })
    }

    /// An observation of so many files begins. What file systems stamp with is their own, not this machine's: that of
    /// a server may be ahead or behind. The directory of the links was stamped when the last one was made.
    pub fn begin_observation(&mut self, files: usize) {
        self.expected = files;
        self.now_ns = self.links.as_ref().and_then(Lanes::stamped_ns);
    }

    /// Pins the file that has this name in `directory`, on the thread of that number. `None`: it is gone, or it is
    /// no file.
    pub fn make(&self, thread: usize, directory: &Dir, name: &Path, how: Pinning) -> Result<Option<Pin>> {
        let pinned = match self.link(thread, directory, name, how) {
            Ok(Some(pinned)) => Ok(pinned),
            Ok(None) => self.open(directory, name),
            Err(error) if is_refusal(error.raw_os_error().unwrap_or(0)) => {
                *self.refusal.lock() = Some(error);
                self.open(directory, name)
            }
            Err(error) => Err(error),
        };
        match pinned {
            Ok((by, stat)) => {
                self.made.fetch_add(1, Relaxed);
                if stat.kind != Kind::File {
                    self.let_go(&by)?;
                    return Ok(None);
                }
                Ok(Some(self.pin(by, &stat)))
            }
            // ELOOP: a symbolic link took the name.
            Err(error) if is_absent(&error) || error.raw_os_error() == Some(libc::ELOOP) => Ok(None),
            Err(error) => {
                let is_shortage = error.raw_os_error() == Some(libc::EMFILE);
                let error = Error::io("pinning", &directory.full(name), error);
                Err(if is_shortage { error.since(&self.shortage()) } else { error })
            }
        }
    }

    fn pin(&self, by: By, stat: &Stat) -> Pin {
        let young = self.is_young(stat);
        let Stat { device, inode, size, allocated, .. } = *stat;
        let (mtime_s, mtime_sub_ns) = (0, 0);
        let mut pin = Pin { device, inode, size, allocated, most: size, mtime_s, mtime_sub_ns, young, by };
        pin.take(stat, young);
        pin
    }

    fn shortage(&self) -> String {
        let why = match &*self.refusal.lock() {
            Some(refusal) => format!("links are refused here: {refusal}"),
            None => "links have other numbers than their files here".to_string(),
        };
        format!(
            "{why}; so each of {} files is held open, for which RLIMIT_NOFILE must be {}, and it is {}",
            self.expected,
            self.expected * self.share,
            descriptor_limit()
        )
    }

    /// Looks again at a file that may have been pinned before it was complete: what counts is
    /// what it is by the last observation, inside the window.
    pub fn look_again(&self, pin: &mut Pin) -> io::Result<()> {
        if pin.young
            && let Some(stat) = self.stat_of(pin)?
        {
            pin.take(&stat, self.is_young(&stat));
        }
        Ok(())
    }

    /// The window has closed. A file that no observation in it stated, since it had long been left alone when it was
    /// pinned, was left alone until now, or its size at the window is not known: it was finished, perhaps,
    /// and perhaps truncated since. `false`: that is so.
    pub fn was_left_alone(&self, pin: &Pin) -> io::Result<bool> {
        if pin.young {
            return Ok(true);
        }
        let now = self.stat_of(pin)?;
        Ok(now.is_none_or(|now| (now.size, now.mtime_ns) == (pin.size, pin.mtime_ns())))
    }

    /// `None`: nobody can write to it.
    fn stat_of(&self, pin: &Pin) -> io::Result<Option<Stat>> {
        match (&pin.by, &self.links) {
            (By::Link(number), Some(links)) => {
                let (dir, name) = links.place(*number);
                dir.stat(&name).map(Some)
            }
            (By::Descriptor(file), _) => Stat::of(file).map(Some),
            (By::Link(_), None) | (By::Name, _) => Ok(None),
        }
    }

    /// Whether a time lies so far back, by the source's own file system, that no write from now on is stamped with
    /// it. The directory of the links is stamped whenever one is let go of.
    pub fn is_old(&self, mtime_ns: i128) -> bool {
        let now_ns = self.links.as_ref().and_then(Lanes::stamped_ns);
        now_ns.is_some_and(|now_ns| mtime_ns <= now_ns - YOUNG_NS)
    }

    fn is_young(&self, stat: &Stat) -> bool {
        self.careful || self.now_ns.is_none_or(|now| stat.mtime_ns > now - YOUNG_NS)
    }

    /// `None`: the link has another number than the file, as on some overlays and unions, where it may not
    /// be the same file to whoever compares.
    fn link(
        &self,
        thread: usize,
        directory: &Dir,
        name: &Path,
        how: Pinning,
    ) -> io::Result<Option<(By, Stat)>> {
        let Some(links) = &self.links else { return Err(io::Error::from_raw_os_error(libc::EROFS)) };
        let number = links.next(thread);
        let (dir, link) = links.place(number);
        directory.link(name, dir, &link)?;
        let stat = dir.stat(&link)?;
        if how == Pinning::Exactly {
            let named = directory.stat(name)?;
            if (named.device, named.inode) != (stat.device, stat.inode) {
                dir.unlink(&link)?;
                return Ok(None);
            }
        }
        Ok(Some((By::Link(number), stat)))
    }

    fn open(&self, directory: &Dir, name: &Path) -> io::Result<(By, Stat)> {
        if self.open.fetch_add(1, Relaxed) < self.most_open {
            let opened = directory.open_file(name).and_then(|file| Ok((Stat::of(&file)?, file)));
            if opened.is_err() {
                self.open.fetch_sub(1, Relaxed);
            }
            return opened.map(|(stat, file)| (By::Descriptor(file), stat));
        }
        self.open.fetch_sub(1, Relaxed);
        match self.read_only {
            true => Ok((By::Name, directory.stat(name)?)),
            false => Err(io::Error::from_raw_os_error(libc::EMFILE)),
        }
    }

    /// How many pins were made so far, those dropped again included.
    pub fn made(&self) -> u64 {
        self.made.load(Relaxed)
    }

    /// Opens a pinned file for reading. `path`: its name in the source.
    pub fn read(&self, pin: &Pin, source: &Dir, path: &Path) -> Result<File> {
        let failed = |error| Error::io("opening", &source.full(path), error);
        match (&pin.by, &self.links) {
            (By::Descriptor(file), _) => file.try_clone().map_err(failed),
            (By::Link(number), Some(links)) => {
                let (dir, name) = links.place(*number);
                dir.open_file(&name).map_err(failed)
            }
            (By::Link(_), None) => Err(not_pinned(source, path)),
            (By::Name, _) => {
                let file = source.open_file(path).map_err(failed)?;
                if pin.is_of(&Stat::of(&file).map_err(failed)?) {
                    return Ok(file);
                }
                let why = "another file has its name now, though the source is read-only";
                Err(Error::at(Code::SourceChanged, "opening", &source.full(path), why))
            }
        }
    }

    /// Lets go of a link once its file is copied, so that a deleted file's space comes back. A
    /// descriptor is closed with the rest.
    pub fn release(&self, pin: &Pin) -> Result<()> {
        match (&pin.by, &self.links) {
            (By::Link(number), Some(links)) => unlink(links.place(*number)),
            _ => Ok(()),
        }
    }

    /// The stat of what a link holds. `None`: the pin is none, or nobody can write to its file.
    pub fn look(&self, pin: &Pin) -> io::Result<Option<Stat>> {
        self.stat_of(pin)
    }

    /// Moves the link of a pin to another directory of its file system, in which it has this path.
    pub fn give(&self, pin: &Pin, to: &Dir, path: &Path) -> io::Result<()> {
        match (&pin.by, &self.links) {
            (By::Link(number), Some(links)) => {
                let (lane, name) = links.place(*number);
                lane.rename(&name, to, path)
            }
            _ => Err(self.why_no_links()),
        }
    }

    /// Tries whether links made here can be moved there.
    pub fn could_give(&self, to: &Dir) -> io::Result<()> {
        let Some(links) = &self.links else { return Err(self.why_no_links()) };
        // No pin is called so.
        let (dir, probe) = (links.place(0).0, Path::new("probe"));
        let tried = dir.create_file(probe, 0o600).and_then(|_| dir.link(probe, to, probe));
        small::remove(dir, probe)?;
        tried.and_then(|()| to.unlink(probe))
    }

    fn why_no_links(&self) -> io::Error {
        let refused = self.refusal.lock().as_ref().and_then(io::Error::raw_os_error);
        io::Error::from_raw_os_error(refused.unwrap_or(libc::EOPNOTSUPP))
    }

    /// Lets go of a pin.
    pub fn drop_pin(&self, pin: Pin) -> Result<()> {
        self.let_go(&pin.by)
    }

    fn let_go(&self, by: &By) -> Result<()> {
        match (by, &self.links) {
            (By::Link(number), Some(links)) => unlink(links.place(*number)),
            (By::Descriptor(_), _) => {
                self.open.fetch_sub(1, Relaxed);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// The capture starts over, since one of the files was written to unseen: from now on each is looked at.
    pub fn be_careful(&mut self) {
        self.careful = true;
    }

    /// Removes the links of all.
    pub fn remove(&mut self) -> Result<()> {
        if let Some(links) = &self.links {
            links.remove()?;
        }
        self.links = None;
        Ok(())
    }
}

impl Drop for Pins {
    /// Of a backup that failed before it began; what cannot be removed the next one tries again.
    fn drop(&mut self) {
        let _ = self.remove();
    }
}

/// A file that should be pinned and is not.
pub fn not_pinned(source: &Dir, path: &Path) -> Error {
    Error::at(Code::Internal, "reading", &source.full(path), "it is not pinned")
}

fn unlink((pins, name): (&Dir, PathBuf)) -> Result<()> {
    let removed = small::remove(pins, &name);
    removed.map(drop).map_err(|error| Error::io("removing the pin", &pins.full(&name), error))
}

/// Refusals to link, after which an open descriptor serves. A full disk is one too: it may be saved to
/// another.
pub fn is_refusal(os_error: i32) -> bool {
    const REFUSALS: [i32; 10] = [
        libc::ENOSPC,
        libc::EDQUOT,
        libc::EXDEV,
        libc::EPERM,
        libc::EACCES,
        libc::EMLINK,
        libc::EROFS,
        libc::EOPNOTSUPP,
        libc::ENOSYS,
        libc::EINVAL,
    ];
    REFUSALS.contains(&os_error)
}
