//! File systems that give less than ext4 does: what `cp` can do there, a backup can.

use std::fs::{self, File};
use std::ops::ControlFlow;
use std::os::unix::fs::{FileExt, MetadataExt, PermissionsExt};
use std::path::Path;
use std::time::{Duration, SystemTime};

use crate::common::fuse::{Less, Lesser};
use crate::common::{Ended, Place, bytes, frozen, residue, restore, skip, tree, verify, write};
use hotbackup::{BackupRoot, Code, Coordinator, FileClass, Options, Phase, Recovered};

/// A data directory, a root and a target, all on such a file system.
struct Served {
    place: Place,
    served: Lesser,
}

impl Served {
    /// `None`, and the test is skipped: this user may not mount.
    fn with(less: Less) -> Option<Self> {
        let place = Place::new();
        let served = Lesser::mount(&place.data(), less);
        if served.is_none() {
            skip("this user may not mount");
        }
        let served = Self { place, served: served? };
        write(&served.data().join("index"), b"index");
        write(&served.data().join("tables/1.sst"), &bytes(300_000, 1));
        write(&served.data().join("log"), &bytes(20_000, 2));
        write(&served.data().join("pages"), &bytes(400_000, 3));
        Some(served)
    }

    fn data(&self) -> std::path::PathBuf {
        self.served.path().join("data")
    }

    fn beside(&self, name: &str) -> std::path::PathBuf {
        self.served.path().join(name)
    }

    /// Options with a file of each class, and a root on the file system.
    fn options(&self) -> Options {
        let mut options = frozen();
        options.set_root(&self.beside("root")).unwrap();
        options.add_rule("*.sst", FileClass::IMMUTABLE).unwrap();
        options.add_rule("log", FileClass::AppendOnly).unwrap();
        options.add_rule("pages", FileClass::Pinned).unwrap();
        // Long enough for what the kernel remembers of attributes to be asked again.
        options.hooks().validate(|_, _| Ok(std::thread::sleep(Duration::from_millis(80))));
        options
    }

    fn back_up(&self, options: &Options) -> hotbackup::Result<Ended> {
        let coordinator = Coordinator::open(&self.data(), options)?;
        let job = coordinator.start()?;
        job.wait()?;
        Ok(Ended(job))
    }

    /// A backup, a restore beside it and one over it, and an undo, all there.
    fn does_all(&self) {
        let expected = tree(&self.data());
        let job = self.back_up(&self.options()).unwrap();
        assert_eq!(tree(job.location()), expected);
        verify(job.location()).unwrap();
        self.back_up(&self.options()).unwrap();
        restore(job.location(), &self.beside("new")).unwrap();
        assert_eq!(tree(&self.beside("new")), expected);
        write(&self.data().join("index"), b"later");
        restore(job.location(), &self.data()).unwrap();
        assert_eq!(tree(&self.data()), expected);
        hotbackup::restore_undo(&self.data()).unwrap();
        assert_eq!(fs::read(self.data().join("index")).unwrap(), b"later");
        assert_eq!(BackupRoot::at(self.beside("root")).prune(1).unwrap(), 1);
        assert_eq!(residue(self.place.data().as_path()), Vec::<std::path::PathBuf>::new());
    }
}

#[test]
fn modes_owners_and_times_that_are_refused_are_forgiven() {
    for refusal in [libc::EPERM, libc::EACCES, libc::EOPNOTSUPP, libc::ENOSYS, libc::EINVAL] {
        let refusal = Some(refusal);
        for less in [
            Less { chmod: refusal, ..Less::default() },
            Less { chown: refusal, ..Less::default() },
            Less { utimes: refusal, ..Less::default() },
            Less { chmod: refusal, chown: refusal, utimes: refusal, link: refusal, ..Less::default() },
        ] {
            let Some(served) = Served::with(less) else { return };
            served.does_all();
        }
    }
}

#[test]
fn what_a_root_cannot_keep_of_the_attributes_stands_in_the_manifest() {
    let place = Place::with_files();
    fs::set_permissions(place.data().join("index"), PermissionsExt::from_mode(0o640)).unwrap();
    let roots = Place::new();
    let refusal = Some(libc::EPERM);
    let Some(served) =
        Lesser::mount(&roots.data(), Less { chmod: refusal, chown: refusal, ..Less::default() })
    else {
        return skip("this user may not mount");
    };
    let mut options = frozen();
    options.set_root(&served.path().join("root")).unwrap();
    let job = place.back_up(&options).unwrap();
    let target = place.beside("restored");
    restore(job.location(), &target).unwrap();
    assert_eq!(fs::metadata(target.join("index")).unwrap().mode() & 0o7777, 0o640);
}

#[test]
fn a_file_system_that_does_not_say_how_large_it_is_is_not_full() {
    let Some(served) = Served::with(Less { no_size: true, ..Less::default() }) else { return };
    served.does_all();
    let mut options = served.options();
    options.set_min_free(1 << 20);
    served.back_up(&options).unwrap();
}

#[test]
fn times_that_are_rounded_later_are_no_change() {
    for granularity in [100, 1_000_000_000, 2_000_000_000] {
        let less = Less { rounds_times_to: Some(granularity), ..Less::default() };
        let Some(served) = Served::with(less) else { return };
        served.does_all();
    }
}

