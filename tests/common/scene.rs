//! A snapshot and a directory that it may be restored over: all of the old, or all of the new.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use hotbackup::{Code, Coordinator, FileClass, Options, Recovered};

use super::{Place, bytes, frozen, names, restore, tree, write};

type Tree = BTreeMap<PathBuf, Vec<u8>>;

/// A small snapshot, and what its target holds before and after its restore.
pub struct Scene {
    pub place: Place,
    pub snapshot: PathBuf,
    pub old: Tree,
    pub new: Tree,
}

impl Scene {
    /// Names that stay, go, come and change, at the top and beside a lock that stays where it is.
    pub fn new() -> Self {
        Self::of(Place::in_memory())
    }

    /// The same with files that the old has too, with all that belongs to them: tables, and one that is not
    /// immutable.
    pub fn with_the_same() -> Self {
        let place = Place::in_memory();
        write(&place.data().join("sub/4.sst"), &bytes(70_000, 4));
        write(&place.data().join("sub/deep/5.sst"), b"the same");
        write(&place.data().join("pages"), &bytes(9_000, 5));
        copy(&place.data(), &place.beside("old"));
        Self::of(place)
    }

    fn of(place: Place) -> Self {
        let (data, old) = (place.data(), place.beside("old"));
        write(&data.join("index"), b"new");
        write(&data.join("log"), &bytes(5_000, 1));
        write(&data.join("sub/1.sst"), &bytes(70_000, 2));
        write(&data.join("sub/3.sst"), b"new");
        write(&data.join("came/1"), b"came");
        write(&old.join("index"), b"the old one");
        write(&old.join("sub/1.sst"), b"old");
        write(&old.join("sub/2.sst"), b"old");
        write(&old.join("went/1"), b"goes");
        write(&old.join("sub/LOCK"), b"held");
        let mut options = frozen();
        options.add_rule("LOCK", FileClass::Excluded).unwrap();
        options.add_rule("*.sst", FileClass::IMMUTABLE).unwrap();
        let snapshot = place.back_up(&options).unwrap().location().to_path_buf();
        let (before, mut after) = (tree(&old), tree(&snapshot));
        after.insert("sub/LOCK".into(), b"held".to_vec());
        Self { place, snapshot, old: before, new: after }
    }

    /// A directory that holds the old, or a copy of what another one has become.
    pub fn target(&self, like: Option<&Path>) -> PathBuf {
        let target = self.place.beside("target");
        let _ = fs::remove_dir_all(&target);
        let like = like.map_or_else(|| self.place.beside("old"), Path::to_path_buf);
        copy(&like, &target);
        target
    }

    /// A restore over the old: its deed, with a target made anew.
    pub fn restore_over(&self, how: &str) -> Vec<PathBuf> {
        vec![how.into(), self.snapshot.clone(), self.target(None)]
    }

    /// Where a restore into a new directory is to lead, in a place that holds nothing else.
    pub fn new_target(&self) -> PathBuf {
        self.place.beside("there/target")
    }

    /// A restore to there: its deed, with the place made anew.
    pub fn restore_to_new(&self) -> Vec<PathBuf> {
        let top = self.place.beside("there");
        let _ = fs::remove_dir_all(&top);
        fs::create_dir(&top).expect("a directory");
        vec!["restore".into(), self.snapshot.clone(), self.new_target()]
    }

    /// The deed of an undo, again and again: each time of a target that has just been restored.
    pub fn undo(&self) -> impl FnMut() -> Vec<PathBuf> {
        let (target, restored) = (self.target(None), self.place.beside("restored"));
        restore(&self.snapshot, &target).expect("a restore");
        copy(&target, &restored);
        move || vec!["undo".into(), self.target(Some(&restored))]
    }

    /// After a crash or a failure of what was to bring `incoming`: nothing but recovery until it
    /// is recovered, and then all of the old or all of the new and no residue. Returns whether
    /// what was to come is there.
    pub fn settle(&self, target: &Path, incoming: &Tree, what: &str) -> bool {
        let journal = target.join(".lifecycle/restore/journal").exists();
        if journal {
            let refused = [
                Coordinator::open(target, &Options::new()).map(drop),
                restore(&self.snapshot, target),
                hotbackup::restore_undo(target),
            ];
            for result in refused {
                assert_eq!(result.expect_err(what).code(), Code::RestoreUnfinished, "{what}");
            }
        } else {
            self.is_new(target, what);
        }
        let outcome = hotbackup::recover(target).expect(what);
        let has_come = self.is_new(target, what) == (*incoming == self.new);
        match outcome {
            Recovered::Nothing => assert!(!journal, "{what}"),
            Recovered::Old => assert!(!has_come, "{what}: called old"),
            Recovered::New => assert!(has_come, "{what}: called new"),
            other => panic!("{what}: {other:?}"),
        }
        assert_eq!(hotbackup::recover(target).expect(what), Recovered::Nothing, "{what}");
        let lifecycle = names(&target.join(".lifecycle"));
        let residue = lifecycle.iter().find(|name| {
            !["owner", "id", "roots", "restore"].iter().any(|own| *name == Path::new(own))
                && !name.starts_with("restore-backup")
        });
        assert_eq!(residue, None, "{what}");
        let aside = names(&target.join(".lifecycle/restore-backup"));
        assert_eq!(lifecycle.contains(&"restore-backup".into()), !aside.is_empty(), "{what}");
        Coordinator::open(target, &Options::new()).expect(what).close();
        has_come
    }

    /// All of the new; the rest must be all of the old.
    pub fn is_new(&self, target: &Path, what: &str) -> bool {
        let found = tree(target);
        assert!(
            found == self.old || found == self.new,
            "{what}: a mixture: {:?}",
            found.keys().collect::<Vec<_>>()
        );
        found == self.new
    }
}

/// Copies a tree with all that belongs to it.
pub fn copy(from: &Path, to: &Path) {
    let copied = Command::new("cp").arg("-a").arg(from).arg(to).status().expect("cp");
    assert!(copied.success());
}
