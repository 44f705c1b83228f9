//! Names of objects and blobs: the SHA-256 of what they hold.

use std::fmt;
use std::str::FromStr;

use aws_lc_rs::digest;
use serde::de::{Error as _, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A SHA-256, written as 64 lower hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Id([u8; 32]);

/// What was to be an [`Id`] is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoId;

const DIGITS: &[u8; 16] = b"0123456789abcdef";

impl Id {
    /// The name of what holds these bytes.
    pub fn of(bytes: &[u8]) -> Self {
        Self::from_digest(&digest::digest(&digest::SHA256, bytes))
    }

    /// The name of what was given to a SHA-256 piece by piece.
    pub fn from_digest(digest: &digest::Digest) -> Self {
        let mut bytes = [0; 32];
        bytes.copy_from_slice(digest.as_ref());
        Self(bytes)
    }

    /// The id of these 32 bytes.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Its 32 bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Its digits, without an allocation: a large file's node has millions of them.
    fn with_digits<T>(&self, then: impl FnOnce(&str) -> T) -> T {
        let mut digits = [0; 64];
        for (pair, byte) in digits.chunks_exact_mut(2).zip(self.0) {
            pair[0] = DIGITS[usize::from(byte >> 4)];
            pair[1] = DIGITS[usize::from(byte & 15)];
        }
        then(std::str::from_utf8(&digits).unwrap_or_default())
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.with_digits(|digits| f.pad(digits))
    }
}

impl fmt::Debug for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for NoId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not 64 lower hexadecimal digits")
    }
}

impl std::error::Error for NoId {}

fn digit(of: u8) -> Result<u8, NoId> {
    match of {
        b'0'..=b'9' => Ok(of - b'0'),
        b'a'..=b'f' => Ok(of - b'a' + 10),
        _ => Err(NoId),
    }
}

impl FromStr for Id {
    type Err = NoId;

    fn from_str(text: &str) -> Result<Self, NoId> {
        if text.len() != 64 {
            return Err(NoId);
        }
        let mut bytes = [0; 32];
        for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
            *byte = digit(pair[0])? << 4 | digit(pair[1])?;
        }
        Ok(Self(bytes))
    }
}

impl Serialize for Id {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.with_digits(|digits| serializer.serialize_str(digits))
    }
}

impl<'de> Deserialize<'de> for Id {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Digits;
        impl Visitor<'_> for Digits {
            type Value = Id;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("64 lower hexadecimal digits")
            }
            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Id, E> {
                text.parse().map_err(E::custom)
            }
        }
        deserializer.deserialize_str(Digits).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OF_ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    #[test]
    fn an_id_is_the_sha256_and_is_written_as_its_digits() {
        assert_eq!(Id::of(b"abc").to_string(), OF_ABC);
        assert_eq!(OF_ABC.parse(), Ok(Id::of(b"abc")));
        assert_eq!(serde_json::to_string(&Id::of(b"abc")).unwrap(), format!("\"{OF_ABC}\""));
        assert_eq!(serde_json::from_str::<Id>(&format!("\"{OF_ABC}\"")).unwrap(), Id::of(b"abc"));
    }

    #[test]
    fn other_texts_are_no_ids() {
        let upper = OF_ABC.to_uppercase();
        let wide = format!("é{}", &OF_ABC[2..]);
        for text in ["", &OF_ABC[1..], &upper, &format!("{OF_ABC}0"), &wide, &OF_ABC.replace('a', "g")] {
            assert_eq!(text.parse::<Id>(), Err(NoId), "{text}");
        }
    }
}
