use std::ffi::OsString;
use std::io::Cursor;
use std::os::unix::ffi::OsStringExt;

use uuid::Uuid;

use super::*;
use crate::io::checksum;
use crate::layout::FileClass;
use crate::snapshot::entries::{Origin, Shared, SourceId};
use crate::snapshot::manifest::HEAD_START;
use crate::snapshot::{Attributes, VerifyLevel};

/// Reads it whole, and asks for its description too, which must not say more of it than the whole.
fn parse(bytes: &[u8]) -> std::result::Result<Manifest, (Code, String)> {
    let length = bytes.len() as u64;
    let plain = |refusal| match refusal {
        Refusal::Is(code, why) => (code, why),
        Refusal::Io(error) => panic!("{error}"),
    };
    let whole = read_whole(&mut Cursor::new(bytes), length).map_err(plain);
    let described = describe_from(&mut Cursor::new(bytes), length).map_err(plain);
    let skimmed = skim_from(&mut Cursor::new(bytes), length).unwrap();
    match (&whole, described) {
        (Ok(whole), Ok(described)) => {
            if let Some(skimmed) = skimmed {
                assert_eq!(skimmed.totals, described.totals);
                assert_eq!(
                    format!("{:?}", skimmed.head),
                    format!("{:?}", Manifest { top: None, ..described.head.clone() })
                );
            }
            let mut totals = Totals::default();
            whole.files.iter().for_each(|file| totals.add(&file));
            assert_eq!(described.totals, totals);
            let head =
                Manifest { files: Files::default(), directories: vec![], links: vec![], ..whole.clone() };
            assert_eq!(format!("{:?}", described.head), format!("{head:?}"));
        }
        (Err(whole), Err(described)) => assert_eq!(whole, &described),
        (whole, described) => panic!("{whole:?} {:?}", described.map(|_| ())),
    }
    whole
}

fn ours() -> Manifest {
    let attributes = Attributes { mode: 0o644, uid: 1, gid: 2, mtime_ns: -5 };
    let file = |name: &[u8]| FileEntry {
        path: PathBuf::from(OsString::from_vec(name.to_vec())),
        size: 7,
        crc32: 9,
        class: Some(FileClass::Immutable { unfinished_ok: true }),
        attributes: Some(attributes),
        source: Some(SourceId { device: 1, inode: u64::MAX, born_ns: Some(-1), ctime_ns: Some(i64::MAX) }),
        shared: Some(Shared { origin: 1, verified_at_ms: 5 }),
        live: false,
    };
    Manifest {
        checkpoint: None,
        id: Some(Uuid::from_u128(7)),
        data_dir_id: Some(Uuid::from_u128(8)),
        started_at_ms: 1,
        finished_at_ms: 2,
        layout: "generic".into(),
        rules: vec![("*.lock".into(), FileClass::Excluded)],
        metadata: vec![0, 255, 10],
        files_skipped: 3,
        files_left_out: 4,
        tags: vec!["a tag".into(), "\"head\": \n".into()],
        freeze_ns: 5,
        verify: Some(VerifyLevel::Checksum),
        origins: [3, 4].map(|id| Origin { id: Uuid::from_u128(id), at_ms: 6 }).to_vec(),
        top: Some(attributes),
        directories: vec![DirectoryEntry { path: "d".into(), attributes }],
        links: vec![LinkEntry { path: "l".into(), target: "../x\n".into(), attributes }],
        files: files(&[file(b"a\n\"\\b"), file(b"d/\xff\xfe"), file(b"z")]),
    }
}

fn files(entries: &[FileEntry]) -> Files {
    let mut files = Files::default();
    entries.iter().for_each(|entry| files.push(entry).unwrap());
    files
}

fn text(manifest: &Manifest) -> Vec<u8> {
    let mut bytes = Vec::new();
    manifest.write(&mut bytes).unwrap();
    bytes
}

fn refused(json: &str) -> Code {
    parse(json.as_bytes()).expect_err(json).0
}

