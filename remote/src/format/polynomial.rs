//! The polynomial by which restic's own `backup` cuts files into pieces. We cut at fixed places, but a
//! repository without a good one is of no use to restic.

use super::crypto::random;

/// restic asks for this degree. It is a prime, which makes Rabin's test short.
const DEGREE: u32 = 53;

/// An irreducible polynomial over the field of two elements, at random; its bits are the coefficients.
pub fn irreducible() -> u64 {
    loop {
        let mut bytes = [0; 8];
        random(&mut bytes);
        // Without its last bit it would be divisible by x. One in 27 that have it is irreducible.
        let polynomial = u64::from_le_bytes(bytes) & ((1 << DEGREE) - 1) | 1 << DEGREE | 1;
        if is_irreducible(polynomial) {
            return polynomial;
        }
    }
}

/// Rabin's test for a polynomial of this degree: it divides `x^(2^53) - x`, and has no root.
pub fn is_irreducible(polynomial: u64) -> bool {
    const X: u64 = 2;
    if polynomial.checked_ilog2() != Some(DEGREE) {
        return false;
    }
    let power = (0..DEGREE).fold(X, |power, _| square(power, polynomial));
    // No root: neither 0, where the last coefficient counts, nor 1, where all do.
    power == X && polynomial & 1 == 1 && polynomial.count_ones() % 2 == 1
}

/// The square of a remainder: over this field that of each term, `x^n` becoming `x^2n`.
fn square(of: u64, modulus: u64) -> u64 {
    let mut wide = (0..DEGREE).filter(|bit| of >> bit & 1 == 1).fold(0u128, |sum, bit| sum | 1 << (2 * bit));
    while let Some(degree) = wide.checked_ilog2().filter(|degree| *degree >= DEGREE) {
        wide ^= u128::from(modulus) << (degree - DEGREE);
    }
    wide as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn restics_polynomials_are_irreducible_and_products_are_not() {
        // Of restic's chunker: its tests' polynomial and one of its documentation.
        for good in [0x3DA3358B4DC173, 0x25b468838dcb75] {
            assert!(is_irreducible(good), "{good:x}");
        }
        for bad in [0, 1, 2, 0x3DA3358B4DC172, 0x3DA3358B4DC175, 1 << 53, (1 << 53) | 1, 0x7DA3358B4DC173] {
            assert!(!is_irreducible(bad), "{bad:x}");
        }
    }

    /// What is divisible by a polynomial of any degree from 1 to 26 is found to be.
    #[test]
    fn every_product_of_two_is_found() {
        let times = |a: u64, b: u64| {
            (0..64).filter(|bit| b >> bit & 1 == 1).fold(0u128, |sum, bit| sum ^ u128::from(a) << bit) as u64
        };
        for degree in 1..=26 {
            for n in 0..50u64 {
                let mut bytes = [0; 16];
                random(&mut bytes);
                let number = u128::from_le_bytes(bytes);
                let small = (number as u64) & ((1 << degree) - 1) | 1 << degree;
                let large = ((number >> 64) as u64) & ((1 << (53 - degree)) - 1) | 1 << (53 - degree);
                assert!(!is_irreducible(times(small, large)), "{n}: {small:x} {large:x}");
            }
        }
        assert!(is_irreducible(irreducible()));
    }
}
