//! The seeds of the fuzzer (fuzz/seeds/manifest): each ends as the first word of its name says.

use std::fs;
use std::path::Path;

use hotbackup::{Code, Snapshot};

#[test]
fn every_manifest_that_the_fuzzer_begins_with_is_read_or_refused_as_its_name_says() {
    let seeds = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds/manifest");
    let mut seen = 0;
    for seed in fs::read_dir(seeds).unwrap() {
        let seed = seed.unwrap();
        let name = seed.file_name().into_string().unwrap();
        let place = tempfile::tempdir().unwrap();
        fs::copy(seed.path(), place.path().join("snapshot.manifest")).unwrap();
        let ended = Snapshot::open(place.path()).map(drop).map_err(|error| error.code());
        let expected = match name.split_once('-').unwrap().0 {
            "read" => Ok(()),
            "corrupt" => Err(Code::Corrupt),
            "unsupported" => Err(Code::Unsupported),
            other => panic!("{name}: {other} is no end"),
        };
        assert_eq!(ended, expected, "{name}");
        seen += 1;
    }
    assert!(seen > 10, "only {seen} seeds");
}
