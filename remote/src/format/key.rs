//! Objects under `keys/`: the master key, sealed with what scrypt makes of a password.

use std::time::SystemTime;

use hotbackup::{Code, Error, Result};
use serde::{Deserialize, Serialize};

use super::crypto::{MasterKey, random};
use super::{json, time};

/// What scrypt costs whoever tries passwords: 32 MiB, five times over.
const LOG_N: u8 = 15;
const R: u32 = 8;
const P: u32 = 5;

/// What an object may ask of us: restic asks for 60 MiB at most.
const MOST_MEMORY: u64 = 1 << 30;
const MOST_WORK: u64 = 1 << 27;

#[derive(Serialize, Deserialize)]
struct KeyObject {
    #[serde(with = "time")]
    created: SystemTime,
    #[serde(default)]
    username: String,
    #[serde(default)]
    hostname: String,
    kdf: String,
    #[serde(rename = "N")]
    n: u64,
    r: u32,
    p: u32,
    #[serde(with = "json::bytes")]
    salt: Vec<u8>,
    #[serde(with = "json::bytes")]
    data: Vec<u8>,
}

/// The master key as `data` holds it.
#[derive(Serialize, Deserialize)]
struct Keys {
    mac: MacKeys,
    #[serde(with = "json::bytes")]
    encrypt: [u8; 32],
}

#[derive(Serialize, Deserialize)]
struct MacKeys {
    #[serde(with = "json::bytes")]
    k: [u8; 16],
    #[serde(with = "json::bytes")]
    r: [u8; 16],
}

/// A key object, which opens `master` with `password`. Its name is the [`Id`](super::Id) of it.
pub fn make(
    master: &MasterKey,
    password: &str,
    host: &str,
    user: &str,
    created: SystemTime,
) -> Result<Vec<u8>> {
    let mut salt = vec![0; 64];
    random(&mut salt);
    let mut object = KeyObject {
        created,
        username: user.to_string(),
        hostname: host.to_string(),
        kdf: "scrypt".to_string(),
        n: 1 << LOG_N,
        r: R,
        p: P,
        salt,
        data: Vec::new(),
    };
    object.data = derive(&object, password)?.seal(&json::write(&Keys::of(master))?);
    json::write(&object)
}

/// The master key that a key object holds, or none if its password is another.
pub fn open(object: &[u8], password: &str) -> Result<Option<MasterKey>> {
    let object: KeyObject = json::read("key", object)?;
    match derive(&object, password)?.open(&object.data) {
        Ok(keys) => Ok(Some(json::read::<Keys>("master key", &keys)?.into_key())),
        Err(_) => Ok(None),
    }
}

/// The key that a password makes.
fn derive(object: &KeyObject, password: &str) -> Result<MasterKey> {
    let (n, r, p) = (object.n, u64::from(object.r), u64::from(object.p));
    let refused = |why: &str| Err(Error::new(Code::Unsupported, format!("a key of this kind: {why}")));
    if object.kdf != "scrypt" {
        return refused("not scrypt's");
    }
    if n < 2 || !n.is_power_of_two() || r == 0 || p == 0 {
        return refused("its parameters are none of scrypt's");
    }
    let blocks = n.saturating_mul(r);
    if blocks.saturating_mul(128) > MOST_MEMORY || r * p * 128 > MOST_MEMORY {
        return refused("it asks for more than 1 GiB of memory");
    }
    if blocks.saturating_mul(p) > MOST_WORK {
        return refused("it asks for minutes of work");
    }
    let params = scrypt::Params::new(n.trailing_zeros() as u8, object.r, object.p)
        .map_err(|error| Error::new(Code::Unsupported, format!("a key of this kind: {error}")))?;
    let mut bytes = [0; 64];
    scrypt::scrypt(password.as_bytes(), &object.salt, &params, &mut bytes)
        .map_err(|error| Error::new(Code::Internal, format!("scrypt: {error}")))?;
    Ok(MasterKey::from_bytes(&bytes))
}

impl Keys {
    fn of(key: &MasterKey) -> Self {
        let bytes = key.to_bytes();
        let (mut encrypt, mut k, mut r) = ([0; 32], [0; 16], [0; 16]);
        encrypt.copy_from_slice(&bytes[..32]);
        k.copy_from_slice(&bytes[32..48]);
        r.copy_from_slice(&bytes[48..]);
        Self { mac: MacKeys { k, r }, encrypt }
    }

    fn into_key(self) -> MasterKey {
        let mut bytes = [0; 64];
        bytes[..32].copy_from_slice(&self.encrypt);
        bytes[32..48].copy_from_slice(&self.mac.k);
        bytes[48..].copy_from_slice(&self.mac.r);
        MasterKey::from_bytes(&bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_opens_with_its_password_alone() {
        let master = MasterKey::generate();
        let object = make(&master, "geheim", "host", "user", SystemTime::now()).unwrap();
        let opened = open(&object, "geheim").unwrap().expect("the key");
        assert_eq!(opened.to_bytes(), master.to_bytes());
        assert!(open(&object, "Geheim").unwrap().is_none());
    }

    #[test]
    fn a_key_that_asks_for_the_machine_is_refused() {
        let object = |n: u64, r: u64, p: u64| {
            format!(
                r#"{{"created":"2022-08-01T10:00:00Z","username":"","hostname":"","kdf":"scrypt","N":{n},"r":{r},"p":{p},"salt":"AAAA","data":"AAAA"}}"#
            )
        };
        for (n, r, p) in [
            (1 << 30, 8, 1),
            (1 << 63, 1 << 31, 1),
            (2, 8, u32::MAX.into()),
            (2, u32::MAX.into(), u32::MAX.into()),
            (1 << 20, 1, 1 << 20),
            (0, 8, 1),
            (1, 8, 1),
            (1000, 8, 1),
            (1024, 0, 1),
            (1024, 8, 0),
        ] {
            let error = open(object(n, r, p).as_bytes(), "x").err().expect("refused");
            assert_eq!(error.code(), Code::Unsupported, "{n} {r} {p}");
        }
        assert!(open(object(1024, 8, 1).as_bytes(), "x").unwrap().is_none());
        for corrupt in ["", "{}", "[]", "\u{0}", &object(1024, 1 << 33, 1)] {
            let error = open(corrupt.as_bytes(), "x").err().expect("corrupt");
            assert_eq!(error.code(), Code::Corrupt);
        }
    }
}
