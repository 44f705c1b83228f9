//! Staging: a restored tree beside or in its target, checked before anything is touched.

use std::ffi::OsString;

use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering::Relaxed;

use uuid::Uuid;

use super::units::{self, Coming};
use super::{Recovered, Restore, aside, not_a_directory, swap};
use crate::datadir::leftovers::remove_unlocked;
use crate::datadir::locks::{OwnerLock, make_locked, refuse_open_above, take_for_restore};
use crate::datadir::names::{JOURNAL, LIFECYCLE, RESTORE, sibling_prefix};
use crate::datadir::{refuse_unfinished, require_room};
use crate::error::{Code, Error, Result};
use crate::io::checksum::Checksum;
use crate::io::copy::{Named, Pace, copy_range};
use crate::io::pool;
use crate::io::remove::remove_tree;
use crate::root::claim::is_root;
use crate::snapshot::{FileEntry, Kept};
use crate::staging::Tree;
use crate::staging::compare::{Comparison, Staged, compare};
use crate::sync::Mutex;
use crate::sys::dir::{Dir, Entry, Stat, is_absent};
use crate::sys::random;

/// Where a restored tree will be.
pub enum Target {
    /// It does not exist: it will appear by one rename of its sibling.
    New { parent: Dir, name: PathBuf, sibling: PathBuf },
    /// It exists: its entries are swapped under a journal.
    Present { dir: Dir, staging: PathBuf, kept: Option<PathBuf>, _owner: OwnerLock },
}

impl Target {
    /// Looks whether the target exists and takes its lock, and removes what crashed restores left.
    pub fn open(path: &Path, kept: Option<PathBuf>) -> Result<Self> {
        refuse_misplaced(path)?;
        match Dir::open(path) {
            Ok(dir) => {
                let owner = take_for_restore(&dir, "restoring into")?;
                refuse_unfinished(&dir, "restoring into")?;
                clean(&dir)?;
                clean_beside(path);
                let staging = PathBuf::from(RESTORE).join(random::uuid()?.to_string());
                Ok(Target::Present { dir, staging, kept, _owner: owner })
            }
            Err(error) if error.raw_os_error() == Some(libc::ENOENT) && !path.is_symlink() => {
                let (parent, name) = parent_of(path)?;
                let prefix = sibling_prefix(&name);
                remove_unlocked(&parent, &prefix, true)?;
                let sibling = joined(&prefix, random::uuid()?);
                Ok(Target::New { parent, name, sibling })
            }
            Err(error) if error.raw_os_error() == Some(libc::ENOTDIR) => Err(not_a_directory(path)),
            Err(error) => Err(Error::io("opening the target", path, error)),
        }
    }

    /// What would keep the swap from happening is found before anything is copied.
    pub fn check(&self, restore: &Restore<'_>) -> Result<()> {
        let place = match self {
            Target::New { parent, .. } => parent,
            Target::Present { dir, kept, .. } => {
                refuse_apart(dir)?;
                units::plan(dir, &restore.rules, kept.as_deref(), &Coming::of_manifest(&restore.manifest))?;
                dir
            }
        };
        let reserve = restore.options.min_free;
        require_room(place, restore.room_needed()?, reserve, "making room for a restore in")
    }

    /// Makes the staging directory.
    pub fn make_staging(&self) -> Result<Tree> {
        let made = match self {
            Target::New { parent, sibling, .. } => make_locked(parent, sibling)?,
            Target::Present { dir, staging, .. } => {
                let above = Path::new(RESTORE);
                dir.ensure_dir(above, 0o700).map_err(|error| Error::io("making", &dir.full(above), error))?;
                make_locked(dir, staging)?
            }
        };
        Ok(Tree::new(made))
    }

    /// Puts the staged tree in its place.
    pub fn swap(&self, restore: &Restore<'_>, staging: &Tree) -> Result<()> {
        match self {
            Target::New { parent, name, sibling } => swap::appear(restore, staging, parent, sibling, name),
            Target::Present { dir, staging, kept, .. } => {
                swap::exchange(restore, dir, staging, kept.as_deref())
            }
        }
    }

