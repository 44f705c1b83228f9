//! Trees as databases have them, the same ones for the same seed: tables, a B-tree in one file, logs, names
//! and attributes of all sorts.

use std::ffi::OsStr;
use std::fs::{self, File, FileTimes};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use super::Random;

const PAGE: usize = 4096;

/// A symbolic link whose target is no UTF-8: restic 0.14 does not keep its bytes.
pub const RAW_LINK: &str = "odd/raw-link";

/// How much there is of what.
#[derive(Debug, Clone, Copy)]
pub struct Shape {
    pub tables: usize,
    pub table_bytes: usize,
    /// One file of pages, of which some change.
    pub btree_bytes: usize,
    pub log_bytes: usize,
    /// Names, links, holes and modes as no engine makes them.
    pub is_odd: bool,
}

impl Shape {
    /// Some 3 MB, for tests that look at what is there.
    pub fn small() -> Self {
        Self { tables: 12, table_bytes: 100_000, btree_bytes: 1 << 20, log_bytes: 300_000, is_odd: true }
    }

    /// Some 80 MB: several packs.
    pub fn medium() -> Self {
        Self { tables: 40, table_bytes: 1 << 20, btree_bytes: 32 << 20, log_bytes: 4 << 20, is_odd: true }
    }
}

/// Makes the tree in a directory, which it makes too.
pub fn make(top: &Path, shape: Shape, seed: u64) {
    let mut random = Random::new(seed);
    for table in 0..shape.tables {
        let path = top.join(format!("level-{}/{table:06}.sst", table % 3));
        write(&path, &table_bytes(&mut random, shape.table_bytes), &mut random);
    }
    write(&top.join("data.mdb"), &pages(&mut random, shape.btree_bytes), &mut random);
    write(&top.join("wal/000007.log"), &table_bytes(&mut random, shape.log_bytes), &mut random);
    write(&top.join("CURRENT"), b"MANIFEST-000004\n", &mut random);
    write(&top.join("MANIFEST-000004"), &random.bytes(9_000), &mut random);
    write(&top.join("LOCK"), b"", &mut random);
    if shape.is_odd {
        odd(top, &mut random);
    }
    settle(top);
}

/// Changes this share of what can change, as an engine does: pages of the B-tree in place, a table replaced by
/// another one, the log longer.
pub fn change(top: &Path, share: f64, seed: u64) {
    let mut random = Random::new(seed);
    let btree = File::options().write(true).open(top.join("data.mdb")).expect("the B-tree");
    let count = btree.metadata().expect("its length").len() / PAGE as u64;
    for _ in 0..((count as f64 * share).ceil() as u64) {
        let at = random.below(count) * PAGE as u64;
        btree.write_all_at(&pages(&mut random, PAGE), at).expect("a page");
    }
    let mut tables = tables(top);
    for _ in 0..((tables.len() as f64 * share).ceil() as usize).min(tables.len()) {
        let old = tables.swap_remove(random.below(tables.len() as u64) as usize);
        let length = fs::metadata(&old).expect("a table").len() as usize;
        fs::remove_file(&old).expect("a table goes");
        let name = format!("{:06}.sst", 100_000 + random.below(900_000));
        write(&old.with_file_name(name), &table_bytes(&mut random, length), &mut random);
    }
    let log = top.join("wal/000007.log");
    let mut bytes = fs::read(&log).expect("the log");
    bytes.extend(table_bytes(&mut random, 1000 + (bytes.len() as f64 * share) as usize));
    write(&log, &bytes, &mut random);
    write(&top.join("data.mdb"), &fs::read(top.join("data.mdb")).expect("the B-tree"), &mut random);
    settle(top);
}

fn tables(top: &Path) -> Vec<PathBuf> {
    let levels = (0..3).map(|level| top.join(format!("level-{level}")));
    let mut tables: Vec<_> = levels
        .flat_map(|level| fs::read_dir(level).into_iter().flatten())
        .map(|entry| entry.expect("an entry").path())
        .collect();
    tables.sort();
    tables
}

