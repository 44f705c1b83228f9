//! A database of tables and one of pages, of records as hosts have them: keys that follow each other, words, numbers, and a
//! third of what no compression can shrink.

use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::FileExt;
use std::path::Path;

use crate::common::Random;

const PAGE: usize = 4096;

/// As RocksDB's tables by its defaults would be, were they not so many.
const TABLE: usize = 14 << 20;

struct Records {
    random: Random,
    words: Vec<String>,
    next: u64,
}

impl Records {
    fn new() -> Self {
        let mut random = Random::new(1);
        let letters = |random: &mut Random| {
            let length = 3 + random.below(7) as usize;
            (0..length).map(|_| char::from(b'a' + random.below(26) as u8)).collect()
        };
        let words = (0..4000).map(|_| letters(&mut random)).collect();
        Self { random, words, next: 0 }
    }

    fn onto(&mut self, bytes: &mut Vec<u8>, length: usize) {
        let end = bytes.len() + length;
        while bytes.len() < end {
            self.next += 1;
            let mut record = format!("user{:012}{{\"name\":\"", self.next);
            for _ in 0..6 {
                record.push_str(&self.words[self.random.below(4000) as usize]);
                record.push(' ');
            }
            record.push_str(&format!("\",\"at\":{},\"key\":", self.random.below(1 << 40)));
            bytes.extend_from_slice(record.as_bytes());
            bytes.extend_from_slice(&self.random.bytes(60));
        }
        bytes.truncate(end);
    }
}

/// So many megabytes of tables, half as many of pages that are filled to three quarters.
pub fn make(directory: &Path, megabytes: usize) {
    fs::create_dir_all(directory).expect("a directory");
    let mut records = Records::new();
    let mut left = megabytes << 20;
    for number in 0.. {
        let length = left.min(TABLE);
        if length == 0 {
            break;
        }
        let mut bytes = Vec::with_capacity(length);
        records.onto(&mut bytes, length);
        fs::write(directory.join(format!("{number:06}.sst")), bytes).expect("a table");
        left -= length;
    }
    let mut file = File::create(directory.join("data.mdb")).expect("a file");
    for _ in 0..megabytes / 2 {
        let mut bytes = Vec::with_capacity(1 << 20);
        for _ in 0..(1 << 20) / PAGE {
            let end = bytes.len() + PAGE;
            records.onto(&mut bytes, PAGE / 4 * 3);
            bytes.resize(end, 0);
        }
        file.write_all(&bytes).expect("pages");
    }
}

/// A record of one page in a hundred is another, anywhere in the file.
pub fn change(directory: &Path, seed: u64) {
    let mut random = Random::new(seed);
    let file = File::options().write(true).open(directory.join("data.mdb")).expect("a file");
    let pages = file.metadata().expect("its length").len() / PAGE as u64;
    for _ in 0..pages / 100 {
        let page = random.below(pages) * PAGE as u64;
        file.write_all_at(&random.bytes(150), page + 600).expect("a page");
    }
}
