//! Threads of ours in somebody else's process.

use std::io;
use std::mem::MaybeUninit;
use std::ptr;
use std::thread::{Builder, JoinHandle, Scope, ScopedJoinHandle};

use super::memory;

/// Its stack, and what the standard library sets up for it: where that cannot be had once the thread is
/// there, the process ends.
const A_THREAD: usize = 4 << 20;

/// Makes a named thread with every signal blocked, which cannot be cancelled: a host's handlers never
/// run on it, and SIGXFSZ or SIGPIPE become errors of the call.
pub fn spawn<T: Send + 'static>(
    name: &str,
    work: impl FnOnce() -> T + Send + 'static,
) -> io::Result<JoinHandle<T>> {
    memory::require_room(A_THREAD)?;
    with_signals_blocked(|| Builder::new().name(name.into()).spawn(|| uncancelled(work)))
}

/// Makes a named thread with every signal blocked, which cannot be cancelled and ends before its scope.
pub fn spawn_scoped<'scope, 'env, T: Send + 'scope>(
    scope: &'scope Scope<'scope, 'env>,
    name: &str,
    work: impl FnOnce() -> T + Send + 'scope,
) -> io::Result<ScopedJoinHandle<'scope, T>> {
    memory::require_room(A_THREAD)?;
    with_signals_blocked(|| Builder::new().name(name.into()).spawn_scoped(scope, || uncancelled(work)))
}

/// Ends a forked child at once, with status 1: no exit handler of the host runs in it, and nothing is flushed twice.
pub fn exit_forked_child() -> ! {
    // SAFETY: it takes no pointer and does not return.
    unsafe { libc::_exit(1) }
}

/// A new thread inherits the mask, so no signal slips in before it could block them itself.
fn with_signals_blocked<T>(spawn: impl FnOnce() -> T) -> T {
    let mut all = MaybeUninit::<libc::sigset_t>::uninit();
    let mut before = MaybeUninit::<libc::sigset_t>::uninit();
    // SAFETY: sigfillset initialises `all`; pthread_sigmask reads it and initialises `before`.
    let masked = unsafe {
        libc::sigfillset(all.as_mut_ptr());
        libc::pthread_sigmask(libc::SIG_SETMASK, all.as_ptr(), before.as_mut_ptr()) == 0
    };
    let spawned = spawn();
    if masked {
        // SAFETY: `before` was initialised by the successful call above.
        unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, before.as_ptr(), ptr::null_mut()) };
    }
    spawned
}

unsafe extern "C" {
    fn pthread_setcancelstate(state: libc::c_int, before: *mut libc::c_int) -> libc::c_int;
}

/// The value of glibc's and of musl's `<pthread.h>`.
const PTHREAD_CANCEL_DISABLE: libc::c_int = 1;

/// Does `work` during which a `pthread_cancel` of this thread waits: it acts once the host's own code
/// has the thread again.
///
/// A cancellation unwinds the stack in a way that no frame of Rust can let pass, so that one inside the
/// library ends the process; and waits, locks and joins all are places where it would act.
pub fn uncancelled<T>(work: impl FnOnce() -> T) -> T {
    struct Restore(libc::c_int);
    impl Drop for Restore {
        fn drop(&mut self) {
            // SAFETY: it sets this thread's own state, to one that it had.
            unsafe { pthread_setcancelstate(self.0, ptr::null_mut()) };
        }
    }
    let mut before = 0;
    // SAFETY: it sets this thread's own state, and writes what it was.
    unsafe { pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &mut before) };
    let _restore = Restore(before);
    work()
}
