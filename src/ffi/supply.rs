//! A snapshot that another library brings.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::ptr;

use super::lent::{bytes, outcome};
use super::task::TaskHandle;
use super::user_data::UserData;
use crate::error::Result;
use crate::extension::table::{Bytes, Failure, Handle, SupplyFunctions};
use crate::extension::{Supply, SupplyReader, Task};

/// The functions of a supply, and what they are given.
pub struct Given {
    functions: SupplyFunctions,
    user_data: UserData,
}

// SAFETY: the table says that its functions are called on any thread; its pointer is in `user_data`, which may be
// sent too.
unsafe impl Send for Given {}
// SAFETY: the table says that they are called by several threads at once.
unsafe impl Sync for Given {}

impl Given {
    pub fn new(functions: SupplyFunctions) -> Self {
        Self { user_data: UserData::new(functions.user_data, Some(functions.destroy)), functions }
    }

    /// Makes it ready.
    pub fn prepare(&self, task: &Task) -> Result<()> {
        let handle = TaskHandle::of(task);
        self.ask(|user_data, error| {
            // SAFETY: the table's terms; the task is there until it returns.
            unsafe { (self.functions.prepare)(user_data, handle.lent(), error) }
        })
    }

    fn ask(&self, question: impl FnOnce(Handle, Failure) -> i32) -> Result<()> {
        let mut error = ptr::null_mut();
        let code = question(self.user_data.get(), &mut error);
        // SAFETY: the table's terms.
        unsafe { outcome(code, error) }
    }
}

impl Supply for Given {
    fn name(&self) -> &Path {
        // SAFETY: the table's terms: lent until it is destroyed, which is with this.
        let name = unsafe { bytes((self.functions.name)(self.user_data.get())) };
        Path::new(OsStr::from_bytes(name.unwrap_or_default()))
    }

    fn manifest(&self) -> Result<Vec<u8>> {
        let mut out = Bytes::NONE;
        // SAFETY: the table's terms.
        self.ask(|user_data, error| unsafe { (self.functions.manifest)(user_data, &mut out, error) })?;
        // SAFETY: the table's terms: lent until it is destroyed.
        Ok(unsafe { bytes(out) }.unwrap_or_default().to_vec())
    }

    fn open(&self, path: &Path, size: u64) -> Result<Box<dyn SupplyReader + '_>> {
        let mut reader = ptr::null_mut();
        let path = Bytes::of(path.as_os_str().as_bytes());
        // SAFETY: the table's terms.
        self.ask(|user_data, error| unsafe {
            (self.functions.open)(user_data, path, size, &mut reader, error)
        })?;
        Ok(Box::new(Reader { given: self, reader }))
    }
}

struct Reader<'a> {
    given: &'a Given,
    reader: Handle,
}

impl SupplyReader for Reader<'_> {
    fn next(&mut self) -> Result<&[u8]> {
        let mut lent = Bytes::NONE;
        self.given.ask(|_, error| {
            // SAFETY: the table's terms.
            unsafe { (self.given.functions.next)(self.reader, &mut lent, error) }
        })?;
        // SAFETY: the table's terms: lent until it is asked again, for which this borrow must have ended.
        Ok(unsafe { bytes(lent) }.unwrap_or_default())
    }
}

impl Drop for Reader<'_> {
    fn drop(&mut self) {
        // SAFETY: the table's terms; nothing reads it any more.
        unsafe { (self.given.functions.close)(self.reader) };
    }
}
