//! A directory, and what is done with names beneath it. Nothing here follows a symbolic link,
//! and no path is resolved twice from the top of the file system.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;
use std::marker::PhantomData;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use rustix::fs::{
    self as rfs, AtFlags, FileType, Gid, Mode, OFlags, RawMode, RenameFlags, StatxAttributes, StatxFlags, Uid,
};
use rustix::io::Errno;

use super::attributes::{give_to, set_mtime, times, where_allowed};
use super::stat::kind_of;
pub use super::stat::{Kind, Stat};
use super::stays::Stays;
use super::{beneath, is_refused, is_unsupported, memory, retry};

/// One entry of a listing.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Its name.
    pub name: OsString,
    /// The inode number that the listing gives. Compared only with that of other listings:
    /// on some file systems it is not the one that `stat` gives.
    pub inode: u64,
    /// What it is.
    pub kind: Kind,
}

/// An open directory. It stays on the side that opened it: other threads of that get a reference.
#[derive(Debug)]
pub struct Dir {
    fd: OwnedFd,
    path: PathBuf,
    stays: Stays,
}

impl Dir {
    /// Opens a directory by its path, which may lead through links: it is the host's own word.
    pub fn open(path: &Path) -> io::Result<Self> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let fd = retry(|| rfs::open(path, flags, Mode::empty()))?;
        Ok(Self { fd, path: path.to_path_buf(), stays: PhantomData })
    }

    /// Opens a directory beneath this one.
    pub fn open_dir(&self, path: &Path) -> io::Result<Self> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY;
        let fd = beneath::open(&self.fd, path, flags, Mode::empty())?;
        Ok(Self { fd, path: self.full(path), stays: PhantomData })
    }

    /// Its path, for messages.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The path of something beneath it, for messages.
    pub fn full(&self, path: &Path) -> PathBuf {
        if path.as_os_str().is_empty() { self.path.clone() } else { self.path.join(path) }
    }

    /// Opens a file for reading; a FIFO or a device that took its name does not block.
    pub fn open_file(&self, path: &Path) -> io::Result<File> {
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY;
        beneath::open(&self.fd, path, flags, Mode::empty()).map(File::from)
    }

    /// Opens a file for reading and writing, making it if need be.
    pub fn open_or_create(&self, path: &Path, mode: u32) -> io::Result<File> {
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::NONBLOCK | OFlags::NOCTTY;
        beneath::open(&self.fd, path, flags, Mode::from_raw_mode(mode as RawMode)).map(File::from)
    }

    /// Opens a file that is there for reading and writing.
    pub fn open_to_write(&self, path: &Path) -> io::Result<File> {
        let flags = OFlags::RDWR | OFlags::NONBLOCK | OFlags::NOCTTY;
        beneath::open(&self.fd, path, flags, Mode::empty()).map(File::from)
    }

    /// Makes a new file; a name that is taken is an error.
    pub fn create_file(&self, path: &Path, mode: u32) -> io::Result<File> {
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL;
        beneath::open(&self.fd, path, flags, Mode::from_raw_mode(mode as RawMode)).map(File::from)
    }

    /// Makes a file that has no name and so goes with its last descriptor, whoever is killed. Where none can be
    /// made, it has this one for an instant; a file that has it already was left by a kill in that instant.
    pub fn unnamed_file(&self, name: &Path) -> io::Result<File> {
        let flags = OFlags::RDWR | OFlags::TMPFILE;
        if let Ok(fd) = beneath::open(&self.fd, Path::new(""), flags, Mode::RUSR | Mode::WUSR) {
            return Ok(fd.into());
        }
        if_there(self.unlink(name))?;
        let file = self.create_file(name, 0o600)?;
        self.unlink(name)?;
        Ok(file)
    }

    /// Makes a new directory.
    pub fn make_dir(&self, path: &Path, mode: u32) -> io::Result<()> {
        let (parent, name) = self.parent(path)?;
        retry(|| rfs::mkdirat(parent.as_fd(), name, Mode::from_raw_mode(mode as RawMode)))
    }

    /// Makes a directory unless it is there. A new one is this directory's owner's, whatever the
    /// umask: the database's own user must get in when root has restored it.
    pub fn ensure_own_dir(&self, path: &Path, mode: u32) -> io::Result<()> {
        match self.make_dir(path, mode) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            Err(error) => Err(error),
            Ok(()) => {
                let owner = Stat::of(&self.fd)?;
                let made = self.open_dir(path)?;
                made.set_mode(mode)?;
                made.give_to(Path::new(""), owner.uid, owner.gid)
            }
        }
    }

    /// Makes a directory unless it is there.
    pub fn ensure_dir(&self, path: &Path, mode: u32) -> io::Result<()> {
        match self.make_dir(path, mode) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            other => other,
        }
    }

    /// Makes a symbolic link.
    pub fn make_symlink(&self, target: &OsStr, path: &Path) -> io::Result<()> {
        let (parent, name) = self.parent(path)?;
        retry(|| rfs::symlinkat(target, parent.as_fd(), name))
    }

    /// What a symbolic link holds.
    pub fn read_link(&self, path: &Path) -> io::Result<OsString> {
        let (parent, name) = self.parent(path)?;
        let target = retry(|| rfs::readlinkat(parent.as_fd(), name, Vec::new()))?;
        Ok(OsString::from_vec(target.into_bytes()))
    }

    /// The stat of what has that name, itself if it is a link. The empty path: this directory.
    pub fn stat(&self, path: &Path) -> io::Result<Stat> {
        if path.as_os_str().is_empty() {
            return Stat::of(&self.fd);
        }
        let (parent, name) = self.parent(path)?;
        retry(|| rfs::statat(parent.as_fd(), name, AtFlags::SYMLINK_NOFOLLOW))
            .map(|stat| Stat::from_raw(&stat))
    }

    /// The stat, or `None` where there is nothing of that name.
    pub fn find(&self, path: &Path) -> io::Result<Option<Stat>> {
        if_there(self.stat(path))
    }

    /// Gives a file a second name.
    pub fn link(&self, path: &Path, to: &Dir, name: &Path) -> io::Result<()> {
        let (parent, own) = self.parent(path)?;
        let (other, theirs) = to.parent(name)?;
        retry(|| rfs::linkat(parent.as_fd(), own, other.as_fd(), theirs, AtFlags::empty()))
    }

    /// Renames; a file or an empty directory of the new name is replaced.
    pub fn rename(&self, path: &Path, to: &Dir, name: &Path) -> io::Result<()> {
        let (parent, own) = self.parent(path)?;
        let (other, theirs) = to.parent(name)?;
        retry(|| rfs::renameat(parent.as_fd(), own, other.as_fd(), theirs))
    }

    /// Renames to a name that must be free. Where the file system cannot promise that (NFS), the
    /// name is looked at first: our own writers are kept apart by locks.
    pub fn rename_new(&self, path: &Path, to: &Dir, name: &Path) -> io::Result<()> {
        let (parent, own) = self.parent(path)?;
        let (other, theirs) = to.parent(name)?;
        let renamed =
            retry(|| rfs::renameat_with(parent.as_fd(), own, other.as_fd(), theirs, RenameFlags::NOREPLACE));
        match renamed {
            Err(error) if is_unsupported(&error) || error.raw_os_error() == Some(libc::EPERM) => {
                if to.find(name)?.is_some() {
                    return Err(Errno::EXIST.into());
                }
                self.rename(path, to, name)
            }
            other => other,
        }
    }

    /// Whether a directory could be renamed to where `name` is in `to`: a directory that is not empty, so that
    /// nothing moves. An overlay cannot rename a directory of its lower layers.
    pub fn could_move(&self, path: &Path, to: &Dir, name: &Path) -> io::Result<bool> {
        match self.rename(path, to, name) {
            Err(error) => Ok(error.raw_os_error() != Some(libc::EXDEV)),
            // No file system does that.
            Ok(()) => to.rename(name, self, path).map(|()| true),
        }
    }

    /// Removes a name that is not a directory's.
    pub fn unlink(&self, path: &Path) -> io::Result<()> {
        let (parent, name) = self.parent(path)?;
        retry(|| rfs::unlinkat(parent.as_fd(), name, AtFlags::empty()))
    }

    /// Removes an empty directory.
    pub fn remove_dir(&self, path: &Path) -> io::Result<()> {
        let (parent, name) = self.parent(path)?;
        retry(|| rfs::unlinkat(parent.as_fd(), name, AtFlags::REMOVEDIR))
    }

    /// Sets its mode. What setgid means for a directory, the group of what is made there, is kept.
    pub fn set_mode(&self, mode: u32) -> io::Result<()> {
        let mode = Mode::from_raw_mode((mode & 0o3777) as RawMode);
        where_allowed(retry(|| rfs::fchmod(&self.fd, mode)))
    }

    /// Gives a name to an owner, itself if it is a link, where this process may.
    pub fn give_to(&self, path: &Path, uid: u32, gid: u32) -> io::Result<()> {
        if path.as_os_str().is_empty() {
            return give_to(&self.fd, uid, gid);
        }
        let (parent, name) = self.parent(path)?;
        let (uid, gid) = (Uid::from_raw(uid), Gid::from_raw(gid));
        where_allowed(retry(|| {
            rfs::chownat(parent.as_fd(), name, Some(uid), Some(gid), AtFlags::SYMLINK_NOFOLLOW)
        }))
    }

    /// Gives a directory beneath this one a mode that lets its owner in, which it may not have yet.
    pub fn open_up(&self, path: &Path) -> io::Result<()> {
        use std::os::fd::AsRawFd;
        use std::os::unix::fs::PermissionsExt;
        let flags = OFlags::PATH | OFlags::DIRECTORY;
        let fd = beneath::open(&self.fd, path, flags, Mode::empty())?;
        if retry(|| rfs::fstat(&fd))?.st_mode & 0o700 == 0o700 {
            return Ok(());
        }
        // fchmod takes no descriptor that was opened by O_PATH, its name in /proc does.
        let name = format!("/proc/thread-self/fd/{}", fd.as_raw_fd());
        std::fs::set_permissions(name, std::fs::Permissions::from_mode(0o700))
    }

    /// Sets the mtime of this directory.
    pub fn set_mtime(&self, mtime_ns: i128) -> io::Result<()> {
        set_mtime(&self.fd, mtime_ns)
    }

    /// Sets the mtime of a link below it.
    pub fn set_mtime_of(&self, path: &Path, mtime_ns: i128) -> io::Result<()> {
        let (parent, name) = self.parent(path)?;
        where_allowed(retry(|| {
            rfs::utimensat(parent.as_fd(), name, &times(mtime_ns), AtFlags::SYMLINK_NOFOLLOW)
        }))
    }

    /// Whether it lies on one of the kernel's own file systems for disks.
    pub fn is_on_a_disk_of_the_kernels(&self) -> bool {
        super::file::is_of_the_kernels_own(&self.fd)
    }

    /// When it was made, in nanoseconds since 1970, where its file system tells.
    pub fn born_ns(&self) -> Option<i64> {
        Stat::with_birth(&self.fd, Path::new("")).ok()?.1
    }

    /// The number of its file system, where that is its own and stays: on ext4 it comes from its UUID, on btrfs
    /// from that and the subvolume.
    pub fn file_system(&self) -> Option<u64> {
        const THAT_STAY: [i64; 2] = [0xEF53, 0x9123_683E];
        let kind = rfs::fstatfs(&self.fd).ok()?.f_type;
        #[allow(clippy::unnecessary_cast)] // its type differs between architectures
        let stays = THAT_STAY.contains(&(kind as i64));
        stays.then(|| rfs::fstatvfs(&self.fd).ok()).flatten().map(|stat| stat.f_fsid)
    }

    /// Whether something is mounted on a name, of this file system or of another. A subvolume of btrfs
    /// has a device number of its own and is no mount: it can be renamed.
    pub fn is_mount(&self, path: &Path) -> io::Result<bool> {
        const BTRFS_SUBVOLUME: u64 = 256;
        let (parent, name) = self.parent(path)?;
        let flags = AtFlags::SYMLINK_NOFOLLOW | AtFlags::NO_AUTOMOUNT;
        match retry(|| rfs::statx(parent.as_fd(), name, flags, StatxFlags::BASIC_STATS)) {
            Ok(found) if found.stx_attributes_mask.contains(StatxAttributes::MOUNT_ROOT) => {
                Ok(found.stx_attributes.contains(StatxAttributes::MOUNT_ROOT))
            }
            // Linux before 5.8 does not say.
            Ok(found) => {
                let above = Stat::of(&self.fd)?.device;
                let device = rfs::makedev(found.stx_dev_major, found.stx_dev_minor);
                Ok(device != above && found.stx_ino != BTRFS_SUBVOLUME)
            }
            Err(error) if is_absent(&error) => Ok(false),
            // Nor does a container that answers to no call newer than itself.
            Err(_) => {
                let found = self.find(path)?;
                let above = Stat::of(&self.fd)?.device;
                Ok(found.is_some_and(|stat| stat.device != above && stat.inode != BTRFS_SUBVOLUME))
            }
        }
    }

    /// Makes its entries durable. Some network and FUSE file systems cannot sync a directory, and
    /// say so by EINVAL or EBADF: there is nothing more to be done there.
    pub fn sync(&self) -> io::Result<()> {
        match retry(|| rfs::fsync(&self.fd)) {
            Err(error) if is_unsupported(&error) || error.raw_os_error() == Some(libc::EBADF) => Ok(()),
            other => other,
        }
    }

    /// Makes all of its file system durable, and reports what could not be written since this
    /// directory was opened (Linux 5.8 and later).
    pub fn sync_file_system(&self) -> io::Result<()> {
        retry(|| rfs::syncfs(&self.fd))
    }

    /// Bytes that an unprivileged writer may still use on its file system. `None`: it does not say how
    /// large it is, as some network and FUSE file systems do not, and so nothing of its room.
    pub fn free_bytes(&self) -> io::Result<Option<u64>> {
        let stat = match retry(|| rfs::fstatvfs(&self.fd)) {
            Err(error) if is_refused(&error) => return Ok(None),
            other => other?,
        };
        Ok((stat.f_blocks != 0).then(|| stat.f_bavail.saturating_mul(stat.f_frsize)))
    }

    /// Whether it is part of an overlay.
    pub fn is_overlay(&self) -> bool {
        const OVERLAY: i64 = 0x794c_7630;
        #[allow(clippy::unnecessary_cast)] // its type differs between architectures
        rfs::fstatfs(&self.fd).is_ok_and(|stat| stat.f_type as i64 == OVERLAY)
    }

    /// Whether its mount lets nobody write.
    pub fn is_read_only(&self) -> io::Result<bool> {
        let stat = retry(|| rfs::fstatvfs(&self.fd))?;
        Ok(stat.f_flag.contains(rfs::StatVfsMountFlags::RDONLY))
    }

    /// Its entries without `.` and `..`, in no order.
    pub fn entries(&self) -> io::Result<Vec<Entry>> {
        let mut listing = rfs::Dir::read_from(&self.fd)?;
        let mut entries = Vec::new();
        while let Some(entry) = listing.read() {
            let entry = match entry {
                Err(Errno::INTR) => continue,
                other => other?,
            };
            let name = entry.file_name().to_bytes();
            if name == b"." || name == b".." {
                continue;
            }
            let name = OsStr::from_bytes(name).to_os_string();
            let kind = match entry.file_type() {
                FileType::Unknown => match self.find(Path::new(&name))? {
                    Some(stat) => stat.kind,
                    None => continue,
                },
                known => kind_of(known),
            };
            memory::reserve_one(&mut entries)?;
            entries.push(Entry { name, inode: entry.ino(), kind });
        }
        Ok(entries)
    }

    /// The directory that holds a path, and the name in it.
    fn parent<'a>(&'a self, path: &'a Path) -> io::Result<(Parent<'a>, &'a OsStr)> {
        let name = path.file_name().ok_or(Errno::INVAL)?;
        match path.parent() {
            Some(above) if !above.as_os_str().is_empty() => {
                let flags = OFlags::PATH | OFlags::DIRECTORY;
                let fd = beneath::open(&self.fd, above, flags, Mode::empty())?;
                Ok((Parent::Opened(fd), name))
            }
            _ => Ok((Parent::Here(self.fd.as_fd()), name)),
        }
    }
}

/// Where a name lies: in the directory itself, or in one that was opened for the call.
enum Parent<'a> {
    Here(BorrowedFd<'a>),
    Opened(OwnedFd),
}

impl AsFd for Parent<'_> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Parent::Here(fd) => *fd,
            Parent::Opened(fd) => fd.as_fd(),
        }
    }
}

impl AsFd for Dir {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// What a call came to; `None`: there is nothing of that name.
pub fn if_there<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Err(error) if is_absent(&error) => Ok(None),
        other => other.map(Some),
    }
}

/// Whether the error says that there is nothing of that name.
pub fn is_absent(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}
