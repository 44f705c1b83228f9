//! The object `config`: which repository this is, and of which version.

use hotbackup::{Code, Error, Result};
use serde::{Deserialize, Serialize};

use super::crypto::{MasterKey, random};
use super::id::Id;
use super::{json, polynomial};

/// The version that we write and read.
const VERSION: u32 = 2;

/// What a repository says of itself. It is sealed, but never compressed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Config {
    /// restic's version of the format.
    pub version: u32,
    /// Which repository it is: 64 hexadecimal digits at random.
    pub id: String,
    /// What restic's own `backup` cuts files by, in hexadecimal digits.
    pub chunker_polynomial: String,
}

impl Config {
    /// That of a new repository.
    pub fn new() -> Self {
        let mut id = [0; 32];
        random(&mut id);
        Self {
            version: VERSION,
            id: Id::from_bytes(id).to_string(),
            chunker_polynomial: format!("{:x}", polynomial::irreducible()),
        }
    }

    /// The object.
    pub fn seal(&self, key: &MasterKey) -> Result<Vec<u8>> {
        Ok(key.seal(&json::write(self)?))
    }

    /// What the object says, if it is of a version that we can read.
    pub fn open(key: &MasterKey, object: &[u8]) -> Result<Self> {
        let config: Self = json::read("configuration", &key.open(object)?)?;
        if config.version != VERSION {
            let why = format!(
                "the repository has restic's format {}; what is needed is {VERSION} (restic migrate upgrade_repo_v2)",
                config.version
            );
            return Err(Error::new(Code::Unsupported, why));
        }
        Ok(config)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_configuration_is_read_back_and_another_version_refused() {
        let key = MasterKey::generate();
        let config = Config::new();
        assert_eq!(Config::open(&key, &config.seal(&key).unwrap()).unwrap(), config);
        assert_ne!(Config::new().id, config.id);
        for version in [1, 3] {
            let other = Config { version, ..Config::new() };
            let error = Config::open(&key, &other.seal(&key).unwrap()).unwrap_err();
            assert_eq!(error.code(), Code::Unsupported);
        }
        let error = Config::open(&MasterKey::generate(), &config.seal(&key).unwrap()).unwrap_err();
        assert_eq!(error.code(), Code::Corrupt);
    }
}
