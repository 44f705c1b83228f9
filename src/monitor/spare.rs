//! The places of I/O threads that have nothing left to do.

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// How many more threads a job may have at the moment. Whoever is in the middle of a large file takes one.
#[derive(Default)]
pub struct Spare(AtomicUsize);

impl Spare {
    /// So many, whatever there were.
    pub fn set(&self, places: usize) {
        self.0.store(places, Relaxed);
    }

    /// Takes a place, if there is one.
    pub fn take(&self) -> bool {
        self.0.fetch_update(Relaxed, Relaxed, |places| places.checked_sub(1)).is_ok()
    }

    /// Gives one up.
    pub fn give(&self) {
        self.0.fetch_add(1, Relaxed);
    }
}

/// The I/O threads of a job.
#[derive(Clone, Copy)]
pub struct Crew<'a> {
    /// How many work at once.
    pub threads: usize,
    /// The places of those that have no work left.
    pub spare: &'a Spare,
}
