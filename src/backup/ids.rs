//! What names and directories of a catalog are known by: small, so that lists of them are.

/// A directory of a source.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DirectoryId(pub u32);

/// A name in a directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NameId(pub u32);

/// Where the bytes of a name stand.
#[derive(Clone, Copy)]
pub struct Text {
    /// The first of them.
    pub start: u32,
    /// How many they are.
    pub length: u16,
}
