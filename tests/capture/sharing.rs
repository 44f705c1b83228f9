//! Sharing with the snapshot before: what has not changed costs a link, and a change is never missed, however
//! well it hides.
#![allow(unsafe_code, reason = "a mapping has no safe wrapper")]

use std::fs::{self, File, Permissions};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{FileExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::common::{
    Ended, Place, bytes, frozen_with_tables, is_an_hour_old, restore, sound_snapshots, tree, verify, write,
    write_old,
};
use hotbackup::{BackupRoot, Code, FileClass, Options, Share, Snapshot};

const SIZE: usize = 300_000;

/// What happens to a path between two backups.
type Change<'a> = &'a dyn Fn(&Path);

/// Tables that were written an hour ago, and what is no table.
fn with_tables() -> Place {
    let place = Place::new();
    for (name, seed) in [("1.sst", 1), ("2.sst", 2), ("deep/er/3.sst", 3)] {
        write_old(&table(&place, name), &bytes(SIZE, seed));
    }
    write(&place.data().join("index"), b"index");
    write_old(&place.data().join("log"), &bytes(20_000, 4));
    place
}

fn table(place: &Place, name: &str) -> PathBuf {
    place.data().join("tables").join(name)
}

fn options() -> Options {
    let mut options = frozen_with_tables();
    options.add_rule("log", FileClass::AppendOnly).unwrap();
    options
}

fn linked(job: &Ended) -> u64 {
    job.status().unwrap().bytes_linked
}

fn inode(path: &Path) -> u64 {
    fs::metadata(path).unwrap().ino()
}

/// A backup that follows another, between which `change` was made. What it shared, in files of SIZE bytes.
fn shared_after(place: &Place, options: &Options, change: impl FnOnce()) -> u64 {
    place.back_up(options).unwrap();
    change();
    let job = place.back_up(options).unwrap();
    assert_eq!(tree(job.location()), tree(&place.data()), "the snapshot is not the source");
    verify(job.location()).unwrap();
    let shared = linked(&job);
    assert_eq!(Snapshot::open(job.location()).unwrap().bytes_shared(), shared);
    assert!(shared.is_multiple_of(SIZE as u64));
    shared / SIZE as u64
}

#[test]
fn unchanged_tables_are_shared_and_only_they() {
    let place = with_tables();
    assert_eq!(shared_after(&place, &options(), || {}), 3);
    let all = BackupRoot::at(place.root()).list().unwrap();
    assert_eq!([all[0].files_shared(), all[1].files_shared()], [3, 0]);
    for name in ["1.sst", "deep/er/3.sst"] {
        let stored = |snapshot: &Snapshot| snapshot.location().join("tables").join(name);
        assert_eq!(inode(&stored(&all[0])), inode(&stored(&all[1])), "{name} is stored twice");
        assert_ne!(inode(&stored(&all[0])), inode(&table(&place, name)), "{name} is the live one");
    }
    for name in ["log", "index"] {
        let stored = |snapshot: &Snapshot| inode(&snapshot.location().join(name));
        assert_ne!(stored(&all[0]), stored(&all[1]), "{name} may change, and is shared");
    }
}

#[test]
fn tables_that_the_freeze_hook_names_are_shared_whatever_the_rules_say_of_unfinished_ones() {
    let place = with_tables();
    let named = |names: &'static [&str]| {
        let mut options = Options::new();
        options.add_rule("*.sst", FileClass::Immutable { unfinished_ok: true }).unwrap();
        options.hooks().freeze_thaw(
            move |hook| {
                names.iter().try_for_each(|name| hook.add_file(name, FileClass::IMMUTABLE, None))?;
                Ok(())
            },
            |_| Ok(()),
        );
        options
    };
    let all = named(&["tables/1.sst", "tables/2.sst", "tables/deep/er/3.sst"]);
    place.back_up(&all).unwrap();
    assert_eq!(linked(&place.back_up(&all).unwrap()), 3 * SIZE as u64);
    let some = place.back_up(&named(&["tables/2.sst"])).unwrap();
    assert_eq!(linked(&some), SIZE as u64);
    assert_eq!(Snapshot::open(some.location()).unwrap().files(), 1);
    verify(some.location()).unwrap();
    let manifest = fs::read_to_string(some.location().join("snapshot.manifest")).unwrap();
    assert!(manifest.contains("\"class\":\"immutable\""), "{manifest}");
}

