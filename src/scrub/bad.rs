//! A stored file that is bad: in which snapshots, and where its bytes are still good.

use std::collections::HashMap;
use std::path::Path;

use super::snapshot::open;
use super::stored::Wanted;
use crate::error::{Error, Result};
use crate::io::read_back::{is_rot, read_back};
use crate::monitor::Monitor;
use crate::root::holders::copies;
use crate::sys::dir::Dir;

/// What was found.
pub struct Found {
    /// The snapshots in which it is bad, the newest first.
    pub bad_in: Vec<String>,
    /// What is wrong with the first of those.
    pub error: Option<Error>,
    /// The newest snapshot that has the same bytes, and good.
    pub good_in: Option<String>,
}

impl Found {
    /// The names of the snapshots, and where to take the file from.
    pub fn told(&self, error: &Error) -> String {
        let good = match &self.good_in {
            Some(name) => format!("a good copy is in {name}, the newest"),
            None => "no snapshot here has a good copy".to_string(),
        };
        format!("{}; it is bad in {}; {good}", error.message(), self.bad_in.join(", "))
    }
}

/// Reads the file in each snapshot that has it: where they are links, once, and clones one by one, for one of them
/// may have been written to.
pub fn look(root: &Dir, wanted: &Wanted<'_>, buffer: &mut [u8], monitor: &Monitor) -> Result<Found> {
    let mut found = Found { bad_in: Vec::new(), error: None, good_in: None };
    let mut known: HashMap<(u64, u64), Option<Error>> = HashMap::new();
    for copy in copies(root, wanted.expected.path, wanted.expected.size, wanted.expected.crc32) {
        let is_it = copy.origin == wanted.origin;
        // Of other copies the newest good one is enough.
        if !is_it && found.good_in.is_some() {
            continue;
        }
        let Some(snapshot) = open(root, Path::new(&copy.snapshot))? else { continue };
        let inode = snapshot.stat(wanted.expected.path).ok().map(|stat| (stat.device, stat.inode));
        let fault = match inode.and_then(|inode| known.get(&inode)) {
            Some(fault) => fault.clone(),
            None => match read_back((&snapshot, wanted.expected), buffer, monitor, |_| {}) {
                Ok(_) => None,
                Err(error) if is_rot(&error) => Some(error),
                Err(error) => return Err(error),
            },
        };
        if let Some(inode) = inode {
            known.insert(inode, fault.clone());
        }
        match fault {
            None => _ = found.good_in.get_or_insert(copy.snapshot),
            Some(error) if is_it => {
                found.error.get_or_insert(error);
                found.bad_in.push(copy.snapshot);
            }
            Some(_) => {}
        }
    }
    Ok(found)
}
