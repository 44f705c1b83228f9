//! JSON as Go writes it, byte for byte: restic refuses to rewrite a tree that it would encode otherwise.

use std::io;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hotbackup::{Code, Error, Result};
use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::ser::Formatter;

/// Go escapes what HTML would take for its own, and two separators of lines, beside what JSON asks for.
struct Go;

/// Those, with what is written for them.
const ESCAPED: [(&str, &str); 5] =
    [("<", "\\u003c"), (">", "\\u003e"), ("&", "\\u0026"), ("\u{2028}", "\\u2028"), ("\u{2029}", "\\u2029")];

impl Formatter for Go {
    fn write_string_fragment<W: ?Sized + io::Write>(&mut self, to: &mut W, fragment: &str) -> io::Result<()> {
        let mut rest = fragment;
        while let Some(at) = rest.find(['<', '>', '&', '\u{2028}', '\u{2029}']) {
            to.write_all(&rest.as_bytes()[..at])?;
            rest = &rest[at..];
            for (char, escape) in ESCAPED {
                if let Some(after) = rest.strip_prefix(char) {
                    to.write_all(escape.as_bytes())?;
                    rest = after;
                    break;
                }
            }
        }
        to.write_all(rest.as_bytes())
    }
}

/// A record as JSON.
pub fn write(record: &impl Serialize) -> Result<Vec<u8>> {
    let mut json = Vec::new();
    record.serialize(&mut serde_json::Serializer::with_formatter(&mut json, Go)).map_err(|error| {
        Error::new(Code::Internal, format!("a record cannot be written as JSON: {error}"))
    })?;
    Ok(json)
}

/// The record that JSON holds. `what` says which, for an error.
pub fn read<T: DeserializeOwned>(what: &str, json: &[u8]) -> Result<T> {
    serde_json::from_slice(json)
        .map_err(|error| Error::new(Code::Corrupt, format!("it holds no {what} that can be read: {error}")))
}

/// For `#[serde(deserialize_with)]`: Go's `null` for a list or a text that has nothing.
pub fn or_null<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(
    deserializer: D,
) -> std::result::Result<T, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

/// For `#[serde(skip_serializing_if)]`: Go's `omitempty`.
pub fn is_empty<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// For `#[serde(with)]`: bytes, which Go writes in base64.
pub mod bytes {
    use super::*;

    pub fn serialize<S: Serializer>(
        bytes: &impl AsRef<[u8]>,
        serializer: S,
    ) -> std::result::Result<S::Ok, S::Error> {
        serializer.serialize_str(&STANDARD.encode(bytes))
    }

    pub fn deserialize<'de, D: Deserializer<'de>, T: TryFrom<Vec<u8>>>(
        deserializer: D,
    ) -> std::result::Result<T, D::Error> {
        let text: Option<String> = Option::deserialize(deserializer)?;
        let bytes = STANDARD.decode(text.unwrap_or_default()).map_err(D::Error::custom)?;
        T::try_from(bytes).map_err(|_| D::Error::custom("bytes in base64 of a wrong length"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_escaped_as_go_escapes_it() {
        let text = "a<b>&\"\\\u{2028}\u{2029}é\u{1}\u{7f}\n\t/";
        let json = String::from_utf8(write(&text).unwrap()).unwrap();
        assert_eq!(json, "\"a\\u003cb\\u003e\\u0026\\\"\\\\\\u2028\\u2029é\\u0001\u{7f}\\n\\t/\"");
        assert_eq!(read::<String>("text", json.as_bytes()).unwrap(), text);
    }
}
