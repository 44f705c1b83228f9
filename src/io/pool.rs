//! The pool: a list of pieces of work, shared out among a job's I/O threads.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};

use crate::sync::Mutex;

use super::buffer;
use super::thread::guarded;
use crate::error::{Error, Result};
use crate::monitor::Crew;
use crate::sys::thread;

/// How many pieces a thread takes at once, at most: those that follow each other mostly lie in one directory,
/// which it then opens once.
const STRETCH: usize = 64;

/// So many short calls take longer than a thread to make.
pub const MANY: usize = 256;

/// Among how many stretches pieces are shared out, at least, for each thread: they take different times.
const STRETCHES: usize = 32;

/// Does `work` for each item and its index, on the threads of a crew, of which the calling I/O thread is one, each
/// with a buffer of its own. The first error ends it and is returned. A thread that cannot be made or
/// gets no buffer only means that the others do its share.
pub fn for_each<T: Sync>(
    crew: Crew<'_>,
    items: &[T],
    work: impl Fn(usize, &T, &mut [u8]) -> Result<()> + Sync,
) -> Result<()> {
    for_each_of(crew, items.len(), || (), |index, (), buffer| work(index, &items[index], buffer))
}

/// Like [`for_each`] of as many pieces, which are known by their numbers. Each thread makes what it keeps from
/// one to the next, and has numbers that mostly follow each other.
pub fn for_each_of<K>(
    crew: Crew<'_>,
    count: usize,
    keep: impl Fn() -> K + Sync,
    work: impl Fn(usize, &mut K, &mut [u8]) -> Result<()> + Sync,
) -> Result<()> {
    let threads = crew.threads.max(1);
    let next = AtomicUsize::new(0);
    let failed = AtomicBool::new(false);
    let first_error: Mutex<Option<Error>> = Mutex::new(None);
    let stretch = (count / (threads * STRETCHES)).clamp(1, STRETCH);
    let share = |mut buffer: Vec<u8>| {
        let mut kept = keep();
        loop {
            let start = next.fetch_add(stretch, Relaxed);
            for index in start..start.saturating_add(stretch).min(count) {
                if failed.load(Relaxed) {
                    return;
                }
                if let Err(error) = guarded(|| work(index, &mut kept, &mut buffer)) {
                    failed.store(true, Relaxed);
                    first_error.lock().get_or_insert(error);
                }
            }
            if start >= count {
                return;
            }
        }
    };
    if count == 0 {
        return Ok(());
    }
    let own = buffer::make().map_err(|error| Error::system("making the buffer of an I/O thread", error))?;
    let running = threads.min(count);
    crew.spare.set(threads - running);
    let help = || {
        if let Ok(buffer) = buffer::make() {
            share(buffer);
        }
        crew.spare.give();
    };
    std::thread::scope(|scope| {
        let helpers: Vec<_> =
            (1..running).filter_map(|_| thread::spawn_scoped(scope, "hotbackup-io", help).ok()).collect();
        share(own);
        crew.spare.give();
        for helper in helpers {
            // Joined, not just waited for: nothing of it may be left when the library is unloaded.
            let _ = helper.join();
        }
    });
    crew.spare.set(0);
    first_error.into_inner().map_or(Ok(()), Err)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Code;
    use crate::monitor::Spare;
    use std::sync::atomic::AtomicU64;

    fn crew(threads: usize) -> Crew<'static> {
        Crew { threads, spare: Box::leak(Box::<Spare>::default()) }
    }

    #[test]
    fn each_item_is_worked_on_once() {
        let sum = AtomicU64::new(0);
        let items: Vec<u64> = (1..=1000).collect();
        for_each(crew(4), &items, |_, item, buffer| {
            assert_eq!(buffer.len(), super::buffer::BUFFER);
            sum.fetch_add(*item, Relaxed);
            Ok(())
        })
        .unwrap();
        assert_eq!(sum.into_inner(), 500_500);
    }

    #[test]
    fn an_error_or_a_panic_ends_it() {
        let items: Vec<u64> = (0..1000).collect();
        let error = for_each(crew(2), &items, |_, item, _| match item {
            7 => Err(Error::new(Code::Io, "seven")),
            _ => Ok(()),
        });
        assert_eq!(error.unwrap_err().message(), "seven");
        let error = for_each(crew(2), &items, |_, _, _| panic!("on purpose"));
        assert_eq!(error.unwrap_err().code(), Code::Internal);
    }
}