#[test]
fn a_table_that_is_named_with_a_length_or_another_class_is_not_shared() {
    for (class, length) in [(FileClass::IMMUTABLE, Some(1000)), (FileClass::Mutable, None)] {
        let place = with_tables();
        place.back_up(&options()).unwrap();
        let mut options = Options::new();
        options.add_rule("*.sst", FileClass::IMMUTABLE).unwrap();
        options
            .hooks()
            .freeze_thaw(move |hook| Ok(hook.add_file("tables/2.sst", class, length)?), |_| Ok(()));
        let job = place.back_up(&options).unwrap();
        assert_eq!(linked(&job), 0, "{class:?} {length:?}");
        let stored = fs::read(job.location().join("tables/2.sst")).unwrap();
        assert_eq!(stored, bytes(SIZE, 2)[..length.unwrap_or(SIZE as u64) as usize]);
        verify(job.location()).unwrap();
        sound_snapshots(&place.root());
    }
}

#[test]
fn a_manifest_tells_where_the_bytes_were_first_read() {
    let place = with_tables();
    let first = place.back_up(&options()).unwrap().id();
    let mut last = None;
    for _ in 0..3 {
        last = Some(place.back_up(&options()).unwrap());
    }
    let manifest = fs::read_to_string(last.unwrap().location().join("snapshot.manifest")).unwrap();
    let origins = manifest.lines().find(|line| line.contains("\"origins\"")).unwrap();
    assert!(origins.contains(&format!("[{{\"id\":\"{first}\"")), "{origins}");
    assert_eq!(origins.matches("\"id\"").count(), 1, "{origins}");
    assert_eq!(manifest.matches("\"origin\":0,\"verified_at_ms\":").count(), 3, "{manifest}");
}

#[test]
fn deleting_any_snapshot_harms_no_other() {
    let place = with_tables();
    let made: Vec<_> = (0..4).map(|_| place.back_up(&options()).unwrap()).collect();
    let content = tree(&place.data());
    for (gone, left) in [(0, 3), (2, 2), (3, 1)] {
        BackupRoot::at(place.root()).delete(&made[gone].id().to_string()).unwrap();
        let sound = sound_snapshots(&place.root());
        assert_eq!(sound.len(), left);
        assert!(sound.iter().all(|snapshot| tree(snapshot.location()) == content));
    }
    // And the one that is left can be shared with again.
    assert_eq!(shared_after(&place, &options(), || {}), 3);
}

#[test]
fn a_restored_tree_shares_with_no_snapshot() {
    let place = with_tables();
    place.back_up(&options()).unwrap();
    let job = place.back_up(&options()).unwrap();
    restore(job.location(), &place.beside("restored")).unwrap();
    for name in ["1.sst", "2.sst", "deep/er/3.sst"] {
        let links = fs::metadata(place.beside("restored/tables").join(name)).unwrap().nlink();
        assert_eq!(links, 1, "{name}");
    }
}

#[test]
fn a_full_snapshot_is_made_on_request_and_shared_with_later() {
    let place = with_tables();
    let mut full = options();
    full.set_share(Share::Never);
    assert_eq!(shared_after(&place, &full, || {}), 0);
    assert_eq!(linked(&place.back_up(&options()).unwrap()), 3 * SIZE as u64);
}

#[test]
fn a_table_that_is_another_in_any_way_is_copied() {
    let set_back = |path: &Path, to: &fs::Metadata| {
        File::options().write(true).open(path).unwrap().set_modified(to.modified().unwrap()).unwrap();
    };
    let changes: [(&str, Change); 6] = [
        ("it has grown", &|path| {
            let before = fs::metadata(path).unwrap();
            let file = File::options().write(true).open(path).unwrap();
            file.write_all_at(b"more", SIZE as u64).unwrap();
            set_back(path, &before);
        }),
        ("it was written to in place, and its time set back", &|path| {
            let before = fs::metadata(path).unwrap();
            File::options().write(true).open(path).unwrap().write_all_at(b"other", 7).unwrap();
            set_back(path, &before);
        }),
        ("another file has its name, of its size and time", &|path| {
            let before = fs::metadata(path).unwrap();
            fs::write(path.with_extension("new"), bytes(SIZE, 77)).unwrap();
            set_back(&path.with_extension("new"), &before);
            fs::rename(path.with_extension("new"), path).unwrap();
        }),
        ("another file has its inode number, of its size and time", &|path| {
            replace_with_the_same_number(path);
        }),
        ("its time is another", &|path| is_an_hour_old(path)),
        ("its mode is another", &|path| {
            fs::set_permissions(path, Permissions::from_mode(0o600)).unwrap();
        }),
    ];
    for (what, change) in changes {
        let place = with_tables();
        let shared = shared_after(&place, &options(), || change(&table(&place, "2.sst")));
        assert_eq!(shared, 2, "{what}");
    }
}

