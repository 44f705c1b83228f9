//! What no call of C's lets out: panics, and cancellations of the host's thread.

use std::cell::Cell;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Once;
use std::thread;

use crate::sys::thread::uncancelled;

/// Runs the body of a function that cannot report failure; after a panic it returns `fallback`.
pub fn quiet<T>(fallback: T, body: impl FnOnce() -> T) -> T {
    caught(body).unwrap_or(fallback)
}

thread_local! {
    /// How many guarded calls this thread is in: hooks call the library again.
    static DEPTH: Cell<u32> = const { Cell::new(0) };
}

/// Runs `body`: a panic in it is an error, and a cancellation of the host's thread waits.
pub fn caught<T>(body: impl FnOnce() -> T) -> thread::Result<T> {
    keep_panics_silent();
    DEPTH.set(DEPTH.get() + 1);
    let result = uncancelled(|| panic::catch_unwind(AssertUnwindSafe(body)));
    DEPTH.set(DEPTH.get() - 1);
    result
}

/// A guest prints nothing on its host's stderr. Panics elsewhere in a host written in Rust stay
/// with the panic hook that was there before.
fn keep_panics_silent() {
    static INSTALLED: Once = Once::new();
    // The panic hook cannot be changed while this thread panics: another call will do it.
    if INSTALLED.is_completed() || thread::panicking() {
        return;
    }
    INSTALLED.call_once(|| {
        let previous = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if !is_ours() {
                previous(info);
            }
        }));
    });
}

fn is_ours() -> bool {
    let guarded = DEPTH.try_with(Cell::get).is_ok_and(|depth| depth > 0);
    guarded || thread::current().name().is_some_and(|name| name.starts_with("hotbackup-"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_where_none_can_be_reported_gives_the_fallback() {
        assert_eq!(quiet(7, || panic!("on purpose")), 7);
    }

    #[test]
    fn a_caught_panic_prints_nothing() {
        // This file is a module of two libraries, of another path in each.
        let (_, module) = module_path!().split_once("::").unwrap();
        let name = format!("{module}::a_panic_where_none_can_be_reported_gives_the_fallback");
        let mut again = std::process::Command::new(std::env::current_exe().unwrap());
        let output = again.args(["--exact", &name, "--nocapture"]).output().unwrap();
        assert!(output.status.success());
        assert!(String::from_utf8_lossy(&output.stdout).contains("1 passed"));
        assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    }

    #[test]
    fn only_panics_of_the_library_are_silent() {
        assert!(!is_ours());
        assert!(quiet(false, is_ours));
        let own = thread::Builder::new().name("hotbackup-io".into()).spawn(is_ours).unwrap();
        assert!(own.join().unwrap());
    }
}
