//! What a repository brings, as functions for libhotbackup.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::panic::{self, AssertUnwindSafe};
use std::path::Path;
use std::sync::{Arc, Mutex, OnceLock};

use hotbackup::extension::table::{Bytes, Failure, Handle, SupplyFunctions};
use hotbackup::extension::{Supply, SupplyReader, Task};
use hotbackup::{Code, Error, Result};

use crate::core::bytes;
use crate::guard::panicked;
use crate::handles::OK;
use crate::job::{Jobs, answer};

/// A supply before and after it was made ready.
struct Supplying {
    jobs: Jobs,
    prepare: Mutex<Option<Prepare>>,
    ready: OnceLock<Arc<dyn Supply>>,
    manifest: OnceLock<Vec<u8>>,
}

type Prepare = Box<dyn FnOnce(&Task) -> Result<Arc<dyn Supply>> + Send>;

/// A file that is being read. Its supply outlives it, as the table says.
struct Reading {
    jobs: Jobs,
    reader: Box<dyn SupplyReader>,
}

/// The functions of a supply, which is let go of by the last of them.
pub fn functions(jobs: &Jobs, prepare: Prepare) -> SupplyFunctions {
    let supplying = Supplying {
        jobs: jobs.clone(),
        prepare: Mutex::new(Some(prepare)),
        ready: OnceLock::new(),
        manifest: OnceLock::new(),
    };
    let user_data = Box::into_raw(Box::new(supplying)).cast();
    SupplyFunctions { prepare: make_ready, name, manifest, open, next, close, user_data, destroy }
}

impl Supplying {
    /// # Safety
    /// The pointer is that of `functions`, before `destroy`.
    unsafe fn of<'a>(user_data: Handle) -> &'a Self {
        // SAFETY: as this function's caller says.
        unsafe { &*user_data.cast() }
    }

    fn supply(&self) -> Result<&Arc<dyn Supply>> {
        self.ready.get().ok_or_else(|| Error::new(Code::Internal, "a supply was used before it was ready"))
    }
}

unsafe extern "C" fn make_ready(user_data: Handle, task: Handle, error: Failure) -> i32 {
    // SAFETY: the table's terms.
    let supplying = unsafe { Supplying::of(user_data) };
    // SAFETY: the table's terms.
    match unsafe { answer(&supplying.jobs, &supplying.prepare, task, error) } {
        Ok(supply) => {
            supplying.ready.get_or_init(|| supply);
            OK
        }
        Err(code) => code,
    }
}

unsafe extern "C" fn name(user_data: Handle) -> Bytes {
    // SAFETY: the table's terms.
    let supplying = unsafe { Supplying::of(user_data) };
    Bytes::of(supplying.ready.get().map_or(&[][..], |supply| supply.name().as_os_str().as_bytes()))
}

unsafe extern "C" fn manifest(user_data: Handle, out: *mut Bytes, error: Failure) -> i32 {
    // SAFETY: the table's terms.
    let supplying = unsafe { Supplying::of(user_data) };
    let read = || {
        if supplying.manifest.get().is_none() {
            let manifest = supplying.supply()?.manifest()?;
            supplying.manifest.get_or_init(|| manifest);
        }
        let manifest = Bytes::of(supplying.manifest.get().map_or(&[][..], Vec::as_slice));
        // SAFETY: the table's terms.
        unsafe { out.write(manifest) };
        Ok(())
    };
    // SAFETY: the table's terms.
    unsafe { report(&supplying.jobs, error, read) }
}

unsafe extern "C" fn open(
    user_data: Handle,
    path: Bytes,
    size: u64,
    reader: *mut Handle,
    error: Failure,
) -> i32 {
    // SAFETY: the table's terms.
    let (supplying, path) = unsafe { (Supplying::of(user_data), bytes(path).unwrap_or_default()) };
    let open = || {
        let opened = supplying.supply()?.open(Path::new(OsStr::from_bytes(path)), size)?;
        // SAFETY: what it borrows is the supply, which the table says is there until it is closed.
        let opened =
            unsafe { std::mem::transmute::<Box<dyn SupplyReader + '_>, Box<dyn SupplyReader>>(opened) };
        let reading = Reading { jobs: supplying.jobs.clone(), reader: opened };
        // SAFETY: the table's terms.
        unsafe { reader.write(Box::into_raw(Box::new(reading)).cast()) };
        Ok(())
    };
    // SAFETY: the table's terms.
    unsafe { report(&supplying.jobs, error, open) }
}

unsafe extern "C" fn next(reader: Handle, out: *mut Bytes, error: Failure) -> i32 {
    // SAFETY: the table's terms: `open` has made it, and one thread uses it.
    let Reading { jobs, reader } = unsafe { &mut *reader.cast::<Reading>() };
    let more = || {
        let lent = Bytes::of(reader.next()?);
        // SAFETY: the table's terms.
        unsafe { out.write(lent) };
        Ok(())
    };
    // SAFETY: the table's terms.
    unsafe { report(jobs, error, more) }
}

unsafe extern "C" fn close(reader: Handle) {
    // SAFETY: `open` has made it, and this is called once.
    drop(unsafe { Box::from_raw(reader.cast::<Reading>()) });
}

unsafe extern "C" fn destroy(user_data: Handle) {
    // SAFETY: `functions` has made it, and this is called once, after all else.
    drop(unsafe { Box::from_raw(user_data.cast::<Supplying>()) });
}

/// # Safety
/// `error` can be written.
unsafe fn report(jobs: &Jobs, error: Failure, body: impl FnOnce() -> Result<()>) -> i32 {
    let failure = match panic::catch_unwind(AssertUnwindSafe(body)) {
        Ok(Ok(())) => return OK,
        Ok(Err(failure)) => failure,
        Err(_) => panicked(),
    };
    // SAFETY: as this function's caller says.
    unsafe { error.write(jobs.core.error(&failure).cast()) };
    failure.code() as i32
}
