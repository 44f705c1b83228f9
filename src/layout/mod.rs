//! Layouts: named rule sets for the files of an engine, each with its validator.

#[cfg(feature = "alopex")]
mod alopex;
mod class;
mod lsm;
mod pages;
mod rules;

use std::path::Path;

pub use class::FileClass;
pub use rules::{Rule, Rules};

use crate::error::{Code, Error, Result};

/// The names of a known engine's files, and how to tell whether a copy of them is sound.
#[derive(Clone, Copy, Debug)]
pub struct Layout {
    name: &'static str,
    rules: &'static [(&'static str, FileClass)],
    validate: Option<fn(&Path) -> Result<()>>,
    /// Its engine never truncates, rewrites or touches an immutable file that has several names, not when it
    /// deletes it either: a link to a live one stays what it was.
    links: bool,
}

const GENERIC: Layout = Layout { name: "generic", rules: &[], validate: None, links: false };

#[cfg(feature = "alopex")]
const ALOPEX: Layout = Layout {
    name: "alopex",
    rules: &[
        ("*.alopex.lock", FileClass::Excluded),
        ("sst/*.sst", FileClass::IMMUTABLE),
        ("lsm.wal", FileClass::Mutable),
        ("checkpoint.meta", FileClass::Mutable),
    ],
    validate: Some(alopex::validate),
    links: false,
};

impl Layout {
    /// The layout without rules, where each file is mutable.
    pub const DEFAULT: Layout = GENERIC;

    const BUILT_IN: &'static [Layout] = &[
        GENERIC,
        #[cfg(feature = "alopex")]
        ALOPEX,
        lsm::ROCKSDB,
        lsm::LEVELDB,
        lsm::PEBBLE,
        pages::SQLITE,
        pages::LMDB,
        pages::BBOLT,
    ];

    /// The built-in layout of that name.
    pub fn named(name: &str) -> Result<Self> {
        Self::BUILT_IN.iter().find(|layout| layout.name == name).copied().ok_or_else(|| {
            let known: Vec<_> = Self::BUILT_IN.iter().map(|layout| layout.name).collect();
            Error::new(
                Code::Unsupported,
                format!("the layout {name:?} is not built in; this library has {}", known.join(", ")),
            )
        })
    }

    /// Its name, as manifests record it.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// The caller's rules, then the layout's.
    pub fn rules_after(&self, callers: &[Rule]) -> Rules {
        let own = self.rules.iter().map(|(glob, class)| {
            Rule::new(glob, *class).expect("the rules of built-in layouts are well-formed")
        });
        Rules::new(callers.iter().cloned().chain(own).collect())
    }

    /// The rules whose immutable files a checkpoint may link; `None`: nobody knows that of this engine.
    pub fn linkable(&self) -> Option<Rules> {
        self.links.then(|| self.rules_after(&[]))
    }

    /// Whether the directory holds a sound copy, as the engine itself would see it.
    pub fn validate(&self, directory: &Path) -> Result<()> {
        self.validate.map_or(Ok(()), |validate| validate(directory))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_built_in_layout_is_found_by_its_name_and_has_sound_rules() {
        for layout in Layout::BUILT_IN {
            assert_eq!(Layout::named(layout.name()).unwrap().name(), layout.name());
            assert_eq!(layout.rules_after(&[]).iter().count(), layout.rules.len());
        }
    }

    #[test]
    fn a_layout_that_is_not_built_in_is_refused_with_those_that_are() {
        let error = Layout::named("oracle").unwrap_err();
        assert_eq!(error.code(), Code::Unsupported);
        assert!(error.message().contains("generic"), "{error}");
    }
}
