//! What a snapshot holds can be looked at name by name, without its files being read.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use crate::common::{Place, bytes, frozen_with_tables, write, write_old};
use hotbackup::{Code, Contents, Entry, EntryKind, FileClass, Snapshot, Symlinks};

fn contents(location: &Path) -> Contents {
    Snapshot::open(location).unwrap().contents().unwrap()
}

fn found<'c>(contents: &'c Contents, path: &str) -> Entry<'c> {
    contents.find(path).unwrap_or_else(|| panic!("{path} is not there"))
}

#[test]
fn each_name_is_told_with_what_it_is() {
    let place = Place::with_files();
    symlink("index", place.data().join("tables/link")).unwrap();
    fs::set_permissions(place.data().join("index"), fs::Permissions::from_mode(0o640)).unwrap();
    let modified = UNIX_EPOCH + Duration::new(1_600_000_000, 500_000_000);
    fs::File::options().write(true).open(place.data().join("log")).unwrap().set_modified(modified).unwrap();
    let mut options = frozen_with_tables();
    options.add_rule("log", FileClass::AppendOnly).unwrap();
    options.set_symlinks(Symlinks::Preserve);
    let contents = contents(place.back_up(&options).unwrap().location());

    let listed: Vec<(EntryKind, PathBuf)> =
        contents.iter().map(|entry| (entry.kind, entry.path.to_path_buf())).collect();
    let all = [
        (EntryKind::Directory, vec!["hollow", "tables", "tables/deep", "tables/deep/er"]),
        (EntryKind::Link, vec!["tables/link"]),
        (
            EntryKind::File,
            vec!["empty", "index", "log", "tables/1.sst", "tables/2.sst", "tables/deep/er/3.sst"],
        ),
    ];
    let expected: Vec<(EntryKind, PathBuf)> = all
        .into_iter()
        .flat_map(|(kind, paths)| paths.into_iter().map(move |path| (kind, path.into())))
        .collect();
    assert_eq!(listed, expected);
    assert_eq!(contents.len(), expected.len());
    assert!(!contents.is_empty() && contents.get(expected.len()).is_none());
    for (index, (_, path)) in expected.iter().enumerate() {
        assert_eq!(contents.find(path), contents.get(index));
    }
    assert_eq!(contents.find("tables/4.sst"), None);

    let log = found(&contents, "log");
    assert_eq!((log.size, log.class), (20_000, Some(FileClass::AppendOnly)));
    assert_eq!(log.attributes.unwrap().modified_at, modified);
    assert_eq!((log.crc32, log.target, log.origin), (Some(crc32(&bytes(20_000, 4))), None, None));
    let index = found(&contents, "index");
    assert_eq!((index.attributes.unwrap().mode, index.class), (0o640, Some(FileClass::Mutable)));
    assert_eq!(found(&contents, "tables/1.sst").class, Some(FileClass::IMMUTABLE));
    let link = found(&contents, "tables/link");
    assert_eq!((link.target, link.size, link.crc32, link.class), (Some(Path::new("index")), 0, None, None));
    let rules: Vec<_> = contents.rules().collect();
    assert_eq!(rules, [("*.sst", FileClass::IMMUTABLE), ("log", FileClass::AppendOnly)]);
}

/// Bit by bit, as its definition says.
pub fn crc32(bytes: &[u8]) -> u32 {
    let step = |sum: u32| if sum & 1 == 1 { sum >> 1 ^ 0xedb8_8320 } else { sum >> 1 };
    !bytes.iter().fold(u32::MAX, |sum, byte| (0..8).fold(sum ^ u32::from(*byte), |sum, _| step(sum)))
}

#[test]
fn a_shared_file_names_the_snapshot_that_first_read_it() {
    let place = Place::new();
    write_old(&place.data().join("1.sst"), &bytes(1_000, 1));
    let first = place.back_up(&frozen_with_tables()).unwrap();
    write(&place.data().join("2.sst"), &bytes(1_000, 2));
    place.back_up(&frozen_with_tables()).unwrap();
    let third = place.back_up(&frozen_with_tables()).unwrap();
    let first_contents = contents(first.location());
    let third_contents = contents(third.location());
    let shared = found(&third_contents, "1.sst");
    assert_eq!(shared.origin, Some(&*first.id().to_string()));
    assert_eq!(third_contents.origins().collect::<Vec<_>>(), [shared.origin.unwrap()]);
    assert!(shared.is_shared() && shared.verified_at.is_some());
    let anew = found(&first_contents, "1.sst");
    assert!(!anew.is_shared() && anew.verified_at.is_none());
    assert_eq!((shared.crc32, shared.size), (anew.crc32, anew.size));
    assert!(!found(&third_contents, "2.sst").is_shared(), "it is too new to be shared");
}

#[test]
fn they_outlive_the_snapshot_and_a_damaged_manifest_gives_none() {
    let place = Place::with_snapshot();
    let snapshot = hotbackup::BackupRoot::at(place.root()).latest().unwrap();
    let contents = snapshot.contents().unwrap();
    let manifest = snapshot.location().join("snapshot.manifest");
    let text = fs::read_to_string(&manifest).unwrap();
    fs::set_permissions(&manifest, fs::Permissions::from_mode(0o600)).unwrap();
    fs::write(&manifest, text.replace("tables/1.sst", "tables/7.sst")).unwrap();
    assert_eq!(snapshot.contents().unwrap_err().code(), Code::Corrupt);
    fs::remove_dir_all(snapshot.location()).unwrap();
    assert_eq!(snapshot.contents().unwrap_err().code(), Code::NotFound);
    assert_eq!(found(&contents, "tables/1.sst").size, 100_000);
}
