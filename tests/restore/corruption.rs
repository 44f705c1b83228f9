//! What a verification finds and a restore refuses: snapshots that are not what they were.

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::os::unix::fs::{FileExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::common::{Place, bytes, frozen, names, restore, tree, verify, write};
use hotbackup::{Code, Error, FileClass, Options, VerifyLevel};

/// A sound snapshot, a copy of it to be damaged, and a target that must never change.
struct Patient {
    place: Place,
    sound: PathBuf,
    target: PathBuf,
    before: BTreeMap<PathBuf, Vec<u8>>,
}

impl Patient {
    fn new() -> Self {
        let place = Place::in_memory();
        write(&place.data().join("index"), b"index");
        write(&place.data().join("tables/1.sst"), &bytes(3000, 1));
        write(&place.data().join("tables/2.sst"), &bytes(3000, 2));
        write(&place.data().join("large"), &bytes(700_000, 3));
        write(&place.data().join("empty"), b"");
        fs::create_dir(place.data().join("hollow")).unwrap();
        let mut options = frozen();
        options.add_rule("LOCK", FileClass::Excluded).unwrap();
        let sound = place.back_up(&options).unwrap().location().to_path_buf();
        let target = place.beside("target");
        write(&target.join("index"), b"the old index");
        write(&target.join("old"), b"old");
        let before = tree(&target);
        Self { place, sound, target, before }
    }

    /// A fresh copy of the sound snapshot.
    fn copy(&self) -> PathBuf {
        let copy = self.place.beside("copy");
        let _ = fs::remove_dir_all(&copy);
        assert!(Command::new("cp").arg("-a").arg(&self.sound).arg(&copy).status().unwrap().success());
        copy
    }

    /// Neither verified nor restored, to a new place or over an old one, with that code.
    fn is_refused(&self, snapshot: &Path, code: Code, what: &str) {
        let error = verify(snapshot).expect_err(what);
        assert_eq!(error.code(), code, "{what}: {error}");
        assert!(error.message().contains(snapshot.to_str().unwrap()), "{what}: {error}");
        self.is_not_restored(snapshot, code, what);
    }

    fn is_not_restored(&self, snapshot: &Path, code: Code, what: &str) -> Error {
        let error = restore(snapshot, &self.target).expect_err(what);
        assert_eq!(error.code(), code, "{what}: {error}");
        assert!(error.message().contains("the target is as it was"), "{what}: {error}");
        assert_eq!(tree(&self.target), self.before, "{what}");
        let lifecycle = names(&self.target.join(".lifecycle"));
        assert!(lifecycle.iter().all(|name| name == Path::new("owner")), "{what}: {lifecycle:?}");
        let new = self.place.beside("new");
        assert_eq!(restore(snapshot, &new).expect_err(what).code(), code, "{what}");
        assert!(!new.exists(), "{what}");
        error
    }
}

fn flip(path: &Path, at: u64, bit: u8) {
    let file = OpenOptions::new().read(true).write(true).open(path).unwrap();
    let mut byte = [0];
    file.read_exact_at(&mut byte, at).unwrap();
    file.write_all_at(&[byte[0] ^ bit], at).unwrap();
}

/// Changes the manifest's text and gives it a right checksum again.
fn rewrite_manifest(snapshot: &Path, change: impl FnOnce(&str) -> String) {
    let path = snapshot.join("snapshot.manifest");
    let text = fs::read_to_string(&path).unwrap();
    let body = text.rsplit_once(",\n  \"checksum\": \"crc32:").unwrap().0;
    let changed = change(body);
    assert_ne!(changed, body, "the manifest has nothing like that");
    let sum = crc32fast::hash(changed.as_bytes());
    fs::write(&path, format!("{changed},\n  \"checksum\": \"crc32:{sum:08x}\"\n}}\n")).unwrap();
}

type Damage = fn(&Path);

#[test]
fn one_flipped_bit_in_any_file_is_corrupt_at_verify_and_at_restore() {
    let patient = Patient::new();
    let copy = patient.copy();
    for (name, content) in tree(&copy) {
        let path = copy.join(&name);
        if path.is_dir() || content.is_empty() {
            continue;
        }
        let last = content.len() as u64 - 1;
        for at in [0, last / 3, last / 2, last] {
            flip(&path, at, 1 << (at % 8));
            patient.is_refused(&copy, Code::Corrupt, &format!("{name:?} at {at}"));
            flip(&path, at, 1 << (at % 8));
        }
    }
    verify(&copy).unwrap();
}

#[test]
fn one_flipped_bit_anywhere_in_the_manifest_is_refused() {
    let patient = Patient::new();
    let copy = patient.copy();
    let manifest = copy.join("snapshot.manifest");
    let length = fs::metadata(&manifest).unwrap().len();
    for at in 0..length {
        let bit = 1 << (at % 8);
        flip(&manifest, at, bit);
        let what = format!("the manifest at {at} of {length}");
        let error = verify(&copy).expect_err(&what);
        assert!([Code::Corrupt, Code::Unsupported].contains(&error.code()), "{what}: {error}");
        if at % 97 == 0 {
            patient.is_not_restored(&copy, error.code(), &what);
        }
        flip(&manifest, at, bit);
    }
    verify(&copy).unwrap();
}

#[test]
fn a_file_missing_cut_longer_replaced_or_of_another_kind_is_corrupt() {
    let patient = Patient::new();
    let damages: [(&str, Damage); 9] = [
        ("missing", |file| fs::remove_file(file).unwrap()),
        ("cut", |file| OpenOptions::new().write(true).open(file).unwrap().set_len(2999).unwrap()),
        ("emptied", |file| fs::write(file, b"").unwrap()),
        ("longer", |file| fs::write(file, bytes(3001, 1)).unwrap()),
        ("replaced by one of its size", |file| fs::write(file, bytes(3000, 9)).unwrap()),
        ("of zeros", |file| fs::write(file, vec![0; 3000]).unwrap()),
        ("swapped with another", |file| {
            let other = file.with_file_name("2.sst");
            let (mine, theirs) = (fs::read(file).unwrap(), fs::read(&other).unwrap());
            fs::write(file, theirs).unwrap();
            fs::write(other, mine).unwrap();
        }),
        ("a directory", |file| {
            fs::remove_file(file).unwrap();
            fs::create_dir(file).unwrap();
        }),
        ("a link to the same bytes", |file| {
            fs::rename(file, file.with_extension("moved")).unwrap();
            symlink(file.with_extension("moved"), file).unwrap();
        }),
    ];
    for (what, damage) in damages {
        let copy = patient.copy();
        damage(&copy.join("tables/1.sst"));
        patient.is_refused(&copy, Code::Corrupt, what);
    }
}

#[test]
fn a_fifo_in_place_of_a_file_is_corrupt_and_blocks_nobody() {
    let patient = Patient::new();
    for name in ["tables/1.sst", "empty"] {
        let copy = patient.copy();
        fs::remove_file(copy.join(name)).unwrap();
        assert!(Command::new("mkfifo").arg(copy.join(name)).status().unwrap().success());
        patient.is_refused(&copy, Code::Corrupt, name);
    }
    let copy = patient.copy();
    fs::remove_file(copy.join("snapshot.manifest")).unwrap();
    assert!(Command::new("mkfifo").arg(copy.join("snapshot.manifest")).status().unwrap().success());
    patient.is_refused(&copy, Code::Corrupt, "the manifest");
}

#[test]
fn a_name_that_the_manifest_lacks_is_found_and_not_restored() {
    let patient = Patient::new();
    for name in ["extra", "tables/extra", "hollow/extra/deep"] {
        let copy = patient.copy();
        write(&copy.join(name), b"who made this?");
        assert_eq!(verify(&copy).unwrap_err().code(), Code::Corrupt, "{name}");
        let again = patient.place.beside(&name.replace('/', "-"));
        restore(&copy, &again).unwrap();
        assert_eq!(tree(&again), tree(&patient.sound), "{name}");
    }
    // An engine that opened the snapshot to read may have left its lock.
    let copy = patient.copy();
    write(&copy.join("tables/LOCK"), b"");
    verify(&copy).unwrap();
}

#[test]
fn a_directory_missing_or_replaced_is_corrupt() {
    let patient = Patient::new();
    let copy = patient.copy();
    fs::remove_dir(copy.join("hollow")).unwrap();
    assert_eq!(verify(&copy).unwrap_err().code(), Code::Corrupt);
    let copy = patient.copy();
    fs::remove_dir(copy.join("hollow")).unwrap();
    fs::write(copy.join("hollow"), b"").unwrap();
    assert_eq!(verify(&copy).unwrap_err().code(), Code::Corrupt);
    let copy = patient.copy();
    fs::rename(copy.join("tables"), patient.place.beside("tables")).unwrap();
    symlink(patient.place.beside("tables"), copy.join("tables")).unwrap();
    assert_eq!(verify(&copy).unwrap_err().code(), Code::Corrupt);
    restore(&copy, &patient.place.beside("new")).unwrap_err();
    assert!(!patient.place.beside("new").exists());
}

#[test]
fn a_manifest_missing_is_not_found() {
    let patient = Patient::new();
    let copy = patient.copy();
    fs::remove_file(copy.join("snapshot.manifest")).unwrap();
    patient.is_refused(&copy, Code::NotFound, "no manifest");
    assert_eq!(verify(&patient.place.beside("nowhere")).unwrap_err().code(), Code::NotFound);
}

#[test]
fn a_manifest_cut_anywhere_is_corrupt() {
    let patient = Patient::new();
    let copy = patient.copy();
    let manifest = copy.join("snapshot.manifest");
    let whole = fs::read(&manifest).unwrap();
    for length in (0..whole.len()).step_by(61).chain(whole.len() - 20..whole.len()) {
        fs::write(&manifest, &whole[..length]).unwrap();
        patient.is_refused(&copy, Code::Corrupt, &format!("cut to {length}"));
    }
}

#[test]
fn a_manifest_of_another_version_is_unsupported_and_stays_as_it_is() {
    let patient = Patient::new();
    let copy = patient.copy();
    rewrite_manifest(&copy, |text| text.replace("\"version\": 1", "\"version\": 2"));
    let before = fs::read(copy.join("snapshot.manifest")).unwrap();
    patient.is_refused(&copy, Code::Unsupported, "version 2");
    assert_eq!(fs::read(copy.join("snapshot.manifest")).unwrap(), before);
}

#[test]
fn a_manifest_with_a_path_that_escapes_touches_nothing_outside() {
    let patient = Patient::new();
    let outside = patient.place.beside("outside");
    fs::write(&outside, b"mine").unwrap();
    let absolute = format!("\"path\":\"{}\"", outside.display());
    for path in ["\"path\":\"../outside\"", &absolute, "\"path\":\"tables/../../outside\"", "\"path\":\"\""] {
        let copy = patient.copy();
        rewrite_manifest(&copy, |text| text.replace("\"path\":\"tables/1.sst\"", path));
        patient.is_refused(&copy, Code::Corrupt, path);
        assert_eq!(fs::read(&outside).unwrap(), b"mine");
    }
    // A name of ours would put a file where the library keeps its own.
    let copy = patient.copy();
    rewrite_manifest(&copy, |text| text.replace("\"tables/1.sst\"", "\".lifecycle/restore/journal\""));
    patient.is_refused(&copy, Code::Corrupt, "the journal");
}

#[test]
fn a_manifest_with_a_wrong_checksum_of_its_own_is_corrupt() {
    let patient = Patient::new();
    let copy = patient.copy();
    let path = copy.join("snapshot.manifest");
    let text = fs::read_to_string(&path).unwrap();
    let (body, _) = text.rsplit_once("crc32:").unwrap();
    fs::write(&path, format!("{body}crc32:00000000\"\n}}\n")).unwrap();
    patient.is_refused(&copy, Code::Corrupt, "checksum");
    // Without one it would have to be a bare manifest, and is not.
    fs::write(&path, format!("{}\n}}\n", text.rsplit_once(",\n  \"checksum\"").unwrap().0)).unwrap();
    patient.is_refused(&copy, Code::Corrupt, "no checksum");
}

#[test]
fn each_level_finds_what_it_promises_and_not_more() {
    use VerifyLevel::{Checksum, Media, None, Size};
    let patient = Patient::new();
    let found = |damage: fn(&Path)| {
        let copy = patient.copy();
        damage(&copy);
        [None, Size, Checksum, Media].map(|level| {
            let mut options = Options::new();
            options.set_verify_level(level);
            hotbackup::verify(&copy, &options).unwrap().wait().is_err()
        })
    };
    assert_eq!(found(|_| ()), [false, false, false, false]);
    assert_eq!(found(|copy| flip(&copy.join("large"), 400_000, 1)), [false, false, true, true]);
    let cut = |copy: &Path| {
        OpenOptions::new().write(true).open(copy.join("large")).unwrap().set_len(699_999).unwrap();
    };
    assert_eq!(found(cut), [false, true, true, true]);
    assert_eq!(found(|copy| fs::remove_file(copy.join("empty")).unwrap()), [false, true, true, true]);
    assert_eq!(found(|copy| fs::write(copy.join("extra"), b"").unwrap()), [false, true, true, true]);
    assert_eq!(found(|copy| flip(&copy.join("snapshot.manifest"), 9, 1)), [true, true, true, true]);
}

#[test]
fn a_restore_reads_every_byte_at_every_level() {
    let patient = Patient::new();
    let copy = patient.copy();
    flip(&copy.join("large"), 400_000, 1);
    for level in [VerifyLevel::None, VerifyLevel::Size, VerifyLevel::Checksum, VerifyLevel::Media] {
        let mut options = Options::new();
        options.set_verify_level(level);
        let error = hotbackup::restore(&copy, &patient.target, &options).unwrap().wait().unwrap_err();
        assert_eq!(error.code(), Code::Corrupt);
        assert_eq!(tree(&patient.target), patient.before);
    }
}

#[test]
fn a_verification_changes_nothing() {
    let patient = Patient::new();
    let stamps = || {
        let all = names(&patient.sound).into_iter();
        all.map(|name| fs::metadata(patient.sound.join(name)).unwrap().modified().unwrap())
            .collect::<Vec<_>>()
    };
    let before = (names(&patient.sound), stamps());
    verify(&patient.sound).unwrap();
    assert_eq!((names(&patient.sound), stamps()), before);
}
