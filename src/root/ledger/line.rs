//! A line of a ledger: the checksum of the rest in eight digits, a space, JSON. What a crash tore or a disk spoilt
//! is passed over, and so is what a newer library wrote.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::io::checksum;
use crate::paths::PathText;
use crate::snapshot::VerifyLevel;

/// What a line says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "snake_case")]
pub enum Line {
    /// A verification of a snapshot has ended.
    Verified {
        /// The snapshot's name and its id: names may come again.
        snapshot: String,
        id: String,
        at_ms: u64,
        level: Level,
        /// Why it is bad; `None`: it is good.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        bad: Option<String>,
    },
    /// All stored files of a snapshot were read back by scrubs, none longer ago than this.
    Scrubbed { snapshot: String, id: String, at_ms: u64, level: Level },
    /// A stored file was read back and is good.
    File { file: StoredFile, at_ms: u64, level: Level },
    /// A stored file was read back and is bad in these snapshots.
    Bad {
        file: StoredFile,
        at_ms: u64,
        level: Level,
        origin: Uuid,
        path: PathText,
        snapshots: Vec<String>,
        why: String,
    },
    /// The repository at a place has the snapshot of that id.
    Pushed { to: String, repository: String, id: String, at_ms: u64 },
}

/// A level by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "&str", try_from = "String")]
pub struct Level(pub VerifyLevel);

impl From<Level> for &str {
    fn from(level: Level) -> Self {
        level.0.name()
    }
}

impl TryFrom<String> for Level {
    type Error = &'static str;

    fn try_from(name: String) -> Result<Self, Self::Error> {
        VerifyLevel::from_name(&name).map(Level).ok_or("it is an unknown level")
    }
}

/// What several snapshots may share: the bytes that were read for one of them from the file of one path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct StoredFile(u64);

impl StoredFile {
    /// That of the snapshot for which it was read, and its path there. By FNV-1a of 64 bits: of a million, two have
    /// the same with a probability of 1 to 37 million, and what is said of it then is only when it was last read.
    pub fn of(origin: Uuid, path: &std::path::Path) -> Self {
        const PRIME: u64 = 0x0100_0000_01b3;
        const BASIS: u64 = 0xcbf2_9ce4_8422_2325;
        let bytes = origin.as_bytes().iter().chain(path.as_os_str().as_encoded_bytes());
        Self(bytes.fold(BASIS, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(PRIME)))
    }
}

impl From<StoredFile> for String {
    fn from(file: StoredFile) -> Self {
        format!("{:016x}", file.0)
    }
}

impl TryFrom<String> for StoredFile {
    type Error = std::num::ParseIntError;

    fn try_from(digits: String) -> Result<Self, Self::Error> {
        u64::from_str_radix(&digits, 16).map(Self)
    }
}

/// Lines as text.
pub fn text_of<'l>(lines: impl IntoIterator<Item = &'l Line>) -> Vec<u8> {
    let mut text = Vec::new();
    for line in lines {
        // Plain structs of ours always serialise.
        let json = serde_json::to_vec(line).unwrap_or_default();
        text.extend_from_slice(format!("{:08x} ", checksum::of(&json)).as_bytes());
        text.extend_from_slice(&json);
        text.push(b'\n');
    }
    text
}

/// The lines of a text that prove themselves.
pub fn lines_of(text: &[u8]) -> impl Iterator<Item = Line> {
    text.split(|byte| *byte == b'\n').filter_map(|line| {
        let (digits, json) = (line.get(..8)?, line.get(9..)?);
        let sum = u32::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
        (sum == checksum::of(json)).then(|| serde_json::from_slice(json).ok())?
    })
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn lines_are_read_as_they_were_written_and_what_is_torn_is_passed_over() {
        let file = StoredFile::of(Uuid::from_u128(7), Path::new("a"));
        let level = Level(VerifyLevel::Media);
        let lines = [
            Line::Verified {
                snapshot: "ts-1".into(),
                id: "x".into(),
                at_ms: 1,
                level,
                bad: Some("a\nb".into()),
            },
            Line::Scrubbed { snapshot: "ts-1".into(), id: "x".into(), at_ms: 2, level },
            Line::File { file, at_ms: 3, level },
            Line::Bad {
                file,
                at_ms: 4,
                level,
                origin: Uuid::from_u128(7),
                path: PathText::of(Path::new("a")),
                snapshots: vec!["ts-1".into()],
                why: "bad".into(),
            },
        ];
        let text = text_of(&lines);
        assert_eq!(lines_of(&text).collect::<Vec<_>>(), lines);
        let ends: Vec<_> = (0..text.len()).filter(|at| text[*at] == b'\n').collect();
        for length in 0..text.len() {
            let whole = ends.iter().filter(|end| **end <= length).count();
            // The last line may lack its line feed alone.
            let found = lines_of(&text[..length]).count();
            assert!(found == whole || found == whole + 1 && ends.contains(&length), "{length}");
            let mut damaged = text.clone();
            damaged[length] ^= 1;
            assert!(lines_of(&damaged).all(|line| lines.contains(&line)), "byte {length}");
        }
    }

    #[test]
    fn a_line_of_a_newer_library_is_passed_over() {
        let json = br#"{"what":"dreamt","of":1}"#;
        let text = [format!("{:08x} ", checksum::of(json)).as_bytes(), json, b"\n"].concat();
        assert_eq!(lines_of(&text).count(), 0);
    }

    #[test]
    fn the_id_of_a_stored_file_depends_on_its_path_and_its_origin() {
        let of = |origin, path: &str| StoredFile::of(Uuid::from_u128(origin), Path::new(path));
        assert_ne!(of(1, "a"), of(2, "a"));
        assert_ne!(of(1, "a"), of(1, "b"));
        assert_eq!(of(1, "a"), of(1, "a"));
    }
}
