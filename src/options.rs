//! What a host gives to a coordinator, a restore or a verification: its choices and its hooks.

use std::path::Path;
use std::time::Duration;

use crate::error::{Code, Error, Result};
use crate::job::Hooks;
use crate::layout::{FileClass, Layout, Rule};
use crate::paths::{absolute, relative};
use crate::settings::{Settings, Share, Source, Symlinks, VerifyLevel, add_tag, check_metadata};

/// Options of a coordinator, a restore or a verification. They are copied when used.
#[derive(Clone, Default)]
pub struct Options {
    pub(crate) settings: Settings,
    pub(crate) hooks: Hooks,
}

impl Options {
    /// The defaults.
    pub fn new() -> Self {
        Self::default()
    }

    /// Where snapshots live; by default `<data dir>/.lifecycle/backup`.
    pub fn set_root(&mut self, path: impl AsRef<Path>) -> Result<()> {
        self.settings.root = Some(absolute(path.as_ref())?);
        Ok(())
    }

    /// Takes over a root that belongs to another data directory (one that was moved, copied or made anew is
    /// another), begins a new one where one was before and is missing (its disk is not mounted), and takes a
    /// further source that is another than the one that its prefix had, or is empty now.
    pub fn set_adopt_root(&mut self, adopt: bool) {
        self.settings.adopt_root = adopt;
    }

    /// Captures a further directory (a WAL directory) below `prefix` in the snapshot.
    pub fn add_source(&mut self, path: impl AsRef<Path>, prefix: impl AsRef<Path>) -> Result<()> {
        let path = absolute(path.as_ref())?;
        let prefix = relative(prefix.as_ref())?;
        let overlaps =
            |other: &Source| other.prefix.starts_with(&prefix) || prefix.starts_with(&other.prefix);
        if self.settings.sources.iter().any(overlaps) {
            let why = "it overlaps the prefix of another source";
            return Err(Error::at(Code::InvalidArgument, "adding a source below", &prefix, why));
        }
        self.settings.sources.push(Source { path, prefix });
        Ok(())
    }

    /// The engine's layout; by default `generic`, for a restore the manifest's.
    pub fn set_layout(&mut self, name: &str) -> Result<()> {
        self.settings.layout = Some(Layout::named(name)?);
        Ok(())
    }

    /// Adds a rule after the caller's earlier ones and before the layout's.
    pub fn add_rule(&mut self, glob: &str, class: FileClass) -> Result<()> {
        self.settings.rules.push(Rule::new(glob, class)?);
        Ok(())
    }

    /// I/O threads, at most as many as there are cores; 0: two.
    pub fn set_threads(&mut self, threads: u32) {
        self.settings.job.threads = threads;
    }

    /// Bytes per second that are copied; 0: no limit. Live jobs: [`Job::set_rate_limit`](crate::Job::set_rate_limit).
    pub fn set_rate_limit(&mut self, bytes_per_second: u64) {
        self.settings.job.rate_limit = bytes_per_second;
    }

    /// The rate limit that was set; 0: none.
    pub fn rate_limit(&self) -> u64 {
        self.settings.job.rate_limit
    }

    /// How long a small synced write on the host's disk may take beside a backup, a checkpoint or a restore; zero,
    /// the default: whatever it takes. With a target the job makes such a write some 20 times a second while it
    /// copies, in the file system of the data directory or the target, halves its rate for each that takes longer
    /// and else lets it grow slowly, up to the rate limit. Verifications, which write nothing, ignore it.
    pub fn set_latency_target(&mut self, target: Duration) {
        self.settings.job.latency_target = target;
    }

    /// How much is read back; by default every byte.
    pub fn set_verify_level(&mut self, level: VerifyLevel) {
        self.settings.job.verify = level;
    }

    /// What happens with symbolic links; by default they fail the backup.
    pub fn set_symlinks(&mut self, symlinks: Symlinks) {
        self.settings.symlinks = symlinks;
    }

    /// The longest freeze window; by default 30 s; zero: none. A thaw that returns after it fails the job
    /// too: it cannot be made quick.
    pub fn set_freeze_timeout(&mut self, timeout: Duration) {
        self.settings.freeze_timeout = Some(timeout).filter(|timeout| !timeout.is_zero());
    }

    /// Bytes that must stay free on each file system concerned; by default 0.
    pub fn set_min_free(&mut self, bytes: u64) {
        self.settings.job.min_free = bytes;
    }

    /// The host's own metadata, kept in each snapshot's manifest; at most [`METADATA_MAX`](crate::METADATA_MAX) bytes.
    pub fn set_metadata(&mut self, metadata: &[u8]) -> Result<()> {
        check_metadata(metadata)?;
        self.settings.metadata = metadata.to_vec();
        Ok(())
    }

    /// Gives each snapshot a tag, by which a retention policy may keep it; 1 to 255 bytes without commas and
    /// control characters, at most 64 of them. [`Hook::add_tag`](crate::Hook::add_tag) is for one backup.
    pub fn add_tag(&mut self, tag: &str) -> Result<()> {
        add_tag(&mut self.settings.tags, tag)
    }

    /// Whether a restore keeps what it replaces, for an undo; by default it does.
    pub fn set_keep_undo(&mut self, keep: bool) {
        self.settings.keep_undo = keep;
    }

    /// Whether a backup shares with the snapshot before it the `immutable` files that have not changed since; by
    /// default [`Share::Safely`]. A snapshot is complete all the same, and deleting one harms no other.
    pub fn set_share(&mut self, share: Share) {
        self.settings.share = share;
    }

    /// How long ago a shared file may have been read back from the disk; by default a day. Each backup reads what
    /// was not for longer, the oldest first, at most 64 MiB or a 32nd of all that can be shared, whichever is
    /// more; a file that is bad is copied anew ([`Job::warnings`](crate::Job::warnings)). [`Duration::MAX`]: none
    /// is read back.
    pub fn set_reread_after(&mut self, age: Duration) {
        self.settings.reread_after = age;
    }

    /// Whether a restore keeps files of its target that are what the snapshot has, by their checksums, so
    /// that one over nearly the same costs reading; by default it copies all. An undo that an engine has
    /// spoilt since, because it empties what it deletes, is refused.
    pub fn set_keep_matching(&mut self, keep: bool) {
        self.settings.keep_matching = keep;
    }

    /// Whether backups and restores may share blocks with what they copy, where the file system can (a
    /// reflink, as on xfs and btrfs); by default they may.
    pub fn set_clone(&mut self, allowed: bool) {
        self.settings.job.clone = allowed;
    }

    /// The host vouches that it holds no `fcntl` locks, so that jobs may run where the
    /// descriptor table cannot be left.
    pub fn set_no_posix_locks(&mut self, none_held: bool) {
        self.settings.job.posix_locks = !none_held;
    }

    /// The hooks, to be set on it.
    pub fn hooks(&mut self) -> &mut Hooks {
        &mut self.hooks
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::METADATA_MAX;

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
