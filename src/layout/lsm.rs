//! The layouts of RocksDB, LevelDB and Pebble: tables that never change, and a manifest that says
//! which of them count.

use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use super::{FileClass, Layout};
use crate::error::{Code, Error, Result};

/// Built in place under its final name; only the manifest says whether it counts.
const TABLE: FileClass = FileClass::Immutable { unfinished_ok: true };

/// Where logs are not recycled. With `recycle_log_file_num` a host adds the rule `*.log` mutable.
pub const ROCKSDB: Layout = Layout {
    name: "rocksdb",
    rules: &[
        ("*.sst", TABLE),
        ("*.blob", TABLE),
        ("MANIFEST-*", FileClass::AppendOnly),
        ("*.log", FileClass::AppendOnly),
        ("CURRENT", FileClass::Mutable),
        ("OPTIONS-*", FileClass::Mutable),
        ("IDENTITY", FileClass::Mutable),
        ("LOCK", FileClass::Excluded),
        // The text that it writes all the time, so that no two looks would ever agree.
        ("LOG*", FileClass::Excluded),
        ("*.trash", FileClass::Excluded),
    ],
    validate: Some(current_names_a_manifest),
    links: true,
};

/// LevelDB's.
pub const LEVELDB: Layout = Layout {
    name: "leveldb",
    rules: &[
        ("*.ldb", TABLE),
        ("*.sst", TABLE),
        ("MANIFEST-*", FileClass::AppendOnly),
        ("*.log", FileClass::AppendOnly),
        ("CURRENT", FileClass::Mutable),
        ("LOCK", FileClass::Excluded),
        ("LOG*", FileClass::Excluded),
    ],
    validate: Some(current_names_a_manifest),
    links: true,
};

/// Pebble recycles its logs, that is, renames them and overwrites them in place.
pub const PEBBLE: Layout = Layout {
    name: "pebble",
    rules: &[
        ("*.sst", TABLE),
        ("*.blob", TABLE),
        ("MANIFEST-*", FileClass::AppendOnly),
        ("*.log", FileClass::Mutable),
        ("CURRENT", FileClass::Mutable),
        ("OPTIONS-*", FileClass::Mutable),
        ("marker.*", FileClass::Mutable),
        ("LOCK", FileClass::Excluded),
        ("LOG*", FileClass::Excluded),
        ("*.trash", FileClass::Excluded),
    ],
    validate: Some(marker_names_a_manifest),
    links: true,
};

const DOING: &str = "checking the manifest of";

/// `CURRENT` at the top is one line that names the manifest, which is there and not empty.
fn current_names_a_manifest(directory: &Path) -> Result<()> {
    let current = directory.join("CURRENT");
    let text = fs::read(&current).map_err(|error| refuse(&current, &format!("cannot be read: {error}")))?;
    match text.strip_suffix(b"\n") {
        Some(name) => is_a_manifest(directory, name, &current),
        None => Err(refuse(&current, "does not end with a line feed, as a complete one does")),
    }
}

/// Pebble's markers are empty files, `marker.manifest.<number>.<name>`, of which the highest number
/// counts. Before format 001 there was a `CURRENT`, as in RocksDB.
fn marker_names_a_manifest(directory: &Path) -> Result<()> {
    let mut newest: Option<(u64, Vec<u8>)> = None;
    for entry in fs::read_dir(directory).map_err(|error| Error::io(DOING, directory, error))? {
        let name = entry.map_err(|error| Error::io(DOING, directory, error))?.file_name();
        let marker = name.to_str().and_then(|name| name.strip_prefix("marker.manifest."));
        if let Some((number, manifest)) = marker.and_then(|rest| rest.split_once('.'))
            && let Ok(number) = number.parse()
            && newest.as_ref().is_none_or(|(highest, _)| number > *highest)
        {
            newest = Some((number, manifest.into()));
        }
    }
    match newest {
        Some((_, manifest)) => is_a_manifest(directory, &manifest, directory),
        None => current_names_a_manifest(directory),
    }
}

fn is_a_manifest(directory: &Path, name: &[u8], named_by: &Path) -> Result<()> {
    let printed = String::from_utf8_lossy(name);
    if !name.starts_with(b"MANIFEST-") || name.contains(&b'/') {
        return Err(refuse(named_by, &format!("names {printed:?}, which is no manifest")));
    }
    match fs::symlink_metadata(directory.join(std::ffi::OsStr::from_bytes(name))) {
        Ok(found) if found.is_file() && found.len() > 0 => Ok(()),
        Ok(_) => Err(refuse(named_by, &format!("names {printed}, which is empty or no file"))),
        Err(error) => Err(refuse(named_by, &format!("names {printed}, which cannot be found: {error}"))),
    }
}

fn refuse(path: &Path, why: &str) -> Error {
    Error::at(Code::Corrupt, DOING, path, why)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn directory(files: &[(&str, &str)]) -> tempfile::TempDir {
        let directory = tempfile::tempdir().unwrap();
        for (name, text) in files {
            fs::write(directory.path().join(name), text).unwrap();
        }
        directory
    }

    #[track_caller]
    fn refused(layout: &Layout, files: &[(&str, &str)], why: &str) {
        let error = layout.validate(directory(files).path()).unwrap_err();
        assert_eq!(error.code(), Code::Corrupt);
        assert!(error.message().contains(why), "{error}");
    }

    #[test]
    fn current_must_name_a_manifest_that_is_there() {
        let sound = directory(&[("CURRENT", "MANIFEST-000004\n"), ("MANIFEST-000004", "edits")]);
        for layout in [ROCKSDB, LEVELDB, PEBBLE] {
            layout.validate(sound.path()).unwrap();
            refused(&layout, &[("MANIFEST-000004", "edits")], "CURRENT");
            refused(&layout, &[("CURRENT", "MANIFEST-000004"), ("MANIFEST-000004", "edits")], "line feed");
            refused(&layout, &[("CURRENT", "MANIFEST-000005\n"), ("MANIFEST-000004", "edits")], "000005");
            refused(&layout, &[("CURRENT", "MANIFEST-000004\n"), ("MANIFEST-000004", "")], "empty");
            refused(&layout, &[("CURRENT", "../MANIFEST-000004\n")], "no manifest");
        }
    }

    #[test]
    fn the_newest_marker_of_pebble_counts() {
        let older = ("marker.manifest.000009.MANIFEST-000001", "");
        let newer = ("marker.manifest.000010.MANIFEST-000007", "");
        let sound = directory(&[older, newer, ("MANIFEST-000007", "edits")]);
        PEBBLE.validate(sound.path()).unwrap();
        refused(&PEBBLE, &[older, newer, ("MANIFEST-000001", "edits")], "MANIFEST-000007");
    }
}
