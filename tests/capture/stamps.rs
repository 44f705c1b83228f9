//! What time stamps can prove, and what they cannot: their clock may be another machine's, they may be
//! coarse, and a write is stamped when it begins.
#![allow(unsafe_code, reason = "userfaultfd has no safe wrapper")]

use std::fs::{self, File};
use std::os::fd::AsRawFd;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use crate::common::fuse::{Less, Lesser};
use crate::common::mounted::Mounted;
use crate::common::{Place, skip, tree, verify};
use hotbackup::{Code, Coordinator, FileClass, Options};

const PAGE: usize = 4096;
const MEGABYTE: usize = 1 << 20;

/// Without a freeze hook, into a root that lies elsewhere.
fn options(root: &Path) -> Options {
    let mut options = Options::new();
    options.set_root(root).unwrap();
    options
}

/// What a restless writer writes to is refused, and backed up once it rests.
fn is_backed_up_only_at_rest(ahead: i64) {
    let place = Place::new();
    fs::write(place.data().join("large"), vec![0; 4 << 20]).unwrap();
    let Some(served) = skewed(&place, ahead) else { return };
    let stop = Arc::new(AtomicBool::new(false));
    let (stopped, large) = (stop.clone(), served.path().join("large"));
    let writer = std::thread::spawn(move || {
        let file = File::options().write(true).open(large).unwrap();
        for n in (1..=u8::MAX).cycle() {
            if stopped.load(Relaxed) {
                return;
            }
            file.write_all_at(&vec![n; 4 << 20], 0).unwrap();
        }
    });
    let coordinator = Coordinator::open(served.path(), &options(&place.beside("root"))).unwrap();
    let result = coordinator.start().unwrap().wait();
    stop.store(true, Relaxed);
    writer.join().unwrap();
    let error = result.expect_err("it was written to all the time");
    assert_eq!(error.code(), Code::SourceChanged, "{ahead}: {error}");

    let job = coordinator.start().unwrap();
    job.wait().unwrap();
    assert_eq!(tree(job.location()), tree(&place.data()), "{ahead}");
}

/// Served with a clock that is so many seconds ahead, and stamps of whole seconds.
fn skewed(place: &Place, ahead: i64) -> Option<Lesser> {
    let served = Lesser::mount(&place.data(), Less { clock: Some((ahead, 1)), ..Less::default() });
    if served.is_none() {
        skip("this user may not mount");
    }
    served
}

#[test]
fn a_writer_that_never_rests_is_found_out_whatever_the_file_servers_clock_says() {
    std::thread::scope(|all| {
        for ahead in [-10, 0, 10] {
            all.spawn(move || is_backed_up_only_at_rest(ahead));
        }
    });
}

#[test]
fn a_table_that_is_completed_before_the_freeze_is_whole_whatever_the_file_servers_clock_says() {
    for ahead in [-10, 0, 10] {
        let place = Place::new();
        let Some(served) = skewed(&place, ahead) else { return };
        let table = served.path().join("1.sst");
        fs::write(&table, b"begun").unwrap();
        let mut options = options(&place.beside("root"));
        options.add_rule("*.sst", FileClass::IMMUTABLE).unwrap();
        // It has been pinned by then.
        options.hooks().freeze_thaw(move |_| Ok(fs::write(&table, b"begun and ended").unwrap()), |_| Ok(()));
        let coordinator = Coordinator::open(served.path(), &options).unwrap();
        let job = coordinator.start().unwrap();
        job.wait().unwrap_or_else(|error| panic!("{ahead}: {error}"));
        assert_eq!(fs::read(job.location().join("1.sst")).unwrap(), b"begun and ended", "{ahead}");
    }
}

/// Memory of which a page in each megabyte comes slowly, as from a busy disk: a `write` from it takes its
/// time.
struct SlowMemory {
    start: *mut u8,
    megabytes: usize,
}

// SAFETY: the memory is this value's own, and only the kernel reads it.
unsafe impl Send for SlowMemory {}

