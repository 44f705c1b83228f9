//! Directories: their record is a blob.

use hotbackup::{Code, Error, Result};
use serde::{Deserialize, Serialize};

use super::json;
use super::node::Node;

/// A directory's record.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tree {
    /// What is in it, by name.
    #[serde(default, deserialize_with = "json::or_null")]
    pub nodes: Vec<Node>,
}

impl Tree {
    /// The blob of a directory with these in it.
    pub fn write(mut nodes: Vec<Node>) -> Result<Vec<u8>> {
        nodes.sort_by(|a, b| a.name.cmp(&b.name));
        if nodes.windows(2).any(|two| two[0].name == two[1].name) {
            return Err(Error::new(Code::Internal, "a directory with one name twice"));
        }
        let mut json = json::write(&Tree { nodes })?;
        json.push(b'\n');
        Ok(json)
    }

    /// The directory of a blob.
    pub fn read(blob: &[u8]) -> Result<Self> {
        json::read("directory", blob)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::id::Id;

    #[test]
    fn a_directory_is_written_in_order_as_restic_writes_it() {
        let id = Id::of(b"");
        let nodes = vec![
            Node::symlink(b"c", b"<\xff"),
            Node::file(b"b\"\n", 0, vec![]),
            Node { mode: 1 << 31 | 0o755, ..Node::dir(b"a", id) },
        ];
        let blob = Tree::write(nodes).unwrap();
        let times = r#""mtime":"1970-01-01T00:00:00Z","atime":"1970-01-01T00:00:00Z","ctime":"1970-01-01T00:00:00Z","uid":0,"gid":0"#;
        let text = format!(
            "{{\"nodes\":[{{\"name\":\"a\",\"type\":\"dir\",\"mode\":2147484141,{times},\"content\":null,\"subtree\":\"{id}\"}},\
             {{\"name\":\"b\\\\\\\"\\\\n\",\"type\":\"file\",{times},\"content\":[]}},\
             {{\"name\":\"c\",\"type\":\"symlink\",{times},\"linktarget\":\"\\u003c\u{fffd}\",\"linktarget_raw\":\"PP8=\",\"content\":null}}]}}\n"
        );
        assert_eq!(String::from_utf8_lossy(&blob), text);
        let tree = Tree::read(&blob).unwrap();
        assert_eq!(
            tree.nodes.iter().map(|node| &node.name[..]).collect::<Vec<_>>(),
            [&b"a"[..], b"b\"\n", b"c"]
        );
        assert_eq!(Tree::write(tree.nodes).unwrap(), blob);
    }

    #[test]
    fn an_empty_directory_and_one_of_an_old_restic_are_read() {
        assert_eq!(Tree::write(vec![]).unwrap(), b"{\"nodes\":[]}\n");
        assert_eq!(Tree::read(b"{\"nodes\":null}").unwrap(), Tree::default());
        let old = br#"{"nodes":[{"name":"a","type":"file","content":null,"extended_attributes":null,"subtree":null,"generic_attributes":{"x":1}}]}"#;
        assert_eq!(Tree::read(old).unwrap().nodes.len(), 1);
        assert_eq!(Tree::read(b"[1]").unwrap_err().code(), Code::Corrupt);
    }

    #[test]
    fn a_name_twice_is_no_directory() {
        let twice = vec![Node::file(b"a", 0, vec![]), Node::file(b"a", 0, vec![])];
        assert_eq!(Tree::write(twice).unwrap_err().code(), Code::Internal);
    }
}
