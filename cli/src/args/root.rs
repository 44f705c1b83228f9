//! How a backup root is given: everywhere in the same way.

use std::path::{Path, PathBuf};

use clap::Args;
use clap::builder::TypedValueParser;
use hotbackup::{BackupRoot, Code};

use crate::failure::Failure;

const OWN_ROOT: &str = ".lifecycle/backup";

/// Any path; clap's own refuses the empty one, and blames an option for an empty variable that nobody gave.
fn given_path() -> impl TypedValueParser<Value = PathBuf> {
    clap::builder::OsStringValueParser::new().map(PathBuf::from)
}

/// `-r ROOT`.
#[derive(Args, Clone, Debug)]
pub struct RootOption {
    /// The backup root, or a database directory that has its root in itself
    #[arg(short, long = "root", value_name = "ROOT", env = "HOTBACKUP_ROOT", value_parser = given_path())]
    pub root: Option<PathBuf>,
}

impl RootOption {
    /// The root that is meant, which must be there.
    pub fn resolve(&self) -> Result<BackupRoot, Failure> {
        match &self.root {
            // An unset variable of a script is no root.
            Some(path) if !path.as_os_str().is_empty() => resolve(path),
            _ => Err(Failure::new(Code::InvalidArgument, "no backup root was given")
                .advise("give it with -r ROOT or in HOTBACKUP_ROOT, or name the snapshot by its path")),
        }
    }
}

/// `ROOT` for commands that are about all of one.
#[derive(Args, Clone, Debug)]
pub struct RootArgument {
    /// The backup root, or a database directory that has its root in itself
    #[arg(value_name = "ROOT")]
    place: Option<PathBuf>,
    #[command(flatten)]
    option: RootOption,
}

impl RootArgument {
    /// The root that is meant, which must be there. The argument goes before the environment.
    pub fn resolve(&self) -> Result<BackupRoot, Failure> {
        match &self.place {
            Some(place) => resolve(place),
            None => self.option.resolve(),
        }
    }
}

fn resolve(path: &Path) -> Result<BackupRoot, Failure> {
    let absolute = std::path::absolute(path);
    let path = absolute.as_deref().unwrap_or(path);
    if let Err(error) = path.metadata() {
        return Err(Failure::io(format!("looking for the backup root {}", path.display()), &error).at(path));
    }
    let own = path.join(OWN_ROOT);
    // A root has no `.lifecycle`, but a database may have files called like a root's.
    if own.is_dir() {
        Ok(BackupRoot::at(own))
    } else if is_root(path) {
        Ok(BackupRoot::at(path))
    } else {
        Err(not_a_root(path))
    }
}

fn not_a_root(path: &Path) -> Failure {
    let shown = path.display();
    let (what, to_do) = if !path.is_dir() {
        ("is no directory", "give that in which the snapshots `ts-...` lie")
    } else if path.join(".lifecycle").is_dir() {
        ("is a database directory without a root in itself", "give the root that its backups went to")
    } else {
        ("is no backup root", "give the directory in which the snapshots `ts-...` lie")
    };
    Failure::new(Code::NotFound, format!("{shown} {what}")).at(path).advise(to_do)
}

/// Whether a directory is used as a root, as far as one can look.
fn is_root(path: &Path) -> bool {
    let has = |name: &str| path.join(name).symlink_metadata().is_ok();
    let is_snapshot =
        |name: &str| name.strip_prefix("ts-").is_some_and(|number| number.parse::<u64>().is_ok());
    ["source", "latest", "lock"].into_iter().any(has)
        || match path.read_dir() {
            Ok(mut entries) => entries
                .any(|entry| entry.is_ok_and(|entry| entry.file_name().to_str().is_some_and(is_snapshot))),
            Err(error) => error.kind() != std::io::ErrorKind::NotADirectory,
        }
}
