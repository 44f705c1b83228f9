//! What a host gives along with a function: its own pointer, and how to let go of it.

use std::ffi::c_void;

/// Lets go of a user_data, called exactly once with the pointer that was given along with it,
/// even if that is NULL. May be called on any thread. It must not call the library with the
/// handle that the pointer was given to, and must not unwind.
pub type backup_destroy_fn = Option<unsafe extern "C" fn(user_data: *mut c_void)>;

/// A host's pointer, let go of when dropped.
pub struct UserData {
    pointer: *mut c_void,
    destroy: backup_destroy_fn,
}

// SAFETY: the library never looks behind the pointer, and the header says that the host's
// functions are called with it on other threads.
unsafe impl Send for UserData {}
// SAFETY: the library never looks behind the pointer, and the header says that the host's
// functions are called with it by several threads.
unsafe impl Sync for UserData {}

impl UserData {
    pub fn new(pointer: *mut c_void, destroy: backup_destroy_fn) -> Self {
        Self { pointer, destroy }
    }

    pub fn get(&self) -> *mut c_void {
        self.pointer
    }
}

impl Drop for UserData {
    fn drop(&mut self) {
        if let Some(destroy) = self.destroy {
            // SAFETY: the header's terms for such a function: it takes the pointer given with it.
            unsafe { destroy(self.pointer) };
        }
    }
}
