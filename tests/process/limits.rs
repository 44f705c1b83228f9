//! Limits of the process and system calls that it may not make: clean errors, never a hang, a
//! killed host or a lost lock. Each test sets its limits in a process of its own.
#![allow(unsafe_code, reason = "limits and filters have no safe wrapper in std")]

use std::fs::File;
use std::path::PathBuf;
use std::process::Stdio;

use crate::alone;
use crate::common::guest::{another_process_can_lock, descriptors, lock, our_threads, until};
use crate::common::mounted;
use crate::common::{self, Place, another_process, frozen, residue, sound_snapshots, tree};
use hotbackup::{BackupRoot, Code, Coordinator, Options};

/// Whether this is the process with the limits. If it is not, the test is run there.
fn is_apart(test: &str) -> bool {
    let Some(mut command) = another_process(&format!("limits::{test}")) else { return true };
    let _alone = alone();
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let mut status = None;
    until("the other process ends", || {
        status = child.try_wait().unwrap();
        status.is_some()
    });
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}: {}", output.status, String::from_utf8_lossy(&output.stderr));
    false
}

/// Sets the soft limit of a resource; what it was.
fn limit(resource: libc::__rlimit_resource_t, to: u64) -> u64 {
    // SAFETY: the struct lives for the calls.
    unsafe {
        let mut limits = std::mem::zeroed::<libc::rlimit>();
        assert_eq!(libc::getrlimit(resource, &mut limits), 0);
        let before = std::mem::replace(&mut limits.rlim_cur, to);
        assert_eq!(libc::setrlimit(resource, &limits), 0);
        before
    }
}

#[test]
fn a_limit_on_the_size_of_files_is_an_error_and_not_the_death_of_the_host() {
    if !is_apart("a_limit_on_the_size_of_files_is_an_error_and_not_the_death_of_the_host") {
        return;
    }
    let place = Place::with_files();
    let job = place.back_up(&frozen()).unwrap();
    let unlimited = limit(libc::RLIMIT_FSIZE, 50_000);
    let error = place.refused(&frozen());
    assert_eq!((error.code(), error.os_error()), (Code::Io, libc::EFBIG), "{error}");
    let error = common::restore(job.location(), &place.beside("restored")).unwrap_err();
    assert_eq!((error.code(), error.os_error()), (Code::Io, libc::EFBIG), "{error}");
    assert!(!place.beside("restored").exists());
    common::verify(job.location()).unwrap();
    limit(libc::RLIMIT_FSIZE, unlimited);
    place.back_up(&frozen()).unwrap();
    assert_eq!(sound_snapshots(&place.root()).len(), 2);
}

#[test]
fn running_out_of_descriptors_anywhere_is_a_clean_error() {
    if !is_apart("running_out_of_descriptors_anywhere_is_a_clean_error") {
        return;
    }
    let place = Place::with_files();
    let first = place.back_up(&frozen()).unwrap();
    let expected = tree(&place.data());
    let open = descriptors();
    let (mut refused, mut done) = (0, 0);
    for most in 0..40 {
        let target = place.beside(&format!("restored-{most}"));
        let unlimited = limit(libc::RLIMIT_NOFILE, most);
        let results = [
            place.back_up(&frozen()).map(drop),
            common::restore(first.location(), &target),
            common::verify(first.location()),
            BackupRoot::at(place.root()).list().map(drop),
            BackupRoot::at(place.root()).latest().map(drop),
            BackupRoot::at(place.root()).prune(100).map(drop),
            BackupRoot::at(place.root()).delete("nothing"),
        ];
        limit(libc::RLIMIT_NOFILE, unlimited);
        for error in
            results.into_iter().filter_map(Result::err).filter(|error| error.code() != Code::NotFound)
        {
            assert_eq!((error.code(), error.os_error()), (Code::Io, libc::EMFILE), "{most}: {error}");
            refused += 1;
        }
        assert!(!target.exists() || tree(&target) == expected, "{most}: half a restore");
        done += usize::from(target.exists());
        until("no thread is left", || our_threads().is_empty());
        assert_eq!(descriptors(), open, "{most}");
    }
    assert!(refused > 40 && done > 5, "{refused} calls were refused, {done} restores were made");
    place.back_up(&frozen()).unwrap();
    assert_eq!(residue(&place.data()), Vec::<PathBuf>::new());
    sound_snapshots(&place.root());
}

/// A source with a mount inside, to which no link can lead, and more files there than half of the
/// descriptors of a process: mounted as these arguments say.
fn with_more_files_than_descriptors(arguments: &[&str]) -> Option<(Place, mounted::Mounted)> {
    let place = Place::with_files();
    let behind = place.beside("behind");
    (0..60).for_each(|n| common::write(&behind.join(format!("{n}.sst")), &n.to_string().into_bytes()));
    let mounted = mounted::Mounted::new(arguments, &behind, &place.data().join("mounted"))?;
    Some((place, mounted))
}

