//! What a directory's record says of one name in it.

use std::time::SystemTime;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::id::Id;
use super::{json, quote, time};

/// What a name is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum NodeKind {
    /// A file.
    File,
    /// A directory.
    Dir,
    /// A symbolic link.
    Symlink,
    /// A block device.
    Dev,
    /// A character device.
    Chardev,
    /// A named pipe.
    Fifo,
    /// A socket.
    Socket,
    /// What a newer restic may know.
    #[serde(other)]
    Other,
}

/// A name and what it is of, in the order of restic's fields.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Node {
    /// The name, any bytes.
    #[serde(serialize_with = "write_name", deserialize_with = "read_name")]
    pub name: Vec<u8>,
    /// What it is of.
    #[serde(rename = "type")]
    pub kind: NodeKind,
    /// Permissions and kind in Go's bits, as [`go_mode`] makes them.
    #[serde(default, skip_serializing_if = "json::is_empty")]
    pub mode: u32,
    /// When its bytes were changed.
    #[serde(with = "time", default = "time::none")]
    pub mtime: SystemTime,
    /// When it was read.
    #[serde(with = "time", default = "time::none")]
    pub atime: SystemTime,
    /// When anything about it was changed.
    #[serde(with = "time", default = "time::none")]
    pub ctime: SystemTime,
    /// Whose it is.
    #[serde(default)]
    pub uid: u32,
    /// Of which group.
    #[serde(default)]
    pub gid: u32,
    /// The name of whose it is.
    #[serde(default, skip_serializing_if = "json::is_empty")]
    pub user: String,
    /// The name of its group.
    #[serde(default, skip_serializing_if = "json::is_empty")]
    pub group: String,
    /// Its inode.
    #[serde(default, skip_serializing_if = "json::is_empty")]
    pub inode: u64,
    /// The device that it was on.
    #[serde(default, skip_serializing_if = "json::is_empty")]
    pub device_id: u64,
    /// The length of a file.
    #[serde(default, skip_serializing_if = "json::is_empty")]
    pub size: u64,
    /// How many names it has.
    #[serde(default, skip_serializing_if = "json::is_empty")]
    pub links: u64,
    /// Where a symbolic link leads, if that is UTF-8.
    #[serde(default, skip_serializing_if = "json::is_empty")]
    pub linktarget: String,
    /// The same where it is not.
    #[serde(default, with = "json::bytes", skip_serializing_if = "Vec::is_empty")]
    pub linktarget_raw: Vec<u8>,
    /// Its extended attributes.
    #[serde(default, deserialize_with = "json::or_null", skip_serializing_if = "Vec::is_empty")]
    pub extended_attributes: Vec<ExtendedAttribute>,
    /// Which device a device is.
    #[serde(default, skip_serializing_if = "json::is_empty")]
    pub device: u64,
    /// The pieces of a file.
    #[serde(default)]
    pub content: Option<Vec<Id>>,
    /// The record of a directory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subtree: Option<Id>,
    /// What went wrong when it was backed up.
    #[serde(default, skip_serializing_if = "json::is_empty")]
    pub error: String,
}

/// One extended attribute.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExtendedAttribute {
    /// Its name.
    pub name: String,
    /// Its value.
    #[serde(with = "json::bytes")]
    pub value: Vec<u8>,
}

impl Node {
    /// A name of which nothing more is known yet.
    pub fn new(name: &[u8], kind: NodeKind) -> Self {
        Self {
            name: name.to_vec(),
            kind,
            mode: 0,
            mtime: time::none(),
            atime: time::none(),
            ctime: time::none(),
            uid: 0,
            gid: 0,
            user: String::new(),
            group: String::new(),
            inode: 0,
            device_id: 0,
            size: 0,
            links: 0,
            linktarget: String::new(),
            linktarget_raw: Vec::new(),
            extended_attributes: Vec::new(),
            device: 0,
            content: None,
            subtree: None,
            error: String::new(),
        }
    }

    /// A file of these pieces.
    pub fn file(name: &[u8], size: u64, content: Vec<Id>) -> Self {
        Self { size, content: Some(content), ..Self::new(name, NodeKind::File) }
    }

    /// A directory with that record.
    pub fn dir(name: &[u8], subtree: Id) -> Self {
        Self { subtree: Some(subtree), ..Self::new(name, NodeKind::Dir) }
    }

