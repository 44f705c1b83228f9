//! Pins: what keeps a file's inode from going away between the window and its copy.
//!
//! A pin is a second link on the source's own file system; where links are refused, an open
//! descriptor; and where those run out on a source that nobody can write to, the name itself.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use uuid::Uuid;

use super::policy::Pinning;
use crate::datadir::leftovers::remove_unlocked;
use crate::datadir::locks::make_locked;
use crate::datadir::names::LIFECYCLE;
use crate::datadir::names::PINS;
use crate::error::{Code, Error, Result};
use crate::io::remove::remove_tree;
use crate::io::small;
use crate::sys::dir::{Dir, Kind, Stat, is_absent};
use crate::sys::file::descriptor_limit;

/// A file that was written to so shortly before it was pinned may not have been complete. The coarsest
/// stamps of file systems are of two seconds.
const YOUNG_NS: i128 = 2_000_000_000;

/// The pins in one source.
pub struct Pins {
    links: Option<Links>,
    last_link: u32,
    open: usize,
    most_open: usize,
    /// How many descriptors of the process may be taken for each of them.
    share: usize,
    /// Nobody can write to the source.
    read_only: bool,
    /// Why links are refused.
    refusal: Option<io::Error>,
    /// How many files are to be pinned.
    expected: usize,
    made: u64,
    /// Each pin is looked at in the window, however old its file is: one was written to unseen.
    careful: bool,
    /// The time by the source's own file system, or an earlier one; `None`: nothing is known of it.
    now_ns: Option<i128>,
}

/// The directory of the links.
struct Links {
    lifecycle: Dir,
    name: PathBuf,
    dir: Dir,
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
    /// When it was last written to.
    pub mtime_ns: i128,
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

    fn take(&mut self, stat: &Stat, young: bool) {
        (self.device, self.inode) = (stat.device, stat.inode);
        (self.size, self.allocated, self.mtime_ns) = (stat.size, stat.allocated, stat.mtime_ns);
        (self.most, self.young) = (self.most.max(stat.size), young);
    }
}

impl Pins {
    /// Makes the directory of the links, and removes what a crashed backup has left.
    pub fn new(source: &Dir, id: Uuid, sources: usize) -> Result<Self> {
        let links = match Self::make_links(source, id) {
            Ok(links) => Some(links),
            // A source that is read-only for us, or full, is pinned by descriptors.
            Err(error) if is_refusal(error.os_error()) => None,
            Err(error) => return Err(error),
        };
        Ok(Self {
            links,
            last_link: 0,
            open: 0,
            // Half of the descriptors for the pins of all sources, half for the rest.
            most_open: descriptor_limit() / (2 * sources),
            share: 2 * sources,
            read_only: source.is_read_only().unwrap_or(false),
            refusal: None,
            expected: 0,
            made: 0,
            careful: false,
            now_ns: None,
        })
    }

    fn make_links(source: &Dir, id: Uuid) -> Result<Links> {
        let path = source.full(Path::new(LIFECYCLE));
        let lifecycle = source
            .ensure_own_dir(Path::new(LIFECYCLE), 0o755)
            .and_then(|()| source.open_dir(Path::new(LIFECYCLE)))
            .map_err(|error| Error::io("making", &path, error))?;
        remove_unlocked(&lifecycle, PINS.as_ref(), true)?;
        let name = PathBuf::from(format!("{PINS}{id}"));
        let dir = make_locked(&lifecycle, &name)?;
        Ok(Links { lifecycle, name, dir })
    }

    /// An observation of so many files begins. What file systems stamp with is their own, not this machine's: that of
    /// a server may be ahead or behind. The directory of the links was stamped when the last one was made.
    pub fn begin_observation(&mut self, files: usize) {
        self.expected = files;
        let stat = self.links.as_ref().and_then(|links| links.dir.stat(Path::new("")).ok());
        self.now_ns = stat.map(|stat| stat.mtime_ns);
    }

