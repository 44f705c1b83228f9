//! Objects under `snapshots/`: what was backed up, when, where, and its tree.

use std::time::SystemTime;

use hotbackup::Result;
use serde::{Deserialize, Serialize};

use super::id::Id;
use super::{json, time};

/// A snapshot, ours or one of restic's; what restic 0.17 adds of its own statistics is passed over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SnapshotRecord {
    /// When it was made.
    #[serde(with = "time")]
    pub time: SystemTime,
    /// The snapshot that it was compared with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<Id>,
    /// The record of its top directory.
    pub tree: Id,
    /// What was backed up, which restic groups snapshots by.
    #[serde(default, deserialize_with = "json::or_null")]
    pub paths: Vec<String>,
    /// On which machine.
    #[serde(default, skip_serializing_if = "json::is_empty")]
    pub hostname: String,
    /// From which account.
    #[serde(default, skip_serializing_if = "json::is_empty")]
    pub username: String,
    /// By which user.
    #[serde(default, skip_serializing_if = "json::is_empty")]
    pub uid: u32,
    /// By which group.
    #[serde(default, skip_serializing_if = "json::is_empty")]
    pub gid: u32,
    /// What was left out by restic.
    #[serde(default, deserialize_with = "json::or_null", skip_serializing_if = "Vec::is_empty")]
    pub excludes: Vec<String>,
    /// What is to be known of it.
    #[serde(default, deserialize_with = "json::or_null", skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// The snapshot that this is another record of: `restic tag` writes a new one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub original: Option<Id>,
    /// What wrote it.
    #[serde(default, skip_serializing_if = "json::is_empty")]
    pub program_version: String,
}

impl SnapshotRecord {
    /// Its JSON.
    pub fn to_json(&self) -> Result<Vec<u8>> {
        json::write(self)
    }

    /// The snapshot that JSON holds.
    pub fn from_json(json: &[u8]) -> Result<Self> {
        json::read("snapshot", json)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_snapshot_is_written_as_restic_writes_it_and_read_back() {
        let id = Id::of(b"");
        let snapshot = SnapshotRecord {
            time: time::read("2022-08-01T10:00:00.5Z").unwrap(),
            parent: None,
            tree: id,
            paths: vec!["/db".to_string()],
            hostname: "h".to_string(),
            username: String::new(),
            uid: 0,
            gid: 0,
            excludes: vec![],
            tags: vec!["hotbackup".to_string(), "ts:7".to_string()],
            original: None,
            program_version: "hotbackup 1".to_string(),
        };
        let json = snapshot.to_json().unwrap();
        assert_eq!(
            String::from_utf8_lossy(&json),
            format!(
                r#"{{"time":"2022-08-01T10:00:00.5Z","tree":"{id}","paths":["/db"],"hostname":"h","tags":["hotbackup","ts:7"],"program_version":"hotbackup 1"}}"#
            )
        );
        assert_eq!(SnapshotRecord::from_json(&json).unwrap(), snapshot);
    }

    #[test]
    fn one_of_restic_0_17_is_read() {
        let id = Id::of(b"");
        let json = format!(
            r#"{{"time":"2024-08-01T12:00:00.123456789+02:00","parent":"{id}","tree":"{id}","paths":null,"hostname":"h","username":"u","uid":1000,"gid":1000,"excludes":["*.o"],"tags":null,"original":"{id}","program_version":"restic 0.17.0","summary":{{"backup_start":"2024-08-01T12:00:00+02:00","files_new":1,"total_bytes_processed":12}}}}"#
        );
        let snapshot = SnapshotRecord::from_json(json.as_bytes()).unwrap();
        assert_eq!((snapshot.parent, snapshot.original, snapshot.uid), (Some(id), Some(id), 1000));
        assert_eq!(time::write(snapshot.time), "2024-08-01T10:00:00.123456789Z");
        assert_eq!(snapshot.program_version, "restic 0.17.0");
    }
}
