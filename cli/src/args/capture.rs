//! What is backed up, and as what.

use std::path::PathBuf;

use clap::Args;
use hotbackup::{Code, Options, Share, Symlinks};

use super::root::RootOption;
use super::values::{self, Rule};
use crate::failure::Failure;

/// A directory, its root, its files. `backup` and `plan` take the same, so that one tells of the other.
#[derive(Args, Debug)]
pub struct Capture {
    /// The database's directory
    #[arg(value_name = "DIR")]
    pub data: PathBuf,
    #[command(flatten)]
    root: RootOption,
    /// Take the root over from another data directory, one that was moved or copied for one
    #[arg(long)]
    adopt_root: bool,
    /// Which engine's files these are: generic, rocksdb, leveldb, pebble, sqlite, lmdb, bbolt
    #[arg(long, value_name = "NAME", help_heading = "Files")]
    layout: Option<String>,
    /// What files promise, before the layout's rules: immutable, append_only, pinned, mutable, excluded
    #[arg(long = "rule", value_name = "GLOB=CLASS", value_parser = values::rule, help_heading = "Files")]
    rules: Vec<Rule>,
    /// A further directory, captured below PREFIX in the snapshot
    #[arg(long = "source", value_name = "PREFIX=DIR", value_parser = source, help_heading = "Files")]
    sources: Vec<(PathBuf, PathBuf)>,
    /// What symbolic links do: fail the backup, or be kept as links
    #[arg(long, value_name = "fail|preserve", value_parser = values::symlinks, default_value = "fail")]
    #[arg(help_heading = "Files")]
    symlinks: Symlinks,
    /// Whether unchanged immutable files are shared with the snapshot before: never, safely, always
    #[arg(long, value_name = "HOW", value_parser = values::share, default_value = "safely")]
    #[arg(help_heading = "Snapshot")]
    share: Share,
    /// Leave so much space free on each disk, as in 10GiB
    #[arg(long, value_name = "SIZE", value_parser = values::size, default_value = "0")]
    #[arg(help_heading = "Snapshot")]
    min_free: u64,
}

impl Capture {
    /// The options that say so.
    pub fn options(&self) -> Result<Options, Failure> {
        let mut options = Options::new();
        if let Some(root) = &self.root.root {
            options.set_root(root)?;
        }
        if let Some(layout) = &self.layout {
            options.set_layout(layout)?;
        }
        for rule in &self.rules {
            options.add_rule(&rule.glob, rule.class)?;
        }
        for (path, prefix) in &self.sources {
            options.add_source(path, prefix)?;
        }
        options.set_adopt_root(self.adopt_root);
        options.set_symlinks(self.symlinks);
        options.set_share(self.share);
        options.set_min_free(self.min_free);
        Ok(options)
    }

    /// What the library names by its own functions is an option here.
    pub fn advised(&self, failure: Failure) -> Failure {
        if failure.message().contains("set_adopt_root") {
            let said = in_options(failure.message());
            failure.says(said).advise("if that is meant, give --adopt-root once")
        } else if failure.message().contains("set_symlinks") {
            let said = in_options(failure.message());
            failure
                .says(said)
                .advise("give --symlinks preserve, or the directory that it leads to with --source")
        } else if failure.is(Code::RestoreUnfinished) {
            failure.advise(format!("`hotbackup recover {}`, then try again", self.data.display()))
        } else if failure.is(Code::Corrupt) {
            failure.advise(
                "look whether the directory holds what its --layout says, and whether its disk is sound",
            )
        } else {
            failure
        }
    }
}

/// What the library says, with the command's words for its functions.
pub fn in_options(said: &str) -> String {
    let words =
        [("set_adopt_root", "--adopt-root"), ("set_symlinks", "--symlinks"), (" (backup_restore_undo)", "")];
    let words = words.into_iter().chain([(", backup_recover)", ")")]);
    words.fold(said.to_string(), |said, (function, word)| said.replace(function, word))
}

fn source(text: &str) -> Result<(PathBuf, PathBuf), String> {
    let (prefix, path) = text.split_once('=').ok_or("a source is PREFIX=DIR, as in wal=/var/lib/wal")?;
    Ok((path.into(), prefix.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_operator_is_told_options_and_no_functions() {
        let said = "mount its disk; set_adopt_root begins a new one; `hotbackup undo` (backup_restore_undo) puts it back";
        let told = "mount its disk; --adopt-root begins a new one; `hotbackup undo` puts it back";
        assert_eq!(in_options(said), told);
        assert_eq!(in_options("(`hotbackup recover`, backup_recover)"), "(`hotbackup recover`)");
    }
}
