//! Memory of the host's that may be much. Rust ends the process where an allocation is refused, so what
//! can be large is asked for in a way that can be refused, while there is still enough for the rest.

use std::io;

/// What the small things need for which nobody asks. Where the address space is limited, glibc's
/// allocations on a thread may take a page each.
const SPARE: usize = 4 << 20;

/// How many names may be dealt with before it is asked again whether there is room for more.
pub const NAMES: usize = 128;

/// Fails unless `bytes` more could be had now, and a little beside them.
pub fn require_room(bytes: usize) -> io::Result<()> {
    reserve(&mut Vec::<u8>::new(), bytes.saturating_add(SPARE))
}

/// Makes room for one more item of a list of names, and asks now and then for what goes with them.
pub fn reserve_one<T>(items: &mut Vec<T>) -> io::Result<()> {
    if items.len().is_multiple_of(NAMES) {
        require_room(0)?;
    }
    items.try_reserve(1).map_err(|_| shortage())
}

/// Makes room for so many more items of what goes on growing.
pub fn reserve_for_growth<T>(items: &mut Vec<T>, more: usize) -> io::Result<()> {
    items.try_reserve(more).map_err(|_| shortage())
}

/// Makes room for so many more items, and no more.
pub fn reserve<T>(items: &mut Vec<T>, more: usize) -> io::Result<()> {
    items.try_reserve_exact(more).map_err(|_| shortage())
}

/// A copy of bytes that a host gave.
pub fn copy_of(bytes: &[u8]) -> io::Result<Vec<u8>> {
    let mut copy = Vec::new();
    reserve(&mut copy, bytes.len())?;
    copy.extend_from_slice(bytes);
    Ok(copy)
}

fn shortage() -> io::Error {
    io::Error::from_raw_os_error(libc::ENOMEM)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_no_process_can_have_is_refused() {
        assert_eq!(require_room(usize::MAX).unwrap_err().raw_os_error(), Some(libc::ENOMEM));
        assert!(require_room(1 << 20).is_ok());
        assert_eq!(copy_of(b"abc").unwrap(), b"abc");
    }
}
