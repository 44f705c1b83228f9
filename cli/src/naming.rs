//! How a snapshot is named: `latest`, its id or the beginning of one, its name, or its path.

use std::path::{Path, PathBuf};

use hotbackup::{BackupRoot, Code, Snapshot};

use crate::args::root::RootOption;
use crate::context::Context;
use crate::failure::Failure;
use crate::view;

/// Ids are not shown shorter.
const SHORTEST: usize = 8;

/// So much of an id must be given: less is a slip of the keyboard.
pub const LEAST: usize = 4;

/// A snapshot that was named, and the root that it is in.
pub struct Named {
    pub root: BackupRoot,
    pub snapshot: Snapshot,
}

/// Finds a snapshot, readable or not.
pub fn find(name: &str, root: &RootOption, context: &Context) -> Result<Named, Failure> {
    let named = match name.contains('/') {
        true => at_path(Path::new(name))?,
        false => in_root(name, root.resolve()?)?,
    };
    let (snapshot, location) = (named.snapshot.id(), named.snapshot.location().display());
    context.display.explain(&format!("snapshot {snapshot} is {location}"));
    Ok(named)
}

fn at_path(path: &Path) -> Result<Named, Failure> {
    let absolute = std::path::absolute(path)
        .map_err(|error| Failure::io(format!("finding {}", path.display()), &error).at(path))?;
    let location: PathBuf = absolute.components().collect();
    let parent = location.parent().unwrap_or(&location);
    let root = BackupRoot::at(parent);
    // One that cannot be read is found in the list of its root alone.
    match Snapshot::open(&location) {
        Ok(snapshot) => Ok(Named { root, snapshot }),
        Err(error) => {
            let listed = root.list().unwrap_or_default();
            let found = listed.into_iter().find(|snapshot| snapshot.location() == location);
            found.map(|snapshot| Named { root, snapshot }).ok_or_else(|| error.into())
        }
    }
}

fn in_root(name: &str, root: BackupRoot) -> Result<Named, Failure> {
    if name == "latest" {
        let snapshot = root.latest()?;
        return Ok(Named { root, snapshot });
    }
    let all = root.list()?;
    let at = pick(name, &all, root.path())?;
    let snapshot = all.into_iter().nth(at).expect("it was found in there");
    Ok(Named { root, snapshot })
}

/// Which of them is meant.
fn pick(name: &str, all: &[Snapshot], root: &Path) -> Result<usize, Failure> {
    let names = |snapshot: &Snapshot| [snapshot.id().to_string(), view::name(snapshot)];
    let places = |is_meant: &dyn Fn(&str) -> bool| -> Vec<usize> {
        let found = all.iter().enumerate();
        let found = found.filter(|(_, snapshot)| names(snapshot).iter().any(|name| is_meant(name)));
        found.map(|(at, _)| at).collect()
    };
    let mut found = places(&|known| known == name);
    // A name, which an id may be too, is given whole.
    if found.is_empty() && name.len() >= LEAST {
        found = places(&|known| !known.starts_with("ts-") && known.starts_with(name));
    }
    let shown = root.display();
    match found.as_slice() {
        [one] => Ok(*one),
        [] => Err(Failure::new(Code::NotFound, format!("there is no snapshot {name:?} in {shown}"))
            .at(root)
            .advise(format!("`hotbackup list {shown}` shows those that are there"))),
        several => {
            let first: Vec<_> = several.iter().take(3).map(|at| all[*at].id()).collect();
            let more = if several.len() > 3 { ", ..." } else { "" };
            let message = format!("{name:?} names {} snapshots: {}{more}", several.len(), first.join(", "));
            Err(Failure::new(Code::InvalidArgument, message).at(root).advise("give more of its id"))
        }
    }
}

/// So many characters of each id name one snapshot alone.
pub fn short_length<'a>(ids: impl Iterator<Item = &'a str>) -> usize {
    let mut ids: Vec<&str> = ids.collect();
    ids.sort_unstable();
    let common = |pair: &[&str]| pair[0].bytes().zip(pair[1].bytes()).take_while(|(a, b)| a == b).count();
    ids.windows(2).map(|pair| common(pair) + 1).max().unwrap_or(0).max(SHORTEST)
}

/// The beginning of an id. One that is a name stays whole.
pub fn short(id: &str, length: usize) -> &str {
    if id.starts_with("ts-") { id } else { id.get(..length).unwrap_or(id) }
}
