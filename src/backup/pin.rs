//! Pins: what keeps a file's inode from going away between the window and its copy.
//!
//! A pin is a second link on the source's own file system; where links are refused, an open
//! descriptor; and where those run out on a source that nobody can write to, the name itself.

use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use uuid::Uuid;

use crate::datadir::leftovers::remove_unlocked;
use crate::datadir::locks::make_locked;
use crate::datadir::names::{LIFECYCLE, PINS};
use crate::error::{Code, Error, Result};
use crate::io::remove::remove_tree;
use crate::sys::dir::{Dir, Kind, Stat, is_absent};
use crate::sys::file::descriptor_limit;

/// A file that was written to so shortly before it was pinned may not have been complete.
const YOUNG_NS: i128 = 2_000_000_000;

/// The pins in one source.
pub struct Pins {
    place: Option<Place>,
    held: HashMap<PathBuf, Pin>,
    /// The inode and the largest size of each file that an earlier capture of this backup pinned.
    earlier: HashMap<PathBuf, (u64, u64)>,
    last_name: u64,
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
struct Place {
    lifecycle: Dir,
    name: PathBuf,
    dir: Dir,
}

/// One pinned file.
pub struct Pin {
    /// The inode that the listing gave for the name.
    pub inode: u64,
    /// What it was when it was pinned, or looked at again.
    pub stat: Stat,
    /// The largest size that it was seen to have. An engine may truncate what it deletes.
    pub most: u64,
    /// It was written to so shortly before that it may not have been complete.
    young: bool,
    by: By,
}

enum By {
    Link(PathBuf),
    Descriptor(File),
    Name,
}

impl Pins {
    /// Makes the directory of the links, and removes what a crashed backup has left.
    pub fn new(source: &Dir, id: Uuid, sources: usize) -> Result<Self> {
        let place = match Self::make_place(source, id) {
            Ok(place) => Some(place),
            // A source that is read-only for us, or full, is pinned by descriptors.
            Err(error) if is_refusal(error.os_error()) => None,
            Err(error) => return Err(error),
        };
        Ok(Self {
            place,
            held: HashMap::new(),
            earlier: HashMap::new(),
            last_name: 0,
            open: 0,
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

    fn make_place(source: &Dir, id: Uuid) -> Result<Place> {
        let path = source.full(Path::new(LIFECYCLE));
        let lifecycle = source
            .ensure_own_dir(Path::new(LIFECYCLE), 0o755)
            .and_then(|()| source.open_dir(Path::new(LIFECYCLE)))
            .map_err(|error| Error::io("making", &path, error))?;
        remove_unlocked(&lifecycle, PINS.as_ref(), true)?;
        let name = PathBuf::from(format!("{PINS}{id}"));
        let dir = make_locked(&lifecycle, &name)?;
        Ok(Place { lifecycle, name, dir })
    }

    /// A look at so many files begins. What file systems stamp with is their own, not this machine's: that of a server
    /// may be ahead or behind. The directory of the links was stamped when the last one was made.
    pub fn begin_look(&mut self, files: usize) {
        self.expected = files;
        let stat = self.place.as_ref().and_then(|place| place.dir.stat(Path::new("")).ok());
        self.now_ns = stat.map(|stat| stat.mtime_ns);
    }

    /// Pins the file that has this name in `directory`, unless the pin is held already. `exactly`: the pin
    /// must have the name's own number. `false`: it is gone, or it is no file any more.
    pub fn hold(
        &mut self,
        path: &Path,
        inode: u64,
        directory: &Dir,
        name: &Path,
        exactly: bool,
    ) -> Result<bool> {
        // A pin of another inode than the listing's may be of another file, which had the name for a
        // moment; where listings number differently (overlays), each look pins anew.
        if self.held.get(path).is_some_and(|pin| pin.inode == inode && pin.stat.inode == inode) {
            return Ok(true);
        }
        self.drop_pin(path)?;
        let pinned = match self.link(directory, name, exactly) {
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
                self.open += usize::from(matches!(by, By::Descriptor(_)));
                self.made += 1;
                let is_file = stat.kind == Kind::File;
                let young = self.is_young(&stat);
                let most = match self.earlier.get(path) {
                    Some((same, size)) if *same == stat.inode => stat.size.max(*size),
                    _ => stat.size,
                };
                self.held.insert(path.to_path_buf(), Pin { inode, stat, most, young, by });
                if !is_file {
                    self.drop_pin(path)?;
                }
                Ok(is_file)
            }
            // ELOOP: a symbolic link took the name.
            Err(error) if is_absent(&error) || error.raw_os_error() == Some(libc::ELOOP) => Ok(false),
            Err(error) => {
                let is_shortage = error.raw_os_error() == Some(libc::EMFILE);
                let error = Error::io("pinning", &directory.full(name), error);
                Err(if is_shortage { error.since(&self.shortage()) } else { error })
            }
        }
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
    /// what it is by the last look, inside the window.
    pub fn look_again(&mut self, path: &Path) -> io::Result<()> {
        let Some(pin) = self.held.get(path).filter(|pin| pin.young) else { return Ok(()) };
        let Some(stat) = self.stat_of(pin)? else { return Ok(()) };
        let young = self.is_young(&stat);
        if let Some(pin) = self.held.get_mut(path) {
            (pin.stat, pin.most, pin.young) = (stat, pin.most.max(stat.size), young);
        }
        Ok(())
    }

    /// The window has closed. A file that no look in it stated, since it had long been left alone when it was
    /// pinned, was left alone until now, or its size at the window is not known: it was finished, perhaps,
    /// and perhaps truncated since. `false`: that is so.
    pub fn was_left_alone(&self, path: &Path) -> io::Result<bool> {
        let Some(pin) = self.held.get(path).filter(|pin| !pin.young) else { return Ok(true) };
        let now = self.stat_of(pin)?;
        Ok(now.is_none_or(|now| (now.size, now.mtime_ns) == (pin.stat.size, pin.stat.mtime_ns)))
    }

    /// `None`: nobody can write to it.
    fn stat_of(&self, pin: &Pin) -> io::Result<Option<Stat>> {
        match (&pin.by, &self.place) {
            (By::Link(name), Some(place)) => place.dir.stat(name).map(Some),
            (By::Descriptor(file), _) => Stat::of(file).map(Some),
            (By::Link(_), None) | (By::Name, _) => Ok(None),
        }
    }

    fn is_young(&self, stat: &Stat) -> bool {
        self.careful || self.now_ns.is_none_or(|now| stat.mtime_ns > now - YOUNG_NS)
    }

    /// `None`: the link has another number than the file, as on some overlays and unions, where it may not
    /// be the same file to whoever compares.
    fn link(&mut self, directory: &Dir, name: &Path, exactly: bool) -> io::Result<Option<(By, Stat)>> {
        let Some(place) = &self.place else { return Err(io::Error::from_raw_os_error(libc::EROFS)) };
        self.last_name += 1;
        let pin = PathBuf::from(self.last_name.to_string());
        directory.link(name, &place.dir, &pin)?;
        let stat = place.dir.stat(&pin)?;
        if exactly {
            let named = directory.stat(name)?;
            if (named.device, named.inode) != (stat.device, stat.inode) {
                place.dir.unlink(&pin)?;
                return Ok(None);
            }
        }
        Ok(Some((By::Link(pin), stat)))
    }

    fn open(&self, directory: &Dir, name: &Path) -> io::Result<(By, Stat)> {
        if self.open < self.most_open {
            let file = directory.open_file(name)?;
            let stat = Stat::of(&file)?;
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

    /// Whether a file is pinned by a link, which moves its ctime.
    pub fn get(&self, path: &Path) -> Option<&Pin> {
        self.held.get(path)
    }

    /// Opens the pinned file for reading.
    pub fn read(&self, source: &Dir, path: &Path) -> Result<File> {
        let full = source.full(path);
        let missing = || Error::at(Code::Internal, "reading", &full, "it is not pinned");
        let failed = |error| Error::io("opening", &full, error);
        let pin = self.held.get(path).ok_or_else(missing)?;
        match (&pin.by, &self.place) {
            (By::Descriptor(file), _) => file.try_clone().map_err(failed),
            (By::Link(name), Some(place)) => place.dir.open_file(name).map_err(failed),
            (By::Link(_), None) => Err(missing()),
            (By::Name, _) => {
                let file = source.open_file(path).map_err(failed)?;
                let now = Stat::of(&file).map_err(failed)?;
                if (now.device, now.inode) == (pin.stat.device, pin.stat.inode) {
                    return Ok(file);
                }
                let why = "another file has its name now, though the source is read-only";
                Err(Error::at(Code::SourceChanged, "opening", &full, why))
            }
        }
    }

    /// Lets go of a link once its file is copied, so that a deleted file's space comes back. A
    /// descriptor is closed with the rest.
    pub fn release(&self, path: &Path) -> Result<()> {
        if let (Some(Pin { by: By::Link(name), .. }), Some(place)) = (self.held.get(path), &self.place) {
            unlink(&place.dir, name)?;
        }
        Ok(())
    }

    /// Lets go of pins whose names are not in `keep`.
    pub fn retain(&mut self, keep: impl Fn(&Path) -> bool) -> Result<()> {
        let gone: Vec<PathBuf> = self.held.keys().filter(|path| !keep(path)).cloned().collect();
        gone.iter().try_for_each(|path| self.drop_pin(path))
    }

    /// Lets go of all, but for what is known of their sizes: the capture starts over.
    pub fn start_over(&mut self) -> Result<()> {
        let sizes = self.held.iter().map(|(path, pin)| (path.clone(), (pin.stat.inode, pin.most)));
        self.earlier = sizes.collect();
        self.careful = true;
        self.retain(|_| false)
    }

    fn drop_pin(&mut self, path: &Path) -> Result<()> {
        match (self.held.remove(path).map(|pin| pin.by), &self.place) {
            (Some(By::Link(name)), Some(place)) => unlink(&place.dir, &name),
            (Some(By::Descriptor(_)), _) => {
                self.open -= 1;
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Lets go of all.
    pub fn remove(&mut self) -> Result<()> {
        self.held.clear();
        self.open = 0;
        if let Some(place) = &self.place {
            remove_tree(&place.lifecycle, &place.name)?;
        }
        self.place = None;
        Ok(())
    }
}

impl Drop for Pins {
    /// Of a backup that failed before it began; what cannot be removed the next one tries again.
    fn drop(&mut self) {
        let _ = self.remove();
    }
}

fn unlink(pins: &Dir, name: &Path) -> Result<()> {
    match pins.unlink(name) {
        Err(error) if !is_absent(&error) => Err(Error::io("removing the pin", &pins.full(name), error)),
        _ => Ok(()),
    }
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
