//! The seal around all that a repository holds but its keys: AES-256 in counter mode, and Poly1305-AES over
//! what comes of it.

use std::fmt;
use std::sync::Arc;

use aws_lc_rs::cipher::{AES_128, AES_256, Algorithm, EncryptingKey, EncryptionContext, UnboundCipherKey};
use aws_lc_rs::iv::FixedLength;
use aws_lc_rs::rand;
use hotbackup::{Code, Error};
use poly1305::Poly1305;
use poly1305::universal_hash::{KeyInit, UniversalHash};
use subtle::ConstantTimeEq;

const NONCE: usize = 16;
const MAC: usize = 16;

/// By how much what is sealed is longer.
pub const OVERHEAD: usize = NONCE + MAC;

/// It was sealed with another key, or changed since.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadSeal;

impl fmt::Display for BadSeal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("its seal is broken: it was damaged, or is of another repository")
    }
}

impl std::error::Error for BadSeal {}

impl From<BadSeal> for Error {
    fn from(bad: BadSeal) -> Self {
        Error::new(Code::Corrupt, bad.to_string())
    }
}

/// The key that all of a repository is sealed with; what a password yields is one, too.
#[derive(Clone)]
pub struct MasterKey {
    encrypt: [u8; 32],
    k: [u8; 16],
    r: [u8; 16],
    /// The schedules of `encrypt` and `k`, which are not to be made anew for each blob.
    cipher: Arc<EncryptingKey>,
    mask: Arc<EncryptingKey>,
}

/// A cipher in counter mode.
fn counter(algorithm: &'static Algorithm, key: &[u8]) -> Arc<EncryptingKey> {
    let key = UnboundCipherKey::new(algorithm, key).and_then(EncryptingKey::ctr);
    Arc::new(key.expect("a key of the cipher's length"))
}

/// Enciphers or deciphers, which is the same.
fn apply(cipher: &EncryptingKey, nonce: &[u8; NONCE], bytes: &mut [u8]) {
    let context = EncryptionContext::Iv128(FixedLength::from(nonce));
    // Left as they are, bytes would be sent in the clear.
    cipher.less_safe_encrypt(bytes, context).expect("counter mode takes any length");
}

/// Fills bytes at random.
pub fn random(bytes: &mut [u8]) {
    // A nonce that is used twice gives away what it sealed, so there is no going on without.
    rand::fill(bytes).expect("the system gives random bytes");
}

impl MasterKey {
    /// A key at random.
    pub fn generate() -> Self {
        let mut bytes = [0; 64];
        random(&mut bytes);
        Self::from_bytes(&bytes)
    }

    /// The key of 64 bytes: that of the cipher, then `k` and `r` of the authenticator.
    pub fn from_bytes(bytes: &[u8; 64]) -> Self {
        let (mut encrypt, mut k, mut r) = ([0; 32], [0; 16], [0; 16]);
        encrypt.copy_from_slice(&bytes[..32]);
        k.copy_from_slice(&bytes[32..48]);
        r.copy_from_slice(&bytes[48..]);
        for byte in [3, 7, 11, 15] {
            r[byte] &= 15;
        }
        for byte in [4, 8, 12] {
            r[byte] &= 252;
        }
        Self { encrypt, k, r, cipher: counter(&AES_256, &encrypt), mask: counter(&AES_128, &k) }
    }

    /// Its 64 bytes.
    pub fn to_bytes(&self) -> [u8; 64] {
        let mut bytes = [0; 64];
        bytes[..32].copy_from_slice(&self.encrypt);
        bytes[32..48].copy_from_slice(&self.k);
        bytes[48..].copy_from_slice(&self.r);
        bytes
    }

    /// These bytes sealed: a nonce, what they are enciphered to, and the authenticator of that.
    pub fn seal(&self, plain: &[u8]) -> Vec<u8> {
        let mut sealed = Vec::with_capacity(plain.len() + OVERHEAD);
        self.seal_onto(plain, &mut sealed);
        sealed
    }

    /// The same, appended to a buffer.
    pub fn seal_onto(&self, plain: &[u8], sealed: &mut Vec<u8>) {
        let mut nonce = [0; NONCE];
        random(&mut nonce);
        sealed.extend_from_slice(&nonce);
        let start = sealed.len();
        sealed.extend_from_slice(plain);
        apply(&self.cipher, &nonce, &mut sealed[start..]);
        let mac = self.mac(&nonce, &sealed[start..]);
        sealed.extend_from_slice(&mac);
    }

    /// What was sealed.
    pub fn open(&self, sealed: &[u8]) -> Result<Vec<u8>, BadSeal> {
        let mut plain = Vec::new();
        self.open_into(sealed, &mut plain)?;
        Ok(plain)
    }

    /// The same in a buffer, in place of what that holds. Nothing is deciphered before the seal was found whole.
    pub fn open_into(&self, sealed: &[u8], plain: &mut Vec<u8>) -> Result<(), BadSeal> {
        plain.clear();
        let (nonce, rest) = sealed.split_first_chunk::<NONCE>().ok_or(BadSeal)?;
        let (enciphered, mac) = rest.split_last_chunk::<MAC>().ok_or(BadSeal)?;
        if !bool::from(self.mac(nonce, enciphered).ct_eq(mac)) {
            return Err(BadSeal);
        }
        plain.extend_from_slice(enciphered);
        apply(&self.cipher, nonce, plain);
        Ok(())
    }

