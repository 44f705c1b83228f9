//! Scrubs and the ledger: what was read back is known, what is bad is named with all who have it, and nothing that
//! happens to the ledger harms more than what it knew.

use std::fs::{self, File};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use crate::common::{Mount, Place, bytes, frozen_with_tables, skip, write, write_old};
use hotbackup::{BackupRoot, Budget, Code, Error, Job, Options, Snapshot, VerifyLevel};

const SIZE: usize = 100_000;

/// So many snapshots that share three tables by links.
fn root_of(place: &Place, count: usize) -> Vec<Snapshot> {
    for (name, seed) in [("1.sst", 1), ("2.sst", 2), ("3.sst", 3)] {
        write_old(&place.data().join("tables").join(name), &bytes(SIZE, seed));
    }
    for number in 0..count {
        write(&place.data().join("index"), number.to_string().as_bytes());
        place.back_up(&frozen_with_tables()).unwrap();
    }
    list(place)
}

fn list(place: &Place) -> Vec<Snapshot> {
    BackupRoot::at(place.root()).list().unwrap()
}

fn scrub(place: &Place, bytes: Option<u64>) -> Job {
    let job = hotbackup::scrub(place.root(), Budget { bytes, time: None }, &Options::new()).unwrap();
    let _ = job.wait();
    job
}

fn bytes_read(job: &Job) -> u64 {
    job.status().unwrap().bytes_done
}

fn spoil(path: &Path) {
    let file = File::options().write(true).open(path).unwrap();
    file.write_all_at(b"rot", 50_000).unwrap();
}

fn stored(snapshot: &Snapshot, name: &str) -> PathBuf {
    snapshot.location().join("tables").join(name)
}

fn name(snapshot: &Snapshot) -> String {
    snapshot.location().file_name().unwrap().to_string_lossy().into_owned()
}

fn warnings(job: &Job) -> Vec<String> {
    job.warnings().unwrap().iter().map(|warning| warning.message().to_string()).collect()
}

fn are_damaged(place: &Place) -> Vec<bool> {
    list(place).iter().map(Snapshot::is_damaged).collect()
}

fn code(job: &Job) -> Option<Code> {
    job.wait().err().map(|error: Error| error.code())
}

#[test]
fn a_scrub_reads_each_stored_file_once_and_the_next_goes_on_where_it_ended() {
    let place = Place::in_memory();
    let all = root_of(&place, 3);
    let since = SystemTime::now();
    let whole = all[0].bytes() + 2; // the index of each of the others
    let mut read = 0;
    for _ in 0..6 {
        let job = scrub(&place, Some(1));
        job.wait().unwrap();
        assert_eq!(job.status().unwrap().files_done, 1);
        read += bytes_read(&job);
    }
    assert_eq!(read, whole, "each of the six stored files once");
    for (snapshot, before) in list(&place).iter().zip(&all) {
        let verified = snapshot.verified().unwrap();
        assert!(verified.at >= since, "{verified:?}");
        assert!(before.verified().unwrap().at < since);
        assert_eq!(verified.level, VerifyLevel::Media);
    }
    assert_eq!(bytes_read(&scrub(&place, None)), whole);
}

#[test]
fn a_scrub_without_time_reads_nothing() {
    let place = Place::in_memory();
    root_of(&place, 1);
    let budget = Budget { bytes: None, time: Some(Duration::ZERO) };
    let job = hotbackup::scrub(place.root(), budget, &Options::new()).unwrap();
    job.wait().unwrap();
    assert_eq!(bytes_read(&job), 0);
}

#[test]
fn a_bad_file_is_named_with_each_snapshot_that_has_it_and_those_are_damaged_until_it_is_mended() {
    let place = Place::in_memory();
    let all = root_of(&place, 3);
    spoil(&stored(&all[1], "2.sst"));
    let job = scrub(&place, None);
    let error = job.wait().unwrap_err();
    assert_eq!(error.code(), Code::Corrupt);
    assert!(error.message().contains("1 of the stored files are bad"), "{error}");
    let [warning] = &warnings(&job)[..] else { panic!("{:?}", warnings(&job)) };
    let names: Vec<String> = all.iter().map(name).collect();
    assert!(warning.contains(&format!("it is bad in {}", names.join(", "))), "{warning}");
    assert!(warning.contains("tables/2.sst: its checksum is"), "{warning}");
    assert!(warning.contains("no snapshot here has a good copy"), "{warning}");
    assert_eq!(are_damaged(&place), [true; 3]);

    // The next backup does not share it, and is whole.
    let job = place.back_up(&frozen_with_tables()).unwrap();
    assert_eq!(job.status().unwrap().bytes_linked, 2 * SIZE as u64);
    assert_eq!(are_damaged(&place), [false, true, true, true]);
    let job = scrub(&place, None);
    let newest = format!("a good copy is in {}, the newest", name(&list(&place)[0]));
    assert!(warnings(&job)[0].contains(&newest), "{:?}", warnings(&job));
    assert_eq!(are_damaged(&place), [false, true, true, true]);

    // Its bytes are put back.
    fs::write(stored(&all[0], "2.sst"), bytes(SIZE, 2)).unwrap();
    scrub(&place, None).wait().unwrap();
    assert_eq!(are_damaged(&place), [false; 4]);
}