#[test]
fn without_locks_a_backup_works_and_nothing_is_moved_where_a_host_may_be() {
    for refusal in [libc::ENOSYS, libc::EOPNOTSUPP, libc::ENOLCK] {
        let Some(served) = Served::with(Less { flock: Some(refusal), ..Less::default() }) else { return };
        let expected = tree(&served.data());
        let job = served.back_up(&served.options()).unwrap();
        served.back_up(&served.options()).unwrap();
        assert_eq!(tree(job.location()), expected);
        verify(job.location()).unwrap();
        restore(job.location(), &served.beside("new")).unwrap();
        assert_eq!(tree(&served.beside("new")), expected);
        BackupRoot::at(served.beside("root")).prune(1).unwrap();
        // Its host asks for the recovery itself.
        assert_eq!(hotbackup::recover(&served.data()).unwrap(), Recovered::Nothing);
        let latest = BackupRoot::at(served.beside("root")).latest().unwrap();
        let error = restore(latest.location(), &served.data()).unwrap_err();
        assert_eq!(error.code(), Code::Unsupported, "{error}");
        for said in ["no locks (flock)", "does not exist yet can be restored to"] {
            assert!(error.message().contains(said), "{error}");
        }
        assert_eq!(tree(&served.data()), expected);
    }
}

/// Logs and pages are what they were in the window though the engine goes on, whatever holds them.
fn holds_what_goes_on(less: Less) {
    let Some(served) = Served::with(less) else { return };
    let expected = tree(&served.data());
    let mut options = served.options();
    options.set_rate_limit(3_000_000);
    let data = served.data();
    options.hooks().progress(move |progress, _| {
        if progress.phase == Phase::Copy {
            use std::io::Write;
            File::options().append(true).open(data.join("log")).unwrap().write_all(b"more").unwrap();
            let pages = File::options().write(true).open(data.join("pages")).unwrap();
            pages.write_all_at(b"meta", 0).unwrap();
            let _ = fs::remove_file(data.join("tables/1.sst"));
        }
        Ok(ControlFlow::Continue(()))
    });
    let job = served.back_up(&options).unwrap();
    assert_eq!(tree(job.location()), expected);
    verify(job.location()).unwrap();
    assert!(!served.data().join("tables/1.sst").exists());
}

#[test]
fn where_each_name_has_a_number_of_its_own_logs_and_pages_are_held_open() {
    holds_what_goes_on(Less { number_per_name: true, ..Less::default() });
}

#[test]
fn where_links_are_refused_files_are_held_open() {
    for refusal in [libc::EPERM, libc::EOPNOTSUPP, libc::ENOSYS, libc::EMLINK] {
        holds_what_goes_on(Less { link: Some(refusal), ..Less::default() });
    }
}

#[test]
fn a_rename_that_cannot_promise_to_replace_nothing_does_too() {
    let Some(served) = Served::with(Less { no_noreplace: true, ..Less::default() }) else { return };
    served.does_all();
}

#[test]
fn a_directorys_setgid_bit_is_kept_and_a_files_is_not() {
    let place = Place::with_files();
    let mode = |path: &Path| fs::metadata(path).unwrap().mode() & 0o7777;
    let set = |path: &str, mode| {
        fs::set_permissions(place.data().join(path), PermissionsExt::from_mode(mode)).unwrap();
    };
    set("tables", 0o2770);
    set("hollow", 0o3777);
    set("index", 0o6755);
    let job = place.back_up(&frozen()).unwrap();
    let target = place.beside("restored");
    restore(job.location(), &target).unwrap();
    for top in [job.location(), target.as_path()] {
        assert_eq!(mode(&top.join("tables")), 0o2770);
        assert_eq!(mode(&top.join("hollow")), 0o3777);
        assert_eq!(mode(&top.join("index")), 0o755);
    }
}

#[test]
fn times_beyond_what_64_bits_of_nanoseconds_hold_are_kept() {
    let place = Place::in_memory();
    let century = Duration::from_secs(100 * 365 * 24 * 3600);
    let times = [SystemTime::UNIX_EPOCH + 10 * century, SystemTime::UNIX_EPOCH - 4 * century];
    for (n, time) in times.iter().enumerate() {
        write(&place.data().join(n.to_string()), b"file");
        fs::create_dir(place.data().join(format!("directory-{n}"))).unwrap();
        for name in [n.to_string(), format!("directory-{n}")] {
            let file = File::open(place.data().join(name)).unwrap();
            file.set_modified(*time + Duration::from_nanos(123_456_789)).unwrap();
        }
    }
    let job = place.back_up(&frozen()).unwrap();
    verify(job.location()).unwrap();
    let target = place.beside("restored");
    restore(job.location(), &target).unwrap();
    for name in ["0", "1", "directory-0", "directory-1"] {
        let time = |top: &Path| fs::metadata(top.join(name)).unwrap().modified().unwrap();
        assert_eq!(time(&target), time(&place.data()), "{name}");
        assert_eq!(time(job.location()), time(&place.data()), "{name}");
    }
}
