//! Progress, the one struct that both sides know.

use std::mem::size_of;

use super::args::{Out, refused};
use super::time::ms_of_time;
use crate::error::Result;
use crate::job::Progress;

/// A job at one instant. Read no field beyond size: the library that wrote it may be older than
/// this header. New fields come at the end. What a job does not deal with stays 0.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct backup_progress {
    /// How many bytes of this struct the library filled.
    pub size: u32,
    /// BACKUP_KIND_*
    pub kind: u32,
    /// BACKUP_STATE_*
    pub state: u32,
    /// BACKUP_PHASE_*
    pub phase: u32,
    /// 0 to 100, never falling; 100 only once the job has completed.
    pub percent: u32,
    /// Always 0.
    pub reserved: u32,
    /// Bytes to deal with, as far as known.
    pub bytes_total: u64,
    /// Bytes dealt with: copied, cloned, linked or found to be holes.
    pub bytes_done: u64,
    /// Files to deal with, as far as known.
    pub files_total: u64,
    /// Files dealt with.
    pub files_done: u64,
    /// Bytes read and written.
    pub bytes_copied: u64,
    /// Bytes shared by the file system (reflinks).
    pub bytes_cloned: u64,
    /// Bytes shared with an earlier snapshot, by links or clones; of a restore those that its target
    /// had; of a checkpoint those of the live files.
    pub bytes_linked: u64,
    /// Bytes that are holes on both sides.
    pub bytes_holes: u64,
    /// FIFOs, sockets, devices and the library's own leftovers, which are not data.
    pub files_skipped: u64,
    /// Immutable files that were still being built and belong to no consistent point.
    pub files_left_out: u64,
    /// The longest freeze window, in nanoseconds.
    pub freeze_ns: u64,
    /// When the job began, in milliseconds since 1970.
    pub started_at_ms: u64,
    /// When the job ended, in milliseconds since 1970; 0: not yet.
    pub finished_at_ms: u64,
}

// No padding: 6 times 4 bytes and 13 times 8.
const _: () = assert!(size_of::<backup_progress>() == 6 * 4 + 13 * 8);

/// Fields end at multiples of this, or lie in pairs between them.
const WORD: usize = 8;

impl From<&Progress> for backup_progress {
    fn from(progress: &Progress) -> Self {
        Self {
            size: size_of::<Self>() as u32,
            kind: progress.kind as u32,
            state: progress.state as u32,
            phase: progress.phase as u32,
            percent: progress.percent,
            reserved: 0,
            bytes_total: progress.bytes_total,
            bytes_done: progress.bytes_done,
            files_total: progress.files_total,
            files_done: progress.files_done,
            bytes_copied: progress.bytes_copied,
            bytes_cloned: progress.bytes_cloned,
            bytes_linked: progress.bytes_linked,
            bytes_holes: progress.bytes_holes,
            files_skipped: progress.files_skipped,
            files_left_out: progress.files_left_out,
            freeze_ns: progress.freeze.as_nanos() as u64,
            started_at_ms: ms_of_time(progress.started_at),
            finished_at_ms: progress.finished_at.map_or(0, ms_of_time),
        }
    }
}

/// A caller's struct, of the size that it had in the caller's header.
pub struct ProgressOut {
    place: *mut u8,
    size: usize,
}

impl ProgressOut {
    /// # Safety
    /// `out` is NULL or has `size` bytes to be written.
    pub unsafe fn new(out: *mut backup_progress, size: usize) -> Result<Self> {
        // SAFETY: as this function's caller says.
        unsafe { Out::new(out, "out") }?;
        match size < WORD || size > isize::MAX as usize {
            true => Err(refused(format!("no backup_progress has {size} bytes"))),
            false => Ok(Self { place: out.cast(), size }),
        }
    }

    /// Fills the fields that both sides know and zeroes the rest.
    pub fn put(self, mut progress: backup_progress) {
        let known = self.size.min(size_of::<backup_progress>()) / WORD * WORD;
        progress.size = known as u32;
        // SAFETY: `new` was told that all `size` bytes can be written, and `known` is no more
        // than both that and the struct.
        unsafe {
            self.place.copy_from_nonoverlapping((&raw const progress).cast(), known);
            self.place.add(known).write_bytes(0, self.size - known);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn some() -> backup_progress {
        // SAFETY: integers alone, for which zeroes are fine.
        let zeroes: backup_progress = unsafe { std::mem::zeroed() };
        backup_progress { kind: 2, percent: 50, bytes_total: u64::MAX, finished_at_ms: 9, ..zeroes }
    }

    fn put_into(bytes: &mut [u64], size: usize) {
        // SAFETY: the callers keep `size` within `bytes`.
        unsafe { ProgressOut::new(bytes.as_mut_ptr().cast(), size) }.unwrap().put(some());
    }

    #[test]
    fn a_newer_host_finds_zeroes_in_what_this_library_does_not_know() {
        let mut bytes = [u64::MAX; 18];
        put_into(&mut bytes, 17 * 8);
        assert_eq!(bytes[0] as u32, 128);
        assert_eq!(bytes[15..], [9, 0, u64::MAX]);
    }

    #[test]
    fn an_older_host_gets_whole_fields_and_nothing_beyond_its_struct() {
        let mut bytes = [u64::MAX; 4];
        put_into(&mut bytes, 30);
        assert_eq!(bytes[0] as u32, 24);
        assert_eq!(bytes[3].to_ne_bytes(), [0, 0, 0, 0, 0, 0, 0xff, 0xff]);
    }

    #[test]
    fn a_size_that_no_struct_has_is_refused() {
        let mut bytes = [0u64; 1];
        for size in [0, 4, 7, usize::MAX] {
            // SAFETY: nothing is written.
            assert!(unsafe { ProgressOut::new(bytes.as_mut_ptr().cast(), size) }.is_err());
        }
    }
}