#[test]
fn a_file_that_is_missing_is_bad_where_it_is_missing_alone() {
    let place = Place::in_memory();
    let all = root_of(&place, 3);
    fs::remove_file(stored(&all[0], "3.sst")).unwrap();
    let job = scrub(&place, None);
    assert_eq!(code(&job), Some(Code::Corrupt));
    let told = &warnings(&job)[0];
    assert!(told.contains("it is missing; it is bad in"), "{told}");
    assert!(told.contains(&format!("a good copy is in {}, the newest", name(&all[1]))), "{told}");
    assert_eq!(are_damaged(&place), [true, false, false]);
}

#[test]
fn what_is_bad_is_read_first() {
    let place = Place::in_memory();
    let all = root_of(&place, 1);
    spoil(&stored(&all[0], "3.sst"));
    assert_eq!(code(&scrub(&place, None)), Some(Code::Corrupt));
    assert_eq!(code(&scrub(&place, Some(1))), Some(Code::Corrupt));
}

#[test]
fn a_verification_writes_down_what_it_found() {
    let place = Place::in_memory();
    let all = root_of(&place, 2);
    let before = all[1].verified().unwrap();
    let verify = |level| {
        let mut options = Options::new();
        options.set_verify_level(level);
        hotbackup::verify(all[1].location(), &options).unwrap().wait()
    };
    verify(VerifyLevel::Size).unwrap();
    assert_eq!(list(&place)[1].verified(), Some(before), "no byte was read");
    verify(VerifyLevel::Checksum).unwrap();
    let verified = list(&place)[1].verified().unwrap();
    assert!(verified.at > before.at);
    assert_eq!(Snapshot::open(all[1].location()).unwrap().verified(), Some(verified));

    spoil(&stored(&all[1], "1.sst"));
    verify(VerifyLevel::Checksum).unwrap_err();
    assert_eq!(are_damaged(&place), [false, true]);
    assert!(Snapshot::open(all[1].location()).unwrap().is_damaged());
    assert_eq!(list(&place)[1].verified(), Some(verified), "when it was good is still known");
    fs::write(stored(&all[1], "1.sst"), bytes(SIZE, 1)).unwrap();
    verify(VerifyLevel::Checksum).unwrap();
    assert_eq!(are_damaged(&place), [false, false]);
}

#[test]
fn a_verification_of_a_snapshot_elsewhere_writes_nothing_there() {
    let place = Place::in_memory();
    let all = root_of(&place, 1);
    let elsewhere = place.beside("elsewhere");
    fs::create_dir(&elsewhere).unwrap();
    let moved = elsewhere.join(name(&all[0]));
    fs::rename(all[0].location(), &moved).unwrap();
    hotbackup::verify(&moved, &Options::new()).unwrap().wait().unwrap();
    assert_eq!(fs::read_dir(&elsewhere).unwrap().count(), 1);
}

#[test]
fn a_lost_or_damaged_ledger_loses_what_it_knew_and_no_more() {
    let place = Place::in_memory();
    let all = root_of(&place, 2);
    scrub(&place, None).wait().unwrap();
    for deed in ["removed", "filled with noise", "emptied"] {
        for ledger in ["ledger", "ledger-files"] {
            let path = place.root().join(ledger);
            match deed {
                "removed" => fs::remove_file(&path).unwrap(),
                "emptied" => fs::write(&path, b"").unwrap(),
                _ => fs::write(&path, bytes(10_000, 9)).unwrap(),
            }
        }
        let listed = list(&place);
        assert_eq!(listed[0].verified(), all[0].verified(), "{deed}: as its manifest says");
        assert!(listed.iter().all(|snapshot| snapshot.error().is_none()));
        scrub(&place, None).wait().unwrap();
        assert!(list(&place)[0].verified().unwrap().at > all[0].verified().unwrap().at, "{deed}");
        place.back_up(&frozen_with_tables()).unwrap();
    }
}

#[test]
fn where_the_ledger_cannot_be_written_a_scrub_reads_all_the_same_and_says_so_once() {
    let place = Place::in_memory();
    let all = root_of(&place, 1);
    for ledger in ["ledger", "ledger-files"] {
        let _ = fs::remove_file(place.root().join(ledger));
        fs::create_dir(place.root().join(ledger)).unwrap();
    }
    let job = scrub(&place, None);
    job.wait().unwrap();
    assert_eq!(bytes_read(&job), all[0].bytes());
    let told = warnings(&job);
    assert!(told.len() == 1 && told[0].contains("the next scrub reads the same files again"), "{told:?}");
    let verification = hotbackup::verify(all[0].location(), &Options::new()).unwrap();
    verification.wait().unwrap();
    assert_eq!(verification.warnings().unwrap().len(), 1);
}