    /// Removes the staging of a restore that failed.
    pub fn discard(&self) {
        // What cannot be removed the next restore tries again.
        let _ = match self {
            Target::New { parent, sibling, .. } => remove_tree(parent, sibling),
            Target::Present { dir, staging, .. } => {
                match dir.find(Path::new(JOURNAL)) {
                    Ok(None) => remove_tree(dir, staging).and_then(|()| clean(dir).map(drop)),
                    // The journal still needs it.
                    _ => Ok(()),
                }
            }
        };
    }
}

/// Names move between the target and its `.lifecycle`, which must be of one piece.
fn refuse_apart(target: &Dir) -> Result<()> {
    let lifecycle = Path::new(LIFECYCLE);
    let failed = |error| Error::io("looking at", &target.full(lifecycle), error);
    let device = |path: &Path| target.stat(path).map(|stat| stat.device).map_err(failed);
    if !target.is_mount(lifecycle).map_err(failed)? && device(lifecycle)? == device(Path::new(""))? {
        return Ok(());
    }
    let why = "it is a mount or a subvolume of its own, into which nothing of the directory can be moved; \
               a directory that does not exist yet can be restored to";
    Err(Error::at(Code::Unsupported, "restoring over", &target.full(lifecycle), why))
}

/// A tree must not appear among the library's own files, nor inside a database that is open.
fn refuse_misplaced(target: &Path) -> Result<()> {
    const DOING: &str = "restoring to";
    // What does not exist yet lies where its nearest existing parent does.
    let real = target
        .ancestors()
        .find_map(|above| Some(above.canonicalize().ok()?.join(target.strip_prefix(above).ok()?)));
    let real = real.unwrap_or_else(|| target.to_path_buf());
    let refuse = |why: &str| Err(Error::at(Code::InvalidArgument, DOING, target, why));
    if real.components().any(|part| part.as_os_str() == LIFECYCLE) {
        return refuse("it lies in the library's own directory");
    }
    let is_root = |path: &Path| Dir::open(path).is_ok_and(|directory| is_root(&directory));
    if is_root(&real) {
        return refuse("it is a backup root");
    }
    if real.ancestors().skip(1).any(is_root) {
        return refuse("it lies in a backup root");
    }
    refuse_open_above(&real, DOING)
}

/// The directory that holds the target, and its name there.
pub fn parent_of(target: &Path) -> Result<(Dir, PathBuf)> {
    const DOING: &str = "restoring to";
    let (Some(above), Some(name)) = (target.parent(), target.file_name()) else {
        return Err(Error::at(Code::InvalidArgument, DOING, target, "it has no name"));
    };
    let parent = Dir::open(above).map_err(|error| match is_absent(&error) {
        true => Error::at(Code::NotFound, DOING, target, "the directory that should hold it does not exist"),
        false => Error::io("opening", above, error),
    })?;
    Ok((parent, PathBuf::from(name)))
}

fn joined(prefix: &OsString, id: Uuid) -> PathBuf {
    let mut name = prefix.clone();
    name.push(id.to_string());
    PathBuf::from(name)
}

/// A restore to this path that was killed before the path existed has left a sibling.
fn clean_beside(target: &Path) {
    // Another's directory may be closed to us; what is left there is no harm.
    if let Ok((parent, name)) = parent_of(target) {
        let _ = remove_unlocked(&parent, &sibling_prefix(&name), true);
    }
}

/// Removes what a crash left, where there is no journal that needs it, and says of which restore:
/// one that never came to its swap has left its staging, one that had ended what it gave up.
pub fn clean(target: &Dir) -> Result<Recovered> {
    let path = Path::new(RESTORE);
    aside::tidy(target);
    let above = match target.open_dir(path) {
        Err(error) if is_absent(&error) => return Ok(Recovered::Nothing),
        other => other.map_err(|error| Error::io("opening", &target.full(path), error))?,
    };
    let left = above.entries().map_err(|error| Error::io("listing", &target.full(path), error))?;
    let has_ended = |entry: &Entry| Path::new(&entry.name).extension() == Some(swap::GIVEN_UP.as_ref());
    remove_unlocked(&above, "".as_ref(), true)?;
    let _ = target.unlink(&Path::new(JOURNAL).with_extension("new"));
    let _ = target.remove_dir(path);
    Ok(match left.is_empty() {
        true => Recovered::Nothing,
        false if left.iter().any(has_ended) => Recovered::New,
        false => Recovered::Old,
    })
}

