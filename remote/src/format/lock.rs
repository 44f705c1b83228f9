//! Objects under `locks/`: who is at work in a repository.

use std::time::SystemTime;

use hotbackup::Result;
use serde::{Deserialize, Serialize};

use super::{json, time};

/// A lock, ours or one of restic's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LockRecord {
    /// When it was made or refreshed.
    #[serde(with = "time")]
    pub time: SystemTime,
    /// Whether nobody else may be at work.
    pub exclusive: bool,
    /// Whose machine. Where it is the unlocker's own, restic sends a signal to `pid`.
    #[serde(default)]
    pub hostname: String,
    /// Whose account.
    #[serde(default)]
    pub username: String,
    /// Which process there.
    #[serde(default)]
    pub pid: i64,
    /// Of which user.
    #[serde(default, skip_serializing_if = "json::is_empty")]
    pub uid: u32,
    /// Of which group.
    #[serde(default, skip_serializing_if = "json::is_empty")]
    pub gid: u32,
}

impl LockRecord {
    /// Its JSON.
    pub fn to_json(&self) -> Result<Vec<u8>> {
        json::write(self)
    }

    /// The lock that JSON holds.
    pub fn from_json(json: &[u8]) -> Result<Self> {
        json::read("lock", json)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_is_written_as_restic_writes_it_and_read_back() {
        let lock = LockRecord {
            time: time::read("2022-08-01T10:00:00.5Z").unwrap(),
            exclusive: false,
            hostname: "hotbackup:a<b>:1".to_string(),
            username: "hotbackup".to_string(),
            pid: 0,
            uid: 0,
            gid: 7,
        };
        let json = lock.to_json().unwrap();
        assert_eq!(
            String::from_utf8_lossy(&json),
            r#"{"time":"2022-08-01T10:00:00.5Z","exclusive":false,"hostname":"hotbackup:a\u003cb\u003e:1","username":"hotbackup","pid":0,"gid":7}"#
        );
        assert_eq!(LockRecord::from_json(&json).unwrap(), lock);
        assert!(LockRecord::from_json(b"{}").is_err());
    }
}
