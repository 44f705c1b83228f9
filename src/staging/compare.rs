//! Comparing a tree with its manifest.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use crate::error::{Code, Error, Result};
use crate::io::copy::{self, Named, checksum};
use crate::io::pool;
use crate::io::walk::walk;
use crate::layout::{Layout, Rule, Rules};
use crate::monitor::Monitor;
use crate::options::{Options, VerifyLevel};
use crate::snapshot::{FileEntry, Kept, MANIFEST, Manifest};
use crate::sys::dir::{Dir, Kind};
use crate::sys::file;

const DOING: &str = "verifying";

/// What the file system keeps of staged files, by path.
pub type Staged = HashMap<PathBuf, Kept>;

/// How a tree is compared.
pub struct Comparison<'a> {
    /// How much is read.
    pub level: VerifyLevel,
    /// Names that an engine may leave in what it opened (its lock file).
    pub rules: &'a Rules,
    /// Of a tree that was just staged: it must still be so.
    pub staged: Option<&'a Staged>,
    /// I/O threads.
    pub threads: usize,
}

/// The caller's layout, else the manifest's. One that is not built in has no validator here;
/// the checksums still prove that the bytes are those that were validated when they were saved.
pub fn layout_of(manifest: &Manifest, options: &Options) -> Layout {
    let named = || Layout::named(&manifest.layout).unwrap_or(Layout::DEFAULT);
    options.layout.unwrap_or_else(named)
}

/// The rules a snapshot was made with, else those of the layout.
pub fn rules_of(manifest: &Manifest, layout: &Layout, options: &Options) -> Rules {
    let recorded = manifest.rules.iter().filter_map(|(glob, class)| Rule::new(glob, *class).ok());
    let first: Vec<Rule> = options.rules.iter().cloned().chain(recorded).collect();
    layout.rules_after(&first)
}

/// Compares names, sizes and, by the level, bytes.
pub fn compare(tree: &Dir, manifest: &Manifest, how: &Comparison<'_>, monitor: &Monitor) -> Result<()> {
    compare_names(tree, manifest, how.rules, monitor)?;
    compare_links(tree, manifest)?;
    let files: Vec<&FileEntry> = manifest.files.iter().collect();
    pool::for_each(how.threads, &files, |entry, buffer| {
        monitor.check()?;
        compare_file(tree, entry, how, buffer, monitor)?;
        monitor.file_verified();
        Ok(())
    })
}

fn compare_names(tree: &Dir, manifest: &Manifest, rules: &Rules, monitor: &Monitor) -> Result<()> {
    let refuse = |path: &Path, why: &str| Err(Error::at(Code::Corrupt, DOING, &tree.full(path), why));
    let bare = manifest.top.is_none();
    let mut expected: HashMap<&Path, Kind> = HashMap::new();
    expected.extend(manifest.files.iter().map(|entry| (entry.path.as_path(), Kind::File)));
    expected.extend(manifest.links.iter().map(|entry| (entry.path.as_path(), Kind::Symlink)));
    expected.extend(manifest.directories.iter().map(|entry| (entry.path.as_path(), Kind::Directory)));
    let found = walk(tree, |path, _| monitor.check().map(|()| path == Path::new(MANIFEST)))?;
    for name in &found {
        match expected.remove(name.path.as_path()) {
            Some(kind) if kind == name.kind => {}
            Some(_) => return refuse(&name.path, "it is of another kind than in the manifest"),
            None if bare && name.kind == Kind::Directory => {}
            None if is_excluded(rules, &name.path) => {}
            None => return refuse(&name.path, "it is not in the manifest"),
        }
    }
    match expected.into_keys().min() {
        Some(missing) => refuse(missing, "it is missing"),
        None => Ok(()),
    }
}

fn compare_links(tree: &Dir, manifest: &Manifest) -> Result<()> {
    for entry in &manifest.links {
        let path = tree.full(&entry.path);
        let target = tree.read_link(&entry.path).map_err(|error| Error::io(DOING, &path, error))?;
        if target != entry.target.as_os_str() {
            let why = "it leads elsewhere than in the manifest";
            return Err(Error::at(Code::Corrupt, DOING, &path, why));
        }
    }
    Ok(())
}

fn is_excluded(rules: &Rules, path: &Path) -> bool {
    path.ancestors().any(|path| !path.as_os_str().is_empty() && rules.excludes(path))
}

fn compare_file(
    tree: &Dir,
    entry: &FileEntry,
    how: &Comparison<'_>,
    buffer: &mut [u8],
    monitor: &Monitor,
) -> Result<()> {
    let path = tree.full(&entry.path);
    let failed = |error| Error::io(DOING, &path, error);
    let refuse = |why: String| Err(Error::at(Code::Corrupt, DOING, &path, why));
    let stat = tree.stat(&entry.path).map_err(failed)?;
    if stat.size != entry.size {
        return refuse(format!("it has {} bytes where the manifest has {}", stat.size, entry.size));
    }
    let staged = how.staged.and_then(|staged| staged.get(&entry.path));
    if staged.is_some_and(|kept| !kept.is_still(&stat)) {
        return refuse("it was changed after it was staged, by a validator or by somebody else".into());
    }
    if how.level < VerifyLevel::Checksum {
        monitor.verified(entry.size);
        return Ok(());
    }
    let file = tree.open_file(&entry.path).map_err(failed)?;
    if how.level == VerifyLevel::Media {
        file::evict(&file).map_err(|error| {
            let why = format!("its pages cannot be dropped here ({error}), so what the disk has cannot be read; the level `checksum` can be used");
            Error::at(Code::Unsupported, "verifying", &path, why)
        })?;
    }
    if entry.size > copy::BUFFER as u64 {
        file::will_read_in_order(&file);
    }
    let found = checksum(Named { file: &file, path: &path }, entry.size, buffer, monitor, |bytes| {
        monitor.verified(bytes)
    })
    .map_err(|error| match error.code() {
        // It shrank after its size was looked at.
        Code::SourceChanged => error.code_is(Code::Corrupt),
        _ => error,
    })?;
    if found != entry.crc32 {
        return refuse(format!("its checksum is {found:08x} where the manifest has {:08x}", entry.crc32));
    }
    Ok(())
}
