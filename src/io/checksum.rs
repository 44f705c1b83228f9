//! The checksum of a file: CRC-32/ISO-HDLC of its logical bytes, holes included.

use std::io::{self, Write};
use std::sync::OnceLock;

use crc32fast::Hasher;

/// A checksum that is built up as the bytes go by.
#[derive(Clone, Default)]
pub struct Checksum(Hasher);

impl Checksum {
    /// Takes in bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// Takes in a hole, in a time that grows with the number of its digits.
    pub fn zeros(&mut self, length: u64) {
        let powers = powers_of_zeros();
        for (bit, zeros) in powers.iter().enumerate() {
            if length >> bit & 1 == 1 {
                self.0.combine(zeros);
            }
        }
    }

    /// Takes in what another is the checksum of.
    pub fn append(&mut self, next: &Checksum) {
        self.0.combine(&next.0);
    }

    /// The value so far.
    pub fn value(&self) -> u32 {
        self.0.clone().finalize()
    }
}

/// Passes bytes on and sums them up.
pub struct Summed<W> {
    out: W,
    sum: Hasher,
    length: u64,
}

impl<W: Write> Summed<W> {
    /// On the way to `out`.
    pub fn new(out: W) -> Self {
        Self { out, sum: Hasher::new(), length: 0 }
    }

    /// Where they went, their checksum and their number.
    pub fn end(self) -> (W, (u32, u64)) {
        (self.out, (self.sum.finalize(), self.length))
    }
}

impl<W: Write> Write for Summed<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.out.write(bytes)?;
        self.sum.update(&bytes[..written]);
        self.length += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// The checksum of bytes at hand.
pub fn of(bytes: &[u8]) -> u32 {
    crc32fast::hash(bytes)
}

/// The checksums of 1, 2, 4, … zeros, each made of two of the one before. No file is longer than
/// the last power, and a hasher counts its bytes in 64 bits.
fn powers_of_zeros() -> &'static [Hasher; 63] {
    static POWERS: OnceLock<[Hasher; 63]> = OnceLock::new();
    POWERS.get_or_init(|| {
        let mut zeros = Hasher::new();
        zeros.update(&[0]);
        std::array::from_fn(|_| {
            let this = zeros.clone();
            zeros.combine(&this);
            this
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_check_value_of_the_standard() {
        assert_eq!(of(b"123456789"), 0xcbf4_3926);
    }

    #[test]
    fn a_hole_counts_as_its_zeros() {
        for length in [0usize, 1, 2, 3, 255, 4096, 65_537, 1_000_003] {
            let mut with_hole = Checksum::default();
            with_hole.update(b"before");
            with_hole.zeros(length as u64);
            with_hole.update(b"after");
            let mut bytes = b"before".to_vec();
            bytes.extend(vec![0; length]);
            bytes.extend(b"after");
            assert_eq!(with_hole.value(), of(&bytes), "{length}");
        }
    }

    #[test]
    fn a_hole_of_an_exabyte_takes_no_time() {
        let mut checksum = Checksum::default();
        checksum.zeros(1 << 60);
        checksum.zeros((1 << 62) + 12_345);
    }
}
