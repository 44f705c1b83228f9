//! The layouts of SQLite, LMDB and bbolt: one file of pages, which only its engine can judge. So they
//! have no validator; a host's `validate` hook is the place for the engine's own check.

use super::{FileClass, Layout};

/// All but the shared memory of the log's index, which the engine builds anew, is copied inside the
/// freeze. A host with a checkpoint and a read transaction has a smaller window: see docs/hosts.md.
pub const SQLITE: Layout =
    Layout { name: "sqlite", rules: &[("*-shm", FileClass::Excluded)], validate: None, links: false };

/// A directory of `data.mdb` and `lock.mdb` or, with `MDB_NOSUBDIR`, `<name>.mdb` and `<name>.mdb-lock`.
pub const LMDB: Layout = Layout {
    name: "lmdb",
    rules: &[
        ("lock.mdb", FileClass::Excluded),
        ("*-lock", FileClass::Excluded),
        ("*.mdb", FileClass::Pinned),
    ],
    validate: None,
    links: false,
};

/// The names that bbolt's users give to its file, etcd's `db` among them. A host with another name
/// adds a rule, since an unknown file is mutable, which is as safe and slower.
pub const BBOLT: Layout = Layout {
    name: "bbolt",
    rules: &[
        ("*.lock", FileClass::Excluded),
        ("*.db", FileClass::Pinned),
        ("*.bolt", FileClass::Pinned),
        ("*.bbolt", FileClass::Pinned),
        ("db", FileClass::Pinned),
    ],
    validate: None,
    links: false,
};
