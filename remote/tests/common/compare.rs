//! Two trees, compared byte for byte with what their names have: kind, mode, owner, times.

use std::collections::BTreeMap;
use std::fs::{self, File, Metadata};
use std::io::Read;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};

/// What is compared beside names, kinds and bytes.
#[derive(Debug, Clone, Copy)]
pub struct Attributes {
    pub modes: bool,
    pub owners: bool,
    /// Of files.
    pub times: bool,
    pub directory_times: bool,
    pub link_times: bool,
}

impl Attributes {
    pub const ALL: Self =
        Self { modes: true, owners: true, times: true, directory_times: true, link_times: true };
    pub const NONE: Self =
        Self { modes: false, owners: false, times: false, directory_times: false, link_times: false };
}

/// No difference but for names at the top that are left out.
#[track_caller]
pub fn assert_same(expected: &Path, found: &Path, attributes: Attributes, left_out: &[&str]) {
    let differences = differences(expected, found, attributes, left_out);
    let (count, shown) = (differences.len(), &differences[..differences.len().min(20)]);
    let trees = format!("{} against {}", found.display(), expected.display());
    assert!(differences.is_empty(), "{count} differences of {trees}:\n  {}", shown.join("\n  "));
}

/// A line for each difference.
pub fn differences(expected: &Path, found: &Path, attributes: Attributes, left_out: &[&str]) -> Vec<String> {
    let (ours, theirs) = (names(expected, left_out), names(found, left_out));
    let mut lines = Vec::new();
    for (name, metadata) in &ours {
        match theirs.get(name) {
            None => lines.push(format!("{name:?} is missing")),
            Some(other) => {
                let paths = (expected.join(name), found.join(name));
                lines.extend(
                    of_one((&paths.0, metadata), (&paths.1, other), attributes)
                        .map(|what| format!("{name:?}: {what}")),
                );
            }
        }
    }
    lines.extend(
        theirs.keys().filter(|name| !ours.contains_key(*name)).map(|name| format!("{name:?} is too many")),
    );
    lines
}

/// All names beneath a directory; its own is the empty one.
fn names(top: &Path, left_out: &[&str]) -> BTreeMap<PathBuf, Metadata> {
    let mut found = BTreeMap::new();
    let mut pending = vec![PathBuf::new()];
    while let Some(name) = pending.pop() {
        let path = if name.as_os_str().is_empty() { top.to_path_buf() } else { top.join(&name) };
        let metadata =
            fs::symlink_metadata(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        if metadata.is_dir() {
            let entries = fs::read_dir(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            let children = entries.map(|entry| name.join(entry.expect("an entry").file_name()));
            pending.extend(children.filter(|child| !left_out.iter().any(|left| child == Path::new(left))));
        }
        found.insert(name, metadata);
    }
    found
}

type One<'a> = (&'a Path, &'a Metadata);

/// The first difference of two files.
fn of_one(expected: One, found: One, attributes: Attributes) -> Option<String> {
    let (ours, theirs) = (expected.1, found.1);
    if ours.file_type() != theirs.file_type() {
        return Some(format!("is a {:?}, not a {:?}", theirs.file_type(), ours.file_type()));
    }
    let differs =
        |what: &str, one: String, other: String| (one != other).then(|| format!("{what} {other}, not {one}"));
    let time = |metadata: &Metadata| format!("{}.{:09}", metadata.mtime(), metadata.mtime_nsec());
    let is_timed = match () {
        () if ours.is_symlink() => attributes.link_times,
        () if ours.is_dir() => attributes.directory_times,
        () => attributes.times,
    };
    let mode = |metadata: &Metadata| format!("{:o}", metadata.mode());
    let owner = |metadata: &Metadata| format!("{}:{}", metadata.uid(), metadata.gid());
    let mut found_difference = content(expected, found);
    if attributes.modes && !ours.is_symlink() {
        found_difference = found_difference.or_else(|| differs("mode", mode(ours), mode(theirs)));
    }
    if attributes.owners {
        found_difference = found_difference.or_else(|| differs("owner", owner(ours), owner(theirs)));
    }
    if is_timed {
        found_difference = found_difference.or_else(|| differs("time", time(ours), time(theirs)));
    }
    found_difference
}

fn content(expected: One, found: One) -> Option<String> {
    if expected.1.is_symlink() {
        let target = |one: One| fs::read_link(one.0).expect("a symbolic link");
        let (ours, theirs) = (target(expected), target(found));
        return (ours != theirs).then(|| format!("leads to {theirs:?}, not to {ours:?}"));
    }
    if !expected.1.is_file() {
        return None;
    }
    let (ours, theirs) = (expected.1.len(), found.1.len());
    if ours != theirs {
        return Some(format!("has {theirs} bytes, not {ours}"));
    }
    let open = |one: One| File::open(one.0).unwrap_or_else(|error| panic!("{}: {error}", one.0.display()));
    first_difference(&mut open(expected), &open(found))
        .map(|at| format!("byte {at} of {ours} is another one"))
}

fn first_difference(ours: &mut File, theirs: &File) -> Option<u64> {
    let (mut one, mut other) = (vec![0; 1 << 20], vec![0; 1 << 20]);
    let mut at = 0;
    loop {
        let length = ours.read(&mut one).expect("our file is read");
        if length == 0 {
            return None;
        }
        theirs.read_exact_at(&mut other[..length], at).expect("their file is read");
        if let Some(place) = (0..length).find(|place| one[*place] != other[*place]) {
            return Some(at + place as u64);
        }
        at += length as u64;
    }
}