/// The file's name is another's, which has its inode number, size and time. (Where numbers are not used again at
/// once, it has another one.)
fn replace_with_the_same_number(path: &Path) {
    let before = fs::metadata(path).unwrap();
    let content = fs::read(path).unwrap().iter().map(|byte| !byte).collect::<Vec<_>>();
    fs::remove_file(path).unwrap();
    let mut taken = Vec::new();
    for attempt in 0..100 {
        fs::write(path, &content).unwrap();
        if inode(path) == before.ino() {
            break;
        }
        let aside = path.with_extension(format!("aside-{attempt}"));
        fs::rename(path, &aside).unwrap();
        taken.push(aside);
    }
    if !path.exists() {
        fs::write(path, &content).unwrap();
    }
    taken.iter().for_each(|aside| fs::remove_file(aside).unwrap());
    File::options().write(true).open(path).unwrap().set_modified(before.modified().unwrap()).unwrap();
}

#[test]
fn a_name_that_is_given_to_another_file_in_the_freeze_hook_is_copied() {
    let place = with_tables();
    place.back_up(&options()).unwrap();
    // Once the directories are old they tell by themselves whether they still stand.
    for wait in [0, 2_100] {
        std::thread::sleep(Duration::from_millis(wait));
        a_name_is_given_to_another_file_in_the_freeze_hook(&place);
        // What is new must be old too before it may be shared again.
        std::thread::sleep(Duration::from_millis(2_100));
        place.back_up(&options()).unwrap();
    }
}

fn a_name_is_given_to_another_file_in_the_freeze_hook(place: &Place) {
    let swapped = table(place, "2.sst");
    let mut options = Options::new();
    options.add_rule("*.sst", FileClass::IMMUTABLE).unwrap();
    options.hooks().freeze_thaw(
        move |_| {
            replace_with_the_same_number(&swapped);
            Ok(())
        },
        |_| Ok(()),
    );
    let job = place.back_up(&options).unwrap();
    assert_eq!(linked(&job), 2 * SIZE as u64);
    assert_eq!(tree(job.location()), tree(&place.data()));
}

#[test]
fn a_link_that_others_made_costs_a_reading_and_no_copy() {
    let place = with_tables();
    let link = place.beside("link");
    assert_eq!(shared_after(&place, &options(), || fs::hard_link(table(&place, "1.sst"), &link).unwrap()), 3);
    // What was read is known again by its new change time.
    assert_eq!(linked(&place.back_up(&options()).unwrap()), 3 * SIZE as u64);
}

#[test]
fn a_table_that_was_just_written_is_not_shared_before_it_has_settled() {
    let place = with_tables();
    write(&table(&place, "new.sst"), &bytes(SIZE, 9));
    assert_eq!(shared_after(&place, &options(), || {}), 3);
    // It was copied twice; by now it is old.
    std::thread::sleep(Duration::from_millis(2_100));
    assert_eq!(shared_after(&place, &options(), || {}), 4);
}

#[test]
fn a_store_through_a_mapping_into_a_page_that_was_dirty_is_not_missed() {
    let place = with_tables();
    let path = table(&place, "2.sst");
    let file = File::options().read(true).write(true).open(&path).unwrap();
    // SAFETY: a new mapping of a file that stays as long as it.
    let page = unsafe {
        libc::mmap(
            std::ptr::null_mut(),
            4096,
            libc::PROT_READ | libc::PROT_WRITE,
            libc::MAP_SHARED,
            file.as_raw_fd(),
            0,
        )
    }
    .cast::<u8>();
    assert_ne!(page.cast(), libc::MAP_FAILED);
    // SAFETY: it lies in the mapping, which nobody else writes to.
    let store = |byte: u8| unsafe { page.write_volatile(byte) };
    store(b'1');
    // The page is dirty from here on, and the file's time looks old.
    is_an_hour_old(&path);
    let shared = shared_after(&place, &options(), || store(b'2'));
    // SAFETY: the same mapping, used no more.
    unsafe { libc::munmap(page.cast(), 4096) };
    assert_eq!(shared, 2);
}

#[test]
fn what_is_wrong_with_the_snapshot_before_means_a_copy() {
    let wrongs: [(&str, u64, Change); 5] = [
        ("its manifest is damaged", 0, &|snapshot| {
            let manifest = snapshot.join("snapshot.manifest");
            let text = fs::read_to_string(&manifest).unwrap().replace("\"mode\":", "\"mood\":");
            fs::write(manifest, text).unwrap();
        }),
        ("its manifest is gone", 0, &|snapshot| fs::remove_file(snapshot.join("snapshot.manifest")).unwrap()),
        ("a file is gone", 2, &|snapshot| fs::remove_file(snapshot.join("tables/2.sst")).unwrap()),
        ("a file is shorter", 2, &|snapshot| {
            let file = File::options().write(true).open(snapshot.join("tables/2.sst")).unwrap();
            file.set_len(10).unwrap();
        }),
        ("a file was written to", 2, &|snapshot| {
            let file = File::options().write(true).open(snapshot.join("tables/2.sst")).unwrap();
            file.write_all_at(b"other", 0).unwrap();
        }),
    ];
    for (what, expected, spoil) in wrongs {
        let place = with_tables();
        let first = place.back_up(&options()).unwrap();
        spoil(first.location());
        let job = place.back_up(&options()).unwrap();
        assert_eq!(linked(&job), expected * SIZE as u64, "{what}");
        assert_eq!(tree(job.location()), tree(&place.data()), "{what}");
        verify(job.location()).unwrap();
    }
}