    /// Poly1305-AES: the one-time key is `r` and the nonce enciphered with `k`.
    fn mac(&self, nonce: &[u8; NONCE], bytes: &[u8]) -> [u8; MAC] {
        let mut key = [0; 32];
        key[..16].copy_from_slice(&self.r);
        // Counter mode makes of zeros what the cipher makes of the nonce.
        apply(&self.mask, nonce, &mut key[16..]);
        let mut mac = Poly1305::new(&key.into());
        // Whole blocks go many at a time here, and one by one there.
        let (blocks, tail) = bytes.split_at(bytes.len() / 16 * 16);
        mac.update_padded(blocks);
        mac.compute_unpadded(tail).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(digits: &str) -> Vec<u8> {
        let pair = |at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap();
        (0..digits.len()).step_by(2).map(pair).collect()
    }

    fn key(parts: &[&str]) -> MasterKey {
        MasterKey::from_bytes(&bytes(&parts.concat()).try_into().unwrap())
    }

    const NO_CIPHER: &str = "0000000000000000000000000000000000000000000000000000000000000000";

    /// From <http://cr.yp.to/mac/poly1305-20050329.pdf>, as restic tests itself with: message, r, k, nonce, mac.
    #[test]
    fn the_authenticator_is_poly1305_aes() {
        for [message, r, k, nonce, mac] in [
            [
                "f3f6",
                "851fc40c3467ac0be05cc20404f3f700",
                "ec074c835580741701425b623235add6",
                "fb447350c4e868c52ac3275cf9d4327e",
                "f4c633c3044fc145f84f335cb81953de",
            ],
            [
                "",
                "a0f3080000f46400d0c7e9076c834403",
                "75deaa25c09f208e1dc4ce6b5cad3fbf",
                "61ee09218d29b0aaed7e154a2c5509cc",
                "dd3fab2251f11ac759f0887129cc2ee7",
            ],
            [
                "663cea190ffb83d89593f3f476b6bc24d7e679107ea26adb8caf6652d0656136",
                "48443d0bb0d21109c89a100b5ce2c208",
                "6acb5f61a7176dd320c5c1eb2edcdc74",
                "ae212a55399729595dea458bc621ff0e",
                "0ee1c16bb73f0f4fd19881753c01cdbe",
            ],
            [
                "ab0812724a7f1e342742cbed374d94d136c6b8795d45b3819830f2c04491faf0990c62e48b8018b2c3e4a0fa3134cb67\
                 fa83e158c994d961c4cb21095c1bf9",
                "12976a08c4426d0ce8a82407c4f48207",
                "e1a5668a4d5b66a5f68cc5424ed5982d",
                "9ae831e743978d3a23527c7128149e3a",
                "5154ad0d2cb26e01274fc51148491f1b",
            ],
        ] {
            let nonce = bytes(nonce).try_into().unwrap();
            let made = key(&[NO_CIPHER, k, r]).mac(&nonce, &bytes(message));
            assert_eq!(made.to_vec(), bytes(mac), "{message}");
        }
    }

    /// A key of restic's own tests, and what it sealed with it.
    fn restics() -> (MasterKey, Vec<u8>) {
        let key = key(&[
            "303e8687b1d7db18421bdc6bb8588ccadac4d59ee87b8ff70c44e635790cafef",
            "ef4d8824cb80b2bcc5fbff8a9b12a42c",
            "cc8d4b948ee0ebfe1d415de921d10353",
        ]);
        let sealed = "69fb41c62d12def4593bd71757138606338f621aeaeb39da0fe4f99233f8037a54ea63338a813bcf3f75d8c3cc75dd\
                      df8750";
        (key, bytes(sealed))
    }

    #[test]
    fn what_restic_sealed_opens() {
        let (key, sealed) = restics();
        assert_eq!(key.open(&sealed).unwrap(), b"Dies ist ein Test!");
    }

    #[test]
    fn any_flipped_bit_and_any_lost_byte_breaks_the_seal() {
        let (key, sealed) = restics();
        for bit in 0..sealed.len() * 8 {
            let mut flipped = sealed.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(key.open(&flipped), Err(BadSeal), "bit {bit}");
        }
        for length in 0..sealed.len() {
            assert_eq!(key.open(&sealed[..length]), Err(BadSeal), "{length} bytes");
        }
        assert_eq!(MasterKey::generate().open(&sealed), Err(BadSeal));
    }

    #[test]
    fn all_lengths_are_sealed_and_opened_each_time_differently() {
        let key = MasterKey::generate();
        let plain: Vec<u8> = (0..600u32).map(|n| ((n * n) >> 3) as u8).collect();
        for length in 0..plain.len() {
            let sealed = key.seal(&plain[..length]);
            assert_eq!(sealed.len(), length + OVERHEAD);
            assert_eq!(key.open(&sealed).unwrap(), plain[..length]);
            assert_ne!(key.seal(&plain[..length]), sealed);
        }
        assert_eq!(MasterKey::from_bytes(&key.to_bytes()).open(&key.seal(&plain)).unwrap(), plain);
    }
}
