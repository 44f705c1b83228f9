//! SIGKILL at instants that nobody chose.

use std::fs;
use std::path::Path;
use std::time::Duration;

use crate::common::child::start;
use crate::common::{Place, frozen, names, restore, sound_snapshots, tree, verify, write};
use hotbackup::{BackupRoot, Code, Coordinator, Options, Recovered};

const KILLS: u64 = 25;

/// Some time within a deed or two, by a clock that knows nothing of it.
fn some_time() {
    let nanos = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().subsec_nanos();
    std::thread::sleep(Duration::from_micros(u64::from(nanos % 60_000)));
}

#[test]
fn backups_killed_at_random_instants_leave_only_sound_snapshots_and_the_next_one_cleans_up() {
    let place = Place::with_files();
    let source = tree(&place.data());
    let mut leavings = 0;
    for kill in 0..KILLS {
        let mut child = start(&[Path::new("back up again and again"), &place.data()]);
        child.wait_for_sign();
        some_time();
        child.kill();
        let all = sound_snapshots(&place.root());
        let latest = BackupRoot::at(place.root()).latest().unwrap();
        assert!(all.iter().any(|snapshot| snapshot.location() == latest.location()), "{kill}");
        let is_left = |name: &&std::path::PathBuf| {
            let name = name.to_string_lossy();
            [".staging-", "pins-", ".latest."].iter().any(|left| name.contains(left))
        };
        let lifecycle = place.data().join(".lifecycle");
        leavings += names(&lifecycle).iter().filter(is_left).count();
        let next = place.back_up(&frozen()).unwrap();
        assert_eq!(names(&lifecycle).iter().find(is_left), None, "{kill}");
        assert_eq!(BackupRoot::at(place.root()).latest().unwrap().location(), next.location(), "{kill}");
        assert_eq!(tree(next.location()), source, "{kill}");
        assert_eq!(tree(&place.data()), source, "{kill}");
        BackupRoot::at(place.root()).prune(2).unwrap();
    }
    assert!(leavings > 0, "no kill came while a backup was at work");
}

#[test]
fn restores_killed_at_random_instants_are_all_old_or_all_new() {
    let place = Place::with_files();
    let one = place.back_up(&frozen()).unwrap();
    write(&place.data().join("index"), b"another");
    write(&place.data().join("more/4.sst"), b"more");
    fs::remove_dir_all(place.data().join("tables/deep")).unwrap();
    let other = place.back_up(&frozen()).unwrap();
    let target = place.beside("target");
    let whole = [tree(one.location()), tree(other.location())];
    let mut unfinished = 0;
    for kill in 0..KILLS {
        let mut child = start(&[Path::new("restore in turn"), one.location(), other.location(), &target]);
        child.wait_for_sign();
        some_time();
        child.kill();
        let has_journal = target.join(".lifecycle/restore/journal").exists();
        let opened = Coordinator::open(&target, &Options::new()).map(drop);
        if has_journal {
            assert_eq!(opened.unwrap_err().code(), Code::RestoreUnfinished, "{kill}");
            assert_eq!(
                restore(one.location(), &target).unwrap_err().code(),
                Code::RestoreUnfinished,
                "{kill}"
            );
        } else {
            opened.unwrap();
            assert!(whole.contains(&tree(&target)), "{kill}");
        }
        let outcome = hotbackup::recover(&target).unwrap();
        assert!(!has_journal || outcome != Recovered::Nothing, "{kill}");
        assert!(whole.contains(&tree(&target)), "{kill}: {outcome:?}");
        assert_eq!(hotbackup::recover(&target).unwrap(), Recovered::Nothing, "{kill}");
        assert!(!target.join(".lifecycle/restore").exists(), "{kill}");
        unfinished += u32::from(outcome != Recovered::Nothing);
        fs::remove_dir_all(&target).unwrap();
    }
    assert!(unfinished > 0, "no kill came while a restore was at work");
    verify(one.location()).unwrap();
    verify(other.location()).unwrap();
}