impl SlowMemory {
    /// All of it holds `fill`. `None`: this kernel or user has no such thing.
    fn new(megabytes: usize, fill: u8, pause: Duration) -> Option<Self> {
        #[repr(C)]
        struct Api(u64, u64, u64);
        #[repr(C)]
        struct Register(u64, u64, u64, u64);
        const UFFDIO_API: u64 = 0xc018_aa3f;
        const UFFDIO_REGISTER: u64 = 0xc020_aa00;
        const UFFDIO_COPY: u64 = 0xc028_aa03;
        let length = megabytes * MEGABYTE;
        // SAFETY: new memory is mapped and registered, and each struct lives for its call. The thread
        // answers for as long as the process lives, as the memory does.
        unsafe {
            let faults = libc::syscall(libc::SYS_userfaultfd, libc::O_CLOEXEC) as i32;
            let mut api = Api(0xaa, 0, 0);
            if faults < 0 || libc::ioctl(faults, UFFDIO_API as _, &mut api) != 0 {
                return None;
            }
            let (access, flags) =
                (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS);
            let start = libc::mmap(std::ptr::null_mut(), length, access, flags, -1, 0);
            assert_ne!(start, libc::MAP_FAILED);
            libc::madvise(start, length, libc::MADV_NOHUGEPAGE);
            std::slice::from_raw_parts_mut(start.cast::<u8>(), length).fill(fill);
            for megabyte in 0..megabytes {
                libc::madvise(start.byte_add(megabyte * MEGABYTE), PAGE, libc::MADV_DONTNEED);
            }
            let mut register = Register(start as u64, length as u64, 1, 0);
            if libc::ioctl(faults, UFFDIO_REGISTER as _, &mut register) != 0 {
                return None;
            }
            std::thread::spawn(move || {
                let source = vec![fill; PAGE];
                let mut message = [0u64; 4];
                while libc::read(faults, message.as_mut_ptr().cast(), 32) == 32 {
                    std::thread::sleep(pause);
                    let at = message[2] & !(PAGE as u64 - 1);
                    let mut copy = [at, source.as_ptr() as u64, PAGE as u64, 0, 0];
                    libc::ioctl(faults, UFFDIO_COPY as _, copy.as_mut_ptr());
                }
            });
            Some(Self { start: start.cast(), megabytes })
        }
    }

    /// One `write` of all of it.
    fn write_to(self, file: &File) {
        let length = self.megabytes * MEGABYTE;
        // SAFETY: the memory is mapped, and the descriptor open.
        let written = unsafe { libc::pwrite(file.as_raw_fd(), self.start.cast(), length, 0) };
        assert_eq!(written, length as isize);
    }
}

/// Backs up a file amid one `write` of all of it that takes longer than any stamp is coarse.
fn is_whole_amid_a_long_write(place: &Path) {
    let megabytes = 16;
    let (data, root) = (place.join("data"), place.join("root"));
    fs::create_dir_all(&data).unwrap();
    let subject = data.join("subject");
    fs::write(&subject, vec![1; megabytes * MEGABYTE]).unwrap();
    let Some(memory) = SlowMemory::new(megabytes, 2, Duration::from_millis(250)) else {
        return skip("no userfaultfd for this user");
    };
    let file = File::options().write(true).open(&subject).unwrap();
    let writer = std::thread::spawn(move || memory.write_to(&file));
    let coordinator = Coordinator::open(&data, &options(&root)).unwrap();
    let job = coordinator.start().unwrap();
    let result = job.wait();
    writer.join().unwrap();
    match result {
        Ok(_) => {
            let copy = fs::read(job.location().join("subject")).unwrap();
            let torn = copy.iter().position(|byte| *byte != copy[0]);
            assert_eq!(torn, None, "in {}", place.display());
            verify(job.location()).unwrap();
        }
        Err(error) => assert_eq!(error.code(), Code::SourceChanged, "{error}"),
    }
}

