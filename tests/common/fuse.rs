//! A file system that gives less than ext4 does: another directory, shown through FUSE, with a clock of
//! its own, calls that it refuses, numbers of its own for each name.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::{Duration, SystemTime};

use fuser::{
    BackgroundSession, Config, Errno, FileAttr, FileHandle, FileType, Filesystem, FopenFlags, Generation,
    INodeNo, InitFlags, KernelConfig, LockOwner, MountOption, OpenFlags, RenameFlags, ReplyAttr, ReplyCreate,
    ReplyData, ReplyDirectory, ReplyEmpty, ReplyEntry, ReplyOpen, ReplyStatfs, ReplyWrite, Request,
    TimeOrNow, WriteFlags,
};

/// In what it is less. Errors are values of errno.
#[derive(Clone, Default)]
pub struct Less {
    /// How far its clock is ahead of this machine's, in seconds, and its stamps' granularity.
    pub clock: Option<(i64, u64)>,
    /// It refuses to change modes.
    pub chmod: Option<i32>,
    /// It refuses to change owners.
    pub chown: Option<i32>,
    /// It refuses to set times.
    pub utimes: Option<i32>,
    /// It refuses hard links.
    pub link: Option<i32>,
    /// It refuses locks of files.
    pub flock: Option<i32>,
    /// It does not say how large it is.
    pub no_size: bool,
    /// Each name has an inode number of its own, also those of one file.
    pub number_per_name: bool,
    /// It cannot rename without replacing.
    pub no_noreplace: bool,
    /// Times that are set are rounded down to so many nanoseconds, which shows only when it is asked again.
    pub rounds_times_to: Option<u128>,
    /// Nobody can write to it.
    pub read_only: bool,
    /// How long it takes to make a file durable.
    pub sync_takes: Duration,
}

/// It, mounted; unmounted with the value.
pub struct Lesser {
    place: tempfile::TempDir,
    session: Option<BackgroundSession>,
}

impl Lesser {
    /// Shows `backing`. `None`: this user may not mount.
    pub fn mount(backing: &Path, less: Less) -> Option<Self> {
        let place = tempfile::tempdir().expect("a temporary directory");
        let mut config = Config::default();
        config.mount_options = vec![MountOption::FSName("lesser".into()), MountOption::DefaultPermissions];
        if less.read_only {
            config.mount_options.push(MountOption::RO);
        }
        config.n_threads = Some(2);
        let shown = Shown { backing: backing.to_path_buf(), less, state: Mutex::default() };
        let session = fuser::spawn_mount(shown, place.path(), &config).ok()?;
        Some(Self { place, session: Some(session) })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        self.place.path()
    }
}

impl Drop for Lesser {
    fn drop(&mut self) {
        let _ = self.session.take().map(BackgroundSession::umount_and_join);
    }
}

struct Shown {
    backing: PathBuf,
    less: Less,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Numbers by name, and the names of each.
    numbers: HashMap<PathBuf, u64>,
    names: HashMap<u64, Vec<PathBuf>>,
    /// Numbers by those of the files behind, which are used again.
    by_backing: HashMap<u64, u64>,
    last_number: u64,
    open: HashMap<u64, (u64, File)>,
    last_handle: u64,
    /// mtime and ctime by its own clock.
    stamps: HashMap<u64, (SystemTime, SystemTime)>,
}

/// Nothing is kept by the kernel: each look asks.
const TTL: Duration = Duration::ZERO;

type Answer<T> = Result<T, Errno>;

fn errno(error: io::Error) -> Errno {
    Errno::from_i32(error.raw_os_error().unwrap_or(libc::EIO))
}

fn refused(by: Option<i32>) -> Answer<()> {
    by.map_or(Ok(()), |error| Err(Errno::from_i32(error)))
}

impl Shown {
    fn full(&self, path: &Path) -> PathBuf {
        self.backing.join(path)
    }

