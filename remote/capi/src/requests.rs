//! What was asked of a store.

use std::mem::size_of;

use crate::args::{Out, refused};
use crate::guard;
use crate::handles::{backup_code, backup_error};
use crate::remote::{backup_remote, core_of, given};

/// What a remote has asked of its store so far, of all its jobs. Read no field beyond size: the
/// library that wrote it may be older than this header. New fields come at the end.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct backup_remote_requests {
    /// How many bytes of this struct the library filled.
    pub size: u64,
    /// Objects sent.
    pub puts: u64,
    /// Objects or parts of them fetched, and their heads.
    pub gets: u64,
    /// Pages of listings.
    pub lists: u64,
    /// Objects deleted.
    pub deletes: u64,
    /// Bytes of bodies sent.
    pub bytes_up: u64,
    /// Bytes of bodies fetched.
    pub bytes_down: u64,
    /// Requests that were made again; they count above, too.
    pub retries: u64,
}

/// Counts the requests of a remote, without waiting. size is sizeof *out; fields that this library
/// does not know become 0. A size below 8 is refused. (since 0.1)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn backup_remote_requests_now(
    remote: Option<&backup_remote>,
    out: *mut backup_remote_requests,
    size: usize,
    error: *mut *mut backup_error,
) -> backup_code {
    // SAFETY: the header's terms.
    unsafe {
        guard::call(core_of(remote), error, || {
            let remote = given(remote)?;
            Out::new(out, "out")?;
            if size < size_of::<u64>() || size > isize::MAX as usize {
                return Err(refused(format!("no backup_remote_requests has {size} bytes")));
            }
            let known = size.min(size_of::<backup_remote_requests>()) / size_of::<u64>() * size_of::<u64>();
            let now = remote.remote().requests();
            let now = backup_remote_requests {
                size: known as u64,
                puts: now.puts,
                gets: now.gets,
                lists: now.lists,
                deletes: now.deletes,
                bytes_up: now.bytes_up,
                bytes_down: now.bytes_down,
                retries: now.retries,
            };
            // `size` bytes can be written, and `known` is no more than both that and the struct.
            let place = out.cast::<u8>();
            place.copy_from_nonoverlapping((&raw const now).cast(), known);
            place.add(known).write_bytes(0, size - known);
            Ok(())
        })
    }
}
