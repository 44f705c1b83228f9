//! What objects are called: restic's names, beneath the repository's prefix.

use crate::format::Id;

/// The repository's own settings.
pub const CONFIG: &str = "config";
/// Keys, each a sealed master key that one password opens.
pub const KEYS: &str = "keys/";
/// What lies in a snapshot's tree under this name makes it one of a database.
pub const MANIFEST: &str = "snapshot.manifest";
/// Who is at work.
pub const LOCKS: &str = "locks/";
/// What can be restored.
pub const SNAPSHOTS: &str = "snapshots/";
/// Which blob is in which pack.
pub const INDEX: &str = "index/";
/// Packs.
pub const DATA: &str = "data/";

/// A pack's object.
pub fn pack(id: &Id) -> String {
    let name = id.to_string();
    format!("{DATA}{}/{name}", &name[..2])
}

/// An object of one of the other kinds, which are called by what they hold.
pub fn of(prefix: &str, id: &Id) -> String {
    format!("{prefix}{id}")
}

/// The id in an object's name, however deep it lies; `None`: it is none of restic's.
pub fn id_in(name: &str) -> Option<Id> {
    name.rsplit('/').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pack_lies_beneath_its_first_two_digits_and_its_name_is_read_again() {
        let id = Id::of(b"hello");
        let name = pack(&id);
        assert_eq!(name, "data/2c/2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824");
        assert_eq!(id_in(&name), Some(id));
        assert_eq!(id_in("locks/tmp"), None);
    }
}