/// Writes a file of an odd mode and time, in place if it is there.
fn write(path: &Path, bytes: &[u8], random: &mut Random) {
    const MODES: [u32; 4] = [0o600, 0o644, 0o640, 0o666];
    fs::create_dir_all(path.parent().expect("a parent")).expect("directories");
    fs::write(path, bytes).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let mode = MODES[random.below(4) as usize];
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("a mode");
    dated(path, Duration::from_nanos(1_700_000_000_000_000_000 + random.below(40_000_000_000_000_000)));
}

fn dated(path: &Path, since_1970: Duration) {
    let time = UNIX_EPOCH + since_1970;
    let file = File::open(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    file.set_times(FileTimes::new().set_accessed(time).set_modified(time)).expect("a time");
}

/// Half of it compresses: keys that resemble each other, values that do not.
fn table_bytes(random: &mut Random, length: usize) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(length + 64);
    while bytes.len() < length {
        let key = random.below(1 << 24);
        bytes.extend(format!("user:{key:012}:name\0").as_bytes());
        bytes.extend(random.bytes(24));
    }
    bytes.truncate(length);
    bytes
}

/// Pages with a header, some cells and an empty middle.
fn pages(random: &mut Random, length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    for (number, page) in (0u64..).zip(bytes.chunks_mut(PAGE)) {
        let filled = PAGE / 4 + random.below(PAGE as u64 / 2) as usize;
        let cells = table_bytes(random, filled);
        let room = page.len().min(8);
        page[..room].copy_from_slice(&number.to_le_bytes()[..room]);
        let start = page.len().saturating_sub(cells.len());
        let taken = page.len() - start;
        page[start..].copy_from_slice(&cells[..taken]);
    }
    bytes
}

fn odd(top: &Path, random: &mut Random) {
    let names: [&[u8]; 8] = [
        b"with a space",
        b"quote\"and\\backslash",
        b"new\nline",
        b"tab\tand\x01control",
        b"not-\xff\xfe-utf8",
        "h\u{e4}\u{2028}\u{1f980}".as_bytes(),
        b"<&>.html",
        b"-rf",
    ];
    for name in names {
        write(&top.join("odd").join(OsStr::from_bytes(name)), &random.bytes(100), random);
    }
    write(&top.join("odd").join("n".repeat(255)), b"long", random);
    fs::create_dir_all(top.join("odd/hollow/deeper")).expect("an empty directory");
    for (name, target) in [("link", "../CURRENT"), ("dangling", "/nowhere"), ("to-dir", "hollow")] {
        symlink(target, top.join("odd").join(name)).expect("a symbolic link");
    }
    symlink(OsStr::from_bytes(b"/nowhere/\xff"), top.join(RAW_LINK)).expect("a symbolic link");
    let holes = top.join("odd/holes");
    let file = File::create(&holes).expect("a file");
    file.set_len(5 << 20).expect("a length");
    file.write_all_at(b"island", 3 << 20).expect("an island");
    for (name, mode) in [("read-only", 0o400), ("sticky", 0o1755), ("set-ids", 0o6755)] {
        let path = top.join("odd").join(name);
        write(&path, name.as_bytes(), random);
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("a mode");
    }
    dated(&top.join("odd/with a space"), Duration::ZERO);
    dated(&top.join("odd/-rf"), Duration::from_nanos(1));
}

/// Gives directories and what has no time yet one: deepest first, for a name that comes moves its directory's.
fn settle(top: &Path) {
    let then = Duration::from_nanos(1_650_000_000_123_456_789);
    for entry in fs::read_dir(top).expect("a listing") {
        let path = entry.expect("an entry").path();
        if path.is_dir() && !path.is_symlink() {
            settle(&path);
        } else if path.ends_with("holes") {
            dated(&path, then);
        }
    }
    dated(top, then);
}
