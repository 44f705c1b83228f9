//! The directories of a snapshot as restic keeps them, from what its manifest says.

use std::collections::BTreeMap;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use hotbackup::{Contents, EntryAttributes, EntryKind, Result};

use super::work::Work;
use crate::format::{BlobKind, Id, Node, Sealer, Tree, go_mode, seal_blob};
use crate::repository::Packer;

const KIND: u32 = 0o170_000;
/// Bits that give privileges do not come back from a snapshot of ours, and so not by restic either.
const PERMISSIONS: u32 = 0o1777;
const DIRECTORY: u32 = 0o040_000;
const FILE: u32 = 0o100_000;
const LINK: u32 = 0o120_000;

/// A file as it was read.
pub struct Sent<'a> {
    /// Where it lies in the snapshot.
    pub path: &'a Path,
    /// Its length.
    pub size: u64,
    /// Its pieces.
    pub ids: Vec<Id>,
    /// Its checksum.
    pub crc32: u32,
    /// Mode, owner and time.
    pub attributes: Option<EntryAttributes>,
}

/// Sends all directories, those below first, and returns the top's blob.
pub fn send(contents: &Contents, files: Vec<Sent<'_>>, packer: &Packer<'_>, work: &Work<'_>) -> Result<Id> {
    let mut directories: BTreeMap<PathBuf, Vec<Node>> = BTreeMap::new();
    directories.insert(PathBuf::new(), Vec::new());
    let mut own: BTreeMap<&Path, Option<EntryAttributes>> = BTreeMap::new();
    for entry in contents.iter() {
        match entry.kind {
            EntryKind::Directory => {
                directories.entry(entry.path.to_path_buf()).or_default();
                own.insert(entry.path, entry.attributes);
            }
            EntryKind::Link => {
                let target = entry.target.unwrap_or(Path::new("")).as_os_str().as_bytes();
                let node = with(Node::symlink(name(entry.path), target), entry.attributes, LINK | 0o777);
                add(&mut directories, entry.path, node);
            }
            _ => {}
        }
    }
    for Sent { path, size, ids, attributes, .. } in files {
        let node = with(Node::file(name(path), size, ids), attributes, FILE | 0o600);
        add(&mut directories, path, node);
    }
    let mut sealer = Sealer::new(&work.repository.key, work.level)?;
    // What lies in a directory comes behind it.
    while let Some((path, nodes)) = directories.pop_last() {
        work.check()?;
        let text = Tree::write(nodes)?;
        let id = Id::of(&text);
        if packer.claims(&id) {
            packer.add(seal_blob(&mut sealer, BlobKind::Tree, id, &text)?)?;
        }
        if path.as_os_str().is_empty() {
            return Ok(id);
        }
        let attributes = own.get(path.as_path()).copied().flatten();
        let node = with(Node::dir(name(&path), id), attributes, DIRECTORY | 0o700);
        add(&mut directories, &path, node);
    }
    Err(hotbackup::Error::new(hotbackup::Code::Internal, "a snapshot without a top directory"))
}

fn add(directories: &mut BTreeMap<PathBuf, Vec<Node>>, path: &Path, node: Node) {
    directories.entry(path.parent().unwrap_or(Path::new("")).to_path_buf()).or_default().push(node);
}

fn name(path: &Path) -> &[u8] {
    path.file_name().unwrap_or_default().as_bytes()
}

fn with(mut node: Node, attributes: Option<EntryAttributes>, otherwise: u32) -> Node {
    let kind = otherwise & KIND;
    let mode = attributes.map_or(otherwise, |attributes| kind | attributes.mode & PERMISSIONS);
    node.mode = go_mode(mode);
    node.links = if kind == FILE { 1 } else { 0 };
    if let Some(EntryAttributes { uid, gid, modified_at, .. }) = attributes {
        (node.uid, node.gid) = (uid, gid);
        (node.mtime, node.atime, node.ctime) = (modified_at, modified_at, modified_at);
    }
    node
}
