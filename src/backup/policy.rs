//! What each class of files means in each phase of a backup, in one table:
//!
//! | class | pinned ahead of the window | by an observation | two observations agree on | inside the window | after it |
//! | --- | --- | --- | --- | --- | --- |
//! | `immutable` | yes | name; stat of its pin, where it was written to shortly before | name, inode | nothing | all of it; it must be as it was pinned |
//! | `immutable` + unfinished ok | yes | name | nothing: while compactions run they never rest | nothing | all of it, unless it still grows |
//! | `append_only` | yes, and it must be the name's own | stat | name, inode, size | its length, both ends | its first bytes; the ends must be as they were |
//! | `pinned` | yes, and it must be the name's own | stat | name, inode | its length, its first 256 KiB | the rest up to that length |
//! | `mutable` | no | stat | name, inode, size, times | all of it | nothing but a clone's checksum |
//!
//! `excluded` names are met by no phase. Without a freeze hook the change time of mutable files counts too,
//! and the size of a log does not where no file is mutable: any prefix of it is one that it had.
//! What the window took of a file stands in its record: [`Captured`](super::record::Captured).

use crate::layout::FileClass;

/// The first bytes of a `pinned` file, which hold every meta page: LMDB's and bbolt's two are the first
/// two pages, and no page is larger than 64 KiB.
pub const HEAD: u64 = 256 << 10;

/// How much of an `append_only` file is compared at both ends of what was captured: a page.
pub const BLOCK: u64 = 4 << 10;

/// How a file is kept from going away until it is copied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pinning {
    /// Not at all: it is copied in the window by its name.
    None,
    /// A link or a descriptor of whatever has the name.
    AsListed,
    /// The pin must have the name's own number: what is read in the window is compared with what an observation saw.
    Exactly,
}

/// What two observations must agree on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Agreement {
    /// Nothing: it may come and go.
    Nothing,
    /// That the name is there, and whose it is.
    Name,
    /// That, and its size.
    Size,
    /// That, its size and its times.
    Times,
}

/// What the window takes of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InWindow {
    /// Nothing: its pin holds it.
    Nothing,
    /// Its length and the bytes at both ends of it.
    LengthAndEnds,
    /// Its length and its first bytes.
    Head,
    /// All of it.
    All,
}

/// A line of the table.
#[derive(Clone, Copy, Debug)]
pub struct Policy {
    /// How it is pinned.
    pub pinning: Pinning,
    /// Whether each observation stats it.
    pub stat: bool,
    /// What two observations agree on.
    pub agreement: Agreement,
    /// What the window takes of it.
    pub in_window: InWindow,
}

impl Policy {
    /// That of a class.
    pub fn of(class: FileClass) -> Self {
        use {Agreement as A, InWindow as W, Pinning as P};
        let line = |pinning, stat, agreement, in_window| Self { pinning, stat, agreement, in_window };
        match class {
            FileClass::Immutable { unfinished_ok: false } => line(P::AsListed, false, A::Name, W::Nothing),
            FileClass::Immutable { unfinished_ok: true } => line(P::AsListed, false, A::Nothing, W::Nothing),
            FileClass::AppendOnly => line(P::Exactly, true, A::Size, W::LengthAndEnds),
            FileClass::Pinned => line(P::Exactly, true, A::Name, W::Head),
            FileClass::Mutable => line(P::None, true, A::Times, W::All),
            FileClass::Excluded => line(P::None, false, A::Nothing, W::Nothing),
        }
    }
}
