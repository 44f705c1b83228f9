//! A restore that keeps what its target has already: reading is what it costs, and nothing that is kept is
//! changed.

use std::fs::{self, File, FileTimes, Permissions};
use std::os::unix::fs::{FileExt, MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use crate::common::child::{Ended, has_strace, run, run_traced};
use crate::common::mounted::Mounted;
use crate::common::scene::copy;
use crate::common::{Place, bytes, frozen, names, skip, tree, verify, write};
use hotbackup::{Code, FileClass, Options, Progress, VerifyLevel};

const TABLE: usize = 200_000;
const TABLES: u64 = 5;
const PAGES: usize = 300_000;
const SMALL: u64 = 5;

/// A directory of immutable tables and a mutable file with its snapshot, on a file system without clones, and a
/// copy of it with all that belongs to it.
fn nearly_the_same() -> (Place, PathBuf, PathBuf) {
    filled(Place::in_memory())
}

fn filled(place: Place) -> (Place, PathBuf, PathBuf) {
    for number in 0..TABLES {
        write(&place.data().join(format!("tables/{number}.sst")), &bytes(TABLE, number + 1));
    }
    write(&place.data().join("pages"), &bytes(PAGES, 99));
    write(&place.data().join("empty.sst"), b"");
    write(&place.data().join("small.sst"), b"small");
    let mut options = frozen();
    options.add_rule("*.sst", FileClass::IMMUTABLE).unwrap();
    options.set_root(&place.beside("root")).unwrap();
    let snapshot = place.back_up(&options).unwrap().location().to_path_buf();
    let target = place.beside("target");
    copy(&place.data(), &target);
    fs::remove_dir_all(target.join(".lifecycle")).unwrap();
    (place, snapshot, target)
}

fn keeping(keep_undo: bool) -> Options {
    let mut options = Options::new();
    options.set_keep_matching(true);
    options.set_keep_undo(keep_undo);
    options
}

/// A restore that completes.
fn restored(snapshot: &Path, target: &Path, options: &Options) -> Progress {
    let job = hotbackup::restore(snapshot, target, options).unwrap();
    job.wait().unwrap();
    let done = job.status().unwrap();
    assert_eq!((done.bytes_done, done.files_done, done.percent), (done.bytes_total, done.files_total, 100));
    done
}

fn table(number: u64) -> String {
    format!("tables/{number}.sst")
}

fn inode(path: &Path) -> u64 {
    fs::symlink_metadata(path).unwrap().ino()
}

/// All that belongs to a file but its bytes.
fn stamps(path: &Path) -> (u64, u32, i64, i64, u64) {
    let stat = fs::metadata(path).unwrap();
    (stat.ino(), stat.mode(), stat.mtime(), stat.mtime_nsec(), stat.size())
}

/// What the last restore has put aside.
fn aside(target: &Path) -> PathBuf {
    let all =
        fs::read_dir(target.join(".lifecycle/restore-backup")).unwrap().map(|entry| entry.unwrap().path());
    all.filter(|path| path.is_dir()).max().unwrap()
}

fn flip_a_byte(path: &Path, at: u64) {
    let modified = fs::metadata(path).unwrap().modified().unwrap();
    let file = File::options().write(true).read(true).open(path).unwrap();
    let mut byte = [0];
    file.read_exact_at(&mut byte, at).unwrap();
    file.write_all_at(&[byte[0] ^ 1], at).unwrap();
    file.set_modified(modified).unwrap();
}

#[test]
fn tables_that_are_the_same_are_kept_and_only_the_others_are_written() {
    let (_place, snapshot, target) = nearly_the_same();
    let before: Vec<u64> = (0..TABLES).map(|number| inode(&target.join(table(number)))).collect();
    fs::remove_file(target.join(table(1))).unwrap();
    write(&target.join(table(2)), b"shorter");
    write(&target.join("tables/9.sst"), b"of later");
    for level in [VerifyLevel::Checksum, VerifyLevel::None, VerifyLevel::Media] {
        let mut options = keeping(true);
        options.set_verify_level(level);
        let done = restored(&snapshot, &target, &options);
        let kept = if level == VerifyLevel::Checksum { TABLES - 2 } else { TABLES };
        assert_eq!(done.bytes_linked, kept * TABLE as u64 + SMALL, "{done:?}");
        // A mutable file is not shared with what an undo needs.
        assert_eq!(done.bytes_copied, done.bytes_total - done.bytes_linked, "{done:?}");
        assert_eq!(tree(&target), tree(&snapshot));
        for number in [0, 3, 4] {
            assert_eq!(inode(&target.join(table(number))), before[number as usize]);
        }
    }
    verify(&snapshot).unwrap();
}

#[test]
fn without_an_undo_every_file_that_is_the_same_is_kept_and_has_one_link_again() {
    let (_place, snapshot, target) = nearly_the_same();
    let before = [inode(&target.join("pages")), inode(&target.join(table(0)))];
    for _ in 0..2 {
        let done = restored(&snapshot, &target, &keeping(false));
        assert_eq!((done.bytes_linked, done.bytes_copied), (done.bytes_total, 0), "{done:?}");
        assert_eq!([inode(&target.join("pages")), inode(&target.join(table(0)))], before);
        assert_eq!(fs::metadata(target.join("pages")).unwrap().nlink(), 1);
        assert_eq!(tree(&target), tree(&snapshot));
    }
}

#[test]
fn restores_in_a_row_keep_what_they_share_with_what_they_have_put_aside() {
    let (_place, snapshot, target) = nearly_the_same();
    for round in 1..=3 {
        let done = restored(&snapshot, &target, &keeping(true));
        assert_eq!(done.bytes_linked, TABLES * TABLE as u64 + SMALL, "{round}: {done:?}");
        assert_eq!(fs::metadata(target.join(table(0))).unwrap().nlink(), 1 + round);
    }
    assert_eq!(tree(&target), tree(&snapshot));
}

#[test]
fn without_the_option_nothing_is_kept() {
    let (_place, snapshot, target) = nearly_the_same();
    let before = inode(&target.join(table(0)));
    let done = restored(&snapshot, &target, &Options::new());
    assert_eq!((done.bytes_linked, done.bytes_copied), (0, done.bytes_total), "{done:?}");
    assert_ne!(inode(&target.join(table(0))), before);
    assert_eq!(fs::metadata(aside(&target).join(table(0))).unwrap().nlink(), 1);
}

#[test]
fn a_flipped_byte_is_found_though_size_and_times_are_the_same() {
    for keep_undo in [true, false] {
        let (_place, snapshot, target) = nearly_the_same();
        flip_a_byte(&target.join(table(3)), TABLE as u64 - 1);
        flip_a_byte(&target.join("pages"), 0);
        let old = tree(&target);
        let done = restored(&snapshot, &target, &keeping(keep_undo));
        let kept = (TABLES - 1) * TABLE as u64 + SMALL;
        assert_eq!((done.bytes_linked, done.bytes_copied), (kept, done.bytes_total - kept), "{done:?}");
        assert_eq!(tree(&target), tree(&snapshot));
        if keep_undo {
            assert_eq!(tree(&aside(&target)), old);
            hotbackup::restore_undo(&target).unwrap();
            assert_eq!(tree(&target), old);
        }
    }
}

#[test]
fn what_has_other_attributes_gets_the_manifests_and_what_is_put_aside_keeps_its_own() {
    for keep_undo in [true, false] {
        let (_place, snapshot, target) = nearly_the_same();
        let earlier = FileTimes::new().set_modified(SystemTime::now() - Duration::from_secs(1_000_000));
        fs::set_permissions(target.join(table(0)), Permissions::from_mode(0o604)).unwrap();
        File::options().write(true).open(target.join(table(1))).unwrap().set_times(earlier).unwrap();
        fs::set_permissions(target.join(table(2)), Permissions::from_mode(0o4644)).unwrap();
        let changed: Vec<String> = (0..3).map(table).collect();
        let old: Vec<_> = changed.iter().map(|name| stamps(&target.join(name))).collect();
        let done = restored(&snapshot, &target, &keeping(keep_undo));
        assert!(done.bytes_copied >= 3 * TABLE as u64, "{done:?}");
        assert!(done.bytes_linked >= 2 * TABLE as u64, "{done:?}");
        for (name, old) in changed.iter().zip(&old) {
            let (of_snapshot, new) = (stamps(&snapshot.join(name)), stamps(&target.join(name)));
            assert_eq!((new.1, new.2, new.3), (of_snapshot.1, of_snapshot.2, of_snapshot.3), "{name}");
            if keep_undo {
                assert_eq!(stamps(&aside(&target).join(name)), *old, "{name}");
            }
        }
        if keep_undo {
            hotbackup::restore_undo(&target).unwrap();
            let again: Vec<_> = changed.iter().map(|name| stamps(&target.join(name))).collect();
            assert_eq!(again, old);
        }
    }
}

#[test]
fn an_undo_puts_back_all_of_the_old_and_a_second_one_all_of_the_new() {
    let (_place, snapshot, target) = nearly_the_same();
    write(&target.join("pages"), b"the old ones");
    write(&target.join("tables/9.sst"), b"of later");
    let of_data = |top: &Path| {
        let files =
            names(top).into_iter().filter(|name| !name.starts_with(".lifecycle") && top.join(name).is_file());
        files.map(|name| (stamps(&top.join(&name)), name)).collect::<Vec<_>>()
    };
    let (old, old_stamps) = (tree(&target), of_data(&target));
    restored(&snapshot, &target, &keeping(true));
    let new_stamps = of_data(&target);
    for _ in 0..2 {
        hotbackup::restore_undo(&target).unwrap();
        assert_eq!((tree(&target), of_data(&target)), (old.clone(), old_stamps.clone()));
        hotbackup::restore_undo(&target).unwrap();
        assert_eq!((tree(&target), of_data(&target)), (tree(&snapshot), new_stamps.clone()));
    }
    // What the database writes anew and deletes is not what an undo needs.
    write(&target.join("pages"), b"written since");
    fs::remove_file(target.join(table(0))).unwrap();
    fs::write(target.join(table(7)), b"made since").unwrap();
    hotbackup::restore_undo(&target).unwrap();
    assert_eq!((tree(&target), of_data(&target)), (old, old_stamps));
}

#[test]
fn an_undo_that_an_engine_has_spoilt_is_refused_and_changes_nothing() {
    let (_place, snapshot, target) = nearly_the_same();
    restored(&snapshot, &target, &keeping(true));
    hotbackup::restore_undo(&target).unwrap();
    hotbackup::restore_undo(&target).unwrap();
    // As Badger deletes.
    File::options().write(true).open(target.join(table(2))).unwrap().set_len(0).unwrap();
    fs::remove_file(target.join(table(2))).unwrap();
    let before = names(&target);
    let error = hotbackup::restore_undo(&target).unwrap_err();
    assert_eq!(error.code(), Code::Corrupt, "{error}");
    assert_eq!(error.path(), Some(aside(&target).join(table(2)).as_path()), "{error}");
    assert!(error.message().contains("from 200000 to 0 bytes"), "{error}");
    assert_eq!(names(&target), before);
    hotbackup::recover(&target).unwrap();
}

#[test]
fn what_has_a_name_elsewhere_is_copied_so_that_a_restored_tree_shares_with_no_snapshot() {
    for keep_undo in [true, false] {
        let (_place, snapshot, target) = nearly_the_same();
        // Whoever made the target of links into the snapshot, and whoever has linked one of its files away.
        fs::remove_file(target.join(table(0))).unwrap();
        fs::hard_link(snapshot.join(table(0)), target.join(table(0))).unwrap();
        fs::hard_link(target.join(table(1)), target.with_extension("elsewhere")).unwrap();
        let done = restored(&snapshot, &target, &keeping(keep_undo));
        assert!(done.bytes_linked >= (TABLES - 2) * TABLE as u64, "{done:?}");
        assert!(done.bytes_copied >= 2 * TABLE as u64, "{done:?}");
        let of_snapshot: Vec<u64> = names(&snapshot).iter().map(|name| inode(&snapshot.join(name))).collect();
        for name in names(&target).iter().filter(|name| !name.starts_with(".lifecycle")) {
            assert!(!of_snapshot.contains(&inode(&target.join(name))), "{name:?}");
        }
        assert_eq!(fs::metadata(target.join(table(1))).unwrap().nlink(), 1);
        verify(&snapshot).unwrap();
    }
}

#[test]
fn what_is_no_file_or_lies_behind_a_link_is_copied() {
    let (place, snapshot, target) = nearly_the_same();
    // Each leads to the right bytes.
    fs::rename(target.join(table(0)), place.beside("moved")).unwrap();
    symlink(place.beside("moved"), target.join(table(0))).unwrap();
    fs::remove_file(target.join("pages")).unwrap();
    fs::create_dir(target.join("pages")).unwrap();
    let done = restored(&snapshot, &target, &keeping(false));
    assert_eq!(done.bytes_linked, (TABLES - 1) * TABLE as u64 + SMALL, "{done:?}");
    fs::rename(target.join("tables"), place.beside("tables")).unwrap();
    symlink(place.beside("tables"), target.join("tables")).unwrap();
    let done = restored(&snapshot, &target, &keeping(false));
    assert_eq!(done.bytes_linked, PAGES as u64 + SMALL, "{done:?}");
    assert_eq!(tree(&target), tree(&snapshot));
    assert!(!target.join("tables").is_symlink() && place.beside("tables").join("0.sst").exists());
}

#[test]
fn a_validator_that_writes_has_nothing_of_the_target_to_write_to() {
    for keep_undo in [true, false] {
        let (_place, snapshot, target) = nearly_the_same();
        let old = tree(&target);
        let mut options = keeping(keep_undo);
        options.hooks().validate(|staging, _| {
            for name in ["tables/0.sst", "pages"] {
                File::options().write(true).open(staging.join(name))?.set_len(0)?;
            }
            Ok(())
        });
        let error = hotbackup::restore(&snapshot, &target, &options).unwrap().wait().unwrap_err();
        assert_eq!(error.code(), Code::Corrupt, "{error}");
        assert_eq!(tree(&target), old);
    }
}

#[test]
fn a_restore_that_fails_leaves_what_it_would_have_kept_as_it_was() {
    let (_place, snapshot, target) = nearly_the_same();
    write(&target.join(table(4)), b"another");
    flip_a_byte(&snapshot.join(table(4)), 7);
    let of = |name: &str| stamps(&target.join(name));
    let before = [of("pages"), of(&table(0)), of(&table(4))];
    for keep_undo in [true, false] {
        let error = hotbackup::restore(&snapshot, &target, &keeping(keep_undo)).unwrap().wait().unwrap_err();
        assert_eq!(error.code(), Code::Corrupt, "{error}");
        assert_eq!([of("pages"), of(&table(0)), of(&table(4))], before);
        assert_eq!(fs::metadata(target.join(table(0))).unwrap().nlink(), 1);
    }
}

#[test]
fn a_target_without_room_for_a_second_copy_can_be_restored_over() {
    let place = Place::new();
    let Some(disk) =
        Mounted::new(&["-t", "tmpfs", "-o", "size=1400k"], Path::new("tmpfs"), &place.beside("disk"))
    else {
        return;
    };
    let (_place, snapshot, old) = nearly_the_same();
    let target = disk.path().join("target");
    copy(&old, &target);
    fs::remove_file(target.join(table(0))).unwrap();
    let error = hotbackup::restore(&snapshot, &target, &Options::new()).unwrap().wait().unwrap_err();
    assert_eq!(error.code(), Code::NoSpace, "{error}");
    let done = restored(&snapshot, &target, &keeping(false));
    assert_eq!(done.bytes_copied, TABLE as u64, "{done:?}");
    assert_eq!(tree(&target), tree(&snapshot));
}

#[test]
fn where_the_file_system_clones_an_undo_shares_no_inode() {
    for kind in ["xfs", "btrfs"] {
        let outer = Place::new();
        let Some(disk) = Mounted::image(kind, 400 << 20, &outer.beside("disk")) else { return };
        let (_place, snapshot, old) = nearly_the_same();
        let target = disk.path().join("target");
        copy(&old, &target);
        fs::set_permissions(target.join(table(0)), Permissions::from_mode(0o604)).unwrap();
        flip_a_byte(&target.join(table(1)), 100_000);
        let asides_own = |target: &Path| fs::metadata(aside(target).join("small.sst")).unwrap().nlink();
        let before = tree(&target);
        let done = restored(&snapshot, &target, &keeping(true));
        // Whatever their class and their attributes.
        let kept = (TABLES - 1) * TABLE as u64 + PAGES as u64 + SMALL;
        assert_eq!((done.bytes_linked, done.bytes_copied), (kept, TABLE as u64), "{kind}: {done:?}");
        for name in [table(0), table(2), "pages".into()] {
            let (ours, theirs) = (stamps(&target.join(&name)), stamps(&snapshot.join(&name)));
            assert_eq!((ours.1, ours.2, ours.3), (theirs.1, theirs.2, theirs.3), "{kind}: {name}");
            assert_ne!(ours.0, inode(&aside(&target).join(&name)), "{kind}: {name}");
        }
        assert_eq!(asides_own(&target), 1, "{kind}");
        // As Badger deletes.
        File::options().write(true).open(target.join(table(2))).unwrap().set_len(0).unwrap();
        hotbackup::restore_undo(&target).unwrap();
        assert_eq!(tree(&target), before, "{kind}");
        // Without an undo the files themselves stay.
        let pages = inode(&target.join("pages"));
        let done = restored(&snapshot, &target, &keeping(false));
        assert_eq!(done.bytes_linked, kept, "{kind}: {done:?}");
        assert_eq!(inode(&target.join("pages")), pages, "{kind}");
        assert_eq!(tree(&target), tree(&snapshot), "{kind}");
    }
}

#[test]
fn where_links_are_refused_the_files_are_copied() {
    if !has_strace() {
        return skip("no strace");
    }
    for refusal in ["EMLINK", "EPERM", "EXDEV", "EOPNOTSUPP", "EIO"] {
        let (_place, snapshot, target) = nearly_the_same();
        let before = inode(&target.join(table(0)));
        let fault = format!("linkat:error={refusal}");
        let (ended, has_come) = run(&[Path::new("restore keeping"), &snapshot, &target], &fault);
        assert!(matches!(ended, Ended::Done) && has_come, "{refusal}: {ended:?}");
        assert_ne!(inode(&target.join(table(0))), before, "{refusal}");
        assert_eq!(tree(&target), tree(&snapshot), "{refusal}");
    }
}

#[test]
fn what_cannot_be_read_in_the_target_comes_from_the_snapshot() {
    if !has_strace() {
        return skip("no strace");
    }
    let mut came_through = 0;
    for at in 1..=12 {
        let (_place, snapshot, target) = nearly_the_same();
        let old = tree(&target);
        let fault = format!("pread64:error=EIO:when={at}");
        match run(&[Path::new("restore keeping"), &snapshot, &target], &fault) {
            (Ended::Done, has_come) => came_through += u32::from(has_come),
            (Ended::Failed(code, message), _) => {
                assert_eq!(code, "IO", "{at}: {message}");
                assert!(message.contains("root/ts-") || message.contains(".lifecycle"), "{at}: {message}");
            }
            (Ended::NotStarted, _) => {}
            (Ended::Killed, _) => panic!("{at}: killed"),
        }
        assert_eq!(tree(&target), old, "{at}: they are equal");
    }
    assert!(came_through as u64 >= TABLES, "{came_through} reads of the target failed");
}

#[test]
fn what_is_kept_is_read_once() {
    if !has_strace() {
        return skip("no strace");
    }
    let (_place, snapshot, target) = nearly_the_same();
    let never = "pread64:error=EIO:when=60000";
    let (ended, calls) = run_traced(&[Path::new("restore keeping for good"), &snapshot, &target], never);
    assert!(matches!(ended, Ended::Done), "{ended:?}");
    let reads = calls.lines().filter(|call| call.ends_with(&format!("= {TABLE}"))).count();
    assert_eq!(reads as u64, TABLES, "{calls}");
}
