//! The links that pin files: in a directory for each thread that makes some, since whoever changes a directory
//! waits for all others who do.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use uuid::Uuid;

use crate::datadir::leftovers::remove_unlocked;
use crate::datadir::locks::make_locked;
use crate::datadir::names::{LIFECYCLE, PINS};
use crate::error::{Error, Result};
use crate::io::remove::remove_tree;
use crate::sys::dir::Dir;

/// The directories of the links in one source. The first holds the others, and the lock.
pub struct Lanes {
    lifecycle: Dir,
    name: PathBuf,
    lanes: Vec<Lane>,
}

struct Lane {
    dir: Dir,
    made: AtomicU32,
}

impl Lanes {
    /// Makes them for so many threads, and removes what a crashed backup has left.
    pub fn make(source: &Dir, id: Uuid, threads: usize) -> Result<Self> {
        let path = source.full(Path::new(LIFECYCLE));
        let lifecycle = source
            .ensure_own_dir(Path::new(LIFECYCLE), 0o755)
            .and_then(|()| source.open_dir(Path::new(LIFECYCLE)))
            .map_err(|error| Error::io("making", &path, error))?;
        remove_unlocked(&lifecycle, PINS.as_ref(), true)?;
        let name = PathBuf::from(format!("{PINS}{id}"));
        let lane = |dir| Lane { dir, made: AtomicU32::new(0) };
        let mut lanes = vec![lane(make_locked(&lifecycle, &name)?)];
        for thread in 1..threads {
            let name = PathBuf::from(format!("of-thread-{thread}"));
            let dir = &lanes[0].dir;
            // With fewer of them threads wait for each other.
            let Ok(made) = dir.make_dir(&name, 0o700).and_then(|()| dir.open_dir(&name)) else { break };
            lanes.push(lane(made));
        }
        Ok(Self { lifecycle, name, lanes })
    }

    /// A number that no link has yet, of the directory of a thread.
    pub fn next(&self, thread: usize) -> u32 {
        let (lanes, lane) = (self.lanes.len() as u32, thread % self.lanes.len());
        self.lanes[lane].made.fetch_add(1, Relaxed) * lanes + lane as u32
    }

    /// Where the link of a number is.
    pub fn place(&self, number: u32) -> (&Dir, PathBuf) {
        let lane = number as usize % self.lanes.len();
        (&self.lanes[lane].dir, PathBuf::from(number.to_string()))
    }

    /// When a link was last made or removed, by the file system's own clock.
    pub fn stamped_ns(&self) -> Option<i128> {
        let stamp = |lane: &Lane| lane.dir.stat(Path::new("")).ok().map(|stat| stat.mtime_ns);
        self.lanes.iter().filter_map(stamp).max()
    }

    /// Removes all of them.
    pub fn remove(&self) -> Result<()> {
        remove_tree(&self.lifecycle, &self.name)
    }
}
