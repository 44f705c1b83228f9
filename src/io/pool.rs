//! The pool: a list of pieces of work, shared out among a job's I/O threads.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};

use crate::sync::Mutex;

use super::apart;
use super::copy::BUFFER;
use crate::error::{Error, Result};
use crate::sys::thread;

/// Does `work` for each item, on `threads` threads of which the calling I/O thread is one, each
/// with a buffer of its own. The first error ends it and is returned.
pub fn for_each<T: Sync>(
    threads: usize,
    items: &[T],
    work: impl Fn(&T, &mut [u8]) -> Result<()> + Sync,
) -> Result<()> {
    let next = AtomicUsize::new(0);
    let failed = AtomicBool::new(false);
    let first_error: Mutex<Option<Error>> = Mutex::new(None);
    let share = || {
        let mut buffer = Vec::new();
        while !failed.load(Relaxed) {
            let Some(item) = items.get(next.fetch_add(1, Relaxed)) else { return };
            buffer.resize(BUFFER, 0);
            if let Err(error) = apart::guarded(|| work(item, &mut buffer)) {
                failed.store(true, Relaxed);
                first_error.lock().get_or_insert(error);
            }
        }
    };
    std::thread::scope(|scope| {
        let helpers: Vec<_> = (1..threads.min(items.len()))
            // A thread that cannot be made only means that the others do its share.
            .filter_map(|_| thread::spawn_scoped(scope, "hotbackup-io", share).ok())
            .collect();
        share();
        for helper in helpers {
            // Joined, not just waited for: nothing of it may be left when the library is unloaded.
            let _ = helper.join();
        }
    });
    first_error.into_inner().map_or(Ok(()), Err)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Code;
    use std::sync::atomic::AtomicU64;

    #[test]
    fn each_item_is_worked_on_once() {
        let sum = AtomicU64::new(0);
        let items: Vec<u64> = (1..=1000).collect();
        for_each(4, &items, |item, buffer| {
            assert_eq!(buffer.len(), BUFFER);
            sum.fetch_add(*item, Relaxed);
            Ok(())
        })
        .unwrap();
        assert_eq!(sum.into_inner(), 500_500);
    }

    #[test]
    fn an_error_or_a_panic_ends_it() {
        let items: Vec<u64> = (0..1000).collect();
        let error = for_each(2, &items, |item, _| match item {
            7 => Err(Error::new(Code::Io, "seven")),
            _ => Ok(()),
        });
        assert_eq!(error.unwrap_err().message(), "seven");
        let error = for_each(2, &items, |_, _| panic!("on purpose"));
        assert_eq!(error.unwrap_err().code(), Code::Internal);
    }
}