    /// What this clock stamps with now.
    fn now(&self) -> Option<SystemTime> {
        let (ahead, granularity) = self.less.clock?;
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("after 1970");
        let seconds = (since.as_secs() as i64 + ahead) as u64 / granularity * granularity;
        Some(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds))
    }

    /// Stamps a change of the content, or of the rest alone.
    fn stamp(&self, number: u64, content: bool) {
        let Some(now) = self.now() else { return };
        let mut state = self.state.lock().unwrap();
        let stamps = state.stamps.entry(number).or_insert((now, now));
        stamps.1 = now;
        if content {
            stamps.0 = now;
        }
    }

    fn path(&self, number: INodeNo) -> Answer<PathBuf> {
        if number == INodeNo::ROOT {
            return Ok(PathBuf::new());
        }
        let state = self.state.lock().unwrap();
        let names = state.names.get(&number.0).ok_or(Errno::ESTALE)?;
        names.iter().find(|name| self.full(name).symlink_metadata().is_ok()).cloned().ok_or(Errno::ENOENT)
    }

    fn child(&self, parent: INodeNo, name: &OsStr) -> Answer<PathBuf> {
        Ok(self.path(parent)?.join(name))
    }

    /// The number of a name, new where it has none yet.
    fn number(&self, path: &Path) -> Answer<u64> {
        if path.as_os_str().is_empty() {
            return Ok(INodeNo::ROOT.0);
        }
        let found = self.full(path).symlink_metadata().map_err(errno)?;
        let mut state = self.state.lock().unwrap();
        if let Some(number) = state.numbers.get(path) {
            return Ok(*number);
        }
        let known = state.by_backing.get(&found.ino()).copied().filter(|_| !self.less.number_per_name);
        let number = known.unwrap_or_else(|| {
            state.last_number += 1;
            state.last_number + 1
        });
        state.by_backing.insert(found.ino(), number);
        state.numbers.insert(path.to_path_buf(), number);
        state.names.entry(number).or_default().push(path.to_path_buf());
        Ok(number)
    }

    /// A name is about to go; the file behind goes with its last one.
    fn about_to_remove(&self, path: &Path) {
        if let Ok(found) = self.full(path).symlink_metadata()
            && found.nlink() == 1
        {
            self.state.lock().unwrap().by_backing.remove(&found.ino());
        }
    }

    fn forget(&self, path: &Path) {
        let mut state = self.state.lock().unwrap();
        let gone: Vec<PathBuf> =
            state.numbers.keys().filter(|known| known.starts_with(path)).cloned().collect();
        for path in gone {
            state.numbers.remove(&path);
        }
    }

    fn attributes(&self, number: INodeNo) -> Answer<FileAttr> {
        let found = match self.path(number) {
            Ok(path) => self.full(&path).symlink_metadata().map_err(errno)?,
            Err(error) => {
                // Deleted and still open.
                let state = self.state.lock().unwrap();
                let open = state.open.values().find(|(of, _)| *of == number.0).ok_or(error)?;
                open.1.metadata().map_err(errno)?
            }
        };
        let stamps = self.state.lock().unwrap().stamps.get(&number.0).copied();
        let own = |seconds: i64, nanos: i64| {
            let moment = Duration::new(seconds.unsigned_abs(), nanos as u32);
            if seconds < 0 { SystemTime::UNIX_EPOCH - moment } else { SystemTime::UNIX_EPOCH + moment }
        };
        let (mtime, ctime) = stamps
            .unwrap_or((own(found.mtime(), found.mtime_nsec()), own(found.ctime(), found.ctime_nsec())));
        let kind = match found.file_type() {
            kind if kind.is_dir() => FileType::Directory,
            kind if kind.is_symlink() => FileType::Symlink,
            _ => FileType::RegularFile,
        };
        Ok(FileAttr {
            ino: number,
            size: found.len(),
            blocks: found.blocks(),
            atime: mtime,
            mtime,
            ctime,
            crtime: ctime,
            kind,
            perm: (found.mode() & 0o7777) as u16,
            nlink: found.nlink() as u32,
            uid: found.uid(),
            gid: found.gid(),
            rdev: 0,
            blksize: 4096,
            flags: 0,
        })
    }

    fn entry(&self, path: &Path) -> Answer<FileAttr> {
        self.attributes(INodeNo(self.number(path)?))
    }

    fn keep_open(&self, number: u64, file: File) -> FileHandle {
        let mut state = self.state.lock().unwrap();
        state.last_handle += 1;
        let handle = state.last_handle;
        state.open.insert(handle, (number, file));
        FileHandle(handle)
    }

    fn opened(&self, handle: FileHandle) -> Answer<File> {
        let state = self.state.lock().unwrap();
        let (_, file) = state.open.get(&handle.0).ok_or(Errno::EBADF)?;
        file.try_clone().map_err(errno)
    }

    fn made(&self, parent: INodeNo, path: &Path) -> Answer<FileAttr> {
        let number = self.number(path)?;
        self.state.lock().unwrap().stamps.remove(&number);
        self.stamp(number, true);
        self.stamp(parent.0, true);
        self.entry(path)
    }

    fn removed(&self, parent: INodeNo, path: &Path) {
        self.forget(path);
        self.stamp(parent.0, true);
    }

    #[allow(clippy::too_many_arguments)]
    fn change(
        &self,
        number: INodeNo,
        mode: Option<u32>,
        owner: (Option<u32>, Option<u32>),
        size: Option<u64>,
        mtime: Option<TimeOrNow>,
    ) -> Answer<FileAttr> {
        let path = self.full(&self.path(number)?);
        if let Some(mode) = mode {
            refused(self.less.chmod)?;
            fs::set_permissions(&path, PermissionsExt::from_mode(mode & 0o7777)).map_err(errno)?;
        }
        if owner.0.is_some() || owner.1.is_some() {
            refused(self.less.chown)?;
            std::os::unix::fs::lchown(&path, owner.0, owner.1).map_err(errno)?;
        }
        if let Some(size) = size {
            File::options().write(true).open(&path).and_then(|file| file.set_len(size)).map_err(errno)?;
        }
        self.stamp(number.0, size.is_some());
        if let Some(mtime) = mtime {
            refused(self.less.utimes)?;
            let wanted = match mtime {
                TimeOrNow::SpecificTime(time) => time,
                TimeOrNow::Now => self.now().unwrap_or_else(SystemTime::now),
            };
            let kept = self.less.rounds_times_to.map_or(wanted, |granularity| {
                let since = wanted.duration_since(SystemTime::UNIX_EPOCH).expect("after 1970").as_nanos();
                let rounded = since / granularity * granularity;
                SystemTime::UNIX_EPOCH + Duration::from_nanos(rounded as u64)
            });
            File::open(&path).and_then(|file| file.set_modified(kept)).map_err(errno)?;
            if let Some(stamps) = self.state.lock().unwrap().stamps.get_mut(&number.0) {
                stamps.0 = kept;
            }
            // It tells what it was given, and not what it keeps.
            return Ok(FileAttr { mtime: wanted, ..self.attributes(number)? });
        }
        self.attributes(number)
    }

    fn renamed(&self, from: (INodeNo, &OsStr), to: (INodeNo, &OsStr), flags: RenameFlags) -> Answer<()> {
        let (old, new) = (self.child(from.0, from.1)?, self.child(to.0, to.1)?);
        if !flags.is_empty() && self.less.no_noreplace {
            return Err(Errno::EINVAL);
        }
        if flags.contains(RenameFlags::RENAME_NOREPLACE) && self.full(&new).symlink_metadata().is_ok() {
            return Err(Errno::EEXIST);
        }
        let replaced =
            self.full(&new).symlink_metadata().ok().filter(|found| found.is_dir() || found.nlink() == 1);
        fs::rename(self.full(&old), self.full(&new)).map_err(errno)?;
        if let Some(replaced) = replaced {
            self.state.lock().unwrap().by_backing.remove(&replaced.ino());
        }
        let mut state = self.state.lock().unwrap();
        let moved: Vec<_> = state.numbers.keys().filter(|path| path.starts_with(&old)).cloned().collect();
        state.numbers.retain(|path, _| !path.starts_with(&new));
        let numbers: Vec<_> = moved.iter().filter_map(|path| state.numbers.remove(path)).collect();
        for (path, number) in moved.iter().zip(numbers) {
            let rest = path.strip_prefix(&old).expect("below the old name");
            let path = if rest.as_os_str().is_empty() { new.clone() } else { new.join(rest) };
            state.names.entry(number).or_default().push(path.clone());
            state.numbers.insert(path, number);
        }
        drop(state);
        self.stamp(from.0.0, true);
        self.stamp(to.0.0, true);
        Ok(())
    }
}

