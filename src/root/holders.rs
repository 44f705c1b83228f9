//! Which snapshots share a stored file.

use std::path::Path;

use uuid::Uuid;

use super::names::name_of;
use super::open::Root;
use crate::snapshot::{FileEntry, read};

/// The names of the snapshots that hold the same stored file as an entry does whose bytes were read for the
/// snapshot `origin`, the newest first. One whose manifest cannot be read does not say.
pub fn holders(root: &Root, entry: &FileEntry<&Path>, origin: Uuid) -> Vec<String> {
    let mut numbers = root.numbers().unwrap_or_default();
    numbers.sort_unstable_by(|a, b| b.cmp(a));
    let holds = |name: &String| {
        let Ok(Ok(manifest)) = root.dir.open_dir(Path::new(name)).map(|snapshot| read(&snapshot)) else {
            return false;
        };
        let own = manifest.files.place_of(entry.path, 0).map(|at| manifest.files.at(at));
        own.filter(|own| (own.size, own.crc32) == (entry.size, entry.crc32)).is_some_and(|own| {
            match own.shared {
                Some(shared) => manifest.origins[shared.origin as usize].id == origin,
                None => manifest.id == Some(origin),
            }
        })
    };
    numbers.into_iter().map(name_of).filter(holds).collect()
}
