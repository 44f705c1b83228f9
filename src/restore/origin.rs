//! Where a restore takes its snapshot from: a directory here, or a supply elsewhere.

use std::path::Path;
use std::sync::Arc;

use super::supply::Supply;
use crate::datadir::locks::lock_in_use;
use crate::error::Result;
use crate::monitor::Phase;
use crate::snapshot::{Manifest, open_directory, read, read_bytes};
use crate::sys::dir::Dir;

/// Where a snapshot lies.
pub enum Origin {
    /// In this directory, which cannot be deleted meanwhile.
    Here(Dir),
    /// Where its supply brings it from.
    Elsewhere(Arc<dyn Supply>),
}

/// What a restore is to be of.
pub enum Wanted<'a> {
    /// The snapshot in a directory.
    At(&'a Path),
    /// The one that a supply brings.
    From(Arc<dyn Supply>),
}

impl Wanted<'_> {
    /// What a job does first with it.
    pub fn phase(&self) -> Phase {
        match self {
            Wanted::At(_) => Phase::Copy,
            Wanted::From(_) => Phase::Download,
        }
    }
}

impl Origin {
    /// Opens it and reads its manifest.
    pub fn open(wanted: Wanted<'_>) -> Result<(Self, Manifest)> {
        match wanted {
            Wanted::At(location) => {
                let source = open_directory(location)?;
                lock_in_use(&source)?;
                let manifest = read(&source)?;
                Ok((Origin::Here(source), manifest))
            }
            Wanted::From(supply) => {
                let manifest = read_bytes(&supply.manifest()?, supply.name())?;
                Ok((Origin::Elsewhere(supply), manifest))
            }
        }
    }

    /// What messages call it.
    pub fn name(&self) -> &Path {
        match self {
            Origin::Here(source) => source.path(),
            Origin::Elsewhere(supply) => supply.name(),
        }
    }

    /// The directory, if it lies in one.
    pub fn directory(&self) -> Option<&Dir> {
        match self {
            Origin::Here(source) => Some(source),
            Origin::Elsewhere(_) => None,
        }
    }
}
