//! Large files: read in parts, by each thread of the job that has nothing else to do.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};

use super::buffer;
use super::checksum::Checksum;
use super::thread::guarded;
use crate::error::{Error, Result};
use crate::monitor::Monitor;
use crate::sync::Mutex;
use crate::sys::{file, memory, thread};

/// Small enough that threads end nearly together, and large enough that a copy lies on the disk in long stretches.
const PART: u64 = 16 << 20;

/// What is done for one part: its bytes go into the checksum, which begins with it.
trait Work: Fn(Range<u64>, &mut Checksum, &mut [u8]) -> Result<()> + Sync {}
impl<W: Fn(Range<u64>, &mut Checksum, &mut [u8]) -> Result<()> + Sync> Work for W {}

/// Does `work` for all of a range of a file, which is one part if it is not long, and puts their checksums together
/// behind the one that there is. The first error ends it and is returned.
pub fn for_each_part(
    (file, range): (&File, Range<u64>),
    monitor: &Monitor,
    checksum: &mut Checksum,
    buffer: &mut [u8],
    work: impl Fn(Range<u64>, &mut Checksum, &mut [u8]) -> Result<()> + Sync,
) -> Result<()> {
    let count = parts_of(file, &range).unwrap_or(1);
    if count == 1 {
        return work(range, checksum, buffer);
    }
    let mut sums = Vec::new();
    memory::reserve(&mut sums, count).map_err(|error| Error::system("going on with the job", error))?;
    sums.resize_with(count, OnceLock::new);
    let parts =
        Parts { range, monitor, work, sums, next: AtomicUsize::new(0), failed: AtomicBool::new(false) };
    parts.work_with_helpers(buffer)?;
    for sum in parts.sums.iter().filter_map(OnceLock::get) {
        checksum.append(sum);
    }
    Ok(())
}

/// How many parts a range is worth. One, if most of it is holes, of which there may be an exabyte.
fn parts_of(opened: &File, range: &Range<u64>) -> io::Result<usize> {
    let length = range.end - range.start;
    if length < 2 * PART || file::allocated(opened)? < length / 2 {
        return Ok(1);
    }
    Ok(usize::try_from(length.div_ceil(PART)).unwrap_or(1))
}

struct Parts<'m, W> {
    range: Range<u64>,
    monitor: &'m Monitor,
    work: W,
    /// That of each part, once it is done.
    sums: Vec<OnceLock<Checksum>>,
    next: AtomicUsize,
    failed: AtomicBool,
}

