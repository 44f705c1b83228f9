//! Whether a file has a writer.

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;

/// `struct f_owner_ex` of fcntl(2).
#[repr(C)]
struct Owner {
    kind: i32,
    id: i32,
}

const OWNER_IS_A_THREAD: i32 = 0;
const F_SETOWN_EX: i32 = 15;

/// Whether anybody, in any process, has the file open for writing, or mapped so. `file` is open for reading
/// alone. An error: that cannot be told here (another's file, some network file systems).
///
/// It asks for a read lease, which is refused then, and gives it back at once. Whoever opens the file for writing in
/// between waits until it is back, and the kernel tells the lease's owner by a signal: that is this thread,
/// so that no host gets it, and I/O threads have all signals blocked.
pub fn has_writer(file: &File) -> io::Result<bool> {
    let fd = file.as_raw_fd();
    // SAFETY: it takes no pointer.
    let this = unsafe { libc::syscall(libc::SYS_gettid) } as i32;
    let owner = Owner { kind: OWNER_IS_A_THREAD, id: this };
    // SAFETY: `file` keeps the descriptor open, and `owner` is read for the time of the call.
    if unsafe { libc::fcntl(fd, F_SETOWN_EX, &raw const owner) } != 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: `file` keeps the descriptor open; the rest is a number.
    if unsafe { libc::fcntl(fd, libc::F_SETLEASE, libc::F_RDLCK) } != 0 {
        let error = io::Error::last_os_error();
        return if error.raw_os_error() == Some(libc::EAGAIN) { Ok(true) } else { Err(error) };
    }
    // SAFETY: as above. A lease that is broken by now is given back all the same.
    unsafe { libc::fcntl(fd, libc::F_SETLEASE, libc::F_UNLCK) };
    Ok(false)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::io::thread;

    /// On a thread with all signals blocked, as wherever it is asked.
    fn ask(path: &std::path::Path) -> bool {
        thread::run(|| Ok(has_writer(&File::open(path).unwrap()).unwrap())).unwrap()
    }

    #[test]
    fn a_file_has_a_writer_for_as_long_as_it_is_open_for_writing_anywhere() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("table");
        let made = File::create(&path).unwrap();
        assert!(ask(&path));
        let another = made.try_clone().unwrap();
        drop(made);
        assert!(ask(&path));
        drop(another);
        assert!(!ask(&path));
        // Who reads it is no writer, and who asks leaves nothing behind: it can be opened at once.
        let _reader = File::open(&path).unwrap();
        assert!(!ask(&path));
        drop(File::options().write(true).open(&path).unwrap());
        let process = format!("exec 3>>{}; echo; read _", path.display());
        let mut child = std::process::Command::new("sh");
        let piped = std::process::Stdio::piped;
        let mut child = child.args(["-c", &process]).stdin(piped()).stdout(piped()).spawn().unwrap();
        std::io::Read::read(child.stdout.as_mut().unwrap(), &mut [0]).unwrap();
        assert!(ask(&path));
        drop(child.stdin.take());
        child.wait().unwrap();
        assert!(!ask(&path));
    }

    /// Openers break the lease in the instant in which it is held; by default that signal ends a process.
    #[test]
    fn whoever_opens_it_meanwhile_goes_on_and_nobody_gets_a_signal() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("table");
        File::create(&path).unwrap();
        std::thread::scope(|scope| {
            let opening = scope.spawn(|| {
                (0..20_000).for_each(|_| drop(File::options().write(true).open(&path).unwrap()));
            });
            thread::run(|| {
                while !opening.is_finished() {
                    let _ = has_writer(&File::open(&path).unwrap()).unwrap();
                }
                Ok(())
            })
            .unwrap();
        });
    }
}