#[test]
fn an_adopted_root_shares_nothing_the_first_time() {
    let place = with_tables();
    let root = place.beside("root");
    let mut options = options();
    options.set_root(&root).unwrap();
    place.back_up(&options).unwrap();
    // All that its files are known by is the same, but it lies elsewhere: so it may be another's.
    fs::rename(place.data(), place.beside("moved")).unwrap();
    options.set_adopt_root(true);
    for shared in [0, 3] {
        let coordinator = hotbackup::Coordinator::open(place.beside("moved"), &options).unwrap();
        let job = coordinator.start().unwrap();
        job.wait().unwrap();
        assert_eq!(job.status().unwrap().bytes_linked, shared * SIZE as u64);
    }
}

#[test]
fn beneath_a_validator_nothing_is_linked_unless_the_host_asks_for_it() {
    for (share, expected) in [(Share::Safely, 0), (Share::Always, 3)] {
        let place = with_tables();
        let mut options = options();
        options.set_share(share);
        options.hooks().validate(|_, _| Ok(()));
        assert_eq!(shared_after(&place, &options, || {}), expected, "{share:?}");
    }
}

#[test]
fn a_validator_that_writes_into_a_shared_file_is_found_out() {
    let place = with_tables();
    let mut options = options();
    options.set_share(Share::Always);
    place.back_up(&options).unwrap();
    options.hooks().validate(|staging, _| {
        let path = staging.join("tables/2.sst");
        let before = fs::metadata(&path)?.modified()?;
        let file = File::options().write(true).open(&path)?;
        file.write_all_at(b"other", 0)?;
        file.set_modified(before)?;
        Ok(())
    });
    let error = place.back_up(&options).unwrap_err();
    assert_eq!(error.code(), Code::Corrupt, "{error}");
    assert!(error.path().unwrap().ends_with("tables/2.sst"), "{error}");
}

/// Flips a byte of a stored file and leaves its time as it was, as a disk does.
fn rot(stored: &Path) {
    let before = fs::metadata(stored).unwrap().modified().unwrap();
    let file = File::options().read(true).write(true).open(stored).unwrap();
    let mut byte = [0];
    file.read_exact_at(&mut byte, 1000).unwrap();
    file.write_all_at(&[!byte[0]], 1000).unwrap();
    file.set_modified(before).unwrap();
}

#[test]
fn a_stored_file_that_has_rotted_is_copied_anew_and_its_snapshots_are_named() {
    let place = with_tables();
    let mut options = options();
    let made: Vec<_> = (0..3).map(|_| place.back_up(&options).unwrap()).collect();
    rot(&made[0].location().join("tables/2.sst"));
    options.set_reread_after(Duration::ZERO);
    let job = place.back_up(&options).unwrap();
    assert_eq!(linked(&job), 2 * SIZE as u64);
    verify(job.location()).unwrap();
    let warnings = job.warnings().unwrap();
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    let warning = &warnings[0];
    assert_eq!(warning.code(), Code::Corrupt);
    assert!(warning.path().unwrap().ends_with("tables/2.sst"), "{warning}");
    for snapshot in &made {
        let name = snapshot.location().file_name().unwrap().to_str().unwrap();
        assert!(warning.message().contains(name), "{warning} does not name {name}");
        assert_eq!(verify(snapshot.location()).unwrap_err().code(), Code::Corrupt);
    }
    assert_eq!(warning.message().lines().count(), 1, "{warning}");
    // The good one is shared from now on.
    let next = place.back_up(&options).unwrap();
    assert_eq!((linked(&next), next.warnings().unwrap().len()), (3 * SIZE as u64, 0));
}

#[test]
fn what_was_read_back_lately_is_not_read_again() {
    let place = with_tables();
    let mut options = options();
    let first = place.back_up(&options).unwrap();
    rot(&first.location().join("tables/2.sst"));
    for age in [Duration::from_secs(3600), Duration::MAX] {
        options.set_reread_after(age);
        let job = place.back_up(&options).unwrap();
        assert_eq!((linked(&job), job.warnings().unwrap().len()), (3 * SIZE as u64, 0), "{age:?}");
    }
}