/// Sends what was found, or why not.
macro_rules! answer {
    ($reply:ident, $found:expr, |$value:pat_param| $send:expr) => {
        match $found {
            Ok($value) => $send,
            Err(error) => $reply.error(error),
        }
    };
}

impl Filesystem for Shown {
    fn init(&mut self, _: &Request, config: &mut KernelConfig) -> io::Result<()> {
        if self.less.flock.is_some() {
            let _ = config.add_capabilities(InitFlags::FUSE_FLOCK_LOCKS);
        }
        Ok(())
    }

    fn lookup(&self, _: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEntry) {
        let found = self.child(parent, name).and_then(|path| self.entry(&path));
        answer!(reply, found, |found| reply.entry(&TTL, &found, Generation(0)));
    }

    fn getattr(&self, _: &Request, number: INodeNo, _: Option<FileHandle>, reply: ReplyAttr) {
        answer!(reply, self.attributes(number), |found| reply.attr(&TTL, &found));
    }

    fn setattr(
        &self,
        _: &Request,
        number: INodeNo,
        mode: Option<u32>,
        uid: Option<u32>,
        gid: Option<u32>,
        size: Option<u64>,
        _: Option<TimeOrNow>,
        mtime: Option<TimeOrNow>,
        _: Option<SystemTime>,
        _: Option<FileHandle>,
        _: Option<SystemTime>,
        _: Option<SystemTime>,
        _: Option<SystemTime>,
        _: Option<fuser::BsdFileFlags>,
        reply: ReplyAttr,
    ) {
        // What it rounds later shows later.
        let believed = if self.less.rounds_times_to.is_some() { Duration::from_millis(50) } else { TTL };
        answer!(reply, self.change(number, mode, (uid, gid), size, mtime), |found| {
            reply.attr(&believed, &found)
        });
    }