#[test]
fn more_files_than_descriptors_are_saved_from_a_mount_that_nobody_can_write_to() {
    if !is_apart("more_files_than_descriptors_are_saved_from_a_mount_that_nobody_can_write_to") {
        return;
    }
    let place = Place::with_files();
    let behind = place.beside("behind");
    (0..60).for_each(|n| common::write(&behind.join(format!("{n}.sst")), &n.to_string().into_bytes()));
    let data = place.beside("read-only");
    let Some(_mounted) = mounted::Mounted::new(&["--bind", "-o", "ro"], &behind, &data) else { return };
    let mut options = frozen();
    options.set_root(&place.beside("root")).unwrap();
    options.add_rule("*.sst", hotbackup::FileClass::IMMUTABLE).unwrap();
    let unlimited = limit(libc::RLIMIT_NOFILE, 64);
    let coordinator = Coordinator::open(&data, &options).unwrap();
    let job = coordinator.start().unwrap();
    let result = job.wait();
    limit(libc::RLIMIT_NOFILE, unlimited);
    result.unwrap();
    assert_eq!(tree(job.location()), tree(&data));

    // One that another has replaced there meanwhile is told: half of them have no descriptor.
    options.hooks().freeze_thaw(
        |_| Ok(()),
        move |_| {
            for number in 0..60 {
                let replaced = behind.join(format!("{number}.sst"));
                std::fs::remove_file(&replaced).unwrap();
                common::write(&replaced, &number.to_string().into_bytes());
            }
            Ok(())
        },
    );
    let coordinator = Coordinator::open(&data, &options).unwrap();
    let unlimited = limit(libc::RLIMIT_NOFILE, 64);
    let result = coordinator.start().and_then(|job| job.wait());
    limit(libc::RLIMIT_NOFILE, unlimited);
    let error = result.unwrap_err();
    assert_eq!(error.code(), Code::SourceChanged, "{error}");
    assert!(error.path().is_some_and(|path| path.parent() == Some(&data)), "{error}");
}

#[test]
fn more_files_than_descriptors_elsewhere_are_an_error_that_says_what_would_do() {
    if !is_apart("more_files_than_descriptors_elsewhere_are_an_error_that_says_what_would_do") {
        return;
    }
    let Some((place, _mounted)) = with_more_files_than_descriptors(&["--bind"]) else { return };
    let mut options = frozen();
    options.add_rule("*.sst", hotbackup::FileClass::IMMUTABLE).unwrap();
    let unlimited = limit(libc::RLIMIT_NOFILE, 64);
    let error = place.refused(&options);
    limit(libc::RLIMIT_NOFILE, unlimited);
    assert_eq!((error.code(), error.os_error()), (Code::Io, libc::EMFILE), "{error}");
    // Sixty files there and three with links, each open in half of the descriptors.
    for said in ["links are refused here", "63 files", "RLIMIT_NOFILE must be 126, and it is 64"] {
        assert!(error.message().contains(said), "{error}");
    }
    let unlimited = limit(libc::RLIMIT_NOFILE, 126);
    let result = place.back_up(&options);
    limit(libc::RLIMIT_NOFILE, unlimited);
    result.unwrap();
}

/// The space of files that are deleted meanwhile comes back, and their file system can be unmounted.
#[test]
fn files_that_are_pinned_by_descriptors_are_closed_before_the_copy_is_verified() {
    if !is_apart("files_that_are_pinned_by_descriptors_are_closed_before_the_copy_is_verified") {
        return;
    }
    let Some((place, _mounted)) = with_more_files_than_descriptors(&["--bind"]) else { return };
    let of_the_data = place.data();
    let open = move || {
        let tables =
            std::fs::read_dir("/proc/self/task").unwrap().map(|task| task.unwrap().path().join("fd"));
        let descriptors = tables.filter_map(|table| std::fs::read_dir(table).ok()).flatten().flatten();
        let files = descriptors.filter_map(|descriptor| std::fs::read_link(descriptor.path()).ok());
        let is_pinned = |file: &std::path::PathBuf| {
            file.starts_with(&of_the_data) && file.extension().is_some_and(|extension| extension == "sst")
        };
        files.filter(is_pinned).count()
    };
    let mut options = Options::new();
    options.add_rule("*.sst", hotbackup::FileClass::IMMUTABLE).unwrap();
    let in_window = open.clone();
    options.hooks().freeze_thaw(
        |_| Ok(()),
        move |_| match in_window() {
            0 => Err("nothing is pinned by a descriptor".into()),
            _ => Ok(()),
        },
    );
    options.hooks().validate(move |_, _| match open() {
        0 => Ok(()),
        still => Err(format!("{still} are open").into()),
    });
    place.back_up(&options).unwrap();
}