impl Restore<'_> {
    /// What the staged files will take: of files with holes only what they hold.
    fn room_needed(&self) -> Result<u64> {
        let mut near = crate::io::sorted_dirs::SortedDirs::new(&self.source);
        let mut needed = 0u64;
        for entry in &self.manifest.files {
            let found = near.parent_of(&entry.path).and_then(|(directory, name)| directory.find(name));
            // What is missing or unreadable is found when it is copied.
            let allocated = found.ok().flatten().map_or(entry.size, |stat| stat.allocated);
            needed = needed.saturating_add(entry.size.min(allocated));
        }
        Ok(needed)
    }

    /// Copies all files to the staging, each byte compared with its checksum on the way.
    pub fn copy(&self, staging: &Tree) -> Result<Staged> {
        let counters = &self.link.monitor.counters;
        counters.bytes_total.store(self.manifest.bytes(), Relaxed);
        counters.files_total.store(self.manifest.files.len() as u64, Relaxed);
        let staged = Mutex::new(Staged::new());
        pool::for_each(self.options.io_threads(), &self.manifest.files, |entry, buffer| {
            self.link.monitor.check()?;
            let kept = self.copy_file(entry, staging, buffer)?;
            staged.lock().insert(entry.path.clone(), kept);
            counters.files_done.fetch_add(1, Relaxed);
            Ok(())
        })?;
        for link in &self.manifest.links {
            staging.link(link)?;
        }
        staging.make_dirs(&self.manifest.directories)?;
        Ok(staged.into_inner())
    }

    fn copy_file(&self, entry: &FileEntry, staging: &Tree, buffer: &mut [u8]) -> Result<Kept> {
        let path = self.source.full(&entry.path);
        let corrupt = |why: String| Error::at(Code::Corrupt, "restoring from", &path, why);
        let file = self.source.open_file(&entry.path).map_err(|error| match is_absent(&error) {
            true => corrupt("it is missing".into()),
            false if error.raw_os_error() == Some(libc::ELOOP) => corrupt("it is a symbolic link".into()),
            false => Error::io("opening", &path, error),
        })?;
        let found = Stat::of(&file).map_err(|error| Error::io("looking at", &path, error))?;
        if found.kind != crate::sys::dir::Kind::File || found.size != entry.size {
            return Err(corrupt(format!(
                "it has {} bytes where the manifest has {}",
                found.size, entry.size
            )));
        }
        let staged = staging.create(&entry.path, found.mode)?;
        let to = staging.dir.full(&entry.path);
        let mut checksum = Checksum::default();
        let (from, to) = (Named { file: &file, path: &path }, Named { file: &staged, path: &to });
        copy_range(from, to, 0..entry.size, Pace::Limited, &mut checksum, buffer, &self.link.monitor)
            .map_err(|error| match error.code() {
                Code::SourceChanged => error.code_is(Code::Corrupt),
                _ => error,
            })?;
        if checksum.value() != entry.crc32 {
            let (found, wanted) = (checksum.value(), entry.crc32);
            return Err(corrupt(format!("its checksum is {found:08x} where the manifest has {wanted:08x}")));
        }
        let attributes = match entry.attributes {
            Some(attributes) => attributes,
            // A bare manifest has none: those of the snapshot's file.
            None => crate::snapshot::Attributes::of(&found),
        };
        staging.finish(&entry.path, staged, Some(&attributes))
    }

    /// Syncs, lets the validators look, and then compares; the directories are closed last.
    pub fn verify(&self, staging: &Tree, staged: &Staged) -> Result<()> {
        let threads = self.options.io_threads();
        staging.sync(threads, &self.link.monitor)?;
        let directory = staging.dir.path();
        self.layout.validate(directory)?;
        self.link.host.validate(directory)?;
        let comparison =
            Comparison { level: self.options.verify, rules: &self.rules, staged: Some(staged), threads };
        compare(&staging.dir, &self.manifest, &comparison, &self.link.monitor)?;
        staging.seal(&self.manifest.directories, &self.link.monitor)
    }
}