    /// Pins the file that has this name in `directory`. `None`: it is gone, or it is no file.
    pub fn make(&mut self, directory: &Dir, name: &Path, how: Pinning) -> Result<Option<Pin>> {
        let pinned = match self.link(directory, name, how) {
            Ok(Some(pinned)) => Ok(pinned),
            Ok(None) => self.open(directory, name),
            Err(error) if is_refusal(error.raw_os_error().unwrap_or(0)) => {
                self.refusal = Some(error);
                self.open(directory, name)
            }
            Err(error) => Err(error),
        };
        match pinned {
            Ok((by, stat)) => {
                self.made += 1;
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
        let Stat { device, inode, size, allocated, mtime_ns, .. } = *stat;
        Pin { device, inode, size, allocated, most: size, mtime_ns, young, by }
    }

    fn shortage(&self) -> String {
        let why = match &self.refusal {
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
        Ok(now.is_none_or(|now| (now.size, now.mtime_ns) == (pin.size, pin.mtime_ns)))
    }

    /// `None`: nobody can write to it.
    fn stat_of(&self, pin: &Pin) -> io::Result<Option<Stat>> {
        match (&pin.by, &self.links) {
            (By::Link(number), Some(links)) => links.dir.stat(&name_of(*number)).map(Some),
            (By::Descriptor(file), _) => Stat::of(file).map(Some),
            (By::Link(_), None) | (By::Name, _) => Ok(None),
        }
    }

    /// Whether a time lies so far back, by the source's own file system, that no write from now on is stamped with
    /// it. The directory of the links is stamped whenever one is let go of.
    pub fn is_old(&self, mtime_ns: i128) -> bool {
        let stat = self.links.as_ref().and_then(|links| links.dir.stat(Path::new("")).ok());
        stat.is_some_and(|stat| mtime_ns <= stat.mtime_ns - YOUNG_NS)
    }

    fn is_young(&self, stat: &Stat) -> bool {
        self.careful || self.now_ns.is_none_or(|now| stat.mtime_ns > now - YOUNG_NS)
    }

    /// `None`: the link has another number than the file, as on some overlays and unions, where it may not
    /// be the same file to whoever compares.
    fn link(&mut self, directory: &Dir, name: &Path, how: Pinning) -> io::Result<Option<(By, Stat)>> {
        let Some(links) = &self.links else { return Err(io::Error::from_raw_os_error(libc::EROFS)) };
        self.last_link += 1;
        let link = name_of(self.last_link);
        directory.link(name, &links.dir, &link)?;
        let stat = links.dir.stat(&link)?;
        if how == Pinning::Exactly {
            let named = directory.stat(name)?;
            if (named.device, named.inode) != (stat.device, stat.inode) {
                links.dir.unlink(&link)?;
                return Ok(None);
            }
        }
        Ok(Some((By::Link(self.last_link), stat)))
    }

    fn open(&mut self, directory: &Dir, name: &Path) -> io::Result<(By, Stat)> {
        if self.open < self.most_open {
            let file = directory.open_file(name)?;
            let stat = Stat::of(&file)?;
            self.open += 1;
            return Ok((By::Descriptor(file), stat));
        }
        match self.read_only {
            true => Ok((By::Name, directory.stat(name)?)),
            false => Err(io::Error::from_raw_os_error(libc::EMFILE)),
        }
    }

    /// How many pins were made so far, those dropped again included.
    pub fn made(&self) -> u64 {
        self.made
    }

    /// Opens a pinned file for reading. `path`: its name in the source.
    pub fn read(&self, pin: &Pin, source: &Dir, path: &Path) -> Result<File> {
        let failed = |error| Error::io("opening", &source.full(path), error);
        match (&pin.by, &self.links) {
            (By::Descriptor(file), _) => file.try_clone().map_err(failed),
            (By::Link(number), Some(links)) => links.dir.open_file(&name_of(*number)).map_err(failed),
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
            (By::Link(number), Some(links)) => unlink(&links.dir, &name_of(*number)),
            _ => Ok(()),
        }
    }

    /// Lets go of a pin.
    pub fn drop_pin(&mut self, pin: Pin) -> Result<()> {
        self.let_go(&pin.by)
    }

    fn let_go(&mut self, by: &By) -> Result<()> {
        match (by, &self.links) {
            (By::Link(number), Some(links)) => unlink(&links.dir, &name_of(*number)),
            (By::Descriptor(_), _) => {
                self.open -= 1;
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
            remove_tree(&links.lifecycle, &links.name)?;
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

fn name_of(number: u32) -> PathBuf {
    PathBuf::from(number.to_string())
}

fn unlink(pins: &Dir, name: &Path) -> Result<()> {
    let removed = small::remove(pins, name);
    removed.map(drop).map_err(|error| Error::io("removing the pin", &pins.full(name), error))
}

/// Refusals to link, after which an open descriptor serves. A full disk is one too: it may be saved to
/// another.
fn is_refusal(os_error: i32) -> bool {
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