#[test]
fn a_chroot_without_dev_and_proc_is_as_good_as_any_place() {
    const TOP: &str = "HOTBACKUP_TEST_TOP";
    if let Some(mut command) =
        another_process("limits::a_chroot_without_dev_and_proc_is_as_good_as_any_place")
    {
        let _alone = alone();
        let place = Place::with_files();
        let output = command.env(TOP, place.beside("")).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        return;
    }
    let top = std::env::var(TOP).unwrap();
    if std::os::unix::fs::chroot(top).is_err() {
        return common::skip("only root may change its root");
    }
    std::env::set_current_dir("/").unwrap();
    let expected = tree("/data".as_ref());
    // Without close_range too, for which /proc tells elsewhere what is open.
    for forbidden in [&[][..], &[libc::SYS_close_range]] {
        forbid(forbidden, libc::ENOSYS);
        let coordinator = Coordinator::open("/data", &frozen()).unwrap();
        let job = coordinator.start().unwrap();
        job.wait().unwrap();
        hotbackup::verify(job.location(), &Options::new()).unwrap().wait().unwrap();
        common::restore(job.location(), "/restored".as_ref()).unwrap();
        assert_eq!(tree("/restored".as_ref()), expected);
        std::fs::remove_dir_all("/restored").unwrap();
    }
}

/// From now on these system calls fail in this thread and in those that it makes.
fn forbid(calls: &[libc::c_long], error: i32) {
    // The filter's language: load the number of the call, compare, jump so many steps, return.
    let step = |code: u32, jt, k| libc::sock_filter { code: code as u16, jt, jf: 0, k };
    let mut program = vec![step(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, 0)];
    for (index, call) in calls.iter().enumerate() {
        let to_the_end = calls.len() - index;
        program.push(step(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, to_the_end as u8, *call as u32));
    }
    program.push(step(libc::BPF_RET | libc::BPF_K, 0, libc::SECCOMP_RET_ALLOW));
    program.push(step(libc::BPF_RET | libc::BPF_K, 0, libc::SECCOMP_RET_ERRNO | error as u32));
    let filter = libc::sock_fprog { len: program.len() as u16, filter: program.as_mut_ptr() };
    // SAFETY: the program lives for the calls, which change this thread alone.
    unsafe {
        assert_eq!(libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
        assert_eq!(libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &filter), 0);
    }
}

fn without_own_tables(error: i32) {
    let place = Place::with_files();
    let snapshot = place.back_up(&frozen()).unwrap();
    let locked = place.data().join("index");
    let file = File::options().read(true).write(true).open(&locked).unwrap();
    assert!(lock(&file));
    forbid(&[libc::SYS_close_range, libc::SYS_unshare], error);

    let refused = place.refused(&frozen());
    assert_eq!(refused.code(), Code::Unsupported, "{refused}");
    assert!(refused.message().contains("set_no_posix_locks"), "{refused}");
    let target = place.beside("restored");
    for refused in [common::restore(snapshot.location(), &target), common::verify(snapshot.location())] {
        assert_eq!(refused.unwrap_err().code(), Code::Unsupported);
    }
    assert!(!target.exists());
    BackupRoot::at(place.root()).list().unwrap();
    BackupRoot::at(place.root()).latest().unwrap();
    assert!(!another_process_can_lock(&locked), "the lock is lost");

    let mut options = frozen();
    options.set_no_posix_locks(true);
    let job = place.back_up(&options).unwrap();
    hotbackup::verify(job.location(), &options).unwrap().wait().unwrap();
    hotbackup::restore(job.location(), &target, &options).unwrap().wait().unwrap();
    assert_eq!(tree(&target), tree(&place.data()));
    BackupRoot::at(place.root()).prune(1).unwrap();
}

#[test]
fn where_descriptor_tables_cannot_be_left_for_lack_of_permission_jobs_are_unsupported() {
    if is_apart("where_descriptor_tables_cannot_be_left_for_lack_of_permission_jobs_are_unsupported") {
        without_own_tables(libc::EPERM);
    }
}

#[test]
fn where_descriptor_tables_cannot_be_left_for_lack_of_the_calls_jobs_are_unsupported() {
    if is_apart("where_descriptor_tables_cannot_be_left_for_lack_of_the_calls_jobs_are_unsupported") {
        without_own_tables(libc::ENOSYS);
    }
}

#[test]
fn without_close_range_the_table_is_left_all_the_same() {
    if !is_apart("without_close_range_the_table_is_left_all_the_same") {
        return;
    }
    let place = Place::with_files();
    let locked = place.data().join("index");
    let file = File::options().read(true).write(true).open(&locked).unwrap();
    assert!(lock(&file));
    forbid(&[libc::SYS_close_range], libc::ENOSYS);
    let coordinator = Coordinator::open(&place.data(), &frozen()).unwrap();
    let job = coordinator.start().unwrap();
    job.wait().unwrap();
    hotbackup::verify(job.location(), &Options::new()).unwrap().wait().unwrap();
    assert!(!another_process_can_lock(&locked), "the lock is lost");
}
