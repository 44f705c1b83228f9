//! Objects under `index/`: which blob is where in which pack.

use std::fmt;

use hotbackup::{Code, Error, Result};
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Serialize};

use super::blob::BlobKind;
use super::id::Id;
use super::json;
use super::pack::PackedBlob;

/// What an index object says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IndexObject {
    /// The index objects in whose place it is.
    pub supersedes: Vec<Id>,
    /// The packs and what they hold.
    pub packs: Vec<(Id, Vec<PackedBlob>)>,
}

#[derive(Serialize, Deserialize)]
struct BlobEntry {
    id: Id,
    #[serde(rename = "type")]
    kind: BlobKind,
    offset: u32,
    length: u32,
    #[serde(default, skip_serializing_if = "json::is_empty")]
    uncompressed_length: u32,
}

#[derive(Serialize)]
struct PackEntry {
    id: Id,
    blobs: Vec<BlobEntry>,
}

#[derive(Serialize)]
struct Written<'a> {
    #[serde(skip_serializing_if = "<[Id]>::is_empty")]
    supersedes: &'a [Id],
    packs: Vec<PackEntry>,
}

impl IndexObject {
    /// Its JSON.
    pub fn to_json(&self) -> Result<Vec<u8>> {
        let entry = |(id, blobs): &(Id, Vec<PackedBlob>)| PackEntry {
            id: *id,
            blobs: blobs.iter().map(BlobEntry::from).collect(),
        };
        json::write(&Written { supersedes: &self.supersedes, packs: self.packs.iter().map(entry).collect() })
    }
}

impl From<&PackedBlob> for BlobEntry {
    fn from(blob: &PackedBlob) -> Self {
        Self {
            id: blob.id,
            kind: blob.kind,
            offset: blob.offset,
            length: blob.length,
            uncompressed_length: blob.uncompressed.unwrap_or(0),
        }
    }
}

impl From<BlobEntry> for PackedBlob {
    fn from(entry: BlobEntry) -> Self {
        Self {
            id: entry.id,
            kind: entry.kind,
            offset: entry.offset,
            length: entry.length,
            uncompressed: Some(entry.uncompressed_length).filter(|length| *length > 0),
        }
    }
}

/// Gives each blob of an index object, with its pack, to a function as it is read: nothing is kept but one
/// pack's. What rustic lists as to be deleted is not given.
pub fn read_index(json: &[u8], mut each: impl FnMut(&Id, PackedBlob)) -> Result<()> {
    let mut reader = serde_json::Deserializer::from_slice(json);
    reader
        .deserialize_map(Index(&mut each))
        .and_then(|()| reader.end())
        .map_err(|error| Error::new(Code::Corrupt, format!("it holds no index that can be read: {error}")))
}

struct Index<'a, F>(&'a mut F);

impl<'de, F: FnMut(&Id, PackedBlob)> Visitor<'de> for Index<'_, F> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an index")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> std::result::Result<(), A::Error> {
        while let Some(key) = map.next_key::<String>()? {
            match key.as_str() {
                "packs" => map.next_value_seed(Packs(&mut *self.0))?,
                _ => _ = map.next_value::<IgnoredAny>()?,
            }
        }
        Ok(())
    }
}

struct Packs<'a, F>(&'a mut F);

impl<'de, F: FnMut(&Id, PackedBlob)> DeserializeSeed<'de> for Packs<'_, F> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> std::result::Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de, F: FnMut(&Id, PackedBlob)> Visitor<'de> for Packs<'_, F> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of packs")
    }

    /// Go writes `null` for a list that was never made.
    fn visit_unit<E>(self) -> std::result::Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut packs: A) -> std::result::Result<(), A::Error> {
        #[derive(Deserialize)]
        struct Pack {
            id: Id,
            #[serde(default, deserialize_with = "json::or_null")]
            blobs: Vec<BlobEntry>,
        }
        while let Some(pack) = packs.next_element::<Pack>()? {
            for blob in pack.blobs {
                (self.0)(&pack.id, blob.into());
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn blob(name: &[u8], kind: BlobKind, offset: u32, uncompressed: Option<u32>) -> PackedBlob {
        PackedBlob { id: Id::of(name), kind, offset, length: 40, uncompressed }
    }

    fn read(json: &[u8]) -> Result<Vec<(Id, PackedBlob)>> {
        let mut all = Vec::new();
        read_index(json, |pack, blob| all.push((*pack, blob)))?;
        Ok(all)
    }

    #[test]
    fn an_index_is_written_as_restic_writes_it_and_read_back() {
        let (a, b) = (blob(b"a", BlobKind::Data, 0, None), blob(b"b", BlobKind::Tree, 40, Some(9)));
        let index = IndexObject { supersedes: vec![], packs: vec![(Id::of(b"p"), vec![a, b])] };
        let json = index.to_json().unwrap();
        let text = format!(
            r#"{{"packs":[{{"id":"{}","blobs":[{{"id":"{}","type":"data","offset":0,"length":40}},{{"id":"{}","type":"tree","offset":40,"length":40,"uncompressed_length":9}}]}}]}}"#,
            Id::of(b"p"),
            a.id,
            b.id
        );
        assert_eq!(String::from_utf8(json.clone()).unwrap(), text);
        assert_eq!(read(&json).unwrap(), [(Id::of(b"p"), a), (Id::of(b"p"), b)]);
    }

    #[test]
    fn what_is_unknown_or_to_be_deleted_is_passed_over() {
        let id = Id::of(b"p");
        let pack = format!(
            r#"[{{"blobs":[{{"x":1,"length":40,"offset":0,"type":"data","id":"{id}"}}],"time":"x","id":"{id}"}}]"#
        );
        let json = format!(r#"{{"x":[{{}}],"packs_to_delete":{pack},"supersedes":["{id}"],"packs":{pack}}}"#);
        assert_eq!(read(json.as_bytes()).unwrap().len(), 1);
        for none in [
            "{}",
            r#"{"packs":null}"#,
            r#"{"packs":[]}"#,
            &format!(r#"{{"packs":[{{"id":"{id}","blobs":null}}]}}"#),
        ] {
            assert_eq!(read(none.as_bytes()).unwrap(), [], "{none}");
        }
    }

    #[test]
    fn what_is_no_index_is_corrupt() {
        let deep = "[".repeat(100_000);
        for json in
            ["", "[]", "{", r#"{"packs":3}"#, r#"{"packs":[{"id":"x"}]}"#, "{}{}", &format!("{{\"x\":{deep}")]
        {
            assert_eq!(read(json.as_bytes()).unwrap_err().code(), Code::Corrupt);
        }
    }
}