#[test]
fn a_write_that_takes_longer_than_stamps_are_coarse_tears_no_copy() {
    std::thread::scope(|all| {
        for place in [Place::new(), Place::in_memory()] {
            all.spawn(move || is_whole_amid_a_long_write(&place.beside("long")));
        }
        for kind in ["ext4", "xfs", "btrfs"] {
            all.spawn(move || {
                let place = Place::new();
                let Some(mounted) = Mounted::image(kind, 300 << 20, &place.beside("disk")) else { return };
                is_whole_amid_a_long_write(&mounted.path().join("long"));
            });
        }
        all.spawn(|| {
            let place = Place::new();
            let Some(mounted) = Mounted::overlay(&place.beside("overlaid")) else { return };
            is_whole_amid_a_long_write(&mounted.path().join("long"));
        });
        all.spawn(|| {
            let place = Place::new();
            let Some(served) = Lesser::mount(&place.data(), Less::default()) else {
                return skip("this user may not mount");
            };
            is_whole_amid_a_long_write(&served.path().join("long"));
        });
    });
}

/// A file that is stored to through a mapping all the time, page by page. Its pages stay dirty, so that no store
/// stamps it. A copy of one instant has new values up to some page, and from there on those of the pass before.
fn is_never_torn_by_stores(place: &Path) {
    let (data, root) = (place.join("data"), place.join("root"));
    fs::create_dir_all(&data).unwrap();
    let subject = data.join("subject");
    fs::write(&subject, vec![0; MEGABYTE]).unwrap();
    let file = File::options().read(true).write(true).open(&subject).unwrap();
    let stop = Arc::new(AtomicBool::new(false));
    let stopped = stop.clone();
    let writer = std::thread::spawn(move || {
        // SAFETY: the file is that long, and stays so; only this thread uses the mapping.
        unsafe {
            let (access, flags) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_SHARED);
            let start = libc::mmap(std::ptr::null_mut(), MEGABYTE, access, flags, file.as_raw_fd(), 0);
            assert_ne!(start, libc::MAP_FAILED);
            for n in 1u64.. {
                (0..MEGABYTE).step_by(PAGE).for_each(|at| start.add(at).cast::<u64>().write_volatile(n));
                if stopped.load(Relaxed) {
                    break;
                }
                std::thread::sleep(Duration::from_micros(100));
            }
            libc::munmap(start, MEGABYTE);
        }
    });
    let coordinator = Coordinator::open(&data, &options(&root)).unwrap();
    let job = coordinator.start().unwrap();
    let result = job.wait();
    stop.store(true, Relaxed);
    writer.join().unwrap();
    match result {
        Err(error) => assert_eq!(error.code(), Code::SourceChanged, "{}: {error}", place.display()),
        // All of the proof fell between two stores.
        Ok(()) => {
            let copied = fs::read(job.location().join("subject")).unwrap();
            let word = |at: usize| u64::from_le_bytes(copied[at..at + 8].try_into().unwrap());
            let mut words: Vec<u64> = (0..MEGABYTE).step_by(PAGE).map(word).collect();
            words.dedup();
            let is_whole = matches!(words[..], [_]) || matches!(words[..], [new, old] if new == old + 1);
            assert!(is_whole, "{} is torn: {words:?}", place.display());
        }
    }
}

#[test]
fn stores_through_a_mapping_are_found_out_where_a_disk_is_behind_it() {
    std::thread::scope(|all| {
        for kind in ["ext4", "xfs", "btrfs"] {
            all.spawn(move || {
                let place = Place::new();
                let Some(mounted) = Mounted::image(kind, 300 << 20, &place.beside("disk")) else { return };
                is_never_torn_by_stores(&mounted.path().join("mapped"));
            });
        }
        all.spawn(|| is_never_torn_by_stores(&Place::new().beside("mapped")));
        all.spawn(|| {
            let place = Place::new();
            let Some(mounted) = Mounted::overlay(&place.beside("overlaid")) else { return };
            is_never_torn_by_stores(&mounted.path().join("mapped"));
        });
    });
}
