//! Roots whose snapshots have any time, size and tags, and runs of the command on them.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{SystemTime, UNIX_EPOCH};

pub const DAY: u64 = 86_400;

/// A directory with a root in it, gone with the value.
pub struct Place {
    top: tempfile::TempDir,
    pub root: PathBuf,
}

/// What the manifest of a snapshot says.
pub struct Made<'a> {
    pub ended: u64,
    pub took: u64,
    pub bytes: u64,
    pub shared: u64,
    pub freeze_ns: u64,
    pub tags: &'a [&'a str],
}

impl Default for Made<'_> {
    fn default() -> Self {
        let (bytes, shared) = (10 << 30, 9 << 30);
        Self { ended: now(), took: 20, bytes, shared, freeze_ns: 7_000_000, tags: &[] }
    }
}

pub fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs()
}

impl Place {
    /// An empty root of this name.
    pub fn named(name: &str) -> Self {
        let top = tempfile::tempdir().expect("a temporary directory");
        let root = top.path().join(name);
        fs::create_dir_all(&root).expect("it can be made");
        fs::write(root.join("lock"), "").expect("it can be written");
        Self { top, root }
    }

    pub fn new() -> Self {
        Self::named("root")
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.top.path().join(name)
    }

    /// A snapshot of no files that says so much of itself.
    pub fn add(&self, made: Made) -> PathBuf {
        let directory = self.root.join(format!("ts-{}", made.ended));
        fs::create_dir(&directory).expect("it can be made");
        fs::write(directory.join("snapshot.manifest"), manifest(&made)).expect("it can be written");
        directory
    }

    /// The same, a day apart, the last one of now.
    pub fn add_many(&self, number: u64) {
        for at in 0..number {
            let ended = now() - (number - 1 - at) * DAY;
            self.add(Made {
                ended,
                bytes: (10 << 30) + (at << 26),
                freeze_ns: 2_000_000 + at,
                ..Made::default()
            });
        }
    }

    /// One whose manifest is torn.
    pub fn add_unreadable(&self, ended: u64) {
        let directory = self.add(Made { ended, ..Made::default() });
        let path = directory.join("snapshot.manifest");
        let text = fs::read_to_string(&path).expect("it is there");
        fs::write(path, &text[..text.len() / 2]).expect("it can be written");
    }

    /// A real one in which a file was found bad.
    pub fn add_damaged(&self) {
        fs::create_dir_all(self.path("db")).expect("it can be made");
        fs::write(self.path("db/1.sst"), [7; 5_000]).expect("it can be written");
        let root = self.root.to_str().expect("UTF-8");
        self.run(["backup", "db", "--rule", "*=immutable", "-r", root]).succeeds();
        let mut all: Vec<_> =
            fs::read_dir(&self.root).expect("a listing").map(|entry| entry.unwrap().path()).collect();
        all.retain(|path| path.join("1.sst").exists());
        fs::write(all[0].join("1.sst"), [8; 5_000]).expect("it can be written");
        self.run([OsStr::new("verify"), all[0].as_os_str()]).exits(6);
    }

    pub fn run<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> Ran {
        let mut command = Command::new(env!("CARGO_BIN_EXE_hotbackup"));
        command.args(arguments).current_dir(self.top.path()).stdin(Stdio::null());
        command.env_remove("HOTBACKUP_ROOT").env("TZ", "UTC");
        Ran::of(command.output().expect("the command runs"))
    }

    /// The page about the root, after these arguments.
    pub fn page(&self, more: &[&str]) -> String {
        let arguments = ["report", self.root.to_str().expect("UTF-8"), "-o", "-"];
        self.run(arguments.iter().chain(more)).succeeds().out
    }

    /// Everything in the directory but the root.
    pub fn beside(&self) -> Vec<String> {
        let names = fs::read_dir(self.top.path()).expect("a listing");
        let names = names.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned());
        let mut names: Vec<_> = names.filter(|name| self.path(name) != self.root).collect();
        names.sort();
        names
    }
}

fn manifest(made: &Made) -> String {
    let Made { ended, took, bytes, shared, freeze_ns, tags } = made;
    let began = ended - took;
    let tags = serde_json::to_string(tags).expect("JSON");
    let head = format!(
        "{{\n  \"version\": 1,\n  \"id\": \"00000000-0000-4000-8000-{ended:012x}\",\n  \"data_dir_id\": null,\n  \
         \"started_at_ms\": {began}000,\n  \"finished_at_ms\": {ended}000,\n  \"layout\": \"generic\",\n  \
         \"rules\": [],\n  \"metadata\": \"\",\n  \"files_skipped\": 0,\n  \"files_left_out\": 0,\n  \"tags\": {tags},\n  \
         \"freeze_ns\": {freeze_ns},\n  \"verify\": \"checksum\",\n  \"origins\": [],\n  \"totals\": {{\"files\":200,\
         \"bytes\":{bytes},\"files_shared\":100,\"bytes_shared\":{shared},\"oldest_read_ms\":null}}"
    );
    let sum = |text: &str| crc32fast::hash(text.as_bytes());
    let body = format!(
        "{head},\n  \"head\": \"crc32:{:08x}\",\n  \"top\": {{\"mode\":493,\"uid\":0,\"gid\":0,\"mtime_ns\":0}},\n  \
         \"directories\": [\n  ],\n  \"links\": [\n  ],\n  \"entries\": [\n  ]",
        sum(&head)
    );
    format!("{body},\n  \"checksum\": \"crc32:{:08x}\"\n}}\n", sum(&body))
}

/// How a run ended.
#[derive(Debug)]
pub struct Ran {
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

impl Ran {
    pub fn of(output: Output) -> Self {
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        Self { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
    }

    #[track_caller]
    pub fn succeeds(self) -> Self {
        self.exits(0)
    }

    #[track_caller]
    pub fn exits(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{self:#?}");
        self
    }
}

impl Ran {
    /// The document of a report, which is what the schema says.
    pub fn json(&self) -> serde_json::Value {
        let document = serde_json::from_str(&self.out).expect("JSON");
        let mut schema: serde_json::Value =
            serde_json::from_str(include_str!("../../schema/hotbackup.schema.json")).expect("JSON");
        schema["anyOf"] = serde_json::json!([{ "$ref": "#/$defs/report" }]);
        let validator = jsonschema::validator_for(&schema).expect("a schema");
        let wrong: Vec<_> = validator.iter_errors(&document).map(|error| error.to_string()).collect();
        assert!(wrong.is_empty(), "{wrong:?}\n{document:#}");
        document
    }
}

/// Whether a program is there. Where HOTBACKUP_TEST_REQUIRE_ALL is set it must be.
pub fn has(program: &str) -> bool {
    let is_there = std::env::var_os("PATH")
        .is_some_and(|path| std::env::split_paths(&path).any(|directory| directory.join(program).is_file()));
    if !is_there {
        assert!(
            std::env::var_os("HOTBACKUP_TEST_REQUIRE_ALL").is_none(),
            "must not be skipped: {program} is missing"
        );
        eprintln!("skipped: {program} is missing");
    }
    is_there
}

/// The top of the sources.
pub fn sources() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the package lies in them")
}