    fn readlink(&self, _: &Request, number: INodeNo, reply: ReplyData) {
        let target = self.path(number).and_then(|path| fs::read_link(self.full(&path)).map_err(errno));
        answer!(reply, target, |target| reply.data(target.as_os_str().as_encoded_bytes()));
    }

    fn mkdir(&self, _: &Request, parent: INodeNo, name: &OsStr, mode: u32, umask: u32, reply: ReplyEntry) {
        let made = self.child(parent, name).and_then(|path| {
            fs::create_dir(self.full(&path)).map_err(errno)?;
            let mode = PermissionsExt::from_mode(mode & !umask & 0o7777);
            fs::set_permissions(self.full(&path), mode).map_err(errno)?;
            self.made(parent, &path)
        });
        answer!(reply, made, |made| reply.entry(&TTL, &made, Generation(0)));
    }

    fn unlink(&self, _: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEmpty) {
        let done = self.child(parent, name).and_then(|path| {
            self.about_to_remove(&path);
            fs::remove_file(self.full(&path)).map_err(errno)?;
            self.removed(parent, &path);
            Ok(())
        });
        answer!(reply, done, |()| reply.ok());
    }

    fn rmdir(&self, _: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEmpty) {
        let done = self.child(parent, name).and_then(|path| {
            let behind = self.full(&path).symlink_metadata().map_err(errno)?.ino();
            fs::remove_dir(self.full(&path)).map_err(errno)?;
            self.state.lock().unwrap().by_backing.remove(&behind);
            self.removed(parent, &path);
            Ok(())
        });
        answer!(reply, done, |()| reply.ok());
    }

    fn symlink(&self, _: &Request, parent: INodeNo, name: &OsStr, target: &Path, reply: ReplyEntry) {
        let made = self.child(parent, name).and_then(|path| {
            std::os::unix::fs::symlink(target, self.full(&path)).map_err(errno)?;
            self.made(parent, &path)
        });
        answer!(reply, made, |made| reply.entry(&TTL, &made, Generation(0)));
    }

    fn rename(
        &self,
        _: &Request,
        parent: INodeNo,
        name: &OsStr,
        to: INodeNo,
        new: &OsStr,
        flags: RenameFlags,
        reply: ReplyEmpty,
    ) {
        answer!(reply, self.renamed((parent, name), (to, new), flags), |()| reply.ok());
    }

    fn link(&self, _: &Request, number: INodeNo, to: INodeNo, name: &OsStr, reply: ReplyEntry) {
        let made = refused(self.less.link).and_then(|()| {
            let (old, new) = (self.path(number)?, self.child(to, name)?);
            fs::hard_link(self.full(&old), self.full(&new)).map_err(errno)?;
            self.stamp(number.0, false);
            self.stamp(to.0, true);
            self.entry(&new)
        });
        answer!(reply, made, |made| reply.entry(&TTL, &made, Generation(0)));
    }

    fn open(&self, _: &Request, number: INodeNo, flags: OpenFlags, reply: ReplyOpen) {
        let opened = self.path(number).and_then(|path| {
            let writes = flags.0 & libc::O_ACCMODE != libc::O_RDONLY;
            let file = File::options()
                .read(true)
                .write(writes)
                .custom_flags(libc::O_NOFOLLOW)
                .open(self.full(&path));
            let file = file.map_err(errno)?;
            if flags.0 & libc::O_TRUNC != 0 {
                file.set_len(0).map_err(errno)?;
                self.stamp(number.0, true);
            }
            Ok(self.keep_open(number.0, file))
        });
        answer!(reply, opened, |handle| reply.opened(handle, FopenFlags::empty()));
    }

