//! The freeze window never outlasts its timeout, even when what it waits for is stuck in the kernel.

use std::ops::ControlFlow;
use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::thread::ThreadId;
use std::time::Duration;

use crate::common::{Place, bytes, frozen, harmless_in, skip, sound_snapshots, write};
use hotbackup::{Code, Options};

/// The hooks' calls of one job, in their order, with their threads.
#[derive(Clone, Default)]
struct Calls(Arc<Mutex<Vec<(&'static str, ThreadId)>>>);

impl Calls {
    fn hooks(
        &self,
        options: &mut Options,
        freeze: impl Fn() + Sync + Send + 'static,
        thaw: impl Fn() + Sync + Send + 'static,
    ) {
        let note = |name: &'static str| {
            let calls = self.0.clone();
            move || calls.lock().unwrap().push((name, std::thread::current().id()))
        };
        let (frozen, thawed, released, progress) =
            (note("freeze"), note("thaw"), note("release"), note("progress"));
        options.hooks().freeze_thaw(
            move |_| {
                freeze();
                frozen();
                Ok(())
            },
            move |_| {
                thawed();
                thaw();
                Ok(())
            },
        );
        options.hooks().release(move |_| Ok(released()));
        options.hooks().progress(move |_, _| Ok(ControlFlow::Continue(progress())));
    }

    /// One window, closed on the thread that opened it, with nothing in between; then the release.
    #[track_caller]
    fn are_one_window(&self) {
        let calls = self.0.lock().unwrap();
        let names: Vec<_> = calls.iter().map(|(name, _)| *name).collect();
        for name in ["freeze", "thaw", "release"] {
            assert_eq!(names.iter().filter(|call| **call == name).count(), 1, "{names:?}");
        }
        let freeze = names.iter().position(|name| *name == "freeze").unwrap();
        assert_eq!(names[freeze + 1], "thaw", "{names:?}");
        assert_eq!(names.iter().rfind(|name| **name != "progress"), Some(&"release"));
        assert_eq!(calls[freeze].1, calls[freeze + 1].1, "a host may hold a mutex from freeze to thaw");
    }
}

#[test]
fn a_window_with_too_much_to_copy_is_closed_and_names_what_it_was_doing() {
    let place = Place::with_snapshot();
    for n in 0..3000 {
        // Small enough that no file system clones them instead.
        write(&place.data().join(format!("many/{n}")), &bytes(20_000, n));
    }
    let calls = Calls::default();
    let mut options = Options::new();
    options.set_freeze_timeout(Duration::from_millis(1));
    calls.hooks(&mut options, || {}, || {});
    let error = place.refused(&options);
    assert_eq!(error.code(), Code::FreezeTimeout, "{error}");
    assert!(error.message().contains(place.data().to_str().unwrap()), "{error}");
    calls.are_one_window();

    options.set_freeze_timeout(Duration::ZERO);
    place.back_up(&options).expect("zero is no timeout");
}

#[test]
fn a_thaw_that_returns_too_late_fails_the_job_that_overran() {
    let place = Place::with_snapshot();
    let calls = Calls::default();
    let mut options = Options::new();
    options.set_freeze_timeout(Duration::from_millis(200));
    // As one in Python does that waits for the interpreter.
    calls.hooks(&mut options, || {}, || std::thread::sleep(Duration::from_millis(400)));
    let error = place.refused(&options);
    assert_eq!(error.code(), Code::FreezeTimeout, "{error}");
    assert!(error.message().contains("writes stood still for"), "{error}");
    calls.are_one_window();

    options.set_freeze_timeout(Duration::from_secs(30));
    place.back_up(&options).expect("in time");
}

#[test]
fn thaw_comes_in_time_though_the_copy_is_stuck_in_the_kernel() {
    let Some(disk) = Disk::new() else { return skip("it needs root, losetup and fsfreeze") };
    let place = Place::with_files();
    let mut options = frozen();
    options.set_root(&disk.path).unwrap();
    place.back_up(&options).expect("an older snapshot");
    options.set_freeze_timeout(Duration::from_millis(300));
    // The root's file system stops with the host and goes on with it: the copy in the window
    // cannot go on before the thaw, so the thaw cannot wait for the copy.
    let calls = Calls::default();
    let (stopping, going_on) = (disk.path.clone(), disk.path.clone());
    calls.hooks(&mut options, move || stop_disk(&stopping, true), move || stop_disk(&going_on, false));
    let error = harmless_in(&disk.path, || place.back_up(&options));
    assert_eq!(error.code(), Code::FreezeTimeout, "{error}");
    let source = place.data();
    assert!(error.message().contains(&format!("copying {}", source.display())), "{error}");
    calls.are_one_window();
    assert_eq!(sound_snapshots(&disk.path).len(), 1);
}

fn stop_disk(path: &Path, stop: bool) {
    let _ = Command::new("fsfreeze").arg(if stop { "-f" } else { "-u" }).arg(path).status();
}

/// A small file system on a loop device.
struct Disk {
    path: std::path::PathBuf,
    _place: tempfile::TempDir,
}

impl Disk {
    fn new() -> Option<Self> {
        let place = tempfile::tempdir().expect("a temporary directory");
        let (image, path) = (place.path().join("image"), place.path().join("disk"));
        std::fs::create_dir(&path).unwrap();
        std::fs::File::create(&image).unwrap().set_len(32 << 20).unwrap();
        let ran = |command: &mut Command| command.output().is_ok_and(|output| output.status.success());
        let is_there = ran(Command::new("mkfs.ext4").arg("-q").arg(&image))
            && ran(Command::new("mount").args(["-o", "loop"]).arg(&image).arg(&path));
        is_there.then_some(Self { path, _place: place })
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        stop_disk(&self.path, false);
        let _ = Command::new("umount").arg(&self.path).status();
    }
}