fn bare(path: &str) -> String {
    format!(r#"{{"version": 1, "entries": [{{"path": {path:?}, "size": 0, "crc32": 0}}]}}"#)
}

#[test]
fn what_was_written_is_read_again() {
    let manifest = ours();
    let again = parse(&text(&manifest)).unwrap();
    assert_eq!(again.files, manifest.files);
    assert_eq!(again.directories, manifest.directories);
    assert_eq!(again.links, manifest.links);
    assert_eq!(&again.origins, &manifest.origins);
    let mut totals = Totals::default();
    again.files.iter().for_each(|file| totals.add(&file));
    assert_eq!(
        totals,
        Totals { files: 3, bytes: 21, files_shared: 3, bytes_shared: 21, oldest_read_ms: Some(5) }
    );
    assert_eq!((again.id, again.metadata, again.rules), (manifest.id, manifest.metadata, manifest.rules));
    assert_eq!((again.data_dir_id, again.top), (manifest.data_dir_id, manifest.top));
}

/// A manifest of ours with another text in one place, and a valid checksum.
fn changed(from: &str, to: &str) -> Vec<u8> {
    let whole = String::from_utf8(text(&ours())).unwrap();
    assert!(whole.contains(from), "{whole}");
    let body = whole[..whole.find(CHECKSUM_START).unwrap()].replace(from, to);
    let sum = checksum::of(body.as_bytes());
    format!("{body}{CHECKSUM_START}{sum:08x}{CHECKSUM_END}").into_bytes()
}

#[test]
fn one_of_a_data_directory_without_an_id_is_read() {
    let id = format!(",\n  \"data_dir_id\": \"{}\"", Uuid::from_u128(8));
    assert_eq!(parse(&changed(&id, "")).unwrap().data_dir_id, None);
    let mut without = ours();
    without.data_dir_id = None;
    assert_eq!(parse(&text(&without)).unwrap().data_dir_id, None);
}

#[test]
fn an_origin_that_is_not_there_is_refused() {
    let refused = parse(&changed("\"origin\":1", "\"origin\":2")).unwrap_err();
    assert_eq!(refused.0, Code::Corrupt);
    assert!(refused.1.contains("origin"), "{}", refused.1);
}

#[test]
fn a_source_without_a_change_time_is_read_and_nothing_may_be_shared_by_it() {
    let files = parse(&changed(",\"ctime_ns\":9223372036854775807", "")).unwrap().files;
    assert_eq!(files.at(0).source.unwrap().ctime_ns, None);
}

#[test]
fn times_are_kept_as_far_as_file_systems_go_and_refused_beyond() {
    for seconds in [i64::MIN, -62_135_596_800, 9_223_372_037, i64::MAX] {
        let mtime_ns = i128::from(seconds) * 1_000_000_000;
        let bytes = changed("\"mtime_ns\":-5", &format!("\"mtime_ns\":{mtime_ns}"));
        let manifest = parse(&bytes).unwrap();
        assert!(manifest.files.iter().all(|file| file.attributes.unwrap().mtime_ns == mtime_ns));
        assert_eq!(manifest.top.unwrap().mtime_ns, mtime_ns);
    }
    for mtime_ns in ["9223372036854775808000000000", "-9223372036854775809000000000", "1e30"] {
        let bytes = changed("\"mtime_ns\":-5", &format!("\"mtime_ns\":{mtime_ns}"));
        assert_eq!(parse(&bytes).unwrap_err().0, Code::Corrupt, "{mtime_ns}");
    }
}

#[test]
fn cut_at_any_byte_it_is_refused() {
    let whole = text(&ours());
    for length in 0..whole.len() {
        assert!(parse(&whole[..length]).is_err(), "cut to {length}");
    }
}

#[test]
fn with_any_bit_flipped_it_is_refused() {
    let whole = text(&ours());
    for at in 0..whole.len() {
        for bit in 0..8 {
            let mut flipped = whole.clone();
            flipped[at] ^= 1 << bit;
            assert!(parse(&flipped).is_err(), "bit {bit} of byte {at}");
        }
    }
}

#[test]
fn the_bare_form_of_alopex_is_read() {
    let manifest = parse(bare("sst/1.sst").as_bytes()).unwrap();
    assert_eq!(manifest.files.at(0).path, Path::new("sst/1.sst"));
    assert_eq!(manifest.files.at(0).attributes, None);
}

#[test]
fn a_key_too_many_without_a_checksum_is_corrupt() {
    assert_eq!(refused(r#"{"version": 1, "entries": [], "layout": "generic"}"#), Code::Corrupt);
    assert_eq!(
        refused(r#"{"version": 1, "entries": [{"path": "a", "size": 0, "crc32": 0, "mode": 1}]}"#),
        Code::Corrupt
    );
}

#[test]
fn another_version_is_unsupported() {
    assert_eq!(refused(r#"{"version": 2, "entries": "who knows"}"#), Code::Unsupported);
    let flipped = String::from_utf8(text(&ours())).unwrap().replace("\"version\": 1", "\"version\": 9");
    assert_eq!(refused(&flipped), Code::Unsupported);
}

#[test]
fn hostile_paths_are_refused() {
    for path in [
        "",
        "/",
        "/etc/passwd",
        "..",
        "../x",
        "a/../../x",
        "a/..",
        "./a",
        "a//b",
        "a/",
        "a\0b",
        ".lifecycle/owner",
        "snapshot.manifest",
    ] {
        let json = serde_json::json!({"version": 1, "entries": [{"path": path, "size": 0, "crc32": 0}]});
        assert_eq!(refused(&json.to_string()), Code::Corrupt, "{path:?}");
    }
}

#[test]
fn a_name_twice_and_a_file_as_a_directory_are_refused() {
    for paths in [["a", "a"], ["a", "a/b"], ["a/b/c", "a/b"]] {
        let entries: Vec<_> =
            paths.iter().map(|path| serde_json::json!({"path": path, "size": 0, "crc32": 0})).collect();
        let json = serde_json::json!({"version": 1, "entries": entries}).to_string();
        assert_eq!(refused(&json), Code::Corrupt, "{paths:?}");
    }
}

#[test]
fn numbers_that_no_file_has_are_refused() {
    for number in ["-1", "1.5", "18446744073709551616", "18446744073709551615", "null", "\"1\""] {
        let json = format!(r#"{{"version": 1, "entries": [{{"path": "a", "size": {number}, "crc32": 0}}]}}"#);
        assert_eq!(refused(&json), Code::Corrupt, "{number}");
    }
}

#[test]
fn nesting_without_end_is_refused() {
    let json = format!("{{\"version\": 1, \"entries\": {}", "[".repeat(1_000_000));
    assert_eq!(refused(&json), Code::Corrupt);
}

#[test]
fn alopex_reads_what_is_written() {
    // The structs of the Alopex server 0.8.16, with serde's defaults.
    #[derive(Deserialize)]
    struct SnapshotManifest {
        version: u32,
        entries: Vec<SnapshotEntry>,
    }
    #[derive(Deserialize)]
    struct SnapshotEntry {
        path: String,
        size: u64,
        crc32: u32,
    }
    let manifest: SnapshotManifest = serde_json::from_slice(&text(&ours())).unwrap();
    assert_eq!(manifest.version, 1);
    let last = manifest.entries.last().unwrap();
    assert_eq!((last.path.as_str(), last.size, last.crc32), ("z", 7, 9));
}

fn counted(bytes: &[u8]) -> Option<Totals> {
    let mut counted = Counted::default();
    let head = attempt(&mut Cursor::new(bytes), bytes.len() as u64, &mut counted).ok()?;
    counted.end(&head.head)
}

#[test]
fn what_this_library_wrote_is_described_without_keeping_its_files() {
    assert_eq!(counted(&text(&ours())).unwrap().files, 3);
    assert_eq!(counted(&changed("\"origin\":1", "\"origin\":2")), None);
    assert_eq!(counted(&changed("\"path\":\"z\"", "\"path\":\"l\"")), None, "a file that is a link too");
    assert_eq!(counted(&changed("\"path\":\"z\"", "\"path\":\"l/z\"")), None, "a file below a link");
    assert_eq!(counted(&changed("\"path\":\"l\"", "\"path\":\"d\"")), None, "a link that is a directory");
}

#[test]
fn one_that_is_sorted_otherwise_is_read_and_described_all_the_same() {
    let bytes = changed("\"path\":\"z\"", "\"path\":\"Z\"");
    assert_eq!(counted(&bytes), None);
    let read = parse(&bytes).unwrap();
    assert!(read.files.paths().is_sorted(), "{read:?}");
    let last = parse(&changed(",\n  \"metadata\": \"00ff0a\"", "")).unwrap_err().1;
    assert!(last.contains("Metadata"), "{last}");
    let metadata = ",\n  \"metadata\": \"00ff0a\"";
    let twice = parse(&changed(metadata, &metadata.repeat(2))).unwrap_err().1;
    assert!(twice.contains("twice"), "{twice}");
}

#[test]
fn a_hostile_one_takes_no_memory_behind_its_first_bad_line() {
    struct OnlyCounted(u64);
    impl Lists for OnlyCounted {
        fn directory(&mut self, _: DirectoryEntry) -> std::result::Result<(), String> {
            Ok(())
        }

        fn link(&mut self, _: LinkEntry) -> std::result::Result<(), String> {
            Ok(())
        }

        fn file(&mut self, _: FileEntry) -> std::result::Result<(), String> {
            self.0 += 1;
            Ok(())
        }
    }
    let line = |path: &str| format!(r#"{{"path": {path:?}, "size": 0, "crc32": 0}}"#);
    let lines: Vec<_> = (0..10_000).map(|number| line(if number == 3 { "../x" } else { "a" })).collect();
    let json = format!("{{\"version\": 1, \"entries\": [{}]}}", lines.join(","));
    let mut read = OnlyCounted(0);
    attempt(&mut Cursor::new(json.as_bytes()), json.len() as u64, &mut read).unwrap_err();
    assert_eq!(read.0, 3);
}

#[test]
fn the_head_is_believed_by_its_own_checksum_whatever_the_lists_hold() {
    let whole = text(&ours());
    let skim = |bytes: &[u8]| skim_from(&mut Cursor::new(bytes), bytes.len() as u64).unwrap();
    let skimmed = skim(&whole).unwrap();
    assert_eq!(skimmed.totals, ours().totals());
    assert_eq!((skimmed.head.tags, skimmed.head.freeze_ns), (ours().tags, 5));
    assert_eq!(skimmed.head.verify, Some(VerifyLevel::Checksum));
    let head = String::from_utf8_lossy(&whole).find(HEAD_START).unwrap();
    for at in 0..head + HEAD_START.len() + 8 {
        let mut damaged = whole.clone();
        damaged[at] ^= 1;
        assert!(skim(&damaged).is_none(), "byte {at}");
    }
    let proved = |bytes: &[u8]| proved_by_checksum(&mut Cursor::new(bytes), bytes.len() as u64).unwrap();
    assert!(proved(&whole));
    for at in head + HEAD_START.len() + 8..whole.len() {
        let mut beyond = whole.clone();
        beyond[at] ^= 1;
        assert!(!proved(&beyond), "byte {at}");
        if at < whole.len() - CHECKSUM_START.len() - 8 - CHECKSUM_END.len() {
            assert_eq!(skim(&beyond).unwrap().totals, ours().totals());
        }
    }
    assert!(skim(&whole[..whole.len() - 1]).is_none(), "its end is missing");
}

#[test]
fn one_without_a_head_is_read_whole() {
    let whole = String::from_utf8(text(&ours())).unwrap();
    let (from, to) = (whole.find(",\n  \"tags\"").unwrap(), whole.find(",\n  \"origins\"").unwrap());
    let of_earlier = changed(&whole[from..to], "");
    let of_earlier = String::from_utf8(of_earlier).unwrap();
    let (from, to) = (of_earlier.find(",\n  \"totals\"").unwrap(), of_earlier.find(",\n  \"top\"").unwrap());
    let body = [&of_earlier[..from], &of_earlier[to..of_earlier.find(CHECKSUM_START).unwrap()]].concat();
    let sum = checksum::of(body.as_bytes());
    let bytes = format!("{body}{CHECKSUM_START}{sum:08x}{CHECKSUM_END}").into_bytes();
    assert!(skim_from(&mut Cursor::new(&bytes[..]), bytes.len() as u64).unwrap().is_none());
    let read = parse(&bytes).unwrap();
    assert_eq!((read.files, read.tags, read.verify), (ours().files, vec![], None));
}

#[test]
fn totals_that_are_not_those_of_its_files_are_refused() {
    let bytes = changed("\"totals\": {\"files\":3", "\"totals\": {\"files\":4");
    assert_eq!(parse(&bytes).unwrap_err(), (Code::Corrupt, "its totals are not those of its files".into()));
}
