//! Who holds a `flock` lock, as the kernel tells it in `/proc`: to look takes none, and so is in nobody's way.

use std::fs;
use std::io;
use std::os::fd::{AsFd, AsRawFd};

use super::dir::Stat;

/// A process that holds a lock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    /// Its id.
    pub process: u32,
    /// What it is called; empty where that cannot be read.
    pub command: String,
    /// It holds the lock alone, not shared.
    pub alone: bool,
}

/// Who holds the lock of an open file or directory. Processes of another container are not seen from here, unless
/// this one is inside of ours.
pub fn holders(file: impl AsFd) -> io::Result<Vec<Holder>> {
    let inode = Stat::of(&file)?.inode;
    let device = device_of_its_mount(&file)?;
    let of = |process: u32, alone| {
        let command = fs::read_to_string(format!("/proc/{process}/comm")).unwrap_or_default();
        Holder { process, command: command.trim().to_string(), alone }
    };
    let locks = fs::read_to_string("/proc/locks")?;
    let held = locks.lines().filter_map(|line| held(line, device, inode));
    Ok(held.map(|(process, alone)| of(process, alone)).collect())
}

/// The process and whether it is alone, of a line such as `1: FLOCK  ADVISORY  WRITE 708 fe:00:13 0 EOF` that is of
/// this file. One who waits has an arrow in place of the kind.
fn held(line: &str, device: (u32, u32), inode: u64) -> Option<(u32, bool)> {
    let mut words = line.split_ascii_whitespace().skip(1);
    let (kind, _, mode) = (words.next()?, words.next()?, words.next()?);
    let process = words.next()?.parse().ok()?;
    let mut place = words.next()?.split(':');
    let major = u32::from_str_radix(place.next()?, 16).ok()?;
    let minor = u32::from_str_radix(place.next()?, 16).ok()?;
    let is_it = (major, minor) == device && place.next()?.parse() == Ok(inode);
    (kind == "FLOCK" && is_it).then_some((process, mode == "WRITE"))
}

/// The device of a file system as its mounts and locks are listed with: on btrfs a stat has another for each subvolume.
fn device_of_its_mount(file: impl AsFd) -> io::Result<(u32, u32)> {
    let unknown = || io::Error::from(io::ErrorKind::Unsupported);
    let number = file.as_fd().as_raw_fd();
    let information = fs::read_to_string(format!("/proc/thread-self/fdinfo/{number}"))?;
    let mount = information.lines().find_map(|line| line.strip_prefix("mnt_id:")).ok_or_else(unknown)?;
    let mounts = fs::read_to_string("/proc/thread-self/mountinfo")?;
    let of_mount = |line: &str| {
        let mut words = line.split(' ');
        let (id, _, device) = (words.next()?, words.next()?, words.next()?);
        let (major, minor) = device.split_once(':')?;
        (id == mount.trim()).then_some((major.parse().ok()?, minor.parse().ok()?))
    };
    mounts.lines().find_map(of_mount).ok_or_else(unknown)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::lock::{Hold, try_lock};

    #[test]
    fn who_holds_a_lock_is_seen_and_how() {
        let file = tempfile::tempfile().unwrap();
        assert_eq!(holders(&file).unwrap(), []);
        for (hold, alone) in [(Hold::Shared, false), (Hold::Exclusive, true)] {
            try_lock(&file, hold).unwrap();
            let found = holders(&file).unwrap();
            assert_eq!(
                found.iter().map(|one| (one.process, one.alone)).collect::<Vec<_>>(),
                [(std::process::id(), alone)]
            );
            assert!(!found[0].command.is_empty());
        }
        assert_eq!(holders(&tempfile::tempfile().unwrap()).unwrap(), [], "it is of that file alone");
    }

    #[test]
    fn only_held_locks_of_this_kind_count() {
        let of = |line| held(line, (0xfe, 0), 13);
        assert_eq!(of("1: FLOCK  ADVISORY  WRITE 708 fe:00:13 0 EOF"), Some((708, true)));
        assert_eq!(of("12: FLOCK  ADVISORY  READ  708 fe:00:13 0 EOF"), Some((708, false)));
        for line in [
            "1: -> FLOCK  ADVISORY  WRITE 708 fe:00:13 0 EOF",
            "1: POSIX  ADVISORY  WRITE 708 fe:00:13 0 EOF",
            "1: FLOCK  ADVISORY  WRITE 708 fe:01:13 0 EOF",
            "1: FLOCK  ADVISORY  WRITE 708 fe:00:14 0 EOF",
            "nonsense",
        ] {
            assert_eq!(of(line), None, "{line}");
        }
    }
}
