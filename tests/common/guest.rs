//! How a host looks at its own process: its threads, its descriptors, its locks, its children.
#![allow(unsafe_code, reason = "it looks at processes")]

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Nothing here takes so long unless it hangs.
pub const LONG: Duration = Duration::from_secs(60);

/// A child by `fork`, killed and reaped with the value.
pub struct Child(i32);

/// Forks, and the child does `work`; what it returns is its exit code.
///
/// As after any fork of a process with threads, `work` must not take a lock of the program that
/// another thread may have held, so it does not print: a panic becomes exit code 101.
pub fn fork(work: impl FnOnce() -> i32) -> Child {
    // SAFETY: the child runs `work` alone and leaves without returning or running exit handlers.
    match unsafe { libc::fork() } {
        -1 => panic!("fork: {}", io::Error::last_os_error()),
        0 => {
            let code = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work)).unwrap_or(101);
            // SAFETY: it ends the child.
            unsafe { libc::_exit(code) }
        }
        child => Child(child),
    }
}

impl Child {
    pub fn id(&self) -> i32 {
        self.0
    }

    /// Its exit code. A child that hangs fails the test.
    pub fn wait(self) -> i32 {
        let until = Instant::now() + LONG;
        while Instant::now() < until {
            let mut status = 0;
            // SAFETY: it writes the status of a child that nobody else reaps.
            if unsafe { libc::waitpid(self.0, &mut status, libc::WNOHANG) } == self.0 {
                std::mem::forget(self);
                assert!(libc::WIFEXITED(status), "the child was killed: {status:#x}");
                return libc::WEXITSTATUS(status);
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        panic!("the child hangs");
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        // SAFETY: the child is this value's own and was not reaped yet.
        unsafe {
            libc::kill(self.0, libc::SIGKILL);
            libc::waitpid(self.0, std::ptr::null_mut(), 0);
        }
    }
}

/// Takes the `fcntl` lock of a whole open file; `false`: another process has it.
pub fn lock(file: &File) -> bool {
    // SAFETY: zero is a value of this plain struct.
    let mut whole: libc::flock = unsafe { std::mem::zeroed() };
    whole.l_type = libc::F_WRLCK as i16;
    whole.l_whence = libc::SEEK_SET as i16;
    // SAFETY: the descriptor is open and the struct lives for the call.
    match unsafe { libc::fcntl(file.as_raw_fd(), libc::F_SETLK, &whole) } {
        0 => true,
        _ => match io::Error::last_os_error().raw_os_error() {
            Some(libc::EAGAIN | libc::EACCES) => false,
            error => panic!("F_SETLK: {error:?}"),
        },
    }
}

/// Whether another process can take the lock of a file.
pub fn another_process_can_lock(path: &Path) -> bool {
    let code = fork(|| match File::options().read(true).write(true).open(path) {
        Ok(file) if lock(&file) => 0,
        Ok(_) => 1,
        Err(_) => 2,
    });
    match code.wait() {
        0 => true,
        1 => false,
        code => panic!("the other process failed with {code}"),
    }
}

/// The open descriptors of this process and what they lead to.
pub fn descriptors() -> BTreeMap<i32, PathBuf> {
    let entries = fs::read_dir("/proc/self/fd").expect("a listing of descriptors");
    let number = |entry: io::Result<fs::DirEntry>| entry.ok()?.file_name().to_str()?.parse().ok();
    let open = entries.filter_map(number).filter_map(|fd: i32| {
        // The listing's own descriptor is closed by now.
        let target = fs::read_link(format!("/proc/self/fd/{fd}")).ok()?;
        Some((fd, target))
    });
    open.collect::<Vec<_>>().into_iter().filter(|(fd, _)| is_open(*fd)).collect()
}

fn is_open(descriptor: i32) -> bool {
    // SAFETY: F_GETFD reads the flags of a number and changes nothing.
    unsafe { libc::fcntl(descriptor, libc::F_GETFD) >= 0 }
}

/// The threads of this process and their names.
pub fn threads() -> BTreeMap<i32, String> {
    let tasks = fs::read_dir("/proc/self/task").expect("a listing of threads");
    let named = tasks.filter_map(|task| {
        let path = task.ok()?.path();
        let name = fs::read_to_string(path.join("comm")).ok()?;
        Some((path.file_name()?.to_str()?.parse().ok()?, name.trim_end().to_owned()))
    });
    named.collect()
}

/// Those of the library.
pub fn our_threads() -> BTreeMap<i32, String> {
    threads().into_iter().filter(|(_, name)| name.starts_with("hotbackup-")).collect()
}

/// A line of the `status` of a thread of this process.
pub fn status_of(thread: &str, field: &str) -> String {
    let [value] = statuses_of(thread, [field]);
    value
}

/// Some of them, of one instant.
pub fn statuses_of<const N: usize>(thread: &str, fields: [&str; N]) -> [String; N] {
    let status = fs::read_to_string(format!("/proc/self/task/{thread}/status")).unwrap_or_default();
    fields.map(|field| {
        let line = status.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
        line.unwrap_or_default().trim().to_owned()
    })
}

/// Waits until something holds.
pub fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let late = Instant::now() + LONG;
    while !holds() {
        assert!(Instant::now() < late, "waited in vain until {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}
