//! The parts by themselves, without a job around them: checksum, manifest, walk, rules.
//!
//! They are compiled into this program from their sources, as its own rooms: so the library needs no door
//! that only a benchmark would use.
#![allow(dead_code, unused_imports)] // of each room its part

#[path = "../src/datadir/mod.rs"]
mod datadir;
#[path = "../src/error.rs"]
mod error;
#[path = "../src/io/mod.rs"]
mod io;
#[path = "../src/layout/mod.rs"]
mod layout;
#[path = "../src/monitor/mod.rs"]
mod monitor;
#[path = "../src/paths/mod.rs"]
mod paths;
#[path = "../src/snapshot/mod.rs"]
mod snapshot;
#[path = "../src/sync.rs"]
mod sync;
#[path = "../src/sys/mod.rs"]
mod sys;

mod common;

use std::fs::File;
use std::hint::black_box;
use std::io::{BufWriter, Write, sink};
use std::path::PathBuf;
use std::time::Duration;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};

use crate::io::buffer::BUFFER;
use crate::io::checksum;
use crate::io::walk::walk;
use crate::layout::{FileClass, Layout, Rule};
use crate::snapshot::{Attributes, FileEntry, Files, MANIFEST, Manifest, SourceId};
use crate::sys::dir::Dir;

/// What a whole backup has of them.
const ENTRIES: u64 = 1_000_000;
const DIRECTORIES: usize = 50;
const FILES: usize = 50_000;

fn sums(criterion: &mut Criterion) {
    let bytes: Vec<u8> = (0..BUFFER).map(|at| (at % 251) as u8).collect();
    let mut group = criterion.benchmark_group("checksum");
    group.throughput(Throughput::Bytes(BUFFER as u64));
    group.bench_function("of a buffer", |bencher| bencher.iter(|| checksum::of(black_box(&bytes))));
    group.bench_function("of a hole of 512 MiB", |bencher| {
        bencher.iter(|| {
            let mut sum = checksum::Checksum::default();
            sum.zeros(black_box(512 << 20));
            sum.value()
        });
    });
    group.finish();
}

/// A manifest as a backup of tables makes it.
fn manifest() -> Manifest {
    let attributes = Attributes { mode: 0o644, uid: 1000, gid: 1000, mtime_ns: 1_700_000_000_123_456_789 };
    let entry = |number: u64| FileEntry {
        path: PathBuf::from(format!("tables/{:03}/{number:09}.sst", number * 50 / ENTRIES)),
        size: 4096 + number,
        crc32: number as u32,
        class: Some(FileClass::IMMUTABLE),
        attributes: Some(attributes),
        source: Some(SourceId { device: 1, inode: number, born_ns: None, ctime_ns: Some(number as i64) }),
        shared: None,
        live: false,
    };
    let mut files = Files::default();
    (0..ENTRIES).for_each(|number| files.push(&entry(number)).expect("memory"));
    Manifest { layout: "rocksdb".into(), top: Some(attributes), files, ..Manifest::default() }
}

fn manifests(criterion: &mut Criterion) {
    let manifest = manifest();
    let place = common::work_dir();
    let mut file = BufWriter::new(File::create(place.path().join(MANIFEST)).expect("a file"));
    manifest.write(&mut file).and_then(|()| file.flush()).expect("a manifest");
    let snapshot = Dir::open(place.path()).expect("a directory");
    let mut group = criterion.benchmark_group("manifest of a million files");
    group.throughput(Throughput::Elements(ENTRIES)).sample_size(10);
    group.bench_function("write", |bencher| bencher.iter(|| manifest.write(&mut sink()).expect("bytes")));
    group.bench_function("read", |bencher| {
        bencher.iter(|| snapshot::read(&snapshot).expect("the manifest").files.len());
    });
    group.finish();
}

fn walks(criterion: &mut Criterion) {
    let place = common::work_dir();
    for number in 0..DIRECTORIES {
        common::fill(&place.path().join(number.to_string()), FILES / DIRECTORIES, 1, ".sst");
    }
    let top = Dir::open(place.path()).expect("a directory");
    let mut group = criterion.benchmark_group("walk");
    group.throughput(Throughput::Elements(FILES as u64)).sample_size(20);
    group.bench_function("of 50,000 files", |bencher| {
        bencher.iter(|| walk(&top, |_, _| Ok(false)).expect("a walk").len());
    });
    group.finish();
}

fn rules(criterion: &mut Criterion) {
    let callers = [("archive/**", FileClass::Excluded), ("wal/*.log", FileClass::AppendOnly)]
        .map(|(glob, class)| Rule::new(glob, class).expect("a rule"));
    let rules = Layout::named("rocksdb").expect("a layout").rules_after(&callers);
    let names: Vec<PathBuf> = (0..1000).map(|number| format!("tables/{number:06}.sst").into()).collect();
    let mut group = criterion.benchmark_group("rules");
    group.throughput(Throughput::Elements(names.len() as u64));
    group.bench_function("class of 1,000 names", |bencher| {
        bencher.iter(|| {
            names
                .iter()
                .map(|name| rules.class_of(black_box(name)))
                .filter(|class| *class == FileClass::Mutable)
                .count()
        });
    });
    group.finish();
}

criterion_group! {
    name = parts;
    config = Criterion::default().warm_up_time(Duration::from_secs(1)).measurement_time(Duration::from_secs(3));
    targets = sums, manifests, walks, rules
}
criterion_main!(parts);