#[test]
fn two_scrubs_of_one_root_do_not_read_the_same_and_backups_go_on_beside_one() {
    let place = Place::in_memory();
    let all = root_of(&place, 2);
    let mut slow = Options::new();
    slow.set_rate_limit(100_000);
    let first = hotbackup::scrub(place.root(), Budget::default(), &slow).unwrap();
    crate::common::guest::until("it reads", || bytes_read(&first) > 0);
    assert_eq!(code(&scrub(&place, None)), Some(Code::Conflict));
    place.back_up(&frozen_with_tables()).unwrap();
    BackupRoot::at(place.root()).delete(all[1].id()).unwrap();
    first.cancel().unwrap();
    assert_eq!(code(&first), Some(Code::Cancelled));
    scrub(&place, None).wait().unwrap();
}

#[test]
fn what_a_cancelled_scrub_has_read_is_known() {
    let place = Place::in_memory();
    root_of(&place, 1);
    let mut slow = Options::new();
    slow.set_rate_limit(100_000);
    let job = hotbackup::scrub(place.root(), Budget::default(), &slow).unwrap();
    crate::common::guest::until("one is read", || job.status().unwrap().files_done > 0);
    job.cancel().unwrap();
    assert_eq!(code(&job), Some(Code::Cancelled));
    let read = job.status().unwrap().files_done;
    let ledger = fs::read_to_string(place.root().join("ledger-files")).unwrap();
    assert_eq!(ledger.lines().count() as u64, read);
}

#[test]
fn a_snapshot_whose_manifest_is_bad_is_named_and_the_others_are_read() {
    let place = Place::in_memory();
    let all = root_of(&place, 2);
    let manifest = all[1].location().join("snapshot.manifest");
    let length = fs::metadata(&manifest).unwrap().len();
    File::options().write(true).open(&manifest).unwrap().write_all_at(b"\0", length - 200).unwrap();
    assert!(list(&place)[1].error().is_none(), "its head is sound, and a listing reads no more");
    let job = scrub(&place, None);
    assert!(job.wait().unwrap_err().message().contains("1 of the snapshots cannot be read"));
    assert!(warnings(&job)[0].contains(&name(&all[1])), "{:?}", warnings(&job));
    assert_eq!(bytes_read(&job), all[0].bytes());
}

#[test]
fn a_scrub_that_would_read_nothing_and_one_of_no_root_are_refused() {
    let place = Place::in_memory();
    root_of(&place, 1);
    let mut options = Options::new();
    options.set_verify_level(VerifyLevel::Size);
    let job = hotbackup::scrub(place.root(), Budget::default(), &options).unwrap();
    assert_eq!(code(&job), Some(Code::InvalidArgument));
    let before = crate::common::names(&place.data());
    let job = hotbackup::scrub(place.data(), Budget::default(), &Options::new()).unwrap();
    assert_eq!(code(&job), Some(Code::NotFound));
    assert_eq!(crate::common::names(&place.data()), before);
}

#[test]
fn on_a_full_disk_a_verification_and_a_scrub_end_well_and_say_what_was_not_written_down() {
    let Some(mount) = Mount::tmpfs("size=4m") else { return skip("mounting needs root") };
    let place = Place::in_memory();
    write(&place.data().join("index"), &bytes(SIZE, 1));
    let mut options = frozen_with_tables();
    options.set_root(mount.path().join("root")).unwrap();
    place.back_up(&options).unwrap();
    let root = BackupRoot::at(mount.path().join("root"));
    let newest = root.latest().unwrap();
    let verify = || {
        let job = hotbackup::verify(newest.location(), &Options::new()).unwrap();
        job.wait().unwrap();
        warnings(&job)
    };
    let mut filler = File::create(mount.path().join("filler")).unwrap();
    while std::io::Write::write_all(&mut filler, &[0; 4096]).is_ok() {}
    let told = verify();
    assert!(told.len() == 1 && told[0].contains("writing the ledger"), "{told:?}");
    let job = hotbackup::scrub(root.path(), Budget::default(), &Options::new()).unwrap();
    job.wait().unwrap();
    assert_eq!(warnings(&job).len(), 1);
    assert_eq!(root.list().unwrap()[0].verified(), newest.verified());

    drop(filler);
    fs::remove_file(mount.path().join("filler")).unwrap();
    assert_eq!(verify(), Vec::<String>::new());
    assert!(root.list().unwrap()[0].verified().unwrap().at > newest.verified().unwrap().at);
}

#[test]
fn what_an_administrator_makes_in_a_root_belongs_to_the_roots_owner() {
    const NOBODY: u32 = 12_345;
    let place = Place::in_memory();
    let all = root_of(&place, 1);
    if std::os::unix::fs::chown(place.root(), Some(NOBODY), Some(NOBODY)).is_err() {
        return skip("giving a directory away needs root");
    }
    scrub(&place, None).wait().unwrap();
    hotbackup::verify(all[0].location(), &Options::new()).unwrap().wait().unwrap();
    for name in ["ledger", "ledger-files", "scrub.lock"] {
        let stat = fs::metadata(place.root().join(name)).unwrap();
        assert_eq!((stat.uid(), stat.gid(), stat.mode() & 0o777), (NOBODY, NOBODY, 0o644), "{name}");
    }
}
