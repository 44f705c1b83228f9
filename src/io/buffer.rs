//! The one buffer of an I/O thread.

use std::io;

use crate::sys::memory;

/// Its size: calls of so many bytes cost little beside the bytes, and a core's cache still holds what was read
/// when it is summed up and written.
pub const BUFFER: usize = 256 << 10;

/// Makes one. There may be no memory for it.
pub fn make() -> io::Result<Vec<u8>> {
    let mut buffer = Vec::new();
    memory::reserve(&mut buffer, BUFFER)?;
    memory::require_room(0)?;
    buffer.resize(BUFFER, 0);
    Ok(buffer)
}
