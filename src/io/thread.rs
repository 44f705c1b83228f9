//! I/O threads: all that opens a file of the host's runs on them, never on a thread of the host.
//!
//! Such a thread has left the host's descriptor table (see [`crate::sys::table`]), and the threads
//! that it makes share its own. Descriptors therefore never cross from one side to the other:
//! what an I/O thread returns holds none.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::thread::JoinHandle;

use crate::error::{Code, Error, Result};
use crate::sys::{memory, table, thread};

/// What happens where the descriptor table cannot be left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Isolation {
    /// It is an error: closing a file there could drop the host's `fcntl` locks.
    Required,
    /// The work goes on: it opens the library's own files alone, or the host holds no such locks.
    IfPossible,
}

/// Starts `work` on a new I/O thread.
pub fn spawn<T: Send + 'static>(
    isolation: Isolation,
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<JoinHandle<Result<T>>> {
    thread::spawn("hotbackup-io", move || guarded(|| enter(isolation).and_then(|()| work())))
        .map_err(|error| Error::system("making an I/O thread", error))
}

/// Runs `work`, which opens the library's own files alone, on an I/O thread and waits for it.
pub fn run<T: Send>(work: impl FnOnce() -> Result<T> + Send) -> Result<T> {
    std::thread::scope(|scope| {
        thread::spawn_scoped(scope, "hotbackup-io", || {
            guarded(|| enter(Isolation::IfPossible).and_then(|()| work()))
        })
        .map_err(|error| Error::system("making an I/O thread", error))?
        .join()
        .unwrap_or_else(|_| Err(panicked()))
    })
}

/// Waits for an I/O thread.
pub fn join<T>(thread: JoinHandle<Result<T>>) -> Result<T> {
    thread.join().unwrap_or_else(|_| Err(panicked()))
}

/// Runs `work`; a panic in it is an error.
pub fn guarded<T>(work: impl FnOnce() -> Result<T>) -> Result<T> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| Err(panicked()))
}

fn panicked() -> Error {
    Error::new(Code::Internal, "a thread of hotbackup panicked, which is a defect of hotbackup")
}

fn enter(isolation: Isolation) -> Result<()> {
    memory::require_room(0).map_err(|error| Error::system("beginning on an I/O thread", error))?;
    match table::leave_shared() {
        Ok(()) => table::fill_standard_streams()
            .map_err(|error| Error::io("setting up an I/O thread by opening", Path::new("/"), error)),
        // No property of this system: once there are descriptors again it works.
        Err(error) if is_shortage(&error) => {
            Err(Error::io("leaving the descriptor table", Path::new("/proc/self/fd"), error))
        }
        Err(error) if isolation == Isolation::Required => Err(Error::new(
            Code::Unsupported,
            format!(
                "leaving the process's descriptor table: {error}; without that a backup could drop the \
                 host's fcntl locks, so nothing was done (a host without such locks says set_no_posix_locks)"
            ),
        )),
        Err(_) => Ok(()),
    }
}

fn is_shortage(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::EMFILE | libc::ENFILE | libc::ENOMEM))
}
