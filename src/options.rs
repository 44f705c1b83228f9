//! What a host chooses for a coordinator, a restore or a verification.

use std::path::{Component, Path, PathBuf};
use std::time::Duration;

use crate::error::{Code, Error, Result};
use crate::hooks::Hooks;
use crate::layout::{FileClass, Layout, Rule};

/// The largest host metadata of a snapshot, in bytes.
pub const METADATA_MAX: usize = 1 << 20;

/// How much is read back before a snapshot counts as good.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum VerifyLevel {
    /// Names, sizes and times of what was just staged; of a published snapshot the manifest alone.
    None,
    /// Names and sizes.
    Size,
    /// And every byte, from the cache or the disk.
    Checksum,
    /// And every byte, evicted from the cache first so that the disk must give it.
    Media,
}

/// What happens when a source holds a symbolic link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Symlinks {
    /// The backup fails and names it: what it points to would be silently missing.
    Fail,
    /// The link itself is kept.
    Preserve,
}

/// A directory beside the data directory that is captured with it, under a prefix.
#[derive(Clone, Debug)]
pub struct Source {
    pub(crate) path: PathBuf,
    pub(crate) prefix: PathBuf,
}

/// Options of a coordinator, a restore or a verification. They are copied when used.
#[derive(Clone)]
pub struct Options {
    pub(crate) root: Option<PathBuf>,
    pub(crate) adopt_root: bool,
    pub(crate) sources: Vec<Source>,
    pub(crate) layout: Option<Layout>,
    pub(crate) rules: Vec<Rule>,
    pub(crate) threads: u32,
    pub(crate) rate_limit: u64,
    pub(crate) verify: VerifyLevel,
    pub(crate) symlinks: Symlinks,
    pub(crate) freeze_timeout: Option<Duration>,
    pub(crate) min_free: u64,
    pub(crate) metadata: Vec<u8>,
    pub(crate) keep_undo: bool,
    pub(crate) posix_locks: bool,
    pub(crate) hooks: Hooks,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            root: None,
            adopt_root: false,
            sources: Vec::new(),
            layout: None,
            rules: Vec::new(),
            threads: 0,
            rate_limit: 0,
            verify: VerifyLevel::Checksum,
            symlinks: Symlinks::Fail,
            freeze_timeout: Some(Duration::from_secs(30)),
            min_free: 0,
            metadata: Vec::new(),
            keep_undo: true,
            posix_locks: true,
            hooks: Hooks::default(),
        }
    }
}

impl Options {
    /// The defaults.
    pub fn new() -> Self {
        Self::default()
    }

    /// Where snapshots live; by default `<data dir>/.lifecycle/backup`.
    pub fn set_root(&mut self, path: impl AsRef<Path>) -> Result<()> {
        self.root = Some(absolute(path.as_ref())?);
        Ok(())
    }

    /// Takes over a root that belongs to another data directory (one that was moved, copied or made anew is
    /// another), begins a new one where one was before and is missing (its disk is not mounted), and takes a
    /// further source that is another than the one that its prefix had, or is empty now.
    pub fn set_adopt_root(&mut self, adopt: bool) {
        self.adopt_root = adopt;
    }

    /// Captures a further directory (a WAL directory) below `prefix` in the snapshot.
    pub fn add_source(&mut self, path: impl AsRef<Path>, prefix: impl AsRef<Path>) -> Result<()> {
        let path = absolute(path.as_ref())?;
        let prefix = relative(prefix.as_ref())?;
        let overlaps =
            |other: &Source| other.prefix.starts_with(&prefix) || prefix.starts_with(&other.prefix);
        if self.sources.iter().any(overlaps) {
            let why = "it overlaps the prefix of another source";
            return Err(Error::at(Code::InvalidArgument, "adding a source below", &prefix, why));
        }
        self.sources.push(Source { path, prefix });
        Ok(())
    }

    /// The engine's layout; by default `generic`, for a restore the manifest's.
    pub fn set_layout(&mut self, name: &str) -> Result<()> {
        self.layout = Some(Layout::named(name)?);
        Ok(())
    }

    /// Adds a rule after the caller's earlier ones and before the layout's.
    pub fn add_rule(&mut self, glob: &str, class: FileClass) -> Result<()> {
        self.rules.push(Rule::new(glob, class)?);
        Ok(())
    }

    /// I/O threads, at most as many as there are cores; 0: two.
    pub fn set_threads(&mut self, threads: u32) {
        self.threads = threads;
    }

