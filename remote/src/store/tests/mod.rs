//! The store against a directory, against moto, and against a server that does what a test says.

mod directory;
mod faults;
mod moto;
mod server;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use hotbackup::{Code, Error, Result};

use super::{Settings, Store, Watch};

const SECRET: &str = "hush-hush-secret";

/// Settings for a server that speaks as S3 does.
fn settings(endpoint: &str) -> Settings {
    let mut settings = Settings::default();
    let keys =
        [("endpoint", endpoint), ("region", "us-east-1"), ("access_key", "key"), ("secret_key", SECRET)];
    for (key, value) in keys {
        settings.set(key, value).expect(key);
    }
    settings
}

/// A job that ends when a test says so, and that grants what it is asked for and counts it.
#[derive(Default)]
struct Job {
    is_over: AtomicBool,
    up: AtomicU64,
    down: AtomicU64,
    largest: AtomicU64,
}

impl Watch for Job {
    fn check(&self) -> Result<()> {
        match self.is_over.load(Ordering::Relaxed) {
            true => Err(Error::new(Code::Cancelled, "the job was cancelled")),
            false => Ok(()),
        }
    }

    fn is_paced(&self) -> bool {
        true
    }

    fn pace_up(&self, bytes: u64) -> Result<()> {
        self.up.fetch_add(bytes, Ordering::Relaxed);
        self.largest.fetch_max(bytes, Ordering::Relaxed);
        self.check()
    }

    fn pace_down(&self, bytes: u64) -> Result<()> {
        self.down.fetch_add(bytes, Ordering::Relaxed);
        self.largest.fetch_max(bytes, Ordering::Relaxed);
        self.check()
    }
}

fn names(store: &Store, prefix: &str) -> Result<Vec<(String, u64)>> {
    let mut names = Vec::new();
    store.list(prefix, &mut |object| {
        names.push((object.name, object.size));
        Ok(())
    })?;
    names.sort();
    Ok(names)
}

fn watched(store: &Store) -> (Store, Arc<Job>) {
    let job = Arc::new(Job::default());
    (store.for_job(job.clone()), job)
}