    /// A symbolic link to there, which may be any bytes; restic before 0.16 loses those that are no UTF-8.
    pub fn symlink(name: &[u8], target: &[u8]) -> Self {
        let linktarget = String::from_utf8_lossy(target).into_owned();
        let linktarget_raw = if linktarget.as_bytes() == target { Vec::new() } else { target.to_vec() };
        Self { linktarget, linktarget_raw, ..Self::new(name, NodeKind::Symlink) }
    }

    #[cfg(test)]
    /// Where a symbolic link leads.
    pub fn target(&self) -> &[u8] {
        if self.linktarget_raw.is_empty() { self.linktarget.as_bytes() } else { &self.linktarget_raw }
    }
}

fn write_name<S: Serializer>(name: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&quote::quote(name))
}

/// A name, and never a path: what it is joined to must stay above it.
fn read_name<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
    let name = quote::unquote(&String::deserialize(deserializer)?)
        .ok_or_else(|| D::Error::custom("a name that restic does not write"))?;
    let is_path = matches!(name.as_slice(), b"" | b"." | b"..") || name.contains(&b'/') || name.contains(&0);
    if is_path { Err(D::Error::custom("a name that no file can have")) } else { Ok(name) }
}

/// Bits of `st_mode`, and of Go's `os.FileMode`.
const BITS: [(u32, u32); 3] = [(0o4000, 1 << 23), (0o2000, 1 << 22), (0o1000, 1 << 20)];
const KIND: u32 = 0o170000;
const KINDS: [(u32, u32); 7] = [
    (0o100000, 0),
    (0o040000, 1 << 31),
    (0o120000, 1 << 27),
    (0o060000, 1 << 26),
    (0o020000, 1 << 26 | 1 << 21),
    (0o010000, 1 << 25),
    (0o140000, 1 << 24),
];

/// A mode as Go has it, of one as `stat` gives it.
pub fn go_mode(unix: u32) -> u32 {
    let bits = BITS.iter().filter(|(bit, _)| unix & bit != 0).map(|(_, go)| go);
    let kind = KINDS.iter().filter(|(kind, _)| unix & KIND == *kind).map(|(_, go)| go);
    bits.chain(kind).fold(unix & 0o777, |mode, bit| mode | bit)
}

#[cfg(test)]
/// A mode as `stat` gives it, of one as Go has it.
pub fn unix_mode(go: u32) -> u32 {
    let all = KINDS.iter().fold(0, |all, (_, bits)| all | bits);
    let bits = BITS.iter().filter(|(_, bit)| go & bit != 0).map(|(unix, _)| unix);
    let kind = KINDS.iter().filter(|(_, kind)| go & all == *kind).map(|(unix, _)| unix);
    bits.chain(kind).fold(go & 0o777, |mode, bit| mode | bit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modes_are_gos_and_back() {
        for (unix, go) in [
            (0o100644, 0o644),
            (0o104755, 0o755 | 1 << 23),
            (0o102755, 0o755 | 1 << 22),
            (0o041777, 0o777 | 1 << 31 | 1 << 20),
            (0o120777, 0o777 | 1 << 27),
            (0o020600, 0o600 | 1 << 26 | 1 << 21),
            (0o060600, 0o600 | 1 << 26),
            (0o010600, 0o600 | 1 << 25),
            (0o140600, 0o600 | 1 << 24),
        ] {
            assert_eq!((go_mode(unix), unix_mode(go)), (go, unix), "{unix:o}");
        }
    }

    #[test]
    fn a_link_leads_anywhere() {
        for target in [&b"a"[..], b"\xff/b", "é".as_bytes(), b""] {
            let node = Node::symlink(b"l", target);
            let json = json::write(&node).unwrap();
            assert_eq!(json::read::<Node>("node", &json).unwrap(), node);
            assert_eq!(node.target(), target);
        }
    }

    #[test]
    fn a_name_that_is_a_path_is_refused() {
        for name in ["", ".", "..", "a/b", "/", "../a", r"\\x00", r"\\x2e\\x2e", r"a\\x2fb", r"\\"] {
            let json = format!(r#"{{"name":"{name}","type":"file"}}"#);
            assert!(json::read::<Node>("node", json.as_bytes()).is_err(), "{name}");
        }
        assert!(json::read::<Node>("node", br#"{"name":"...","type":"irregular","x":{}}"#).is_ok());
    }
}
