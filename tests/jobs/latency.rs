//! With a latency target the rate of a job follows what a small synced write takes where the host is.

use std::ffi::OsString;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::common::fuse::{Less, Lesser};
use crate::common::{Place, bytes, frozen, skip, write};
use hotbackup::{Code, Coordinator, FileClass, Job, Options, Share, VerifyLevel};

const LARGE: usize = 64 << 20;

/// Every write misses this one, and none the other.
const NEVER_MET: Duration = Duration::from_nanos(1);
const ALWAYS_MET: Duration = Duration::from_secs(3600);

/// Far less than a copy at the lowest rate takes.
const SOON: Duration = Duration::from_secs(20);

/// Options under which a table is copied anew each time, within the rate and this target.
fn aiming_at(target: Duration) -> Options {
    let mut options = frozen();
    options.add_rule("*.sst", FileClass::IMMUTABLE).unwrap();
    options.set_share(Share::Never);
    options.set_verify_level(VerifyLevel::Size);
    options.set_latency_target(target);
    options
}

/// A large table, in memory, where a sync takes no time.
fn with_a_large_table() -> Place {
    let place = Place::in_memory();
    write(&place.data().join("table.sst"), &bytes(LARGE, 1));
    place
}

fn done(job: &Job) -> u64 {
    job.status().unwrap().bytes_done
}

/// How long the job takes until all is copied; then it ends well.
fn until_copied(job: &Job) -> Duration {
    let start = Instant::now();
    while done(job) < LARGE as u64 && !job.status().unwrap().state.has_ended() {
        std::thread::sleep(Duration::from_millis(2));
    }
    let took = start.elapsed();
    job.wait().unwrap();
    assert!(job.warnings().unwrap().is_empty(), "{:?}", job.warnings());
    took
}

/// In the time in which another copied all of it, this job has not copied half; it is cancelled soon.
fn is_slowed(job: &Job, in_the_time: Duration) {
    std::thread::sleep(in_the_time);
    let copied = done(job);
    assert!(copied < LARGE as u64 / 2, "{copied} bytes were copied in {in_the_time:?}");
    let asked = Instant::now();
    job.cancel().unwrap();
    assert_eq!(job.wait_for(SOON).unwrap_err().code(), Code::Cancelled);
    assert!(asked.elapsed() < SOON);
}

/// What the library keeps in a data directory for the time of a job.
fn kept(data: &Path) -> Vec<OsString> {
    let names = fs::read_dir(data.join(".lifecycle")).unwrap().map(|entry| entry.unwrap().file_name());
    let lasting = ["owner", "id", "roots", "sources", "backup"];
    names.filter(|name| !lasting.iter().any(|lasting| name == lasting)).collect()
}

#[test]
fn a_backup_is_slowed_while_synced_writes_miss_the_target_and_only_then() {
    let place = with_a_large_table();
    let coordinator = Coordinator::open(place.data(), &aiming_at(ALWAYS_MET)).unwrap();
    let took = until_copied(&coordinator.start().unwrap());
    drop(coordinator);
    let coordinator = Coordinator::open(place.data(), &aiming_at(NEVER_MET)).unwrap();
    is_slowed(&coordinator.start().unwrap(), took);
}

#[test]
fn a_restore_is_slowed_likewise() {
    let place = with_a_large_table();
    let snapshot = place.back_up(&frozen()).unwrap().location().to_path_buf();
    let restored = |target: Duration, name: &str| {
        hotbackup::restore(&snapshot, place.beside(name), &aiming_at(target)).unwrap()
    };
    let took = until_copied(&restored(ALWAYS_MET, "restored"));
    assert_eq!(fs::read_dir(place.beside("restored")).unwrap().count(), 1);
    is_slowed(&restored(NEVER_MET, "slow"), took);
}

#[test]
fn the_hosts_own_limit_holds_though_every_write_is_quick() {
    let place = with_a_large_table();
    let mut options = aiming_at(ALWAYS_MET);
    let coordinator = Coordinator::open(place.data(), &options).unwrap();
    let took = until_copied(&coordinator.start().unwrap());
    drop(coordinator);
    options.set_rate_limit(1 << 20);
    let coordinator = Coordinator::open(place.data(), &options).unwrap();
    let job = coordinator.start().unwrap();
    std::thread::sleep(took / 2);
    job.set_rate_limit(100_000).unwrap();
    is_slowed(&job, took);
}

#[test]
fn the_freeze_window_is_never_slowed() {
    let place = Place::in_memory();
    write(&place.data().join("pages"), &bytes(LARGE, 1));
    let coordinator = Coordinator::open(place.data(), &aiming_at(NEVER_MET)).unwrap();
    let job = coordinator.start().unwrap();
    assert!(job.wait_for(SOON).unwrap().has_ended());
}

/// A large table on a file system of its own, with the root elsewhere. `None`: this user may not mount.
fn served(less: Less) -> Option<(Place, Lesser)> {
    let place = with_a_large_table();
    let served = Lesser::mount(&place.data(), less);
    if served.is_none() {
        skip("this user may not mount");
    }
    Some((place, served?))
}

fn start(place: &Place, served: &Lesser, mut options: Options) -> (Coordinator, Job) {
    options.set_root(place.beside("root")).unwrap();
    options.set_adopt_root(true);
    let coordinator = Coordinator::open(served.path(), &options).unwrap();
    let job = coordinator.start().unwrap();
    (coordinator, job)
}

/// The copy goes to another file system: what counts is the one where the host writes.
#[test]
fn a_disk_of_the_hosts_that_is_slow_to_sync_slows_the_copy_and_nothing_is_named_there() {
    let Some((place, slow)) = served(Less { sync_takes: Duration::from_millis(50), ..Less::default() })
    else {
        return;
    };
    let took = until_copied(&start(&place, &slow, aiming_at(ALWAYS_MET)).1);
    let (_coordinator, job) = start(&place, &slow, aiming_at(Duration::from_millis(10)));
    std::thread::sleep(took / 2);
    // While it measures, in a file that had to have a name.
    let kept = kept(&place.data());
    assert!(matches!(kept.as_slice(), [pins] if pins.as_bytes().starts_with(b"pins-")), "{kept:?}");
    is_slowed(&job, took / 2);
}

#[test]
fn where_nothing_can_be_written_the_job_goes_on_with_one_warning() {
    let Some((place, served)) = served(Less { read_only: true, ..Less::default() }) else { return };
    let (_coordinator, job) = start(&place, &served, aiming_at(NEVER_MET));
    // It would be slowed, if its target were looked at.
    assert!(job.wait_for(SOON).unwrap().has_ended());
    let [warning] = job.warnings().unwrap().try_into().unwrap();
    assert!(warning.message().contains("latency target"), "{warning}");
    assert_eq!(warning.path(), Some(served.path().join(".lifecycle").as_path()));
}

#[test]
fn a_file_for_measuring_that_a_kill_has_left_is_removed() {
    let place = Place::with_snapshot();
    write(&place.data().join(".lifecycle/latency-probe"), b"left");
    Coordinator::open(place.data(), &frozen()).unwrap().close();
    assert_eq!(kept(&place.data()), Vec::<OsString>::new());
}
