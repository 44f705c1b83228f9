//! A repository in a directory: what of it is durable when, and what becomes of a push whose syncs fail.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::common::backend::Backend;
use crate::common::skip;
use crate::kills::doer_by;
use crate::scene::{MIB, Scene, push, same};

struct InDirectory {
    scene: Scene,
    repository: PathBuf,
    _place: tempfile::TempDir,
}

impl InDirectory {
    /// `None`: there is no strace here.
    fn new() -> Option<Self> {
        if Command::new("strace").arg("--version").output().is_err() {
            skip("strace is needed");
            return None;
        }
        let place = tempfile::tempdir().expect("a temporary directory");
        let repository = place.path().join("repository");
        let scene = Scene::before(Backend::directory(&repository));
        scene.write("sub/000002.sst", 3, 40 * MIB);
        Some(Self { scene, repository, _place: place })
    }

    /// Pushes in another process; whether that went well, and the calls that it made.
    fn push(&self, snapshot: &Path, expressions: &[&str]) -> (bool, String) {
        let trace = self.scene.fresh("trace");
        let mut strace = Command::new("strace");
        strace.args(["-f", "-y", "-qq", "-o"]).arg(&trace);
        for expression in expressions {
            strace.args(["-e", expression]);
        }
        strace.arg(std::env::current_exe().expect("this program"));
        let deed = ["push", snapshot.to_str().expect("a plain path")];
        let status = doer_by(strace, &self.scene, &deed, &[]).status().expect("a child");
        (status.success(), std::fs::read_to_string(trace).expect("a trace"))
    }

    fn indexes(&self) -> usize {
        std::fs::read_dir(self.repository.join("index")).map_or(0, Iterator::count)
    }
}

/// The paths after this in a line of a trace that lie in the repository.
fn path_in<'a>(line: &'a str, repository: &str) -> Option<&'a str> {
    let at = line.rfind(repository)? + repository.len() + 1;
    line[at..].split(['"', '>', ' ']).next()
}

#[test]
fn whatever_names_a_pack_is_written_only_once_the_pack_is_durable() {
    let Some(place) = InDirectory::new() else { return };
    let snapshot = place.scene.back_up();
    let (is_good, trace) = place.push(&snapshot, &["trace=/^rename.*,fsync,fdatasync"]);
    assert!(is_good);
    let repository = place.repository.to_str().expect("a plain path");
    let (mut renamed, mut durable, mut indexes) = (BTreeSet::new(), BTreeSet::new(), 0);
    for line in trace.lines().filter(|line| line.ends_with("= 0")) {
        let Some(name) = path_in(line, repository) else { continue };
        match line.contains("rename") {
            true if name.starts_with("data/") => drop(renamed.insert(name)),
            true if name.starts_with("index/") || name.starts_with("snapshots/") => {
                assert!(renamed.len() > 3, "{renamed:?}");
                for pack in &renamed {
                    let directory = pack.rsplit_once('/').expect("it lies in one").0;
                    assert!(durable.contains(pack) && durable.contains(directory), "{pack} is not durable");
                }
                indexes += 1;
            }
            true => {}
            false => drop(durable.insert(name)),
        }
    }
    assert!(indexes >= 2, "an index and a snapshot: {trace}");
}

#[test]
fn where_a_sync_fails_nothing_names_the_packs_and_the_next_push_is_whole() {
    let Some(place) = InDirectory::new() else { return };
    let snapshot = place.scene.back_up();
    // Packs alone are synced by this call. Counted for each thread.
    for number in 1..=4 {
        let inject = format!("inject=fdatasync:error=EIO:when={number}");
        let (is_good, trace) = place.push(&snapshot, &["trace=fdatasync", &inject]);
        let has_failed = trace.lines().any(|line| line.contains("INJECTED") && line.contains("/data/"));
        assert!(has_failed && !is_good, "{number}: {trace}");
        assert_eq!((place.indexes(), place.scene.listed()), (0, 0), "{number}");
    }
    let _ = std::fs::remove_dir_all(place.repository.join("locks"));
    push(&place.scene.direct(), &snapshot).expect("a push");
    place.scene.restic().check();
    let back = place.scene.fresh("restored");
    let restored = place.scene.direct().restore("latest", &back, &hotbackup::Options::new());
    restored.expect("a job").wait().expect("a restore");
    same(&snapshot, &back);
}
