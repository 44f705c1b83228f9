//! Which snapshots have the bytes of a stored file.

use std::path::Path;

use uuid::Uuid;

use super::names::{name_of, snapshot_numbers};
use crate::snapshot::{FileEntry, Manifest, read};
use crate::sys::dir::Dir;

/// A snapshot that has them.
pub struct Copy {
    /// Its directory's name.
    pub snapshot: String,
    /// The snapshot for which they were read from their source. Those of one origin are shared.
    pub origin: Uuid,
}

/// The snapshots of a root that have a file of this path, size and checksum, the newest first. One whose manifest
/// cannot be read does not say.
pub fn copies(root: &Dir, path: &Path, size: u64, crc32: u32) -> Vec<Copy> {
    let mut numbers = snapshot_numbers(root).unwrap_or_default();
    numbers.sort_unstable_by(|a, b| b.cmp(a));
    let copy = |number: u64| {
        let snapshot = name_of(number);
        let manifest = read(&root.open_dir(Path::new(&snapshot)).ok()?).ok()?;
        let own = manifest.files.at(manifest.files.place_of(path, 0)?);
        let origin = origin_of(&manifest, number, &own);
        ((own.size, own.crc32) == (size, crc32)).then_some(Copy { snapshot, origin })
    };
    numbers.into_iter().filter_map(copy).collect()
}

/// The snapshot for which the bytes of a file were read: an earlier one if it is shared. One of Alopex's own has no
/// id, and shares nothing.
pub fn origin_of<P>(manifest: &Manifest, number: u64, file: &FileEntry<P>) -> Uuid {
    match file.shared {
        Some(shared) => manifest.origins[shared.origin as usize].id,
        None => manifest.id.unwrap_or(Uuid::from_u128(number.into())),
    }
}
