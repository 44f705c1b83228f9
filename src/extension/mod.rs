//! For crates that bring snapshots to other places than directories, and back: jobs of their own kind, with all
//! that a job of this crate has ([`start`]); restores and fetches from a [`Supply`]; a snapshot that is read
//! ([`Stored`]); threads with a descriptor table of their own ([`spawn`]).

mod stored;
pub mod table;
mod task;

use std::fs::File;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;

use crate::error::{Error, Result};
use crate::io::thread::{self as io_thread, Isolation};
use crate::job::{Job, Kind};
use crate::options::Options;
use crate::paths::absolute;
use crate::restore::{self as restoration, Wanted};
use crate::standalone;
use crate::sys::{file, thread};

pub use crate::monitor::Throttle;
pub use crate::restore::{Supply, SupplyReader};
pub use stored::Stored;
pub use task::{Done, Task, TaskHost, Watch};

/// Starts a job whose work is another crate's, and returns at once. The work runs on an I/O thread, which has left
/// the host's descriptor table; it must call [`Watch::check`] between its pieces, so that a cancel ends it within a
/// second. `location` is what [`Job::location`] says. Of the options the job itself uses the rate limit and the
/// progress hook.
pub fn start(
    kind: Kind,
    location: impl AsRef<Path>,
    options: &Options,
    work: impl FnOnce(&Task) -> Result<()> + Send + 'static,
) -> Result<Job> {
    let location = location.as_ref().to_path_buf();
    standalone::start(kind, location, options, move |settings, context| work(&Task::of(context, &settings)))
}

/// Starts a restore of what a supply brings, as [`restore`](crate::restore()) does of a snapshot in a directory:
/// each file is compared with the manifest's checksum before the target is touched. `supply` is called on the job's
/// I/O thread.
pub fn restore(
    supply: impl FnOnce(&Task) -> Result<Arc<dyn Supply>> + Send + 'static,
    target: impl AsRef<Path>,
    options: &Options,
) -> Result<Job> {
    let target = absolute(target.as_ref())?;
    standalone::start(Kind::Restore, target.clone(), options, move |settings, context| {
        let supply = supply(&Task::of(context, &settings))?;
        restoration::run(Wanted::From(supply), &target, &settings, context)
    })
}

/// Starts a fetch of what a supply brings: `target`, which must not exist, becomes a snapshot's directory. One that
/// was killed or failed is gone on with by the next fetch of the same snapshot to the same directory's parent, which
/// keeps the files that have come (`.fetch-<id>` there; nobody else removes it).
pub fn fetch(
    supply: impl FnOnce(&Task) -> Result<Arc<dyn Supply>> + Send + 'static,
    target: impl AsRef<Path>,
    options: &Options,
) -> Result<Job> {
    let target = absolute(target.as_ref())?;
    standalone::start(Kind::Fetch, target.clone(), options, move |settings, context| {
        let supply = supply(&Task::of(context, &settings))?;
        restoration::fetch(supply, &target, &settings, context)
    })
}

/// Starts a thread with a descriptor table of its own, where the system has that, and all signals blocked.
pub fn spawn<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<JoinHandle<Result<T>>> {
    io_thread::spawn(Isolation::IfPossible, work)
}

/// Starts a thread for what is a host's own, such as a hook: it shares the host's descriptor table if the calling thread
/// does, and has all signals blocked.
pub fn spawn_for_hooks(work: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>> {
    thread::spawn("hotbackup-hook", work).map_err(|error| Error::system("making a thread for hooks", error))
}

/// Runs `work`, which opens files or sockets, on such a thread, and waits for it.
pub fn run<T: Send>(work: impl FnOnce() -> Result<T> + Send) -> Result<T> {
    io_thread::run(work)
}

/// Starts to write a stretch of a file back, so that the sync at its end finds little left to do and the disk is not
/// asked for much at once. A hint.
pub fn start_writeback(file: &File, range: Range<u64>) {
    file::start_writeback(file, range);
}

/// Runs `work` so that a `pthread_cancel` of the calling thread acts once it has returned: no frame of Rust can be
/// unwound by one.
pub fn uncancelled<T>(work: impl FnOnce() -> T) -> T {
    thread::uncancelled(work)
}
