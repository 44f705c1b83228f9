//! The program `restic`, which does the upkeep of repositories.

mod ending;
mod place;
mod run;

pub use place::lock_wait;
pub use run::Task;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use hotbackup::Code;

use crate::failure::Failure;

/// Older ones do not read repositories of format 2.
const OLDEST: Version = Version(0, 14);

const INSTALL: &str = "install it: `apt install restic` or `dnf install restic`, or a release from \
                       https://github.com/restic/restic/releases; 0.14 or later, better 0.17 or later";

/// What to do about a flaw of an old one.
pub const UPDATE: &str =
    "update it (0.17 or later is best), and do not use it where a push may be stopped for long";

/// Its version, as far as it decides what it can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version(pub u32, pub u32);

impl Version {
    /// It waits for locks by itself, stops when it has lost its own, and takes no unreadable lock for none.
    pub const MINDS_LOCKS: Version = Version(0, 15);
    /// It has `repair index`, `repair packs` and `repair snapshots`.
    pub const REPAIRS: Version = Version(0, 16);
    /// It opens and compares what it has sealed before it sends it, and has exit codes of its own.
    pub const COMPARES: Version = Version(0, 17);
}

/// One that is there.
pub struct Restic {
    program: PathBuf,
    /// As it says itself.
    pub release: String,
    pub version: Version,
}

impl Restic {
    /// The one on PATH, if it is good enough.
    pub fn find() -> Result<Self, Failure> {
        let unfit = |what: String| Failure::new(Code::Unsupported, what).advise(INSTALL);
        let program = on_path().ok_or_else(|| {
            unfit(
                "looking for the program restic, which does this: it is not on PATH; nothing was changed"
                    .into(),
            )
        })?;
        let shown = program.display().to_string();
        let said = Command::new(&program).arg("version").stdin(Stdio::null()).output();
        let said = said.map_err(|error| Failure::io(format!("running {shown}"), &error).at(&program))?;
        let said = String::from_utf8_lossy(&said.stdout).into_owned();
        let Some((release, version)) = parse(&said) else {
            return Err(unfit(format!("asking {shown} for its version: it does not answer as restic does")));
        };
        if version < OLDEST {
            return Err(unfit(format!("{shown} is {release}, which cannot read these repositories")));
        }
        Ok(Self { program, release, version })
    }

    pub fn program(&self) -> &Path {
        &self.program
    }

    /// What should be known before it is used.
    pub fn warning(&self) -> Option<String> {
        self.flaw().map(|flaw| format!("{flaw}: {UPDATE}"))
    }

    /// What it does wrong, which [`UPDATE`] ends.
    pub fn flaw(&self) -> Option<String> {
        let is_careless = self.version < Version::MINDS_LOCKS;
        is_careless.then(|| {
            format!(
                "restic {} goes on when it has lost its lock, and takes a lock that it cannot read for none",
                self.release
            )
        })
    }
}

fn on_path() -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|directory| directory.join("restic")).find(|program| is_program(program))
}

fn is_program(path: &Path) -> bool {
    path.is_file() && rustix::fs::access(path, rustix::fs::Access::EXEC_OK).is_ok()
}

/// `restic 0.14.0 compiled with ...`
fn parse(said: &str) -> Option<(String, Version)> {
    let release = said.strip_prefix("restic ")?.split_whitespace().next()?;
    let mut numbers = release.split(['.', '-']).map(str::parse);
    let (Some(Ok(major)), Some(Ok(minor))) = (numbers.next(), numbers.next()) else { return None };
    Some((release.to_string(), Version(major, minor)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_what_restic_says_it_is() {
        let version = |said| parse(said).map(|(release, version)| (release, (version.0, version.1)));
        let said = "restic 0.14.0 compiled with go1.19.8 on linux/amd64\n";
        assert_eq!(version(said), Some(("0.14.0".into(), (0, 14))));
        let said = "restic 0.18.0-dev (compiled manually) compiled with go1.24\n";
        assert_eq!(version(said), Some(("0.18.0-dev".into(), (0, 18))));
        assert_eq!(version("rustic 0.9.3"), None);
        assert_eq!(version("restic unknown"), None);
        assert!(Version(0, 9) < Version::MINDS_LOCKS && Version(1, 0) > Version::REPAIRS);
    }
}
