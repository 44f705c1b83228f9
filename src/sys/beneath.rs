//! Opening a relative path beneath a directory, never through a symbolic link or out of it.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Component, Path, PathBuf};

use rustix::fs::{Mode, OFlags, ResolveFlags, openat, openat2};
use rustix::io::Errno;

use super::retry;

/// No call takes a longer path; such a one is opened in pieces.
const PATH_MAX: usize = 4096;

/// Opens `path` beneath `directory`. An empty path is the directory itself. A symbolic link
/// anywhere on the way is ELOOP (ENOTDIR on older kernels).
pub fn open(directory: impl AsFd, path: &Path, flags: OFlags, mode: Mode) -> io::Result<OwnedFd> {
    let flags = flags | OFlags::CLOEXEC | OFlags::NOFOLLOW;
    if path.as_os_str().is_empty() {
        return retry(|| openat(&directory, c".", flags, mode));
    }
    if path.as_os_str().len() >= PATH_MAX {
        let (above, rest) = split(path);
        let above = open(directory, &above, OFlags::PATH | OFlags::DIRECTORY, Mode::empty())?;
        return open(above, &rest, flags, mode);
    }
    let within = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
    match retry(|| openat2(&directory, path, flags, mode, within)) {
        Err(error) if needs_walk(&error) => walk(directory, path, flags, mode),
        other => other,
    }
}

/// As much of a long path as one call takes, and what is left.
fn split(path: &Path) -> (PathBuf, PathBuf) {
    let mut above = PathBuf::new();
    let mut names = path.components();
    while let Some(name) = names.clone().next() {
        if above.as_os_str().len() + name.as_os_str().len() + 2 > PATH_MAX {
            break;
        }
        above.push(name);
        names.next();
    }
    (above, names.as_path().to_path_buf())
}

/// No openat2 here (an old kernel; a container that answers EPERM), or a rename raced with it.
fn needs_walk(error: &io::Error) -> bool {
    [Errno::NOSYS, Errno::PERM, Errno::AGAIN]
        .iter()
        .any(|errno| error.raw_os_error() == Some(errno.raw_os_error()))
}

fn walk(directory: impl AsFd, path: &Path, flags: OFlags, mode: Mode) -> io::Result<OwnedFd> {
    let mut names = path.components().peekable();
    let mut reached: Option<OwnedFd> = None;
    while let Some(part) = names.next() {
        let Component::Normal(name) = part else {
            return Err(io::Error::from(Errno::XDEV));
        };
        let at = reached.as_ref().map_or(directory.as_fd(), |fd| fd.as_fd());
        let next = match names.peek() {
            None => return retry(|| openat(at, name, flags, mode)),
            Some(_) => {
                let step = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
                retry(|| openat(at, name, step, Mode::empty()))?
            }
        };
        reached = Some(next);
    }
    Err(io::Error::from(Errno::INVAL))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_and_dot_dot_are_refused_both_ways() {
        let top = tempfile::tempdir().unwrap();
        std::fs::create_dir(top.path().join("in")).unwrap();
        std::fs::write(top.path().join("in/file"), b"x").unwrap();
        std::fs::write(top.path().join("out"), b"x").unwrap();
        std::os::unix::fs::symlink("..", top.path().join("in/up")).unwrap();
        std::os::unix::fs::symlink("file", top.path().join("in/link")).unwrap();
        let base = std::fs::File::open(top.path().join("in")).unwrap();
        let read = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOFOLLOW;
        for name in ["up/out", "link", "../out", "/etc/passwd"] {
            assert!(open(&base, Path::new(name), read, Mode::empty()).is_err(), "{name}");
            assert!(walk(&base, Path::new(name), read, Mode::empty()).is_err(), "{name} walked");
        }
        open(&base, Path::new("file"), read, Mode::empty()).unwrap();
        walk(&base, Path::new("file"), read, Mode::empty()).unwrap();
    }
}
