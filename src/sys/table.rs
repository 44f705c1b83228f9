//! Leaving the host's descriptor table.
//!
//! Closing any descriptor of a file drops every `fcntl` lock that the closing thread's table
//! holds on it. A thread with a table of its own holds no such locks, so what it opens and
//! closes leaves the host's locks alone. Threads made by it share its table.

use std::fs;
use std::io;
use std::os::fd::RawFd;

use super::file::descriptor_limit;

/// What is below it is the host's standard input, output and error, or what a daemon put there.
pub const FIRST_OF_OURS: RawFd = 3;

/// What a system lets a process have at most, by default.
const MOST_TRIED: usize = 1 << 20;

/// Gives this thread a descriptor table of its own, empty but for 0 to 2.
pub fn leave_shared() -> io::Result<()> {
    if close_range_unshare().is_err() {
        unshare_files()?;
        close_inherited();
    }
    Ok(())
}

fn close_range_unshare() -> io::Result<()> {
    // SAFETY: with CLOSE_RANGE_UNSHARE the table is copied first, so only this thread's copies
    // are closed, and this thread owns none of them.
    let done = unsafe {
        libc::syscall(
            libc::SYS_close_range,
            FIRST_OF_OURS as libc::c_uint,
            libc::c_uint::MAX,
            libc::CLOSE_RANGE_UNSHARE,
        )
    };
    check(done as i32)
}

fn unshare_files() -> io::Result<()> {
    // SAFETY: it only copies the descriptor table for this thread.
    check(unsafe { libc::unshare(libc::CLONE_FILES) })
}

/// Linux before 5.9 has no close_range.
fn close_inherited() {
    for descriptor in inherited() {
        // SAFETY: the table is this thread's own copy and nothing here owns what is in it. What is
        // not open, as the listing's own descriptor, is refused, which is harmless.
        unsafe { libc::close(descriptor) };
    }
}

fn inherited() -> Vec<RawFd> {
    let is_ours = |descriptor: &RawFd| *descriptor >= FIRST_OF_OURS;
    // Not /proc/self: that is the table of the main thread.
    match fs::read_dir("/proc/thread-self/fd") {
        Ok(listing) => listing
            .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
            .filter(is_ours)
            .collect(),
        // A chroot without /proc.
        Err(_) => (FIRST_OF_OURS..descriptor_limit().min(MOST_TRIED) as RawFd).collect(),
    }
}

/// For a thread that has left: nothing here can ever write to the host's terminal, or get number 0 to
/// 2 for a file. The top directory, opened for its name alone, takes neither reads nor writes, and unlike /dev/null is
/// there in each container and chroot.
pub fn fill_standard_streams() -> io::Result<()> {
    // SAFETY: the path is a C string; dup3 and close touch this thread's own table alone.
    unsafe {
        let nothing = libc::open(c"/".as_ptr(), libc::O_PATH | libc::O_CLOEXEC);
        check(nothing)?;
        for stream in 0..FIRST_OF_OURS {
            if nothing != stream {
                check(libc::dup3(nothing, stream, libc::O_CLOEXEC))?;
            }
        }
        if nothing >= FIRST_OF_OURS {
            libc::close(nothing);
        }
    }
    Ok(())
}

fn check(returned: i32) -> io::Result<()> {
    if returned < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::fd::AsRawFd;

    fn is_open(descriptor: RawFd) -> bool {
        // SAFETY: F_GETFD reads a number's flags and changes nothing.
        unsafe { libc::fcntl(descriptor, libc::F_GETFD) >= 0 }
    }

    #[test]
    fn both_ways_of_leaving_close_what_was_inherited_here_and_nowhere_else() {
        let ways: [fn() -> io::Result<()>; 2] = [leave_shared, || {
            unshare_files()?;
            close_inherited();
            Ok(())
        }];
        for way in ways {
            let file = fs::File::open("/proc/self/status").unwrap();
            let descriptor = file.as_raw_fd();
            std::thread::spawn(move || {
                way().unwrap();
                fill_standard_streams().unwrap();
                assert!(!is_open(descriptor));
                assert!((0..3).all(is_open));
            })
            .join()
            .unwrap();
            assert!(is_open(descriptor));
        }
    }
}
