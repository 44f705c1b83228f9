//! Both programs over stores of their own.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::common::backend::Backend;
use crate::common::proxy::Proxy;
use crate::measured::{Cost, measure};

const PASSWORD: &str = "correct horse";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    Ours,
    Restic,
}

/// A program, and the repository that it works with.
pub struct Peer {
    pub side: Side,
    backend: Backend,
    /// Before a bucket; it counts. A directory has none, there the files are counted.
    proxy: Option<Proxy>,
    home: PathBuf,
}

fn hotbackup() -> Command {
    Command::new(env!("CARGO_BIN_EXE_hotbackup"))
}

/// A snapshot of the database in a place.
pub fn snapshot(place: &Path) -> PathBuf {
    let mut command = hotbackup();
    command.current_dir(place).args(["backup", "data", "--root", "root"]);
    command.args(["--rule", "*.sst=immutable", "--rule", "*.mdb=mutable"]);
    assert!(command.output().expect("it runs").status.success(), "a backup");
    std::thread::sleep(std::time::Duration::from_millis(2500)); // else what is this young is not shared
    let mut snapshots: Vec<PathBuf> = std::fs::read_dir(place.join("root"))
        .expect("a root")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("ts-")))
        .collect();
    snapshots.sort();
    snapshots.pop().expect("a snapshot")
}

impl Peer {
    pub fn new(side: Side, backend: Backend, proxy: Option<Proxy>, home: PathBuf) -> Self {
        let peer = Self { side, backend, proxy, home };
        let mut command = peer.command();
        match side {
            Side::Ours => command.arg("init").args(peer.ours()),
            Side::Restic => command.args(["init", "--repository-version", "2"]),
        };
        assert!(command.output().expect("it runs").status.success(), "a repository for {side:?}");
        peer
    }

    fn command(&self) -> Command {
        let mut command = match self.side {
            Side::Ours => hotbackup(),
            Side::Restic => Command::new("restic"),
        };
        command.env("HOME", &self.home).env("RESTIC_PASSWORD", PASSWORD);
        command.env("HOTBACKUP_REPO", self.backend.url());
        command.env("RESTIC_REPOSITORY", self.backend.restic_repository());
        command.envs(self.backend.restic_env()).current_dir(&self.home);
        match self.side {
            Side::Ours => command.arg("remote"),
            Side::Restic => command.arg("-q"),
        };
        command
    }

    /// What else ours is told of the store.
    fn ours(&self) -> Vec<String> {
        let settings = self.backend.settings().into_iter().filter(|(key, _)| !key.ends_with("_key"));
        settings.flat_map(|(key, value)| ["-o".to_string(), format!("{key}={value}")]).collect()
    }

    pub fn push(&self, snapshot: &Path) -> Cost {
        let mut command = self.command();
        match self.side {
            Side::Ours => command.arg("push").arg(snapshot).args(self.ours()),
            // A link to a file moves its ctime.
            Side::Restic => {
                command.args(["backup", "--ignore-ctime", "."]).current_dir(self.stable(snapshot))
            }
        };
        self.measured(&mut command)
    }

    /// restic looks for what it had by the files' paths.
    fn stable(&self, snapshot: &Path) -> PathBuf {
        let link = self.home.join("snapshot");
        let _ = std::fs::remove_dir_all(&link);
        let mut copy = Command::new("cp");
        copy.args(["-al"]).arg(snapshot).arg(&link);
        assert!(copy.status().expect("cp").success());
        link
    }

    pub fn restore(&self, target: &Path) -> Cost {
        let mut command = self.command();
        match self.side {
            Side::Ours => command.args(["restore", "latest"]).arg(target).args(self.ours()),
            Side::Restic => command.args(["restore", "latest", "--target"]).arg(target),
        };
        self.measured(&mut command)
    }

    fn measured(&self, command: &mut Command) -> Cost {
        assert!(Command::new("sync").status().expect("sync").success());
        let before = self.stored();
        if let Some(proxy) = &self.proxy {
            proxy.forget();
        }
        let mut cost = measure(command);
        match &self.proxy {
            Some(proxy) => {
                let seen = proxy.requests();
                cost.requests = Some(seen.len());
                cost.up = seen.iter().map(|one| one.up as u64).sum();
                cost.down = Some(seen.iter().map(|one| one.down as u64).sum());
            }
            None => cost.up = self.stored() - before,
        }
        cost
    }

    /// The bytes in a directory's repository.
    fn stored(&self) -> u64 {
        fn sum(directory: &Path) -> u64 {
            let entries = std::fs::read_dir(directory).into_iter().flatten().flatten();
            entries
                .map(|entry| match entry.path() {
                    path if path.is_dir() => sum(&path),
                    path => path.metadata().map_or(0, |metadata| metadata.len()),
                })
                .sum()
        }
        sum(&self.home.join("repository"))
    }
}
