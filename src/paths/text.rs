//! A path in JSON: text, or hexadecimal where text cannot hold it.

use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::hex;

/// A path as it stands in a record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum PathText {
    /// As it is.
    Text(String),
    /// Its bytes.
    Hex {
        /// Two digits a byte.
        hex: String,
    },
}

impl PathText {
    /// Of any path.
    pub fn of(path: &Path) -> Self {
        match path.to_str() {
            Some(text) => PathText::Text(text.to_string()),
            None => PathText::Hex { hex: hex::encode(path.as_os_str().as_bytes()) },
        }
    }

    /// The path; `None`: that is no hexadecimal.
    pub fn path(&self) -> Option<PathBuf> {
        match self {
            PathText::Text(text) => Some(PathBuf::from(text)),
            PathText::Hex { hex } => Some(PathBuf::from(OsString::from_vec(hex::decode(hex)?))),
        }
    }
}
