//! What the tests of this crate stand on: stores that are started here, restic, a proxy that injects faults,
//! trees as databases have them.
#![allow(dead_code, reason = "each test program uses its part")]

pub mod azurite;
pub mod backend;
pub mod bucket;
pub mod ceph;
pub mod compare;
pub mod gcs;
pub mod host;
pub mod http;
pub mod moto;
pub mod proxy;
pub mod restic;
pub mod service;
pub mod tree;

/// Something this test needs is missing: it says so, and fails where nothing may be skipped.
pub fn skip(why: &str) {
    assert!(std::env::var_os("HOTBACKUP_TEST_REQUIRE_ALL").is_none(), "must not be skipped: {why}");
    eprintln!("skipped: {why}");
}

/// Numbers that look random, the same ones for the same seed.
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// One that is less than this.
    pub fn below(&mut self, limit: u64) -> u64 {
        (self.next() >> 11) % limit
    }

    /// From 0 to 1.
    pub fn share(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }

    pub fn bytes(&mut self, length: usize) -> Vec<u8> {
        let words = (0..length.div_ceil(8)).flat_map(|_| self.next().to_le_bytes());
        words.take(length).collect()
    }
}
