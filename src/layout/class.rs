//! File classes: what the host promises about a file.

/// What the host promises about a file, and so how it is captured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FileClass {
    /// Never changes once it is complete, may be deleted (an SST).
    Immutable {
        /// The engine builds such files in place under their final names and keeps the truth
        /// in another file: one that is still growing belongs to no consistent point and is left out.
        unfinished_ok: bool,
    },
    /// Never truncated, nor written below its length, nor reused under another name (a log).
    AppendOnly,
    /// The pages reachable at the freeze do not change until `release` (LMDB, bbolt).
    Pinned,
    /// May change at any time. What no rule matches is mutable.
    Mutable,
    /// Not data (a lock file): left out, and left alone by a restore.
    Excluded,
}

impl FileClass {
    /// A plain immutable file.
    pub const IMMUTABLE: FileClass = FileClass::Immutable { unfinished_ok: false };

    /// The name in a manifest.
    pub(crate) fn name(self) -> &'static str {
        match self {
            FileClass::Immutable { unfinished_ok: false } => "immutable",
            FileClass::Immutable { unfinished_ok: true } => "immutable+unfinished_ok",
            FileClass::AppendOnly => "append_only",
            FileClass::Pinned => "pinned",
            FileClass::Mutable => "mutable",
            FileClass::Excluded => "excluded",
        }
    }

    /// The class that [`name`](Self::name) named.
    pub(crate) fn from_name(name: &str) -> Option<Self> {
        [
            FileClass::IMMUTABLE,
            FileClass::Immutable { unfinished_ok: true },
            FileClass::AppendOnly,
            FileClass::Pinned,
            FileClass::Mutable,
            FileClass::Excluded,
        ]
        .into_iter()
        .find(|class| class.name() == name)
    }
}