impl<W: Work> Parts<'_, W> {
    /// This thread works, and looks for another that may help after each part: one may have come free.
    fn work_with_helpers(&self, buffer: &mut [u8]) -> Result<()> {
        let first_error: Mutex<Option<Error>> = Mutex::new(None);
        let go_on = |buffer: &mut [u8]| {
            guarded(|| self.work_on_next(buffer)).unwrap_or_else(|error| {
                self.failed.store(true, Relaxed);
                first_error.lock().get_or_insert(error);
                false
            })
        };
        let help = || {
            if let Ok(mut buffer) = buffer::make() {
                while go_on(&mut buffer) {}
            }
            self.monitor.spare.give();
        };
        std::thread::scope(|scope| {
            let mut helpers = Vec::new();
            loop {
                if self.may_be_helped() {
                    // Where none can be made, the others do its share.
                    helpers.extend(thread::spawn_scoped(scope, "hotbackup-io", help).ok());
                }
                if !go_on(buffer) {
                    break;
                }
            }
            // Joined, not just waited for: nothing of them may be left when the library is unloaded.
            for helper in helpers {
                let _ = helper.join();
            }
        });
        first_error.into_inner().map_or(Ok(()), Err)
    }

    /// Takes the place of a thread that has nothing to do. Under a limit one is fast enough.
    fn may_be_helped(&self) -> bool {
        !self.is_done() && !self.monitor.throttle.is_limited() && self.monitor.spare.take()
    }

    fn is_done(&self) -> bool {
        self.failed.load(Relaxed) || self.next.load(Relaxed) >= self.sums.len()
    }

    /// Whether there was one.
    fn work_on_next(&self, buffer: &mut [u8]) -> Result<bool> {
        if self.is_done() {
            return Ok(false);
        }
        let index = self.next.fetch_add(1, Relaxed);
        let Some(sum) = self.sums.get(index) else { return Ok(false) };
        let start = self.range.start + index as u64 * PART;
        let mut checksum = Checksum::default();
        (self.work)(start..(start + PART).min(self.range.end), &mut checksum, buffer)?;
        let _ = sum.set(checksum);
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Code;
    use crate::monitor::Effort;
    use std::os::unix::fs::FileExt;
    use std::thread;
    use std::time::Duration;

    const LENGTH: u64 = 5 * PART + 17;

    /// A file with so many bytes, and their checksum.
    fn long_file() -> (File, u32) {
        let bytes: Vec<u8> = (0..LENGTH).map(|at| (at % 251) as u8).collect();
        let file = tempfile::tempfile().unwrap();
        file.write_all_at(&bytes, 0).unwrap();
        (file, crate::io::checksum::of(&bytes))
    }

    /// Reads it in parts, and says on which threads.
    fn read(file: &File, monitor: &Monitor, from: u64, sum: &mut Checksum) -> Result<Vec<thread::ThreadId>> {
        let threads = Mutex::new(Vec::new());
        for_each_part((file, from..LENGTH), monitor, sum, &mut [], |part, sum, _| {
            let mut bytes = vec![0; (part.end - part.start) as usize];
            file.read_exact_at(&mut bytes, part.start).unwrap();
            sum.update(&bytes);
            threads.lock().push(thread::current().id());
            thread::sleep(Duration::from_millis(20));
            Ok(())
        })?;
        let mut threads = threads.into_inner();
        threads.sort_by_key(|id| format!("{id:?}"));
        threads.dedup();
        Ok(threads)
    }

    #[test]
    fn the_checksums_of_parts_make_that_of_the_file() {
        let (file, whole) = long_file();
        for spare in [0, 3] {
            let monitor = Monitor::new(0, Effort::Verify);
            monitor.spare.set(spare);
            let mut sum = Checksum::default();
            let mut head = vec![0; 4096];
            file.read_exact_at(&mut head, 0).unwrap();
            sum.update(&head);
            read(&file, &monitor, 4096, &mut sum).unwrap();
            assert_eq!(sum.value(), whole, "{spare}");
        }
    }

    #[test]
    fn whoever_has_nothing_to_do_helps_and_its_place_is_free_again() {
        let (file, _) = long_file();
        let monitor = Monitor::new(0, Effort::Verify);
        assert_eq!(read(&file, &monitor, 0, &mut Checksum::default()).unwrap().len(), 1);
        monitor.spare.set(2);
        assert_eq!(read(&file, &monitor, 0, &mut Checksum::default()).unwrap().len(), 3);
        assert!(monitor.spare.take() && monitor.spare.take() && !monitor.spare.take());
    }

    #[test]
    fn a_limit_is_kept_by_one_thread() {
        let (file, _) = long_file();
        let monitor = Monitor::new(1 << 40, Effort::Verify);
        monitor.spare.set(2);
        assert_eq!(read(&file, &monitor, 0, &mut Checksum::default()).unwrap().len(), 1);
    }

    #[test]
    fn an_error_or_a_panic_of_any_part_ends_it() {
        let (file, _) = long_file();
        for bad in 0..6 {
            let monitor = Monitor::new(0, Effort::Verify);
            monitor.spare.set(1);
            let fails = |part: Range<u64>, _: &mut Checksum, _: &mut [u8]| match part.start / PART == bad {
                true => Err(Error::new(Code::Io, "on purpose")),
                false => Ok(()),
            };
            let outcome =
                for_each_part((&file, 0..LENGTH), &monitor, &mut Checksum::default(), &mut [], fails);
            assert_eq!(outcome.unwrap_err().message(), "on purpose");
        }
    }

    /// An exabyte of it would be billions of parts.
    #[test]
    fn a_file_of_holes_is_one_part() {
        let file = tempfile::tempfile().unwrap();
        file.set_len(1 << 43).unwrap();
        assert_eq!(parts_of(&file, &(0..1 << 43)).unwrap(), 1);
    }
}
