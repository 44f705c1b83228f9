//! What the library does to its host's process: threads, descriptors, locks, children. These tests look
//! at the whole process, so they have a program of their own and go one at a time.

#[path = "../common/mod.rs"]
mod common;

mod fork;
mod limits;
mod locks;
mod threads;

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Each test holds it: forks inherit what others have open, and what the process has is counted.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}
