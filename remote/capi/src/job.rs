//! Jobs of libhotbackup's whose work is this library's.

use std::os::unix::ffi::OsStrExt;
use std::panic::{self, AssertUnwindSafe};
use std::path::Path;
use std::ptr;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use hotbackup::extension::table::{Beginning, Bytes, Failure, Handle, Work};
use hotbackup::extension::{Supply, Task, TaskHost};
use hotbackup::{Kind, Result};

use crate::core::Core;
use crate::guard::panicked;
use crate::handles::{OK, backup_job, backup_options};
use crate::supply;
use crate::task::Foreign;

/// The jobs of one remote that are at work.
#[derive(Clone)]
pub struct Jobs {
    pub core: Core,
    running: Arc<Mutex<Running>>,
}

#[derive(Default)]
struct Running {
    tasks: Vec<Weak<Foreign>>,
    /// What begins from now on is cancelled.
    is_closed: bool,
}

/// Where a job begins, and by which options.
pub struct Start<'a> {
    pub location: &'a Path,
    /// NULL or live.
    pub options: *const backup_options,
}

type Once<T> = Box<dyn FnOnce(&Task) -> Result<T> + Send>;

impl Jobs {
    pub fn new(core: Core) -> Self {
        Self { core, running: Arc::default() }
    }

    /// Cancels them all, and those that were started and have not begun.
    pub fn close(&self) {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        running.is_closed = true;
        running.tasks.iter().filter_map(Weak::upgrade).for_each(|task| task.cancel());
    }

    /// A task of a job that has begun, known from now on.
    ///
    /// # Safety
    /// It is live.
    pub unsafe fn begun(&self, task: Handle) -> Task {
        // SAFETY: as this function's caller says.
        let foreign = unsafe { Foreign::of(self.core, task) };
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        if running.is_closed {
            foreign.cancel();
        }
        running.tasks.retain(|task| task.strong_count() > 0);
        running.tasks.push(Arc::downgrade(&foreign));
        Task::of_host(foreign)
    }

    /// Starts a job.
    ///
    /// # Safety
    /// The options are NULL or live.
    pub unsafe fn start(
        &self,
        kind: Kind,
        start: &Start<'_>,
        work: impl FnOnce(&Task) -> Result<()> + Send + 'static,
    ) -> Result<*mut backup_job> {
        let pending = Pending { jobs: self.clone(), work: Mutex::new(Some(Box::new(work))) };
        let work = Work { run, user_data: Box::into_raw(Box::new(pending)).cast(), destroy };
        // SAFETY: all that is lent is there until it returns; `work` is let go of by `destroy`.
        self.begin(kind, start, |beginning, job, error| unsafe {
            (self.core.table().start)(beginning, &work, job, error)
        })
    }

    /// Starts a restore or a fetch of what a supply brings.
    ///
    /// # Safety
    /// The options are NULL or live.
    pub unsafe fn bring(
        &self,
        kind: Kind,
        start: &Start<'_>,
        prepare: impl FnOnce(&Task) -> Result<Arc<dyn Supply>> + Send + 'static,
    ) -> Result<*mut backup_job> {
        let functions = supply::functions(self, Box::new(prepare));
        let table = self.core.table();
        let begin = if matches!(kind, Kind::Fetch) { table.fetch } else { table.restore };
        // SAFETY: all that is lent is there until it returns; the supply is let go of by its `destroy`.
        self.begin(kind, start, |beginning, job, error| unsafe { begin(beginning, &functions, job, error) })
    }

    fn begin(
        &self,
        kind: Kind,
        start: &Start<'_>,
        go: impl FnOnce(*const Beginning, *mut Handle, Failure) -> i32,
    ) -> Result<*mut backup_job> {
        let beginning = Beginning {
            kind: kind as u32,
            location: Bytes::of(start.location.as_os_str().as_bytes()),
            options: start.options.cast_mut().cast(),
        };
        let mut job = ptr::null_mut();
        self.core.outcome(|error| go(&beginning, &mut job, error))?;
        Ok(job.cast())
    }
}

/// A job's work until it is called.
struct Pending {
    jobs: Jobs,
    work: Mutex<Option<Once<()>>>,
}

unsafe extern "C" fn run(user_data: Handle, task: Handle, error: Failure) -> i32 {
    // SAFETY: it is that of `start`, and there until `destroy`.
    let pending = unsafe { &*user_data.cast::<Pending>() };
    // SAFETY: the table's terms: the task is live during the call, and the error can be written.
    unsafe { answer(&pending.jobs, &pending.work, task, error) }.map_or_else(|code| code, |()| OK)
}

unsafe extern "C" fn destroy(user_data: Handle) {
    // SAFETY: `start` has made it, and this is called once.
    drop(unsafe { Box::from_raw(user_data.cast::<Pending>()) });
}

/// Does what is to be done once; a failure is written as an error, and its code returned.
///
/// # Safety
/// The task is live, and `error` can be written.
pub unsafe fn answer<T>(
    jobs: &Jobs,
    work: &Mutex<Option<Once<T>>>,
    task: Handle,
    error: Failure,
) -> std::result::Result<T, i32> {
    let work = work.lock().unwrap_or_else(PoisonError::into_inner).take();
    let done = panic::catch_unwind(AssertUnwindSafe(|| {
        // SAFETY: as this function's caller says.
        let task = unsafe { jobs.begun(task) };
        work.map(|work| work(&task))
    }));
    let failure = match done {
        Ok(Some(Ok(done))) => return Ok(done),
        Ok(Some(Err(failure))) => failure,
        Ok(None) | Err(_) => panicked(),
    };
    // SAFETY: as this function's caller says.
    unsafe { error.write(jobs.core.error(&failure).cast()) };
    Err(failure.code() as i32)
}