    fn create(
        &self,
        _: &Request,
        parent: INodeNo,
        name: &OsStr,
        mode: u32,
        umask: u32,
        flags: i32,
        reply: ReplyCreate,
    ) {
        let made = self.child(parent, name).and_then(|path| {
            let mut options = File::options();
            options.read(true).write(true).mode(mode & !umask).create(true);
            options.create_new(flags & libc::O_EXCL != 0).truncate(flags & libc::O_TRUNC != 0);
            let file = options.open(self.full(&path)).map_err(errno)?;
            let made = self.made(parent, &path)?;
            Ok((self.keep_open(made.ino.0, file), made))
        });
        answer!(reply, made, |(handle, made)| {
            reply.created(&TTL, &made, Generation(0), handle, FopenFlags::empty())
        });
    }

    fn read(
        &self,
        _: &Request,
        _: INodeNo,
        handle: FileHandle,
        offset: u64,
        size: u32,
        _: OpenFlags,
        _: Option<LockOwner>,
        reply: ReplyData,
    ) {
        let mut bytes = vec![0; size as usize];
        let read = self.opened(handle).and_then(|file| file.read_at(&mut bytes, offset).map_err(errno));
        answer!(reply, read, |length| reply.data(&bytes[..length]));
    }

    fn write(
        &self,
        _: &Request,
        number: INodeNo,
        handle: FileHandle,
        offset: u64,
        data: &[u8],
        _: WriteFlags,
        _: OpenFlags,
        _: Option<LockOwner>,
        reply: ReplyWrite,
    ) {
        let written = self.opened(handle).and_then(|file| file.write_all_at(data, offset).map_err(errno));
        self.stamp(number.0, true);
        answer!(reply, written, |()| reply.written(data.len() as u32));
    }

    fn flush(&self, _: &Request, _: INodeNo, _: FileHandle, _: LockOwner, reply: ReplyEmpty) {
        reply.ok();
    }

    fn fsync(&self, _: &Request, _: INodeNo, handle: FileHandle, _: bool, reply: ReplyEmpty) {
        std::thread::sleep(self.less.sync_takes);
        answer!(reply, self.opened(handle).and_then(|file| file.sync_all().map_err(errno)), |()| reply.ok());
    }

    fn release(
        &self,
        _: &Request,
        _: INodeNo,
        handle: FileHandle,
        _: OpenFlags,
        _: Option<LockOwner>,
        _: bool,
        reply: ReplyEmpty,
    ) {
        self.state.lock().unwrap().open.remove(&handle.0);
        reply.ok();
    }

    fn readdir(&self, _: &Request, number: INodeNo, _: FileHandle, offset: u64, mut reply: ReplyDirectory) {
        let listed = self.path(number).and_then(|path| {
            let mut names = vec![];
            for entry in fs::read_dir(self.full(&path)).map_err(errno)? {
                let entry = entry.map_err(errno)?;
                let Ok(number) = self.number(&path.join(entry.file_name())) else { continue };
                let kind =
                    entry.file_type().ok().and_then(FileType::from_std).unwrap_or(FileType::RegularFile);
                names.push((INodeNo(number), kind, entry.file_name()));
            }
            names.sort_by(|a, b| a.2.cmp(&b.2));
            Ok(names)
        });
        answer!(reply, listed, |names| {
            for (index, (number, kind, name)) in names.into_iter().enumerate().skip(offset as usize) {
                if reply.add(number, index as u64 + 1, kind, name) {
                    break;
                }
            }
            reply.ok()
        });
    }

    fn statfs(&self, _: &Request, _: INodeNo, reply: ReplyStatfs) {
        let found = rustix::fs::statvfs(&self.backing).map_err(|error| Errno::from_i32(error.raw_os_error()));
        answer!(reply, found, |found| match self.less.no_size {
            true => reply.statfs(0, 0, 0, 0, 0, 4096, 255, 4096),
            false => reply.statfs(
                found.f_blocks,
                found.f_bfree,
                found.f_bavail,
                found.f_files,
                found.f_ffree,
                found.f_bsize as u32,
                found.f_namemax as u32,
                found.f_frsize as u32,
            ),
        });
    }

    fn setlk(
        &self,
        _: &Request,
        _: INodeNo,
        _: FileHandle,
        _: LockOwner,
        _: u64,
        _: u64,
        _: i32,
        _: u32,
        _: bool,
        reply: ReplyEmpty,
    ) {
        answer!(reply, refused(self.less.flock), |()| reply.ok());
    }
}