    /// Bytes per second that are copied; 0: no limit. Live jobs: [`Job::set_rate_limit`](crate::Job::set_rate_limit).
    pub fn set_rate_limit(&mut self, bytes_per_second: u64) {
        self.rate_limit = bytes_per_second;
    }

    /// How much is read back; by default every byte.
    pub fn set_verify_level(&mut self, level: VerifyLevel) {
        self.verify = level;
    }

    /// What happens with symbolic links; by default they fail the backup.
    pub fn set_symlinks(&mut self, symlinks: Symlinks) {
        self.symlinks = symlinks;
    }

    /// The longest freeze window; by default 30 s; zero: none. A thaw that returns after it fails the job
    /// too: it cannot be made quick.
    pub fn set_freeze_timeout(&mut self, timeout: Duration) {
        self.freeze_timeout = Some(timeout).filter(|timeout| !timeout.is_zero());
    }

    /// Bytes that must stay free on each file system concerned; by default 0.
    pub fn set_min_free(&mut self, bytes: u64) {
        self.min_free = bytes;
    }

    /// The host's own metadata, kept in each snapshot's manifest; at most [`METADATA_MAX`] bytes.
    pub fn set_metadata(&mut self, metadata: &[u8]) -> Result<()> {
        check_metadata(metadata)?;
        self.metadata = metadata.to_vec();
        Ok(())
    }

    /// Whether a restore keeps what it replaces, for an undo; by default it does.
    pub fn set_keep_undo(&mut self, keep: bool) {
        self.keep_undo = keep;
    }

    /// The host vouches that it holds no `fcntl` locks, so that jobs may run where the
    /// descriptor table cannot be left.
    pub fn set_no_posix_locks(&mut self, none_held: bool) {
        self.posix_locks = !none_held;
    }

    /// The hooks, to be set on it.
    pub fn hooks(&mut self) -> &mut Hooks {
        &mut self.hooks
    }

    /// How many I/O threads a job gets.
    pub(crate) fn io_threads(&self) -> usize {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let wanted = if self.threads == 0 { 2 } else { self.threads as usize };
        wanted.min(cores.max(2))
    }
}

/// Refuses metadata that a manifest would not hold.
pub(crate) fn check_metadata(metadata: &[u8]) -> Result<()> {
    if metadata.len() > METADATA_MAX {
        let why = format!("metadata of {} bytes is more than {METADATA_MAX}", metadata.len());
        return Err(Error::new(Code::InvalidArgument, why));
    }
    Ok(())
}

/// The path made absolute without touching the disk.
pub(crate) fn absolute(path: &Path) -> Result<PathBuf> {
    std::path::absolute(path)
        .map_err(|error| Error::io("making absolute the path", path, error).code_is(Code::InvalidArgument))
}

/// The path if it is a plain relative one: no `..`, no `.`, not empty, not absolute.
pub(crate) fn relative(path: &Path) -> Result<PathBuf> {
    let plain: PathBuf = path.components().filter(|part| matches!(part, Component::Normal(_))).collect();
    if plain.as_os_str().is_empty() || plain.as_os_str() != path.as_os_str() {
        let why = "it must be relative, without `.`, `..`, empty parts or a slash at the end";
        return Err(Error::at(Code::InvalidArgument, "taking the path", path, why));
    }
    Ok(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_relative_paths_are_taken() {
        for good in ["a", "a/b", ".a", "..a", "a b\n"] {
            assert_eq!(relative(Path::new(good)).unwrap(), Path::new(good));
        }
        for bad in ["", "/", "/a", "..", "a/../b", "./a", "a/.", "a//b", "a/"] {
            assert_eq!(relative(Path::new(bad)).unwrap_err().code(), Code::InvalidArgument, "{bad}");
        }
    }

    #[test]
    fn sources_whose_prefixes_overlap_are_refused() {
        let mut options = Options::new();
        options.add_source(Path::new("/w"), Path::new("wal")).unwrap();
        for prefix in ["wal", "wal/deep"] {
            assert!(options.add_source(Path::new("/v"), Path::new(prefix)).is_err(), "{prefix}");
        }
        options.add_source(Path::new("/v"), Path::new("wal2")).unwrap();
    }

    #[test]
    fn metadata_has_a_largest_size() {
        let mut options = Options::new();
        options.set_metadata(&vec![0; METADATA_MAX]).unwrap();
        assert!(options.set_metadata(&vec![0; METADATA_MAX + 1]).is_err());
    }
}
