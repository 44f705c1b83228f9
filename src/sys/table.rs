//! Leaving the host's descriptor table.
//!
//! Closing any descriptor of a file drops every `fcntl` lock that the closing thread's table
//! holds on it. A thread with a table of its own holds no such locks, so what it opens and
//! closes leaves the host's locks alone. Threads made by it share its table.

use std::fs;
use std::io;
use std::os::fd::RawFd;

const FIRST_OF_OURS: RawFd = 3;

/// Gives this thread a descriptor table of its own, empty but for /dev/null as 0 to 2.
pub fn leave_shared() -> io::Result<()> {
    if close_range_unshare().is_err() {
        unshare_files()?;
        close_inherited()?;
    }
    null_over_standard_streams()
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
fn close_inherited() -> io::Result<()> {
    // Not /proc/self: that is the table of the main thread.
    let listing: Vec<RawFd> = fs::read_dir("/proc/thread-self/fd")?
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter(|descriptor| *descriptor >= FIRST_OF_OURS)
        .collect();
    for descriptor in listing {
        // SAFETY: the table is this thread's own copy and nothing here owns what is in it. The
        // listing's own descriptor is closed already, for which EBADF is harmless.
        unsafe { libc::close(descriptor) };
    }
    Ok(())
}

/// So that nothing here can ever write to the host's terminal, or get number 0 to 2 for a file.
fn null_over_standard_streams() -> io::Result<()> {
    // SAFETY: the path is a C string; dup2 and close touch this thread's own table alone.
    unsafe {
        let null = libc::open(c"/dev/null".as_ptr(), libc::O_RDWR | libc::O_CLOEXEC);
        check(null)?;
        for stream in 0..FIRST_OF_OURS {
            if null != stream {
                check(libc::dup3(null, stream, libc::O_CLOEXEC))?;
            }
        }
        if null >= FIRST_OF_OURS {
            libc::close(null);
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
            close_inherited()?;
            null_over_standard_streams()
        }];
        for way in ways {
            let file = fs::File::open("/proc/self/status").unwrap();
            let descriptor = file.as_raw_fd();
            std::thread::spawn(move || {
                way().unwrap();
                assert!(!is_open(descriptor));
                assert!((0..3).all(is_open));
            })
            .join()
            .unwrap();
            assert!(is_open(descriptor));
        }
    }
}
